//! The cables: a namespace of bridges, and a NIC per network in each machine's namespace. Only `ip`, and only
//! in namespaces named `lab-…`, one interface of the machine's own aside.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};

use nix::errno::Errno;

use crate::{
    plan::{HOST, HOST_INTERFACE, Machine, Network, OUTSIDE, ROUTER, SWITCH},
    process::{command, run, run_with_input},
};

/// Where `ip` keeps namespaces, mounted there on first use.
const NAMESPACES: &str = "/run/netns";

/// Makes the bridges and the machine's own link, if they are not there.
///
/// # Errors
/// `ip` failed, or the machine itself already uses the management network.
pub(crate) fn ensure_switch() -> Result<()> {
    if exists(SWITCH) {
        if switch_is_whole() {
            return Ok(());
        }
        delete(SWITCH)?;
    }
    refuse_a_taken_network()?;
    run(&mut command("ip", ["netns", "add", SWITCH]))?;
    let made = batch(Some(SWITCH), &bridges())
        .and_then(|()| batch(None, &host_link()))
        .and_then(|()| batch(Some(SWITCH), &[host_port()]));
    if made.is_err() {
        delete(SWITCH)?;
    }
    made
}

/// Makes the machine's namespace, its NICs and its addresses.
///
/// # Errors
/// `ip` failed; nothing is left then.
pub(crate) fn plug_in(machine: Machine) -> Result<()> {
    let name = machine.namespace();
    unplug(machine)?;
    run(&mut command("ip", ["netns", "add", &name]))?;
    let cables: Vec<_> =
        machine.networks().iter().map(|&network| cable(machine, network)).collect();
    let ports: Vec<_> = machine.networks().iter().map(|&network| port(machine, network)).collect();
    let made = batch(None, &cables)
        .and_then(|()| batch(Some(SWITCH), &ports))
        .and_then(|()| batch(Some(&name), &interfaces(machine)));
    if made.is_err() {
        unplug(machine)?;
    }
    made
}

/// Removes the machine's cables and namespace; what is not there is fine.
///
/// # Errors
/// `ip` failed.
pub(crate) fn unplug(machine: Machine) -> Result<()> {
    // The kernel takes its time with a namespace, and a new cable needs the old one's name.
    if exists(SWITCH) {
        let links = run(&mut command("ip", ["-n", SWITCH, "-o", "link", "show"]))?;
        let ports = machine.networks().iter().map(|&network| machine.switch_port(network));
        let there = ports.filter(|port| links.contains(&format!(" {port}@")));
        batch(Some(SWITCH), &there.map(|port| format!("link del {port}")).collect::<Vec<_>>())?;
    }
    if exists(&machine.namespace()) { delete(&machine.namespace()) } else { Ok(()) }
}

/// Removes the bridges, the machine's own link, and the place of namespaces when no other is left in it.
///
/// # Errors
/// `ip` failed.
pub(crate) fn remove_switch() -> Result<()> {
    if Path::new("/sys/class/net").join(HOST_INTERFACE).exists() {
        run(&mut command("ip", ["link", "del", HOST_INTERFACE]))?;
    }
    if exists(SWITCH) {
        delete(SWITCH)?;
    }
    match nix::mount::umount(NAMESPACES) {
        // Not mounted, or others have namespaces there.
        Ok(()) | Err(Errno::EINVAL | Errno::EBUSY | Errno::ENOENT) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot unmount {NAMESPACES}")),
    }
}

/// Takes the switch's ends of a node's cables down, or up again.
///
/// # Errors
/// `ip` failed: the node is not plugged in.
pub(crate) fn set_cables(machine: Machine, up: bool) -> Result<()> {
    let state = if up { "up" } else { "down" };
    let ports = machine.networks().iter().map(|&network| machine.switch_port(network));
    batch(Some(SWITCH), &ports.map(|port| format!("link set {port} {state}")).collect::<Vec<_>>())
}

