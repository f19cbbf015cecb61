//! What the rows mean: a packet's fate by ovn-trace, northd's price by its own counters.

use ovsdb::op::Op;
use serde_json::json;

use crate::cluster::{Cluster, Watched};
use crate::northbound::Bound;

/// Where a pod is: its port's name, addresses, and the router's MAC on its subnet.
struct At {
    port: String,
    mac: String,
    ip: String,
    router: String,
}

impl Bound {
    fn at(&self, pod: &str) -> At {
        let pod = self.cluster.get(Watched::Pod, pod).expect("the pod should be there");
        let read = |word: &str| {
            let value = &pod["metadata"]["annotations"][format!("ovn.kubernetes.io/{word}")];
            value.as_str().unwrap_or_else(|| panic!("{word} should be told: {pod}")).to_owned()
        };
        let subnet = read("logical_switch");
        let (name, namespace) = (&pod["metadata"]["name"], &pod["metadata"]["namespace"]);
        At {
            port: format!("{}.{}", name.as_str().unwrap(), namespace.as_str().unwrap()),
            mac: read("mac_address"),
            ip: read("ip_address"),
            router: controller::desired::router_mac("ovn-cluster", &subnet).to_string(),
        }
    }

    /// A TCP connection from a pod, traced from its switch.
    fn connect(&self, from: &str, to: &str, port: u16, within: bool) -> harness::TraceOutput {
        let from = self.at(from);
        let switch = self.cluster.get(Watched::Pod, from.port.split('.').next().unwrap()).unwrap()
            ["metadata"]["annotations"]["ovn.kubernetes.io/logical_switch"]
            .as_str()
            .unwrap();
        let gateway = match within {
            true => self.mac_of(to),
            false => from.router.clone(),
        };
        self.ovn.trace_with(
            &["--ct=new", "--ct=new"],
            switch,
            &format!(
                "inport == \"{}\" && eth.src == {} && eth.dst == {gateway} && ip4.src == {} && ip4.dst == {to} \
                 && ip.ttl == 64 && tcp && tcp.src == 40000 && tcp.dst == {port}",
                from.port, from.mac, from.ip
            ),
        )
    }

    fn mac_of(&self, ip: &str) -> String {
        let leases = self.cluster.model.ipam().leases();
        let lease = leases.map(|(_, lease)| lease).find(|lease| lease.addresses.to_string() == ip);
        lease.expect("somebody should have the address").mac.to_string()
    }
}

/// Where a packet ends, after all routers between.
trait Fate {
    fn reaches(&self, port: &str);
    fn reaches_nobody(&self);
}

fn ends(trace: &harness::TraceOutput) -> Vec<&str> {
    let inner = |line: &&str| line.contains("/* output to ") && !line.contains("type \"patch\"");
    trace.text.lines().filter(inner).map(str::trim).collect()
}

impl Fate for harness::TraceOutput {
    #[track_caller]
    fn reaches(&self, port: &str) {
        let expected = format!("/* output to \"{port}\", type \"\" */");
        assert_eq!(ends(self), [expected], "{}", self.text);
    }

    #[track_caller]
    fn reaches_nobody(&self) {
        assert_eq!(ends(self), [""; 0], "{}", self.text);
    }
}

fn two_nodes_and_pods() -> Cluster {
    let mut cluster = Cluster::with_nodes(2);
    cluster.pod("a", "n1");
    cluster.pod("b", "n1");
    cluster.pod("c", "n2");
    cluster.settle();
    cluster
}

#[test]
fn pods_of_a_subnet_reach_each_other_on_one_node_and_across() {
    let bound = Bound::new(two_nodes_and_pods());
    for to in ["b", "c"] {
        let target = bound.at(to);
        bound.connect("a", &target.ip, 80, true).reaches(&target.port);
    }
}

#[test]
fn what_leaves_the_cluster_goes_to_the_node_of_its_pod() {
    let bound = Bound::new(two_nodes_and_pods());
    bound.connect("a", "203.0.113.5", 443, false).reaches("node-n1");
    bound.connect("c", "203.0.113.5", 443, false).reaches("node-n2");
}

