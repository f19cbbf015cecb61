//! A pod: its logical switch port and its place in groups.
//!
//! All that a plain pod's coming and going may change: one row, and members of groups that are
//! there already. Anything more makes northd compute everything again.

use ovn::nb::{LogicalSwitchPort, logical_switch, port_group};
use ovn::state::State;

use super::Facts;
use super::identity::{self, role};
use crate::index::{Key, Pod};
use crate::ipam::Lease;
use crate::scope::Scope;

pub(super) fn state(facts: &Facts, key: &Key) -> State {
    let mut state = State::default();
    let Some((pod, lease)) = facts.port(key) else { return state };
    let name = key.port();
    let addresses = addresses(lease);
    let reference = key.to_string();
    let row = LogicalSwitchPort::new()
        .name(&*name)
        .r#type("")
        .addresses([addresses.as_str()])
        .port_security(pod.port_security.then_some(addresses.as_str()))
        // A stale interface of an earlier pod of the name cannot claim the port.
        .options([("iface-id-ver", &*pod.uid)])
        .external_ids([("pod", reference.as_str()), ("ls", &*lease.subnet)]);
    let port = state.put(&Scope::Port(key.clone()).owner(), &pod.uid, role::PORT, row);
    state.join(logical_switch::edge::ports(identity::switch(&lease.subnet), port));
    let Some(node) = &pod.node else { return state };
    if facts.has_gateway(&lease.subnet, node) {
        let group = identity::gateway_group(&lease.subnet, node);
        state.join(port_group::edge::ports(group, port));
        state.join(port_group::edge::ports(identity::node_group(node), port));
    }
    state
}

/// `<mac> <v4> <v6>`: a port's addresses as `Logical_Switch_Port` has them.
pub(super) fn addresses(lease: &Lease) -> String {
    let all = lease.addresses.iter().map(|address| format!(" {address}"));
    std::iter::once(lease.mac.to_string()).chain(all).collect()
}

impl<'a> Facts<'a> {
    /// A pod that has, or is to have, a port, and its lease.
    pub(super) fn port(&self, key: &Key) -> Option<(&'a Pod, &'a Lease)> {
        let pod = self.index.pod(key).filter(|pod| pod.is_alive(self.now))?;
        let lease = self.ipam.lease(&key.port()).filter(|lease| lease.uid == pod.uid)?;
        Some((pod, lease))
    }

    /// Whether the pod's way out is there: its node is known and, where pods leave through their
    /// node, its group exists.
    pub(super) fn is_routed(&self, pod: &Pod, lease: &Lease) -> bool {
        pod.node.as_ref().is_some_and(|node| {
            !self.index.is_distributed(&lease.subnet) || self.has_gateway(&lease.subnet, node)
        })
    }
}
