use std::collections::BTreeSet;

use expect_test::expect;

use super::encap::{Nic, choose};
use super::name::{Tag, host_link};
use super::node::{Join, Wanted};
use super::pod::{Datapath, Interface};
use super::rules::{Facts, HostPort, Table, Transport};
use super::*;

const CONTAINER: &str = "0123456789abcdef0123456789abcdef";

fn tag(interface: &str) -> Tag {
    Tag { network: "kube-ovn".into(), container: CONTAINER.into(), interface: interface.into() }
}

fn interface() -> Interface {
    Interface {
        mac: [0x0a, 0, 0, 0, 0, 7],
        addresses: vec!["10.16.0.7/16".parse().unwrap()],
        gateways: vec!["10.16.0.1".parse().unwrap()],
        default_route: true,
        routes: vec![("192.168.9.0/24".parse().unwrap(), "10.16.0.254".parse().unwrap())],
        mtu: 1400,
    }
}

fn lines(plan: &[Step]) -> String {
    plan.iter().map(|step| format!("{step:?}\n")).collect()
}

/// Remembers what was done, and refuses one step.
#[derive(Default)]
struct Recorder {
    done: Vec<String>,
    refuses: Option<usize>,
}

impl Kernel for Recorder {
    type Error = String;

    fn apply(&mut self, step: &Step) -> Result<(), String> {
        if self.refuses == Some(self.done.len()) {
            return Err("refused".into());
        }
        self.done.push(format!("{step:?}"));
        Ok(())
    }

    fn undo(&mut self, step: &Step) -> Result<(), String> {
        self.done.push(format!("undo {step:?}"));
        Err("undo fails too".into())
    }
}

#[test]
fn links_are_named_as_kube_ovn_names_them() {
    assert_eq!(host_link(CONTAINER, "eth0"), "0123456789ab_h");
    assert_eq!(host_link(CONTAINER, "net1"), "01234567_net1_h");
    assert_eq!(host_link("short", "eth0"), "short_h");
}

#[test]
fn no_interface_name_makes_a_link_name_too_long() {
    for length in 1..=15 {
        let interface: String = (b'a'..).take(length).map(char::from).collect();
        let name = host_link(CONTAINER, &interface);
        assert!(name.len() <= 15, "{interface} gives {name}");
        assert!(name.starts_with("0123"), "{interface} gives {name}");
    }
}

#[test]
fn a_tag_is_read_back_and_foreign_aliases_are_not_tags() {
    assert_eq!(Tag::parse(&tag("eth0").to_string()), Some(tag("eth0")));
    for alias in
        ["", "uplink", "kube-ovn", "kube-ovn/", "kube-ovn/a/b", "kube-ovn/a//eth0", "kube-ovn/a/b/"]
    {
        assert_eq!(Tag::parse(alias), None, "{alias}");
    }
}

