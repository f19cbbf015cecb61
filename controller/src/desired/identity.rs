//! Which row is which, for scopes that refer to rows of others.
//!
//! Rows of VPCs, subnets, nodes and globals are known by their scope alone: an object made anew
//! under its old name takes over its rows. A pod's port is known by the pod's uid too: another
//! pod of the name is another port.

use ovn::identity::uuid_v5;
use ovn::nb;
use ovsdb::value::Uuid;

use api::names::Transport;

use crate::scope::Scope;

/// Roles of rows within their scope.
pub(super) mod role {
    pub(crate) const ROUTER: &str = "router";
    pub(crate) const SWITCH: &str = "switch";
    pub(crate) const PORT: &str = "port";
    pub(crate) const LINK: &str = "link";
    pub(crate) const GROUP: &str = "group";
    pub(crate) const BALANCERS: &str = "balancers";
}

/// The logical router of a VPC.
pub(super) fn router(vpc: &str) -> Uuid {
    row(nb::logical_router::TABLE, &Scope::Vpc(vpc.into()), role::ROUTER)
}

/// The logical switch of a subnet.
pub(super) fn switch(subnet: &str) -> Uuid {
    row(nb::logical_switch::TABLE, &Scope::Subnet(subnet.into()), role::SWITCH)
}

/// The switch's port to its router.
pub(super) fn link(subnet: &str) -> Uuid {
    row(nb::logical_switch_port::TABLE, &Scope::Subnet(subnet.into()), role::LINK)
}

/// The group of all pods of a node.
pub(super) fn node_group(node: &str) -> Uuid {
    row(nb::port_group::TABLE, &Scope::Node(node.into()), role::GROUP)
}

/// The group of a subnet's pods on a node.
pub(super) fn gateway_group(subnet: &str, node: &str) -> Uuid {
    let scope = Scope::Gateway { subnet: subnet.into(), node: node.into() };
    row(nb::port_group::TABLE, &scope, role::GROUP)
}

/// A load balancer that services share.
pub(super) fn balancer(transport: Transport, sticky: bool) -> Uuid {
    row(nb::load_balancer::TABLE, &Scope::Globals, &balancer_role(transport, sticky))
}

/// The role of such a load balancer.
pub(super) fn balancer_role(transport: Transport, sticky: bool) -> String {
    format!("{}{}", transport.as_str(), if sticky { "-session" } else { "" })
}

/// The group of load balancers that every switch of the default VPC has.
pub(super) fn balancers() -> Uuid {
    row(nb::load_balancer_group::TABLE, &Scope::Globals, role::BALANCERS)
}

fn row(table: &str, scope: &Scope, role: &str) -> Uuid {
    uuid_v5(table, &scope.owner(), "", &role.into())
}
