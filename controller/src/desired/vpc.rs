//! A VPC: its logical router and the routes on it.

use api::net::Family;
use ovn::nb::{LogicalRouter, LogicalRouterStaticRoute, logical_router::edge};
use ovn::state::State;

use super::Facts;
use super::identity::role;
use crate::scope::Scope;

/// The default VPC's router exists whatever happens to its object: all traffic passes it.
pub(super) fn state(facts: &Facts, name: &str) -> State {
    let mut state = State::default();
    let vpc = facts.index.vpc(name);
    if vpc.is_none() && !facts.is_default_vpc(name) {
        return state;
    }
    let owner = Scope::Vpc(name.into()).owner();
    let router = LogicalRouter::new()
        .name(name)
        .options([
            ("always_learn_from_arp_request", "false"),
            ("dynamic_neigh_routers", "true"),
            ("mac_binding_age_threshold", "300"),
        ])
        .external_ids([] as [(&str, &str); 0]);
    let router = state.put(&owner, "", role::ROUTER, router);
    let add = |state: &mut State, role: String, route: LogicalRouterStaticRoute| {
        let route = state.put(&owner, "", role, route.external_ids([] as [(&str, &str); 0]));
        state.join(edge::static_routes(router, route));
    };
    if facts.is_default_vpc(name) {
        for (family, gateway) in default_routes(facts) {
            // To the router's own address on the join subnet: enough to pass the routing stage;
            // the policies that follow it choose the node.
            let route = LogicalRouterStaticRoute::new()
                .ip_prefix(family.any())
                .nexthop(gateway)
                .policy("dst-ip")
                .route_table("");
            add(&mut state, format!("default/{family}"), route);
        }
    }
    for route in vpc.iter().flat_map(|vpc| &vpc.static_routes) {
        let row = LogicalRouterStaticRoute::new()
            .ip_prefix(route.destination.to_string())
            .nexthop(route.next_hop.to_string())
            .policy(route.policy)
            .route_table(route.table.as_str());
        add(&mut state, route.role(), row);
    }
    state
}

fn default_routes(facts: &Facts) -> Vec<(Family, String)> {
    let Some(join) = facts.join() else { return Vec::new() };
    let families = Family::ALL.into_iter();
    families.filter_map(|family| Some((family, join.gateways.get(family)?.to_string()))).collect()
}
