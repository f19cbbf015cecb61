//! A private subnet: only its own ports, nodes and the blocks it allows reach its ports.

use api::net::Cidr;
use ovn::nb::{Acl, logical_switch::edge};
use ovn::owner::Owner;
use ovn::state::State;
use ovsdb::value::Uuid;

use super::Facts;
use crate::index::Plan;

/// The tier of policies that users write; administrators' come before and after.
const TIER: i64 = 2;
const DROP: i64 = 1_000;
const ALLOW: i64 = 1_001;
const ALLOW_NODES: i64 = 3_000;

pub(super) fn add(
    state: &mut State,
    facts: &Facts,
    owner: &Owner,
    name: &str,
    plan: &Plan,
    switch: Uuid,
) {
    if !plan.private {
        return;
    }
    let mut put = |role: String, acl: Acl| {
        let acl = acl.direction("to-lport").tier(TIER).external_ids([("parent", name)]);
        let acl = state.put(owner, "", role, acl);
        state.join(edge::acls(switch, acl));
    };
    // `Acl.name` has at most 63 characters, which a subnet's name may exceed.
    let label: String = name.chars().take(63).collect();
    let drop = Acl::new().priority(DROP).r#match("ip").action("drop").log(true);
    put("private/drop".into(), drop.severity("warning").name(label.as_str()));
    let allow = |priority: i64, expression: String| {
        let acl = Acl::new().priority(priority).r#match(expression).action("allow-related");
        acl.log(false).severity(None).name(None)
    };
    for join in facts.join().iter().flat_map(|join| join.cidrs.iter()) {
        let expression = format!("{}.src == {join}", join.family().ovn());
        put(format!("private/nodes/{join}"), allow(ALLOW_NODES, expression));
    }
    for own in plan.cidrs.iter() {
        put(format!("private/own/{own}"), allow(ALLOW, between(own, own)));
        for other in plan.allowed.iter().filter(|other| other.family() == own.family()) {
            put(format!("private/from/{other}/{own}"), allow(ALLOW, between(*other, own)));
            put(format!("private/to/{other}/{own}"), allow(ALLOW, between(own, *other)));
        }
    }
}

fn between(source: Cidr, destination: Cidr) -> String {
    let ip = source.family().ovn();
    format!("{ip}.src == {source} && {ip}.dst == {destination}")
}
