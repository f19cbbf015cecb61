//! A service: its virtual addresses on the load balancers that all services share.
//!
//! The shared ones are what programs look for by name. A service whose session affinity lasts
//! other than the default has load balancers of its own, because the time is an option of the
//! whole row (KO#7364); they reach the switches through the cluster's load balancer group.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use api::names::Transport;
use ovn::nb::{load_balancer, load_balancer_group};
use ovn::state::State;
use ovsdb::value::Uuid;

use super::Facts;
use super::globals::balancer;
use super::identity;
use crate::index::{DEFAULT_AFFINITY_SECONDS, Key, Service, ServicePort};
use crate::scope::Scope;

pub(super) fn state(facts: &Facts, key: &Key) -> State {
    let mut state = State::default();
    let Some(service) = facts.index.service(key) else { return state };
    if facts.config.balancers.is_none() {
        return state;
    }
    let mut own = BTreeMap::new();
    for port in &service.ports {
        for address in &service.addresses {
            let backends = backends(facts, key, port, address.is_ipv4());
            if backends.is_empty() {
                // Without backends there is no entry: traffic takes the way out, and the node answers.
                continue;
            }
            let row = match service.affinity {
                Some(seconds) if seconds != DEFAULT_AFFINITY_SECONDS => *own
                    .entry(port.protocol)
                    .or_insert_with(|| dedicated(&mut state, service, port.protocol, seconds)),
                affinity => identity::balancer(port.protocol, affinity.is_some()),
            };
            let vip = SocketAddr::new(*address, port.port).to_string();
            state.enter(load_balancer::edge::vips(row, vip), backends);
        }
    }
    state
}

/// The load balancer of one service and transport.
fn dedicated(state: &mut State, service: &Service, transport: Transport, seconds: u32) -> Uuid {
    let Key { namespace, name } = &service.key;
    let word = transport.as_str();
    let row =
        balancer(format!("cluster-{word}-{namespace}-{name}").into(), transport, Some(seconds));
    let row = state.put(&Scope::Service(service.key.clone()).owner(), "", word, row);
    state.join(load_balancer_group::edge::load_balancer(identity::balancers(), row));
    row
}

/// `a:p,b:p`, sorted: the ready endpoints; when none is, those that still answer while they end.
fn backends(facts: &Facts, key: &Key, port: &ServicePort, v4: bool) -> String {
    let mut ready = BTreeSet::new();
    let mut serving = BTreeSet::new();
    for slice in facts.index.slices(key) {
        for (at, endpoint) in slice.backends(port).filter(|(at, _)| at.is_ipv4() == v4) {
            if endpoint.ready {
                ready.insert(at);
            } else if endpoint.serving {
                serving.insert(at);
            }
        }
    }
    let chosen = if ready.is_empty() { serving } else { ready };
    let all: Vec<String> = chosen.iter().map(ToString::to_string).collect();
    all.join(",")
}
