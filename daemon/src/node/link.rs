//! `ovn0`, the node's port on the join switch: its row, its addresses and the routes to the subnets.
//!
//! The link belongs to vswitchd and goes with it on the userspace datapath; whenever it is back it is dressed again.

use tokio::sync::broadcast;

use super::{Node, announced, rounds};
use crate::kernel;
use crate::kernel::monitor::Event;
use crate::plan::node::{Join, LINK, Wanted, parameters, steps};
use crate::vswitch::NodePort;
use crate::watch::Cluster;

/// Keeps `ovn0` right until the process ends.
///
/// # Errors
/// Never; faults of the kernel are logged and tried again with the next change.
pub(crate) async fn run(node: &Node, mut events: broadcast::Receiver<Event>) -> anyhow::Result<()> {
    let (mut cluster, mut tunnel) = (node.view.subscribe(), node.tunnel.clone());
    let mut rounds = rounds();
    let mut ticked = false;
    loop {
        let mtu = tunnel.borrow_and_update().as_ref().map(|tunnel| tunnel.mtu);
        let wanted = mtu.and_then(|mtu| wanted(node, &cluster.borrow_and_update(), mtu));
        if let Some(wanted) = wanted {
            node.vswitch.want(|all| all.node_port = Some(port(node, &wanted)));
            if dress(&wanted).await && ticked {
                node.metrics.repaired("ovn0");
                tracing::warn!("ovn0 or its routes were not as they should be");
            }
        }
        ticked = false;
        tokio::select! {
            Ok(()) = cluster.changed() => {}
            Ok(()) = tunnel.changed() => {}
            () = announced(&mut events, |event| !matches!(event, Event::Link(link) if link != LINK)) => {}
            _ = rounds.tick() => ticked = true,
        }
    }
}

/// What `ovn0` must be, once the controller has given it an address.
fn wanted(node: &Node, cluster: &Cluster, mtu: u32) -> Option<Wanted> {
    let own = cluster.own.as_ref()?;
    let join = match &own.join {
        Ok(join) => join.as_ref()?,
        Err(bad) => {
            tracing::warn!(error = %bad, "the node's network annotations cannot be used");
            return None;
        }
    };
    let addresses = join.addresses.iter().filter_map(|address| {
        let cidr = join.cidrs.iter().find(|cidr| cidr.contains(address))?;
        ipnet::IpNet::new(address, cidr.length()).ok()
    });
    let routed = cluster.subnets.as_ref()?.values().filter(|subnet| subnet.routed);
    let node_ips =
        if own.addresses.is_empty() { node.config.node_ips.clone() } else { own.addresses.clone() };
    Some(Wanted {
        join: Join {
            mac: join.mac?.octets(),
            addresses: addresses.collect(),
            gateways: join.gateways.iter().collect(),
        },
        mtu,
        node_ips,
        subnets: routed
            .flat_map(|subnet| subnet.cidrs.iter().map(|cidr| cidr.to_ipnet()))
            .collect(),
    })
}

fn port(node: &Node, wanted: &Wanted) -> NodePort {
    let ips: Vec<String> =
        wanted.join.addresses.iter().map(|address| address.addr().to_string()).collect();
    NodePort {
        link: LINK,
        iface_id: api::names::PortName::node(&node.config.node).to_string(),
        mac: crate::plan::check::text(&wanted.join.mac),
        mtu: wanted.mtu,
        ips: ips.join(","),
    }
}

/// Makes the link what it should be, if there is one; true if anything had to be done.
async fn dress(wanted: &Wanted) -> bool {
    let seen = match kernel::node::observe(LINK).await {
        Ok(Some(seen)) => seen,
        // Comes with an announcement.
        Ok(None) => return false,
        Err(error) => {
            tracing::warn!(%error, "ovn0 cannot be looked at");
            return false;
        }
    };
    let plan = steps(wanted, &seen);
    let needed = !plan.is_empty();
    let plan = parameters().into_iter().chain(plan).collect();
    for error in kernel::pod::carry_out_all(plan).await {
        tracing::warn!(%error, "ovn0 is not yet what it should be");
    }
    needed
}
