//! A node: its port on the join subnet, the way to its addresses, and the group of its pods.

use api::names::GroupName;
use api::net::Family;
use ovn::nb::{LogicalSwitchPort, PortGroup, logical_router, logical_switch, port_group};
use ovn::state::State;

use super::Facts;
use super::identity::{self, role};
use super::subnet::policy;
use crate::index::Node;
use crate::scope::Scope;

const PRIORITY: i64 = 30_000;

pub(super) fn state(facts: &Facts, name: &str) -> State {
    let mut state = State::default();
    let Some((node, lease)) = facts.join_lease(name) else { return state };
    let owner = Scope::Node(name.into()).owner();
    let none: [(&str, &str); 0] = [];
    let port = LogicalSwitchPort::new()
        .name(&*Node::port(name))
        .r#type("")
        .addresses([super::port::addresses(lease)])
        .port_security([] as [&str; 0])
        .options(none)
        .external_ids([("ls", &*lease.subnet)]);
    let port = state.put(&owner, "", role::PORT, port);
    state.join(logical_switch::edge::ports(identity::switch(&lease.subnet), port));
    let router = identity::router(&facts.config.cluster_router);
    for address in &node.internal {
        let family = Family::of(*address);
        let Some(hop) = lease.addresses.get(family) else { continue };
        let family_word = if family == Family::V4 { "4" } else { "6" };
        let policy =
            policy(PRIORITY, format!("{}.dst == {address}", family.ovn()), Some(hop.to_string()))
                .external_ids([("node", name), ("address-family", family_word)]);
        let policy = state.put(&owner, "", format!("to/{address}"), policy);
        state.join(logical_router::edge::policies(router, policy));
    }
    group(&mut state, facts, name);
    state
}

/// All pods of the node. As in the groups of gateways the links of the switches are members from
/// the start.
fn group(state: &mut State, facts: &Facts, name: &str) {
    let owner = Scope::Node(name.into()).owner();
    let np = format!("node/{name}");
    let group = PortGroup::new()
        .name(GroupName::node(name).as_str())
        .external_ids([("node", name), ("np", np.as_str())]);
    let group = state.put(&owner, "", role::GROUP, group);
    for subnet in facts.index.subnets() {
        if facts.joins_node_groups(&subnet.name) {
            state.join(port_group::edge::ports(group, identity::link(&subnet.name)));
        }
    }
}

impl Facts<'_> {
    /// Whether pods of the subnet are in the groups of their nodes.
    pub(super) fn joins_node_groups(&self, subnet: &str) -> bool {
        let plan = self.index.plan(subnet);
        *subnet != *self.config.node_switch
            && plan.is_some_and(|plan| self.is_default_vpc(&plan.vpc))
    }
}