#[test]
fn what_needs_no_address_is_done_first() {
    expect![[r#"
        Veth { host: "0123456789ab_h", alias: "kube-ovn/kube-ovn/0123456789abcdef0123456789abcdef/eth0", peer: "eth0", mtu: 1400 }
        Sysctl { at: Node, key: "net/ipv6/conf/0123456789ab_h/disable_ipv6", value: "1" }
        NoLinkLocal { at: Pod, link: "eth0" }
        ChecksumOff { at: Node, link: "0123456789ab_h" }
        ChecksumOff { at: Pod, link: "eth0" }
        Up { at: Node, link: "0123456789ab_h" }
        Up { at: Pod, link: "lo" }
        Up { at: Pod, link: "eth0" }
    "#]]
    .assert_eq(&lines(&pod::early(&tag("eth0"), 1400, Datapath::Userspace)));
}

#[test]
fn a_kernel_datapath_keeps_its_offloads() {
    let plan = pod::early(&tag("eth0"), 1400, Datapath::Kernel);
    assert!(plan.iter().all(|step| !matches!(step, Step::ChecksumOff { .. })), "{plan:?}");
}

#[test]
fn the_rest_follows_the_allocation() {
    expect![[r#"
        Mac { at: Pod, link: "eth0", mac: [10, 0, 0, 0, 0, 7] }
        Address { at: Pod, link: "eth0", address: 10.16.0.7/16 }
        Route { at: Pod, link: "eth0", route: Route { to: 0.0.0.0/0, via: Some(10.16.0.1), source: None } }
        Route { at: Pod, link: "eth0", route: Route { to: 192.168.9.0/24, via: Some(10.16.0.254), source: None } }
    "#]]
    .assert_eq(&lines(&pod::late(&tag("eth0"), 1400, &interface())));
}

#[test]
fn a_dual_stack_pod_of_a_subnet_with_its_own_mtu() {
    let mut interface = interface();
    interface.addresses.push("fd00:10:16::7/64".parse().unwrap());
    interface.gateways.push("fd00:10:16::1".parse().unwrap());
    interface.routes.clear();
    interface.mtu = 1300;
    expect![[r#"
        Mtu { at: Node, link: "0123456789ab_h", mtu: 1300 }
        Mtu { at: Pod, link: "eth0", mtu: 1300 }
        Mac { at: Pod, link: "eth0", mac: [10, 0, 0, 0, 0, 7] }
        Sysctl { at: Pod, key: "net/ipv6/conf/all/disable_ipv6", value: "0" }
        Sysctl { at: Pod, key: "net/ipv6/conf/default/disable_ipv6", value: "0" }
        Sysctl { at: Pod, key: "net/ipv6/conf/eth0/disable_ipv6", value: "0" }
        Address { at: Pod, link: "eth0", address: fe80::800:ff:fe00:7/64 }
        Address { at: Pod, link: "eth0", address: 10.16.0.7/16 }
        Address { at: Pod, link: "eth0", address: fd00:10:16::7/64 }
        Route { at: Pod, link: "eth0", route: Route { to: 0.0.0.0/0, via: Some(10.16.0.1), source: None } }
        Route { at: Pod, link: "eth0", route: Route { to: ::/0, via: Some(fd00:10:16::1), source: None } }
    "#]]
    .assert_eq(&lines(&pod::late(&tag("eth0"), 1400, &interface)));
}

#[test]
fn an_interface_without_default_route_gets_none() {
    let mut interface = interface();
    interface.default_route = false;
    assert_eq!(interface.all_routes().len(), 1);
    assert_eq!(interface.all_routes()[0].to.to_string(), "192.168.9.0/24");
}

#[test]
fn a_plan_that_fails_is_undone_backwards_and_says_the_first_error() {
    let plan = pod::early(&tag("eth0"), 1400, Datapath::Kernel);
    let mut recorder = Recorder { refuses: Some(2), ..Recorder::default() };
    assert_eq!(execute(&mut recorder, &plan), Err("refused".to_owned()));
    let undone: Vec<&String> = recorder.done.iter().skip(2).collect();
    assert!(undone[0].starts_with("undo Sysctl"), "{undone:?}");
    assert!(undone[1].starts_with("undo Veth"), "{undone:?}");
}

#[test]
fn every_step_of_a_deletion_runs_and_all_errors_come_back() {
    let step = Step::Delete { link: "a".into() };
    let mut recorder = Recorder { refuses: Some(0), ..Recorder::default() };
    assert_eq!(execute_all(&mut recorder, &[step.clone(), step]).len(), 2);
}

#[test]
fn check_finds_each_difference() {
    let Interface { mac, mtu, addresses, .. } = interface();
    let routes = interface().all_routes();
    let want = check::Expected { mac: Some(mac), mtu: Some(mtu), addresses, routes };
    let mut seen = Seen {
        mac: want.mac,
        mtu: 1400,
        up: true,
        addresses: vec!["10.16.0.7/16".parse().unwrap(), "10.9.9.9/32".parse().unwrap()],
        routes: want.routes.clone(),
    };
    assert_eq!(check::differences(&want, &seen), Vec::<String>::new());
    seen = Seen { mac: None, mtu: 1500, up: false, addresses: vec![], routes: vec![] };
    expect![[r#"
        MAC address should be 0a:00:00:00:00:07, is none
        MTU should be 1400, is 1500
        interface is down
        address 10.16.0.7/16 is missing
        route to 0.0.0.0/0 via 10.16.0.1 is missing
        route to 192.168.9.0/24 via 10.16.0.254 is missing"#]]
    .assert_eq(&check::differences(&want, &seen).join("\n"));
}

fn wanted() -> Wanted {
    Wanted {
        join: Join {
            mac: [0x0a, 0, 0, 0, 0, 1],
            addresses: vec!["100.64.0.2/16".parse().unwrap()],
            gateways: vec!["100.64.0.1".parse().unwrap()],
        },
        mtu: 1400,
        node_ips: vec!["172.30.0.11".parse().unwrap()],
        subnets: ["10.16.0.0/16", "10.17.0.0/16", "100.64.0.0/16"]
            .map(|net| net.parse().unwrap())
            .into(),
    }
}

#[test]
fn a_new_ovn0_gets_everything() {
    let seen = Seen { mac: Some([1; 6]), mtu: 1500, ..Seen::default() };
    expect![[r#"
        Mtu { at: Node, link: "ovn0", mtu: 1400 }
        Mac { at: Node, link: "ovn0", mac: [10, 0, 0, 0, 0, 1] }
        Address { at: Node, link: "ovn0", address: 100.64.0.2/16 }
        Up { at: Node, link: "ovn0" }
        Route { at: Node, link: "ovn0", route: Route { to: 10.16.0.0/16, via: Some(100.64.0.1), source: Some(172.30.0.11) } }
        Route { at: Node, link: "ovn0", route: Route { to: 10.17.0.0/16, via: Some(100.64.0.1), source: Some(172.30.0.11) } }
        Route { at: Node, link: "ovn0", route: Route { to: 100.64.0.0/16, via: None, source: None } }
    "#]]
    .assert_eq(&lines(&node::steps(&wanted(), &seen)));
}

#[test]
fn an_ovn0_that_is_right_is_left_alone() {
    let want = wanted();
    let mut routes: Vec<Route> = want.routes().into_iter().collect();
    for route in routes.iter_mut().filter(|route| route.via.is_none()) {
        route.source = Some("100.64.0.2".parse().unwrap());
    }
    let seen = Seen {
        mac: Some(want.join.mac),
        mtu: 1400,
        up: true,
        addresses: want.join.addresses.clone(),
        routes,
    };
    assert_eq!(node::steps(&want, &seen), vec![]);
}

#[test]
fn routes_and_addresses_that_nobody_wants_go() {
    let want = wanted();
    let mut routes: Vec<Route> = want.routes().into_iter().collect();
    routes.push(Route {
        to: "10.99.0.0/16".parse().unwrap(),
        via: want.join.gateways.first().copied(),
        source: None,
    });
    let mut addresses = want.join.addresses.clone();
    addresses.push("100.64.0.9/16".parse().unwrap());
    let seen = Seen { mac: Some(want.join.mac), mtu: 1400, up: true, addresses, routes };
    expect![[r#"
        NoAddress { at: Node, link: "ovn0", address: 100.64.0.9/16 }
        NoRoute { at: Node, link: "ovn0", route: Route { to: 10.99.0.0/16, via: Some(100.64.0.1), source: None } }
    "#]]
    .assert_eq(&lines(&node::steps(&want, &seen)));
}

fn facts() -> Facts {
    Facts {
        subnets: ["10.16.0.0/16", "100.64.0.0/16"].map(|net| net.parse().unwrap()).into(),
        nat: BTreeSet::from(["10.16.0.0/16".parse().unwrap()]),
        services: BTreeSet::from(["10.96.0.0/16".parse().unwrap()]),
        nodes: ["172.30.0.11", "172.30.0.12"].map(|ip| ip.parse().unwrap()).into(),
        host_ports: BTreeSet::from([port(8080, None, "10.16.0.7")]),
    }
}

fn port(port: u16, address: Option<&str>, pod: &str) -> HostPort {
    let address = address.map(|address| address.parse().unwrap());
    HostPort { transport: Transport::Tcp, address, port, pod: pod.parse().unwrap(), pod_port: 80 }
}

#[test]
fn the_table_is_replaced_as_a_whole_in_one_batch() {
    let whole = Table::new(&facts()).whole();
    let (head, rest) = whole.split_once("\tchain raw").unwrap();
    expect![[r#"
        table inet kube-ovn {}
        delete table inet kube-ovn
        table inet kube-ovn {
        	map hostports4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
        	map hostports4_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
        	map hostports6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
        	map hostports6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
        	set nat4 { type ipv4_addr; flags interval; }
        	set nat6 { type ipv6_addr; flags interval; }
        	set nodes4 { type ipv4_addr; }
        	set nodes6 { type ipv6_addr; }
        	set services4 { type ipv4_addr; flags interval; }
        	set services6 { type ipv6_addr; flags interval; }
        	set subnets4 { type ipv4_addr; flags interval; }
        	set subnets6 { type ipv6_addr; flags interval; }

    "#]]
    .assert_eq(head);
    let (_, elements) = rest.split_once("\n}\n").unwrap();
    expect![[r#"
        add element inet kube-ovn hostports4 { tcp . 8080 : 10.16.0.7 . 80 }
        add element inet kube-ovn nat4 { 10.16.0.0/16 }
        add element inet kube-ovn nodes4 { 172.30.0.11, 172.30.0.12 }
        add element inet kube-ovn services4 { 10.96.0.0/16 }
        add element inet kube-ovn subnets4 { 10.16.0.0/16, 100.64.0.0/16 }
    "#]]
    .assert_eq(elements);
}

#[test]
fn a_change_touches_only_its_elements() {
    let old = Table::new(&facts());
    let mut facts = facts();
    facts.host_ports =
        [port(8080, None, "10.16.0.9"), port(9090, Some("172.30.0.11"), "10.16.0.9")].into();
    facts.nodes.insert("172.30.0.13".parse().unwrap());
    let new = Table::new(&facts);
    expect![[r#"
        delete element inet kube-ovn hostports4 { tcp . 8080 }
        add element inet kube-ovn hostports4 { tcp . 8080 : 10.16.0.9 . 80 }
        add element inet kube-ovn hostports4_at { 172.30.0.11 . tcp . 9090 : 10.16.0.9 . 80 }
        add element inet kube-ovn nodes4 { 172.30.0.13 }
    "#]]
    .assert_eq(&new.since(&old));
    assert_eq!(new.since(&new), "");
}

#[test]
fn a_host_port_claimed_twice_does_not_spoil_the_table() {
    let mut facts = facts();
    facts.host_ports.insert(port(8080, None, "10.16.0.8"));
    let whole = Table::new(&facts).whole();
    assert_eq!(whole.matches("8080").count(), 1, "{whole}");
}

#[test]
fn networks_that_overlap_are_one_element() {
    let mut facts = facts();
    facts.services.insert("10.96.128.0/17".parse().unwrap());
    assert!(Table::new(&facts).whole().contains("services4 { 10.96.0.0/16 }"));
}

fn nic(name: &str, address: &[&str], bridge: Option<&str>) -> Nic {
    let addresses = address.iter().map(|address| address.parse().unwrap()).collect();
    Nic { name: name.into(), mtu: 1500, addresses, bridge: bridge.map(str::to_owned) }
}

fn tunnel(nics: &[Nic], names: &[&str]) -> Option<encap::Tunnel> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    choose(
        nics,
        &names,
        |pattern, name| name.starts_with(pattern.trim_end_matches(".*")),
        "172.30.0.11".parse().unwrap(),
    )
}

#[test]
fn the_tunnel_uses_the_named_nic_or_that_of_the_node_address() {
    let nics = [nic("eth0", &["172.30.0.11"], None), nic("eth1", &["172.31.0.11"], None)];
    let found = tunnel(&nics, &[]).unwrap();
    assert_eq!(
        (found.nic.as_str(), found.address.to_string().as_str(), found.mtu),
        ("eth0", "172.30.0.11", 1400)
    );
    assert_eq!(tunnel(&nics, &["eth1"]).unwrap().address.to_string(), "172.31.0.11");
    assert_eq!(
        tunnel(&nics, &["eth.*", "eth1"]).unwrap().nic,
        "eth1",
        "an exact name comes before a pattern"
    );
    assert_eq!(tunnel(&nics, &["bond.*"]), None);
}

#[test]
fn the_address_of_a_nic_in_a_bridge_is_the_bridge_s() {
    let mut nics = vec![nic("eth0", &["172.30.0.11"], None), nic("eth1", &[], Some("br-phy"))];
    assert_eq!(tunnel(&nics, &["eth1"]), None, "the bridge is not there yet");
    nics.push(nic("br-phy", &["172.31.0.11"], None));
    assert_eq!(tunnel(&nics, &["eth1"]).unwrap().address.to_string(), "172.31.0.11");
}
