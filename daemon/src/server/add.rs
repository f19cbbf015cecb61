//! ADD: everything that needs no address at once, the rest as soon as the controller has decided, the answer when
//! packets flow.
//!
//! ```text
//!  veth pair ─▶ OVS port ────────────────────────┬─▶ ovn-installed ─▶ answer
//!            └▶ (allocation) ─▶ addresses, routes ┘
//! ```
//! Whatever fails, or whoever goes away, everything made so far is taken back before the call ends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use api::cni::{Error, Interface as Made, Ip, Prefix, Route, Success, code};
use api::wire::Attachment;
use ipnet::IpNet;
use tokio::time::Instant;

use super::attachment::Wanted;
use super::decision::{Decision, decide, decision, interface, with_prefixes};
use super::limit::{Limit, Over};
use super::{delete, status};
use crate::kernel;
use crate::node::Node;
use crate::plan::pod::{self, Datapath, Interface};
use crate::report::Failure;
use crate::vswitch::{Port, State, host_ports_text, key};

/// Gives a pod its interface.
pub(super) async fn add(
    node: &Node,
    attachment: &Attachment,
    limit: Limit,
) -> Result<Success, Error> {
    let wanted = Wanted::new(attachment)?;
    if attachment.ipam || !attachment.provider.is_ovn() {
        return addresses_only(node, attachment, &wanted, &limit).await;
    }
    let turn = limit.hold(node.turns.take(&wanted.tag)).await;
    let _turn = turn.map_err(|over| late(over, "another call for this container has not ended"))?;
    if limit.caller_is_gone() {
        return Err(late(Over::Gone, ""));
    }
    let result = attach(node, attachment, &wanted, &limit).await;
    match &result {
        Ok(_) => tracing::info!(pod = %wanted.port, link = %wanted.link(), "connected"),
        Err(error) => {
            tracing::warn!(pod = %wanted.port, link = %wanted.link(), %error, "not connected");
            delete::take_back(node, &wanted.tag).await;
            let (pod, uid) = (wanted.pod.clone(), wanted.uid.clone());
            node.reports.tell(Failure { pod, uid, why: error.to_string() });
        }
    }
    result
}

async fn attach(
    node: &Node,
    attachment: &Attachment,
    wanted: &Wanted,
    limit: &Limit,
) -> Result<Success, Error> {
    let (known, first_mtu) = make(node, attachment, wanted, limit).await?;
    let link = wanted.link();
    let port = port(wanted, attachment, known.as_ref().map(|(decision, _)| decision));
    let described = known.is_some();
    let plugged = async {
        let plugged = limit.hold(node.vswitch.add(port)).await;
        plugged
            .map_err(|over| late(over, "Open vSwitch's database does not answer"))?
            .map_err(|error| refused(&error))
    };
    let configured = async {
        if let Some(known) = known {
            node.metrics.waited_for_address(Duration::ZERO);
            return Ok(known);
        }
        let decision = decision(node, wanted, attachment, limit).await?;
        let interface = interface(node, attachment, &decision, limit).await?;
        let plan = pod::late(&wanted.tag, first_mtu, &interface);
        kernel::pod::carry_out(wanted.netns.clone(), plan)
            .await
            .map_err(|error| failed(&error, wanted))?;
        Ok((decision, interface))
    };
    // Not `try_join`: work in the kernel is never left behind by an error beside it.
    let (plugged, configured) = tokio::join!(plugged, configured);
    plugged?;
    let (decision, interface) = configured?;

    let described = async {
        if described {
            return Ok(());
        }
        let ids = late_ids(wanted, &decision).into_iter().collect();
        let described = limit.hold(node.vswitch.describe(&link, ids)).await;
        described
            .map_err(|over| late(over, "Open vSwitch's database does not answer"))?
            .map_err(|error| refused(&error))
    };
    let (described, connected) = tokio::join!(described, connected(node, &link, wanted, limit));
    described?;
    connected?;
    host_ports(node, wanted, &interface, limit).await?;
    Ok(answer(attachment, &interface))
}

