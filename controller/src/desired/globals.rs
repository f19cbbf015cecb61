//! What exists once: the load balancers that services share, and options of the database.

use std::sync::Arc;

use ovn::mark;
use ovn::nb::{self, LoadBalancer, LoadBalancerGroup};
use ovn::owner::Role;
use ovn::state::State;

use super::config::Balancers;
use super::identity::{self, role};
use super::{Config, Facts};
use crate::index::DEFAULT_AFFINITY_SECONDS;
use crate::scope::Scope;
use api::names::Transport;

/// Keys of `NB_Global.options` that are ours and their values; others are somebody else's.
///
/// `use_ct_inv_match=false`: established traffic is not dropped when a datapath cannot tell
/// invalid packets, as hardware offload cannot (ovn-nb(5)).
#[must_use]
pub fn options(_config: &Config) -> [(&'static str, Option<&'static str>); 1] {
    [("use_ct_inv_match", Some("false"))]
}

pub(super) fn state(facts: &Facts) -> State {
    let mut state = State::default();
    let Some(balancers) = &facts.config.balancers else { return state };
    let owner = Scope::Globals.owner();
    for (transport, sticky) in Balancers::all() {
        let name = balancers.name(transport, sticky).clone();
        let affinity = sticky.then_some(DEFAULT_AFFINITY_SECONDS);
        let role = identity::balancer_role(transport, sticky);
        state.put(&owner, "", role, balancer(name, transport, affinity));
    }
    let name = mark::name(&owner, &Role::from(role::BALANCERS));
    state.put(&owner, "", role::BALANCERS, LoadBalancerGroup::new().name(name));
    state
}

/// A load balancer; with session affinity, by the client's address and for so many seconds.
pub(super) fn balancer(
    name: Arc<str>,
    transport: Transport,
    affinity: Option<u32>,
) -> LoadBalancer {
    let fields: &[&str] = if affinity.is_some() { &["ip_src", "ipv6_src"] } else { &[] };
    let mut options = Vec::new();
    if let Some(seconds) = affinity {
        options.push(("affinity_timeout", seconds.to_string()));
    } else if transport == Transport::Udp {
        // A UDP client never closes: without a flush it stays with a backend that is gone.
        options.push(("ct_flush", "true".to_owned()));
    }
    nb::LoadBalancer::new()
        .name(name)
        .protocol(transport.as_str())
        .options(options)
        .selection_fields(fields.iter().copied())
        .external_ids([] as [(&str, &str); 0])
}
