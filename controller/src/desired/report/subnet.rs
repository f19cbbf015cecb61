//! A subnet's status, its spec with defaults written out, and its finalizer.

use api::kinds::subnet::reason;
use api::kinds::{Condition, SubnetStatus, condition};
use jiff::Timestamp;

use super::{About, Facts, Kind, Report, object};
use crate::index::{Key, Subnet};
use crate::ipam::Usage;
use crate::model::Refused;

pub(super) fn reports(facts: &Facts, name: &str, refused: Option<&Refused>) -> Vec<Report> {
    let Some(subnet) = facts.index.subnet(name) else { return Vec::new() };
    let about = || About {
        kind: Kind::Subnet,
        key: Key::cluster(subnet.name.clone()),
        uid: subnet.uid.clone(),
    };
    let mut all = Vec::new();
    let in_use = facts.ipam.in_use(name);
    all.extend(object::finalizers(about(), &subnet.finalizers, subnet.deleting, in_use));
    if subnet.deleting && !in_use {
        return all;
    }
    if let Some(filled) = &subnet.filled
        && subnet.plan.is_ok()
    {
        all.push(Report::SubnetSpec { about: about(), spec: filled.clone() });
    }
    let want = status(facts, subnet, refused);
    if want != *subnet.status {
        if refused.is_none() && !subnet.is_ready() {
            let (reason, message) = (ready_reason(subnet), format!("subnet {name} is ready"));
            all.push(Report::Event { about: about(), warning: false, reason, message });
        }
        all.push(Report::SubnetStatus { about: about(), status: Box::new(want) });
    }
    all
}

fn ready_reason(subnet: &Subnet) -> &'static str {
    let is_private = subnet.plan.as_ref().is_ok_and(|plan| plan.private);
    if is_private { reason::SET_PRIVATE_SUCCESS } else { reason::RESET_ACL_SUCCESS }
}

fn status(facts: &Facts, subnet: &Subnet, refused: Option<&Refused>) -> SubnetStatus {
    let mut status = (*subnet.status).clone();
    let now = Timestamp::from_second(facts.now).unwrap_or_default();
    for condition in conditions(subnet, refused) {
        condition::set(&mut status.conditions, condition, now);
    }
    if let Some(Usage { v4, v6 }) = facts.ipam.usage(&subnet.name) {
        status.v4_available_ips = v4.available.into();
        status.v4_available_ip_range = v4.available_ranges;
        status.v4_using_ips = v4.using.into();
        status.v4_using_ip_range = v4.using_ranges;
        status.v6_available_ips = v6.available.into();
        status.v6_available_ip_range = v6.available_ranges;
        status.v6_using_ips = v6.using.into();
        status.v6_using_ip_range = v6.using_ranges;
    }
    status
}

/// `Validated`, `Ready` and `Error`, as the contract's reasons have them.
fn conditions(subnet: &Subnet, refused: Option<&Refused>) -> Vec<Condition> {
    let generation = subnet.generation;
    let new = |kind: &str, holds: bool, reason: &str, message: &str| {
        Condition::new(kind, holds, reason, message, generation)
    };
    match refused {
        Some(refused) => vec![
            new(condition::VALIDATED, false, refused.event, &refused.message),
            new(condition::READY, false, refused.event, &refused.message),
            new(condition::ERROR, true, refused.event, &refused.message),
        ],
        None => {
            let mut all = vec![
                new(condition::VALIDATED, true, reason::VALIDATE_SUCCESS, ""),
                new(condition::READY, true, ready_reason(subnet), ""),
            ];
            if subnet.status.conditions.iter().any(|seen| seen.type_ == condition::ERROR) {
                all.push(new(condition::ERROR, false, reason::VALIDATE_SUCCESS, ""));
            }
            all
        }
    }
}
