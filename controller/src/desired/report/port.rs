//! A pod's annotations, then its IP object.
//!
//! They are written when the pod's node is known, in one patch: before that nobody reads them, and
//! the address is safe in the row.

use api::annotation::{Allocation, Annotations};
use api::kinds::ip::pod_type;
use api::names::Provider;

use super::{About, Facts, Kind, Report, difference, ip};
use crate::index::{Key, Pod};
use crate::ipam::Lease;

pub(super) fn reports(facts: &Facts, key: &Key) -> Vec<Report> {
    let mut all = Vec::new();
    if let Some((pod, lease)) = facts.port(key) {
        all.extend(annotations(facts, pod, lease));
        all.extend(allocated(pod, lease, !all.is_empty()));
    }
    all.extend(record(facts, key));
    all
}

fn annotations(facts: &Facts, pod: &Pod, lease: &Lease) -> Option<Report> {
    pod.node.as_ref()?;
    let want = allocation(facts, lease, facts.is_routed(pod, lease))?;
    if pod.given.as_deref() == Some(&want) {
        return None;
    }
    let provider = Provider::Default;
    let known = pod.given.as_ref().map(|given| given.to_annotations(&provider)).unwrap_or_default();
    Some(Report::Annotate { about: about(pod), annotations: patch(&want, &known) })
}

/// What the annotations of a port's owner should say; nothing new while its subnet is another
/// network than the one its addresses are of.
pub(super) fn allocation(facts: &Facts, lease: &Lease, routed: bool) -> Option<Allocation> {
    let plan = facts.index.plan(&lease.subnet)?;
    if !lease.addresses.iter().all(|address| plan.cidrs.contains(address)) {
        return None;
    }
    Some(Allocation {
        addresses: lease.addresses,
        mac: Some(lease.mac),
        cidrs: plan.cidrs,
        gateways: plan.gateways,
        logical_switch: lease.subnet.to_string(),
        logical_router: plan.vpc.to_string(),
        nic_type: facts.config.nic_type,
        routed,
    })
}

/// The change from what is known to an allocation. What the user wrote before the first one is
/// overwritten whole, for nothing of it was seen as an allocation.
pub(super) fn patch(
    want: &Allocation,
    known: &Annotations,
) -> std::collections::BTreeMap<String, Option<String>> {
    let provider = Provider::Default;
    let keys = api::annotation::word::ALLOCATION.map(|word| provider.annotation(word));
    difference(want.to_annotations(&provider), known, keys.into_iter())
}

fn allocated(pod: &Pod, lease: &Lease, written: bool) -> Option<Report> {
    let moved = match &pod.given {
        None => false,
        Some(given) if given.addresses == lease.addresses => return None,
        Some(_) => true,
    };
    let reason = if moved { "PodNetworkUpdated" } else { "PodNetworkAllocated" };
    let message = format!("{} {} of subnet {}", lease.addresses, lease.mac, lease.subnet);
    written.then(|| Report::Event { about: about(pod), warning: moved, reason, message })
}

/// The IP object of the port, with or without its pod.
fn record(facts: &Facts, key: &Key) -> Vec<Report> {
    let name = key.port();
    let Some(lease) = facts.ipam.lease(&name) else {
        // What the port has of a subnet that is not valid now is not lost.
        return if facts.ipam.is_orphan(&name) { Vec::new() } else { ip::gone(facts, &name) };
    };
    let pod = facts.index.pod(key).filter(|pod| pod.is_alive(facts.now));
    let seen = facts.index.ip(&name);
    let node = match (pod.and_then(|pod| pod.node.as_deref()), seen) {
        (Some(node), _) => node.to_owned(),
        (None, Some(ip)) => ip.spec.node_name.clone(),
        (None, None) if pod.is_some() => return Vec::new(),
        (None, None) => String::new(),
    };
    let of_set = match pod {
        Some(pod) => pod.statefulset.is_some(),
        None => facts.index.returns(key),
    };
    let kind = if of_set { pod_type::STATEFUL_SET } else { "" };
    let spec = ip::spec(lease, &key.name, &key.namespace, &node, kind);
    ip::record(facts, &name, spec)
}

fn about(pod: &Pod) -> About {
    About { kind: Kind::Pod, key: pod.key.clone(), uid: pod.uid.clone() }
}