/// Makes the pair of links, with all that is to be on it when the controller has decided already; what that is, and
/// the pair's MTU.
async fn make(
    node: &Node,
    attachment: &Attachment,
    wanted: &Wanted,
    limit: &Limit,
) -> Result<(Option<(Decision, Interface)>, u32), Error> {
    let datapath = datapath(node, limit).await?;
    let known = node
        .pods
        .get(&wanted.pod)
        .and_then(|pod| decide(Some(&pod), wanted, attachment))
        .and_then(Result::ok);
    let known = match known {
        Some(decision) => {
            let interface = interface(node, attachment, &decision, limit).await?;
            Some((decision, interface))
        }
        None => None,
    };
    let first_mtu = match &known {
        Some((_, interface)) => interface.mtu,
        None => attachment.mtu.or_else(|| node.mtu()).unwrap_or(pod_mtu_guess()),
    };
    let mut plan = pod::early(&wanted.tag, first_mtu, datapath);
    // A second thread with its sockets would cost more than the port gains by coming before the addresses.
    plan.extend(known.iter().flat_map(|(_, all)| pod::late(&wanted.tag, first_mtu, all)));
    kernel::pod::carry_out(wanted.netns.clone(), plan)
        .await
        .map_err(|error| failed(&error, wanted))?;
    Ok((known, first_mtu))
}

/// The datapath of the integration bridge, once there is one.
async fn datapath(node: &Node, limit: &Limit) -> Result<Datapath, Error> {
    let mut facts = node.vswitch.facts();
    let there = facts.wait_for(|facts| facts.connected && facts.integration.is_some());
    match limit.hold(there).await {
        Ok(Ok(facts)) => {
            facts.integration.ok_or_else(|| Error::new(code::TRY_AGAIN, "no bridge br-int"))
        }
        Ok(Err(_)) => Err(Error::new(code::TRY_AGAIN, "the daemon is stopping")),
        Err(over) => Err(late(
            over,
            "Open vSwitch is not ready: no connection to its database, or no bridge br-int",
        )),
    }
}

/// Largest packet of a pod on an Ethernet, until the tunnel's NIC is known.
fn pod_mtu_guess() -> u32 {
    1500 - crate::plan::encap::GENEVE
}

/// The port to ask for; with all its ids when the decision is known already.
fn port(wanted: &Wanted, attachment: &Attachment, known: Option<&Decision>) -> Port {
    let mut ids = BTreeMap::from([
        (key::POD_NAME, wanted.pod.name.clone()),
        (key::POD_NAMESPACE, wanted.pod.namespace.clone()),
        (key::POD_NETNS, attachment.netns.clone()),
    ]);
    match known {
        Some(decision) => ids.extend(late_ids(wanted, decision)),
        None => ids.extend(wanted.uid.clone().map(|uid| (key::IFACE_ID_VER, uid))),
    }
    Port { link: wanted.link(), iface_id: wanted.port.to_string(), ids }
}

fn late_ids(wanted: &Wanted, decision: &Decision) -> BTreeMap<&'static str, String> {
    let mac = decision.allocation.mac.map(|mac| mac.to_string()).unwrap_or_default();
    let mut ids = BTreeMap::from([
        (key::IFACE_ID_VER, decision.uid.clone()),
        (key::IP, decision.allocation.addresses.to_string()),
        (key::ATTACHED_MAC, mac),
    ]);
    if !wanted.host_ports.is_empty() {
        let ports =
            wanted.host_ports.iter().map(|it| (it.transport, it.address, it.port, it.pod_port));
        ids.insert(key::HOST_PORTS, host_ports_text(ports));
    }
    ids
}

