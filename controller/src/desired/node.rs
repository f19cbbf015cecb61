//! A node: its port on the join subnet, the way to its addresses, and the group of its pods, whose
//! members the scopes of pods and gateways add.

use api::names::GroupName;
use api::net::Family;
use ovn::nb::{LogicalSwitchPort, PortGroup, logical_router, logical_switch};
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
    let np = format!("node/{name}");
    let group = PortGroup::new()
        .name(GroupName::node(name).as_str())
        .external_ids([("node", name), ("np", np.as_str())]);
    state.put(&owner, "", role::GROUP, group);
    state
}
