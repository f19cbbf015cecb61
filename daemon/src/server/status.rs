//! STATUS: whether an ADD could succeed now.

use api::cni::{Error, code};

use crate::node::Node;
use crate::vswitch::{State, connection_status};

/// `Ok` when the node is ready for pods.
pub(super) async fn status(node: &Node) -> Result<(), Error> {
    let ready = match ready(node) {
        Ok(()) => controller(node).await,
        missing => missing,
    };
    ready.map_err(|why| Error::new(code::UNAVAILABLE, why))
}

/// Whether ovn-controller is connected to the southbound database; else what is wrong.
pub(super) async fn controller(node: &Node) -> Result<(), String> {
    connection_status(&node.config.ovn_rundir).await
}

/// Whether the node is ready for pods, as far as its databases tell; else the first link that is missing. That OVN
/// has connected `ovn0` says that ovn-controller reached the southbound database.
pub(crate) fn ready(node: &Node) -> Result<(), String> {
    let facts = node.vswitch.facts();
    let facts = facts.borrow();
    if !facts.connected {
        return Err("no connection to Open vSwitch's database".to_owned());
    }
    if facts.integration.is_none() {
        return Err("Open vSwitch has no bridge br-int".to_owned());
    }
    if node.tunnel.borrow().is_none() {
        return Err("no NIC for tunnels was found on this node".to_owned());
    }
    match (&facts.node_port, node.config.primary) {
        (Some(State::Ready), _) | (_, false) => Ok(()),
        (Some(State::Failed(why)), true) => Err(format!("ovn0 cannot be used: {why}")),
        (_, true) => Err("ovn0 is not connected by OVN".to_owned()),
    }
}
