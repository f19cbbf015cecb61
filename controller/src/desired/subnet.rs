//! A subnet: its logical switch, the link to its router, and the rule that its addresses are
//! reached inside.

use api::names::PortName;
use api::net::Family;
use ovn::nb::{
    LogicalRouterPolicy, LogicalRouterPort, LogicalSwitch, LogicalSwitchPort, logical_router,
    logical_switch,
};
use ovn::owner::Owner;
use ovn::state::State;
use ovsdb::value::Uuid;

use super::config::Balancers;
use super::identity::{self, role};
use super::{Facts, isolation, router_mac};
use crate::index::Plan;
use crate::scope::Scope;

/// Above every way out: what is for a subnet stays inside.
const INSIDE: i64 = 31_000;

pub(super) fn state(facts: &Facts, name: &str) -> State {
    let mut state = State::default();
    let Some(plan) = facts.index.plan(name) else { return state };
    let owner = Scope::Subnet(name.into()).owner();
    let none: [(&str, &str); 0] = [];
    let switch = LogicalSwitch::new().name(name).other_config(none).external_ids(none);
    let switch = state.put(&owner, "", role::SWITCH, switch);
    link(&mut state, &owner, name, plan, switch);
    inside(&mut state, &owner, name, plan);
    balance(&mut state, facts, name, plan, switch);
    isolation::add(&mut state, facts, &owner, name, plan, switch);
    state
}

/// The pair of ports between switch and router.
fn link(state: &mut State, owner: &Owner, name: &str, plan: &Plan, switch: Uuid) {
    let here = PortName::switch_to_router(name, &plan.vpc);
    let there = PortName::router_to_switch(&plan.vpc, name);
    let port = LogicalSwitchPort::new()
        .name(here.as_str())
        .r#type("router")
        .addresses(["router"])
        .options([("router-port", there.as_str())])
        .port_security([] as [&str; 0])
        .external_ids([("ls", name)]);
    let port = state.put(owner, "", role::LINK, port);
    state.join(logical_switch::edge::ports(switch, port));
    let networks = plan
        .cidrs
        .iter()
        .filter_map(|cidr| Some(cidr.prefix_of(plan.gateways.get(cidr.family())?).to_string()));
    let none: [(&str, &str); 0] = [];
    let port = LogicalRouterPort::new()
        .name(there.as_str())
        .mac(router_mac(&plan.vpc, name).to_string())
        .networks(networks)
        .options(none)
        .ipv6_ra_configs(none)
        .external_ids([("lr", &*plan.vpc)]);
    let port = state.put(owner, "", role::LINK, port);
    state.join(logical_router::edge::ports(identity::router(&plan.vpc), port));
}

fn inside(state: &mut State, owner: &Owner, name: &str, plan: &Plan) {
    for cidr in plan.cidrs.iter() {
        let family = cidr.family();
        let policy = policy(INSIDE, format!("{}.dst == {cidr}", family.ovn()), None)
            .external_ids([("subnet", name)]);
        let policy = state.put(owner, "", format!("inside/{family}"), policy);
        state.join(logical_router::edge::policies(identity::router(&plan.vpc), policy));
    }
}

/// Services are balanced where their clients are: on every switch but the join subnet's.
fn balance(state: &mut State, facts: &Facts, name: &str, plan: &Plan, switch: Uuid) {
    let is_join = *name == *facts.config.node_switch;
    let enabled = facts.config.balancers.is_some() && plan.balanced;
    if is_join || !enabled || !facts.is_default_vpc(&plan.vpc) {
        return;
    }
    for (transport, sticky) in Balancers::all() {
        let balancer = identity::balancer(transport, sticky);
        state.join(logical_switch::edge::load_balancer(switch, balancer));
    }
    state.join(logical_switch::edge::load_balancer_group(switch, identity::balancers()));
}

/// A router policy: to the next hop, or (without one) allowed.
pub(super) fn policy(
    priority: i64,
    expression: String,
    next_hop: Option<String>,
) -> LogicalRouterPolicy {
    LogicalRouterPolicy::new()
        .priority(priority)
        .r#match(expression)
        .action(if next_hop.is_some() { "reroute" } else { "allow" })
        .nexthops(next_hop)
        .nexthop(None)
        .options([] as [(&str, &str); 0])
        .bfd_sessions([])
}

/// The addresses of a family in an expression.
pub(super) fn source(family: Family, set: &str) -> String {
    format!("{}.src == {set}", family.ovn())
}