/// Waits until OVN has connected the port.
async fn connected(node: &Node, link: &str, wanted: &Wanted, limit: &Limit) -> Result<(), Error> {
    let began = Instant::now();
    let ready = limit.hold(node.vswitch.ready(link)).await;
    node.metrics.waited_for_connectivity(began.elapsed());
    match ready {
        Ok(Ok(State::Failed(why))) => {
            Err(Error::new(code::DAEMON, "Open vSwitch cannot use the link").with_details(why))
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(refused(&error)),
        Err(Over::Gone) => Err(late(Over::Gone, "")),
        Err(Over::Deadline) => {
            let missing = match node.vswitch.look(link).await {
                Ok(State::Absent) => "the port is gone from Open vSwitch".to_owned(),
                Ok(State::NoOfport) => "ovs-vswitchd has not taken the port (no ofport)".to_owned(),
                Ok(_) => match status::controller(node).await {
                    Err(why) => why,
                    Ok(()) => format!(
                        "ovn-controller has not installed port {}: it has no Port_Binding, is bound to another chassis, \
                         or is meant for another pod of that name",
                        wanted.port
                    ),
                },
                Err(error) => error.to_string(),
            };
            Err(late(Over::Deadline, &missing))
        }
    }
}

/// Waits until the pod's host ports are in the kernel's table.
async fn host_ports(
    node: &Node,
    wanted: &Wanted,
    interface: &Interface,
    limit: &Limit,
) -> Result<(), Error> {
    if wanted.host_ports.is_empty() {
        return Ok(());
    }
    let ports: Vec<_> =
        wanted.host_ports.iter().flat_map(|mapping| mapping.to(&interface.addresses)).collect();
    let mut applied = node.applied.clone();
    let there = applied.wait_for(|applied| ports.iter().all(|port| applied.contains(port)));
    let there = limit.hold(async { there.await.map(|_| ()) }).await;
    let there = there.map_err(|over| {
        late(over, "a host port is taken by another pod, or nftables refuses it")
    })?;
    there.map_err(|_| Error::new(code::TRY_AGAIN, "the daemon is stopping"))
}

/// Addresses for an interface that another plugin makes.
async fn addresses_only(
    node: &Node,
    attachment: &Attachment,
    wanted: &Wanted,
    limit: &Limit,
) -> Result<Success, Error> {
    let decision = decision(node, wanted, attachment, limit).await?;
    let gateways: Vec<IpAddr> = decision.allocation.gateways.iter().collect();
    let addresses = with_prefixes(&decision.allocation);
    let gateway =
        |to: &IpNet| gateways.iter().copied().find(|it| it.is_ipv4() == to.addr().is_ipv4());
    let ip = |net: &IpNet| {
        let address = Prefix::new(net.addr(), net.prefix_len())?;
        Some(Ip { address, gateway: gateway(net), interface: None })
    };
    Ok(Success {
        ips: addresses.iter().filter_map(ip).collect(),
        routes: attachment.routes.clone(),
        ..Success::default()
    })
}

fn answer(attachment: &Attachment, interface: &Interface) -> Success {
    let made = Made {
        name: attachment.ifname.clone(),
        mac: crate::plan::check::text(&interface.mac),
        mtu: interface.mtu,
        sandbox: attachment.netns.clone(),
        ..Made::default()
    };
    let gateway = |to: &IpNet| {
        let mut gateways = interface.gateways.iter().copied().filter(|_| interface.default_route);
        gateways.find(|gateway| gateway.is_ipv4() == to.addr().is_ipv4())
    };
    let ip = |net: &IpNet| {
        let address = Prefix::new(net.addr(), net.prefix_len())?;
        Some(Ip { address, gateway: gateway(net), interface: Some(0) })
    };
    let route = |route: crate::plan::Route| {
        let dst = Prefix::new(route.to.addr(), route.to.prefix_len())?;
        Some(Route { dst, gw: route.via })
    };
    Success {
        interfaces: vec![made],
        ips: interface.addresses.iter().filter_map(ip).collect(),
        routes: interface.all_routes().into_iter().filter_map(route).collect(),
        ..Success::default()
    }
}

/// The answer of a wait that ended without what it waited for.
pub(super) fn late(over: Over, missing: &str) -> Error {
    match over {
        Over::Deadline => Error::new(code::TRY_AGAIN, missing),
        Over::Gone => Error::new(code::TRY_AGAIN, "the caller went away"),
    }
}

fn failed(error: &kernel::Error, wanted: &Wanted) -> Error {
    let code = if wanted.netns.exists() { code::DAEMON } else { code::UNKNOWN_CONTAINER };
    Error::new(code, "the kernel refused").with_details(error)
}

pub(super) fn refused(error: &crate::vswitch::Error) -> Error {
    let code = match error {
        crate::vswitch::Error::Database(error) if !error.retry() => code::DAEMON,
        _ => code::TRY_AGAIN,
    };
    Error::new(code, "Open vSwitch refused").with_details(error)
}