/// Whether any of the node's cables was cut.
pub(crate) fn is_cut(machine: Machine) -> bool {
    machine.networks().iter().any(|&network| {
        let port = machine.switch_port(network);
        let shown = run(&mut command("ip", ["-n", SWITCH, "-o", "link", "show", &port, "up"]));
        shown.is_ok_and(|text| text.trim().is_empty())
    })
}

/// Processes in the machine's namespace.
///
/// # Errors
/// `ip` failed.
pub(crate) fn processes(machine: Machine) -> Result<Vec<i32>> {
    let name = machine.namespace();
    if !exists(&name) {
        return Ok(Vec::new());
    }
    let pids = run(&mut command("ip", ["netns", "pids", &name]))?;
    Ok(pids.lines().filter_map(|line| line.trim().parse().ok()).collect())
}

/// Whether the namespace is there.
pub(crate) fn exists(namespace: &str) -> bool {
    Path::new(NAMESPACES).join(namespace).exists()
}

fn bridges() -> Vec<String> {
    let mut lines = vec!["link set lo up".to_owned()];
    for network in Network::ALL {
        let bridge = network.bridge();
        // Without VLAN filtering tags pass through; without snooping so does all multicast.
        lines.push(format!(
            "link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        ));
        lines.push(format!("link set {bridge} addrgenmode none up"));
    }
    lines
}

fn host_link() -> [String; 3] {
    [
        format!("link add {HOST_INTERFACE} type veth peer name host netns {SWITCH}"),
        format!("addr add {HOST}/24 dev {HOST_INTERFACE}"),
        format!("link set {HOST_INTERFACE} addrgenmode none up"),
    ]
}

fn host_port() -> String {
    format!("link set host master {} addrgenmode none up", Network::Management.bridge())
}

fn cable(machine: Machine, network: Network) -> String {
    let (nic, namespace, port) = (network.nic(), machine.namespace(), machine.switch_port(network));
    let mac = machine.mac(network);
    format!(
        "link add {nic} address {mac} netns {namespace} type veth peer name {port} netns {SWITCH}"
    )
}

fn port(machine: Machine, network: Network) -> String {
    format!(
        "link set {} master {} addrgenmode none up",
        machine.switch_port(network),
        network.bridge()
    )
}

fn interfaces(machine: Machine) -> Vec<String> {
    let mut lines = vec!["link set lo up".to_owned()];
    for &network in machine.networks() {
        let nic = network.nic();
        if let Some(address) = machine.address(network) {
            lines.push(format!("addr add {address}/24 brd + dev {nic}"));
        }
        lines.push(format!("link set {nic} up"));
    }
    lines.push(match machine {
        Machine::Router => format!("addr add {OUTSIDE}/32 dev lo"),
        _ => format!("route add default via {ROUTER}"),
    });
    lines
}

/// All bridges and the machine's own link are there and up: `up` may have been killed half-way.
fn switch_is_whole() -> bool {
    let up = |command: &mut Command| run(command).is_ok_and(|text| !text.trim().is_empty());
    Network::ALL.iter().all(|network| {
        up(&mut command("ip", ["-n", SWITCH, "-o", "link", "show", network.bridge(), "up"]))
    }) && up(&mut command("ip", ["-o", "-4", "addr", "show", HOST_INTERFACE, "up"]))
}

fn refuse_a_taken_network() -> Result<()> {
    let routes = run(&mut command("ip", ["-o", "route", "show", "root", "172.30.0.0/24"]))?;
    match routes.lines().next() {
        Some(route) => bail!("this machine already uses the lab's network: {route}"),
        None => Ok(()),
    }
}

fn delete(namespace: &str) -> Result<()> {
    run(&mut command("ip", ["netns", "delete", namespace])).map(drop)
}

fn batch(namespace: Option<&str>, lines: &[String]) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut ip = Command::new("ip");
    if let Some(namespace) = namespace {
        ip.args(["-n", namespace]);
    }
    run_with_input(ip.args(["-batch", "-"]), text.as_bytes())
        .with_context(|| format!("the batch was\n{text}"))?;
    Ok(())
}
