//! The way out of one subnet through one node: the group of the subnet's pods there, and the
//! policy that sends what they send outside to that node.
//!
//! Made for every pair before any pod exists. This group and the node's hold the switch's port to
//! the router from the start, which has no addresses of its own: so the groups' sets of switches,
//! on whose change northd computes everything again, are the same before the first pod and after
//! the last.

use api::names::GroupName;
use api::net::Family;
use ovn::nb::{PortGroup, logical_router, port_group};
use ovn::state::State;

use super::Facts;
use super::identity::{self, role};
use super::subnet::{policy, source};
use crate::scope::Scope;

const PRIORITY: i64 = 29_000;

pub(super) fn state(facts: &Facts, subnet: &str, node: &str) -> State {
    let mut state = State::default();
    if !facts.has_gateway(subnet, node) {
        return state;
    }
    let (Some(plan), Some((_, join))) = (facts.index.plan(subnet), facts.join_lease(node)) else {
        return state;
    };
    let owner = Scope::Gateway { subnet: subnet.into(), node: node.into() }.owner();
    let name = GroupName::subnet_node(subnet, node);
    let pair = format!("{subnet}/{node}");
    let group = PortGroup::new().name(name.as_str()).external_ids([
        ("subnet", subnet),
        ("node", node),
        ("np", &pair),
    ]);
    let group = state.put(&owner, "", role::GROUP, group);
    let link = identity::link(subnet);
    state.join(port_group::edge::ports(group, link));
    state.join(port_group::edge::ports(identity::node_group(node), link));
    for family in Family::ALL {
        let set = if family == Family::V4 { name.ipv4_set() } else { name.ipv6_set() };
        if let (Some(_), Some(hop)) = (plan.cidrs.get(family), join.addresses.get(family)) {
            let policy = policy(PRIORITY, source(family, &set), Some(hop.to_string()))
                .external_ids([("subnet", subnet), ("node", node)]);
            let policy = state.put(&owner, "", format!("out/{family}"), policy);
            state.join(logical_router::edge::policies(identity::router(&plan.vpc), policy));
        }
    }
    state
}
