//! Open vSwitch and ovn-controller under supervision, on the userspace datapath, with a NIC whose other end we hold.

use harness::{Netns, Running, wait_for};
use nix::sys::signal::Signal;

use crate::{Pod, SOON, is_running};

const ADDRESS: &str = "172.31.0.11";
const PEER: &str = "172.31.0.1";

/// A pod whose namespace has `eth1`, and the namespace at the other end.
fn machine() -> (Pod, Netns) {
    let pod = Pod::new(10662);
    let peer = Netns::new();
    let outside = peer.path().display().to_string();
    pod.net.run("ip", &["link", "add", "eth1", "type", "veth", "peer", "name", "outer"]);
    pod.net.run("ip", &["link", "set", "outer", "netns", &outside]);
    peer.run("ip", &["address", "add", &format!("{PEER}/24"), "dev", "outer"]);
    peer.run("ip", &["link", "set", "outer", "up"]);
    pod.net.run("ip", &["address", "add", &format!("{ADDRESS}/24"), "dev", "eth1"]);
    pod.net.run("ip", &["link", "set", "eth1", "up"]);
    pod.net.run("ip", &["route", "add", "172.32.0.0/16", "via", PEER, "metric", "7"]);
    (pod, peer)
}

fn start(pod: &Pod) -> Running {
    let folders = [
        format!("--config-dir={}", pod.path("etc")),
        format!("--ovs-run-dir={}", pod.path("run")),
        format!("--ovn-run-dir={}", pod.path("run")),
    ];
    let folders = folders.each_ref().map(String::as_str);
    let wishes = ["--ovs-dp-type=userspace", "--iface=eth[1-9]", "--node-name=n1"];
    let mut running = pod.start(&[["node"].as_slice(), &folders, &wishes].concat());
    pod.wait_until_ready(&mut running);
    running
}

fn addresses(pod: &Pod, link: &str) -> String {
    pod.net.run("ip", &["-4", "-brief", "address", "show", "dev", link])
}

fn get(pod: &Pod, key: &str) -> String {
    let quoted =
        pod.run("ovs-vsctl", &["get", "Open_vSwitch", ".", &format!("external_ids:{key}")]);
    quoted.trim().trim_matches('"').to_owned()
}

#[test]
fn the_tunnel_nic_lends_its_address_to_a_bridge_and_gets_it_back() {
    let (pod, peer) = machine();
    let mut running = start(&pod);
    assert!(
        addresses(&pod, "br-phy").contains(ADDRESS) && !addresses(&pod, "eth1").contains(ADDRESS)
    );
    let routes = pod.net.run("ip", &["route", "show", "172.32.0.0/16"]);
    assert_eq!(routes.trim(), format!("172.32.0.0/16 via {PEER} dev br-phy metric 7"));
    let ping = peer.run("ping", &["-c3", "-i0.1", "-n", ADDRESS]);
    assert!(ping.contains(" 0% packet loss") && !ping.contains("DUP"), "one answer each: {ping}");

    let status = running.end_by(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{}", running.log());
    assert!(
        addresses(&pod, "eth1").contains(ADDRESS),
        "the NIC should have its address again\n{}",
        running.log()
    );
    let routes = pod.net.run("ip", &["route", "show", "172.32.0.0/16"]);
    assert_eq!(routes.trim(), format!("172.32.0.0/16 via {PEER} dev eth1 metric 7"));
    let kernel = || {
        pod.net.run("ip", &["address"]) + &pod.net.run("nft", &["list", "ruleset"]) + &running.log()
    };
    assert!(peer.pings(ADDRESS.parse().unwrap()), "the kernel should answer again\n{}", kernel());
}

#[test]
fn vswitchd_that_dies_comes_back_with_bridges_and_addresses() {
    let (pod, peer) = machine();
    let mut running = start(&pod);
    let before = pod.crash("ovs-vswitchd");
    wait_for("a new vswitchd", SOON, || {
        pod.pid("ovs-vswitchd").is_some_and(|pid| pid != before && is_running(pid))
    });
    pod.wait_until_ready(&mut running);
    wait_for("an answer through br-phy", SOON, || match peer.pings(ADDRESS.parse().unwrap()) {
        true => Ok(()),
        false => Err(format!("{}{}", pod.net.run("ip", &["address"]), running.log())),
    });
    assert!(addresses(&pod, "br-phy").contains(ADDRESS));
}

#[test]
fn a_node_keeps_its_identity_and_its_bridge_is_ovns_alone() {
    let (pod, _peer) = machine();
    let mut running = start(&pod);
    let id = get(&pod, "system-id");
    assert_eq!(id, std::fs::read_to_string(pod.path("etc/system-id.conf")).unwrap().trim());
    assert_eq!(get(&pod, "hostname"), "n1");
    assert_eq!(get(&pod, "ovn-bridge-datapath-type"), "netdev");
    let bridge = pod.run(
        "ovs-vsctl",
        &[
            "--columns=datapath_type,fail_mode",
            "--format=csv",
            "--no-headings",
            "list",
            "bridge",
            "br-int",
        ],
    );
    assert_eq!(bridge.trim(), "netdev,secure");
    assert!(
        !pod.run("ovs-vsctl", &["get", "Open_vSwitch", ".", "external_ids"])
            .contains("ovn-remote=")
    );

    running.kill();
    std::fs::remove_file(pod.path("etc/conf.db")).unwrap();
    // Without vswitchd and without its record the NIC has no address: the administrator gives it one, as at boot.
    pod.net.run("ip", &["address", "add", &format!("{ADDRESS}/24"), "dev", "eth1"]);
    let _running = start(&pod);
    assert_eq!(get(&pod, "system-id"), id);
}

#[test]
fn ovn_controller_is_told_that_it_comes_back() {
    let (pod, _peer) = machine();
    let mut running = start(&pod);
    let pids =
        ["ovsdb-server", "ovs-vswitchd", "ovn-controller"].map(|name| pod.pid(name).unwrap());
    running.end_by(Signal::SIGTERM);
    assert!(!pids.iter().any(|pid| is_running(*pid)));
    let log = running.log();
    let order = ["ovn-controller", "ovs-vswitchd", "ovsdb-server"]
        .map(|role| log.find(&format!("stopped role=\"{role}\"")));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}\n{log}");
}
