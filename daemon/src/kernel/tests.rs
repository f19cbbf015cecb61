//! Real namespaces, real netlink, real `nft`: these tests need root.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use nix::sched::{CloneFlags, setns, unshare};

use super::pod::{carry_out, carry_out_all, observe};
use super::reaper::Reaper;
use super::*;
use crate::plan::check::{Expected, differences};
use crate::plan::name::Tag;
use crate::plan::pod::{Datapath, Interface, delete, early, late};
use crate::plan::rules::{Facts, HostPort, Table, Transport};
use crate::plan::{At, Route, Step};

/// A network namespace that lives as long as its thread.
struct Lab {
    path: PathBuf,
    _end: mpsc::Sender<()>,
}

fn namespace() -> Lab {
    let (path, made) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("these tests need root");
        let thread = nix::unistd::gettid();
        path.send(PathBuf::from(format!("/proc/{}/task/{thread}/ns/net", std::process::id())))
            .unwrap();
        // Ends when the other side is dropped.
        let _ = ended.recv();
    });
    Lab { path: made.recv().unwrap(), _end: end }
}

/// Runs an async test whose node is a namespace of its own; nothing reaches the machine's network.
fn on_a_node(test: impl AsyncFnOnce(Lab) + Send + 'static) {
    let node = namespace();
    let there = std::fs::File::open(&node.path).unwrap();
    std::thread::spawn(move || {
        setns(there.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(namespace()));
    })
    .join()
    .unwrap();
    drop(node);
}

fn tag(container: &str) -> Tag {
    Tag { network: "kube-ovn".into(), container: container.into(), interface: "eth0".into() }
}

fn interface() -> Interface {
    Interface {
        mac: [0x0a, 0, 0, 0, 0, 7],
        addresses: vec!["10.16.0.7/16".parse().unwrap(), "fd00:10:16::7/64".parse().unwrap()],
        gateways: vec!["10.16.0.1".parse().unwrap(), "fd00:10:16::1".parse().unwrap()],
        default_route: true,
        routes: vec![("192.168.9.0/24".parse().unwrap(), "10.16.0.254".parse().unwrap())],
        mtu: 1300,
    }
}

fn expected() -> Expected {
    let Interface { mac, mtu, addresses, .. } = interface();
    Expected { mac: Some(mac), mtu: Some(mtu), addresses, routes: interface().all_routes() }
}

async fn links() -> Vec<String> {
    node::pod_links().await.unwrap().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_pod_s_interface_is_what_the_plan_says_even_when_carried_out_twice() {
    on_a_node(async |pod: Lab| {
        let tag = tag("c1aaaaaaaaaaaa");
        carry_out(pod.path.clone(), early(&tag, 1400, Datapath::Userspace)).await.unwrap();
        for _ in 0..2 {
            carry_out(pod.path.clone(), late(&tag, 1400, &interface())).await.unwrap();
        }
        let seen = observe(pod.path.clone(), "eth0".into()).await.unwrap();
        assert_eq!(differences(&expected(), &seen), Vec::<String>::new());
        assert_eq!(links().await, vec!["c1aaaaaaaaaa_h"]);
    });
}

#[test]
fn a_pair_left_by_an_add_that_was_cut_off_is_replaced() {
    on_a_node(async |pod: Lab| {
        let plan = early(&tag("c1"), 1400, Datapath::Kernel);
        carry_out(pod.path.clone(), plan.clone()).await.unwrap();
        carry_out(pod.path.clone(), plan).await.unwrap();
        assert_eq!(links().await, vec!["c1_h"]);
    });
}

#[test]
fn an_interface_the_pod_already_has_is_not_touched() {
    on_a_node(async |pod: Lab| {
        carry_out(pod.path.clone(), early(&tag("c1"), 1400, Datapath::Kernel)).await.unwrap();
        let error = carry_out(pod.path.clone(), early(&tag("c2"), 1400, Datapath::Kernel))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("already has an interface eth0"), "{error}");
        assert_eq!(links().await, vec!["c1_h"], "nothing of the second ADD stays");
    });
}

#[test]
fn a_step_that_fails_leaves_no_link_behind() {
    on_a_node(async |pod: Lab| {
        let mut plan = early(&tag("c1"), 1400, Datapath::Kernel);
        plan.push(Step::Up { at: At::Pod, link: "nonesuch".into() });
        let error = carry_out(pod.path.clone(), plan).await.unwrap_err();
        assert!(is_absent(&error.source), "{error}");
        reap_until_gone("c1_h").await;
    });
}

async fn reap_until_gone(link: &str) {
    let reaper = Reaper::default();
    let reaping = tokio::spawn(reaper.clone().run());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let left = links().await;
        if !left.iter().any(|it| it == link) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "still there: {left:?}");
        reaper.wake();
        tokio::task::yield_now().await;
    }
    reaping.abort();
}

#[test]
fn deleting_twice_is_no_error_and_the_other_pod_s_link_stays() {
    on_a_node(async |pod: Lab| {
        let other = namespace();
        carry_out(pod.path.clone(), early(&tag("c1"), 1400, Datapath::Kernel)).await.unwrap();
        carry_out(other.path.clone(), early(&tag("c2"), 1400, Datapath::Kernel)).await.unwrap();
        for _ in 0..2 {
            assert!(carry_out_all(delete(&tag("c1"))).await.is_empty());
            reap_until_gone("c1_h").await;
        }
        assert_eq!(links().await, vec!["c2_h"]);
        assert!(is_absent(&observe(pod.path.clone(), "eth0".into()).await.unwrap_err().source));
    });
}

