//! The rows each scope wants: a pure function of facts and allocations.
//!
//! Same input, same rows. Every column we own is set, empty ones included; membership in what
//! several scopes share is an edge. Nothing here allocates, remembers or reads a clock.

mod config;
mod gateway;
mod globals;
mod identity;
mod isolation;
mod node;
mod port;
pub mod report;
mod service;
mod subnet;
mod vpc;

use ovn::state::State;

pub use self::config::{Balancers, Blocks, Config};
pub use self::globals::options as global_options;

use crate::index::{Index, Node, Plan};
use crate::ipam::{Ipam, Lease, Network, Networks, derive_mac};
use crate::scope::Scope;
use api::names::PortName;
use api::net::{Family, Mac};

/// All that rows are made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the operator decided.
    pub config: &'a Config,
    /// What the cluster has told.
    pub index: &'a Index,
    /// Who holds which address.
    pub ipam: &'a Ipam,
    /// Seconds since 1970.
    pub now: i64,
}

/// The rows and memberships of one scope; empty when its object is gone.
#[must_use]
pub fn state(facts: &Facts, scope: &Scope) -> State {
    match scope {
        Scope::Globals => globals::state(facts),
        Scope::Vpc(name) => vpc::state(facts, name),
        Scope::Subnet(name) => subnet::state(facts, name),
        Scope::Node(name) => node::state(facts, name),
        Scope::Gateway { subnet, node } => gateway::state(facts, subnet, node),
        Scope::Port(key) => port::state(facts, key),
        Scope::Service(key) => service::state(facts, key),
        Scope::Namespace(_) => State::default(),
    }
}

/// The Ethernet address of a VPC's router port on a subnet.
#[must_use]
pub fn router_mac(vpc: &str, subnet: &str) -> Mac {
    derive_mac(PortName::router_to_switch(vpc, subnet).as_str(), 0)
}

/// What the pool of a subnet is made from.
#[must_use]
pub fn networks(name: &str, plan: &Plan) -> Networks {
    let network = |family| {
        Some(Network {
            cidr: plan.cidrs.get(family)?,
            gateway: plan.gateways.get(family)?,
            excluded: plan.excluded.clone(),
        })
    };
    Networks {
        v4: network(Family::V4),
        v6: network(Family::V6),
        router_mac: Some(router_mac(&plan.vpc, name)),
    }
}

impl<'a> Facts<'a> {
    /// The node's place on the join subnet, if both are there.
    fn join_lease(&self, node: &str) -> Option<(&'a Node, &'a Lease)> {
        let known = self.index.node(node)?;
        Some((known, self.ipam.lease(&Node::port(node))?))
    }

    /// Whether the subnet's pods on the node have a group, by which they leave through it.
    fn has_gateway(&self, subnet: &str, node: &str) -> bool {
        self.index.is_distributed(subnet) && self.join_lease(node).is_some()
    }

    /// The join subnet, if it is there and valid.
    fn join(&self) -> Option<&'a Plan> {
        self.index.plan(&self.config.node_switch)
    }

    fn is_default_vpc(&self, vpc: &str) -> bool {
        *vpc == *self.config.cluster_router
    }
}
