//! The IP object of a port.
//!
//! We give it no finalizer: rows, not it, are what a release takes away, and an object that only
//! a running controller can delete outlives its cluster (KO#4898). One that older releases left is
//! taken off when the object is to go.

use api::annotation::ip_label;
use api::kinds::{self, IpSpec};
use api::names;

use super::{About, Facts, Kind, Report};
use crate::index::{IpObject, Key};
use crate::ipam::Lease;

/// What the object of a lease says.
pub(super) fn spec(lease: &Lease, pod: &str, namespace: &str, node: &str, kind: &str) -> IpSpec {
    let text =
        |address: Option<std::net::IpAddr>| address.map(|a| a.to_string()).unwrap_or_default();
    IpSpec {
        pod_name: pod.to_owned(),
        namespace: namespace.to_owned(),
        subnet: lease.subnet.to_string(),
        node_name: node.to_owned(),
        ip_address: lease.addresses.to_string(),
        v4_ip_address: text(lease.addresses.get(api::net::Family::V4)),
        v6_ip_address: text(lease.addresses.get(api::net::Family::V6)),
        mac_address: lease.mac.to_string(),
        pod_type: kind.to_owned(),
        ..IpSpec::default()
    }
}

/// Makes or changes the object.
pub(super) fn record(facts: &Facts, name: &str, spec: IpSpec) -> Vec<Report> {
    let Some(seen) = facts.index.ip(name) else {
        let mut ip = kinds::Ip::new(name, spec);
        ip.metadata.labels = Some(ip_label::all(&ip.spec.subnet, &ip.spec.node_name, false));
        return vec![Report::CreateIp(Box::new(ip))];
    };
    if seen.deleting {
        return strip(seen).into_iter().collect();
    }
    let labels = ip_label::all(&spec.subnet, &spec.node_name, seen.is_reserved());
    if seen.spec == spec && seen.labels == labels {
        return Vec::new();
    }
    vec![Report::UpdateIp { about: about(seen), labels, spec: Box::new(spec) }]
}

/// Deletes the object of a port that holds nothing, unless a user made it.
pub(super) fn gone(facts: &Facts, name: &str) -> Vec<Report> {
    let Some(seen) = facts.index.ip(name) else { return Vec::new() };
    let mut all: Vec<Report> = strip(seen).into_iter().collect();
    if !seen.deleting && !seen.is_reserved() {
        all.push(Report::Delete(about(seen)));
    }
    all
}

/// Takes our finalizers off an object that is to go.
fn strip(ip: &IpObject) -> Option<Report> {
    if ip.is_reserved() {
        return None;
    }
    let ours = |name: &&String| [names::FINALIZER, names::OLD_FINALIZER].contains(&name.as_str());
    let others = || ip.finalizers.iter().filter(|name| !ours(name)).cloned().collect();
    let has_ours = ip.finalizers.iter().any(|name| ours(&name));
    has_ours.then(|| Report::Finalizers { about: about(ip), finalizers: others() })
}

fn about(ip: &IpObject) -> About {
    About { kind: Kind::Ip, key: Key::cluster(ip.name.clone()), uid: ip.uid.clone() }
}
