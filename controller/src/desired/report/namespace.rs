//! The annotations that tell a namespace its subnets.

use api::annotation::namespace as key;

use super::{About, Facts, Kind, Report};
use crate::index::Key;

pub(super) fn reports(facts: &Facts, name: &str) -> Vec<Report> {
    let Some(namespace) = facts.index.namespace(name) else { return Vec::new() };
    let bound = facts.index.bound(name);
    let plans: Vec<_> = bound.iter().map(|subnet| facts.index.plan(subnet)).collect();
    let joined = |text: &dyn Fn(&crate::index::Plan) -> String| {
        let all: Vec<String> =
            plans.iter().map(|plan| plan.map(text).unwrap_or_default()).collect();
        all.join(";")
    };
    let excluded = |plan: &crate::index::Plan| {
        let all: Vec<String> = plan.excluded.iter().map(|range| range.to_string()).collect();
        all.join(",")
    };
    let want = [
        (key::LOGICAL_SWITCH, bound.join(","), &namespace.told.logical_switch),
        (key::CIDR, joined(&|plan| plan.cidrs.to_string()), &namespace.told.cidr),
        (key::EXCLUDE_IPS, joined(&excluded), &namespace.told.exclude_ips),
    ];
    let news = want.into_iter().filter(|(_, value, told)| told.as_ref() != Some(value));
    let annotations: std::collections::BTreeMap<_, _> =
        news.map(|(key, value, _)| (key.to_owned(), Some(value))).collect();
    if annotations.is_empty() {
        return Vec::new();
    }
    let about = About {
        kind: Kind::Namespace,
        key: Key::cluster(namespace.name.clone()),
        uid: namespace.uid.clone(),
    };
    vec![Report::Annotate { about, annotations }]
}