#[test]
fn a_nodes_address_is_reached_through_its_own_port_whatever_node_the_pod_is_on() {
    let bound = Bound::new(two_nodes_and_pods());
    for pod in ["a", "c"] {
        bound.connect(pod, "172.30.0.11", 10250, false).reaches("node-n1");
        bound.connect(pod, "172.30.0.12", 10250, false).reaches("node-n2");
    }
}

#[test]
fn two_subnets_reach_each_other_through_the_router() {
    let mut cluster = two_nodes_and_pods();
    cluster.subnet("blue", json!({"cidrBlock": "10.20.0.0/24"}));
    cluster.settle();
    cluster.pod_with("d", "n2", json!({"ovn.kubernetes.io/logical_switch": "blue"}));
    cluster.settle();
    let bound = Bound::new(cluster);
    let (a, d) = (bound.at("a"), bound.at("d"));
    assert_eq!(d.ip, "10.20.0.2");
    bound.connect("a", &d.ip, 80, false).reaches(&d.port);
    bound.connect("d", &a.ip, 80, false).reaches(&a.port);
    bound.connect("d", "203.0.113.5", 443, false).reaches("node-n2");
}

#[test]
fn a_static_address_is_the_ports() {
    let mut cluster = two_nodes_and_pods();
    let fixed = json!({
        "ovn.kubernetes.io/ip_address": "10.16.7.7", "ovn.kubernetes.io/mac_address": "02:00:00:aa:bb:cc",
    });
    cluster.pod_with("fixed", "n2", fixed);
    cluster.settle();
    let bound = Bound::new(cluster);
    let fixed = bound.at("fixed");
    assert_eq!((fixed.ip.as_str(), fixed.mac.as_str()), ("10.16.7.7", "02:00:00:aa:bb:cc"));
    bound.connect("a", "10.16.7.7", 80, true).reaches("fixed.default");
}

#[test]
fn a_service_reaches_its_backend_and_follows_its_endpoints() {
    let mut cluster = two_nodes_and_pods();
    let backend = |cluster: &Cluster, pod: &str| {
        let annotations = &cluster.get(Watched::Pod, pod).unwrap()["metadata"]["annotations"];
        annotations["ovn.kubernetes.io/ip_address"].as_str().unwrap().to_owned()
    };
    let (b, c) = (backend(&cluster, "b"), backend(&cluster, "c"));
    cluster.service("web", "10.96.0.50", &[&c]);
    cluster.settle();
    let mut bound = Bound::new(cluster);
    bound.connect("a", "10.96.0.50", 80, false).reaches("c.default");
    bound.cluster.endpoints("web", &[&b]);
    bound.commit();
    bound.connect("a", "10.96.0.50", 80, false).reaches("b.default");
    bound.cluster.delete(Watched::EndpointSlice, "web-x");
    bound.commit();
    // Nobody answers in OVN: the packet takes the way out, and the node says so.
    bound.connect("a", "10.96.0.50", 80, false).reaches("node-n1");
}

/// The affinity time is the service's own, not 10,800 s for all.
#[test]
fn ko7364_a_service_with_its_own_affinity_time_has_its_own_load_balancer() {
    let mut cluster = two_nodes_and_pods();
    cluster.service("short", "10.96.0.60", &["10.16.0.4"]);
    cluster.edit(Watched::Service, "short", |service| {
        service["spec"]["sessionAffinity"] = json!("ClientIP");
        service["spec"]["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": 30}});
    });
    cluster.settle();
    let bound = Bound::new(cluster);
    let columns =
        ["--format=csv", "--no-headings", "--columns=name,options,vips", "find", "load_balancer"];
    let found = bound.ovn.nbctl(&[&columns[..], &["name=cluster-tcp-default-short"]].concat());
    assert!(
        found.contains("affinity_timeout=\"\"30\"\"") || found.contains("affinity_timeout=30"),
        "{found}"
    );
    assert!(found.contains("10.96.0.60:80"), "{found}");
    let flows = bound.ovn.sbctl(&["lflow-list", "ovn-default"]);
    assert!(flows.contains("10.96.0.60") && flows.contains("timeout = 30"), "{flows}");
}