#[test]
fn a_path_that_is_no_namespace_is_an_error_and_so_is_the_node_s_own() {
    on_a_node(async |_: Lab| {
        let plan = early(&tag("c1"), 1400, Datapath::Kernel);
        for path in [
            "/nonexistent",
            "/etc/hostname",
            "/proc/thread-self/ns/net",
            "/proc/thread-self/ns/mnt",
        ] {
            let done = carry_out(Path::new(path).into(), plan.clone()).await;
            assert!(done.is_err(), "{path} was taken for a pod's namespace");
        }
        assert_eq!(links().await, Vec::<String>::new());
    });
}

#[test]
fn the_node_s_routes_appear_and_go() {
    on_a_node(async |pod: Lab| {
        carry_out(pod.path.clone(), early(&tag("c1"), 1400, Datapath::Kernel)).await.unwrap();
        carry_out(pod.path.clone(), late(&tag("c1"), 1400, &interface())).await.unwrap();
        let (at, link) = (At::Node, "c1_h".to_owned());
        let address: ipnet::IpNet = "100.64.0.2/16".parse().unwrap();
        let route = Route {
            to: "10.16.0.0/16".parse().unwrap(),
            via: Some("100.64.0.1".parse().unwrap()),
            source: Some("100.64.0.2".parse().unwrap()),
        };
        let make = vec![
            Step::Address { at, link: link.clone(), address },
            Step::Route { at, link: link.clone(), route: route.clone() },
        ];
        assert!(
            carry_out_all(make)
                .await
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .is_empty()
        );
        let seen = node::observe("c1_h").await.unwrap().unwrap();
        assert!(seen.addresses.contains(&address), "{seen:?}");
        assert!(seen.routes.contains(&route), "{seen:?}");
        let remove = vec![
            Step::NoRoute { at, link: link.clone(), route: route.clone() },
            Step::NoAddress { at, link, address },
        ];
        for _ in 0..2 {
            assert!(carry_out_all(remove.clone()).await.is_empty());
        }
        let seen = node::observe("c1_h").await.unwrap().unwrap();
        assert!(!seen.routes.contains(&route) && seen.addresses.is_empty(), "{seen:?}");
        assert_eq!(node::observe("ovn0").await.unwrap(), None);
    });
}

#[test]
fn the_monitor_tells_of_links_that_come_and_go() {
    on_a_node(async |pod: Lab| {
        let mut monitor = monitor::Monitor::open().unwrap();
        carry_out(pod.path.clone(), early(&tag("c1"), 1400, Datapath::Kernel)).await.unwrap();
        let told =
            async { while monitor.next().await.unwrap() != monitor::Event::Link("c1_h".into()) {} };
        tokio::time::timeout(std::time::Duration::from_secs(5), told)
            .await
            .expect("the new link should be announced");
    });
}

fn facts() -> Facts {
    Facts {
        subnets: ["10.16.0.0/16", "fd00:10:16::/64"].map(|net| net.parse().unwrap()).into(),
        nat: ["10.16.0.0/16", "fd00:10:16::/64"].map(|net| net.parse().unwrap()).into(),
        services: ["10.96.0.0/16", "fd00:10:96::/112"].map(|net| net.parse().unwrap()).into(),
        nodes: ["172.30.0.11", "fd00:172:30::11"].map(|ip| ip.parse().unwrap()).into(),
        host_ports: [
            port(8080, None, "10.16.0.7"),
            port(8080, None, "fd00:10:16::7"),
            port(81, Some("172.30.0.11"), "10.16.0.7"),
        ]
        .into(),
    }
}

fn port(port: u16, address: Option<&str>, pod: &str) -> HostPort {
    let address = address.map(|address| address.parse().unwrap());
    HostPort { transport: Transport::Udp, address, port, pod: pod.parse().unwrap(), pod_port: 80 }
}

async fn kernel_table() -> String {
    nft::table("inet", "kube-ovn").await.unwrap()
}

#[test]
fn nft_takes_the_table_whole_again_and_by_elements() {
    on_a_node(async |_: Lab| {
        assert_eq!(kernel_table().await, "", "there is no table yet");
        let old = Table::new(&facts());
        for _ in 0..2 {
            nft::apply(&old.whole()).await.unwrap();
        }
        let before = kernel_table().await;
        assert!(
            before.contains("17 . 8080 : 10.16.0.7 . 80")
                || before.contains("udp . 8080 : 10.16.0.7 . 80"),
            "{before}"
        );
        let mut facts = facts();
        facts.host_ports = BTreeSet::from([port(8080, None, "10.16.0.9")]);
        facts.subnets.insert("10.18.0.0/16".parse().unwrap());
        let new = Table::new(&facts);
        nft::apply(&new.since(&old)).await.unwrap();
        let by_elements = kernel_table().await;
        nft::apply(&new.whole()).await.unwrap();
        assert_eq!(
            kernel_table().await,
            by_elements,
            "changed by elements or written whole, the table is the same"
        );
        nft::apply(&old.since(&new)).await.unwrap();
        assert_eq!(kernel_table().await, before);
    });
}

#[test]
fn a_batch_that_nft_refuses_changes_nothing_and_says_why() {
    on_a_node(async |_: Lab| {
        nft::apply(&Table::new(&facts()).whole()).await.unwrap();
        let before = kernel_table().await;
        let bad = "add element inet kube-ovn nodes4 { 1.2.3.4 }\nadd element inet kube-ovn nosuchset { 1.2.3.4 }\n";
        let error = nft::apply(bad).await.unwrap_err().to_string();
        assert!(error.contains("No such file"), "{error}");
        assert_eq!(kernel_table().await, before);
    });
}