#[test]
fn a_private_subnet_lets_in_its_own_nodes_and_whom_it_allows() {
    let mut cluster = two_nodes_and_pods();
    let spec =
        json!({"cidrBlock": "10.30.0.0/24", "private": true, "allowSubnets": ["10.20.0.0/24"]});
    cluster.subnet("red", spec);
    cluster.subnet("blue", json!({"cidrBlock": "10.20.0.0/24"}));
    cluster.settle();
    for (pod, subnet) in [("r", "red"), ("q", "red"), ("l", "blue")] {
        cluster.pod_with(pod, "n1", json!({"ovn.kubernetes.io/logical_switch": subnet}));
    }
    cluster.settle();
    let bound = Bound::new(cluster);
    let r = bound.at("r");
    bound.connect("q", &r.ip, 80, true).reaches("r.default");
    bound.connect("l", &r.ip, 80, false).reaches("r.default");
    bound.connect("a", &r.ip, 80, false).reaches_nobody();
}

/// A pod's coming and going is one row and members of groups: northd computes nothing anew.
#[test]
fn a_plain_pod_causes_no_recompute() {
    let mut bound = Bound::new(Cluster::with_nodes(2));
    let engine = ["northd", "lflow"];
    let before = engine.map(|node| bound.ovn.recomputes(node));
    for name in ["first", "second"] {
        bound.cluster.pod(name, "n2");
        let ops = bound.commit();
        let rows: Vec<_> = ops.iter().filter(|op| !matches!(op, Op::Mutate { .. })).collect();
        assert!(matches!(rows[..], [Op::Insert { table: "Logical_Switch_Port", .. }]), "{rows:?}");
        assert_eq!(engine.map(|node| bound.ovn.recomputes(node)), before, "{name} came: {ops:#?}");
    }
    for name in ["first", "second"] {
        bound.cluster.delete(Watched::Pod, name);
        let ops = bound.commit();
        assert_eq!(engine.map(|node| bound.ovn.recomputes(node)), before, "{name} went: {ops:#?}");
    }
    assert_eq!(bound.drift(), [], "the database should hold what is wanted, and no more");
}

/// Why the switch's link is in the groups from the start: without it the first pod brings a switch
/// into them, and all logical flows are computed anew.
#[test]
fn a_first_pod_in_groups_without_its_switch_causes_a_recompute() {
    let mut bound = Bound::new(Cluster::with_nodes(1));
    for group in ["node.n1", "ovn.default.n1"] {
        bound.ovn.nbctl(&["clear", "port_group", group, "ports"]);
    }
    bound.ovn.sync();
    let before = bound.ovn.recomputes("lflow");
    bound.cluster.pod("first", "n1");
    bound.commit();
    assert!(bound.ovn.recomputes("lflow") > before, "if this costs nothing, the links can go");
}

#[test]
fn everything_that_comes_can_go_without_a_trace() {
    let mut bound = Bound::new(Cluster::with_nodes(1));
    let empty = crate::rows::text(&bound.cluster.rows);
    bound.cluster.node("n2", "172.30.0.12");
    bound.cluster.subnet("blue", json!({"cidrBlock": "10.20.0.0/24"}));
    bound.cluster.service("web", "10.96.0.50", &["10.16.0.9"]);
    bound.commit();
    bound.cluster.pod_with("d", "n2", json!({"ovn.kubernetes.io/logical_switch": "blue"}));
    bound.commit();
    assert_eq!(bound.drift(), []);
    bound.cluster.delete(Watched::Pod, "d");
    bound.cluster.delete(Watched::Service, "web");
    bound.cluster.delete(Watched::Subnet, "blue");
    bound.cluster.delete(Watched::Node, "n2");
    bound.commit();
    assert_eq!(crate::rows::text(&bound.cluster.rows), empty);
    assert_eq!(bound.drift(), []);
    assert_eq!(bound.ovn.nbctl(&["ls-list"]).lines().count(), 2, "only ovn-default and join stay");
}
