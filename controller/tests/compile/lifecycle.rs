//! Addresses from a pod's first day to its last.

use controller::index::Key;
use controller::model::Scope;
use serde_json::json;

use crate::cluster::{Cluster, START, Watched};

const SWITCH: &str = "ovn.kubernetes.io/logical_switch";
const POOL: &str = "ovn.kubernetes.io/ip_pool";

fn ip(cluster: &Cluster, pod: &str) -> Option<String> {
    let object = cluster.get(Watched::Pod, pod)?;
    let value = &object["metadata"]["annotations"]["ovn.kubernetes.io/ip_address"];
    value.as_str().map(str::to_owned)
}

fn using(cluster: &Cluster, subnet: &str) -> String {
    let status = &cluster.get(Watched::Subnet, subnet).unwrap()["status"];
    status["v4usingIPrange"].as_str().unwrap().to_owned()
}

/// A subnet `tiny` with the three addresses .2, .3 and .4 for pods.
fn tiny() -> Cluster {
    let mut cluster = Cluster::with_nodes(1);
    cluster.subnet(
        "tiny",
        json!({"cidrBlock": "10.50.0.0/29", "excludeIps": ["10.50.0.5..10.50.0.6"]}),
    );
    cluster.settle();
    cluster
}

fn on_tiny(cluster: &mut Cluster, pod: &str) {
    cluster.pod_with(pod, "n1", json!({SWITCH: "tiny"}));
    cluster.settle();
}

#[test]
fn a_pod_is_told_once_its_node_is_known_and_has_its_address_before() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.pod("a", "");
    cluster.settle();
    assert_eq!(ip(&cluster, "a"), None);
    assert!(cluster.get(Watched::Ip, "a.default").is_none());
    assert_eq!(cluster.model.ipam().lease("a.default").unwrap().addresses.to_string(), "10.16.0.2");
    cluster.edit(Watched::Pod, "a", |pod| pod["spec"]["nodeName"] = json!("n1"));
    cluster.settle();
    assert_eq!(ip(&cluster, "a").unwrap(), "10.16.0.2");
    assert!(cluster.get(Watched::Ip, "a.default").is_some());
}

#[test]
fn a_finished_pod_gives_everything_back() {
    let mut cluster = tiny();
    on_tiny(&mut cluster, "job");
    cluster.edit(Watched::Pod, "job", |pod| pod["status"] = json!({"phase": "Succeeded"}));
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "");
    assert!(cluster.get(Watched::Ip, "job.default").is_none());
    assert!(!cluster.rows.contains_key(&Scope::Port(Key::new("default", "job"))));
}

#[test]
fn a_pod_of_the_nodes_network_is_not_ours() {
    let mut cluster = Cluster::with_nodes(1);
    let rows = crate::rows::text(&cluster.rows);
    cluster.put(
        Watched::Pod,
        json!({
            "metadata": {"name": "host", "namespace": "default"},
            "spec": {"nodeName": "n1", "hostNetwork": true, "containers": []},
        }),
    );
    cluster.settle();
    assert_eq!(crate::rows::text(&cluster.rows), rows);
    assert_eq!(ip(&cluster, "host"), None);
}

#[test]
fn a_dying_pod_keeps_its_address_until_it_is_gone() {
    let mut cluster = tiny();
    on_tiny(&mut cluster, "a");
    cluster.edit(Watched::Pod, "a", |pod| {
        pod["metadata"]["deletionTimestamp"] =
            json!(jiff::Timestamp::from_second(START + 30).unwrap().to_string());
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    });
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "10.50.0.2");
    cluster.delete(Watched::Pod, "a");
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "");
}

#[test]
fn a_pod_that_never_dies_loses_its_address_when_its_grace_has_passed_again() {
    let mut cluster = tiny();
    on_tiny(&mut cluster, "a");
    cluster.edit(Watched::Pod, "a", |pod| {
        pod["metadata"]["deletionTimestamp"] =
            json!(jiff::Timestamp::from_second(START + 30).unwrap().to_string());
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    });
    cluster.settle();
    assert_eq!(cluster.model.next_deadline(), Some(START + 60));
    assert!(cluster.model.expire(START + 59).is_empty());
    cluster.now = START + 60;
    cluster.dirty = cluster.model.expire(cluster.now);
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "");
    assert_eq!(cluster.model.next_deadline(), None);
}

#[test]
fn a_replica_comes_back_to_its_address_and_a_surplus_one_does_not() {
    let mut cluster = tiny();
    cluster.statefulset("web", 2);
    for ordinal in 0..2 {
        cluster.replica("web", ordinal, "n1", json!({SWITCH: "tiny"}));
    }
    cluster.settle();
    let mac = cluster.model.ipam().lease("web-0.default").unwrap().mac;
    cluster.delete(Watched::Pod, "web-0");
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "10.50.0.2-10.50.0.3", "web-0 will come back");
    on_tiny(&mut cluster, "other");
    assert_eq!(ip(&cluster, "other").unwrap(), "10.50.0.4");
    cluster.replica("web", 0, "n1", json!({SWITCH: "tiny"}));
    cluster.settle();
    assert_eq!(ip(&cluster, "web-0").unwrap(), "10.50.0.2");
    assert_eq!(cluster.model.ipam().lease("web-0.default").unwrap().mac, mac);
    cluster.statefulset("web", 1);
    cluster.delete(Watched::Pod, "web-1");
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "10.50.0.2,10.50.0.4", "nobody wants web-1 any more");
    cluster.delete(Watched::Pod, "web-0");
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "10.50.0.2,10.50.0.4");
    cluster.delete(Watched::StatefulSet, "web");
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "10.50.0.4", "the set is gone");
    assert!(cluster.get(Watched::Ip, "web-0.default").is_none());
}

#[test]
fn replicas_take_the_entry_of_their_ordinal_and_others_the_first_free() {
    let mut cluster = tiny();
    let list = json!({SWITCH: "tiny", POOL: "10.50.0.6,10.50.0.5"});
    cluster.statefulset("web", 3);
    cluster.replica("web", 1, "n1", list.clone());
    cluster.replica("web", 2, "n1", list.clone());
    cluster.pod_with("plain", "n1", list);
    cluster.settle();
    assert_eq!(ip(&cluster, "web-1").unwrap(), "10.50.0.5");
    assert_eq!(ip(&cluster, "plain").unwrap(), "10.50.0.6");
    assert!(
        cluster.told.iter().any(|event| event.contains("has 2 entries, none for ordinal 2")),
        "{:#?}",
        cluster.told
    );
}

/// KO#841: pods wait while their predecessors hold the addresses, and get them.
#[test]
fn ko841_who_waits_for_an_address_gets_it_when_it_is_given_back() {
    let mut cluster = tiny();
    for pod in ["a", "b", "c", "late", "later"] {
        on_tiny(&mut cluster, pod);
    }
    let fixed = json!({SWITCH: "tiny", "ovn.kubernetes.io/ip_address": "10.50.0.3"});
    cluster.pod_with("fixed", "n1", fixed);
    cluster.settle();
    assert_eq!((ip(&cluster, "late"), ip(&cluster, "later")), (None, None));
    cluster.delete(Watched::Pod, "a");
    cluster.settle();
    assert_eq!(ip(&cluster, "late").unwrap(), "10.50.0.2");
    cluster.delete(Watched::Pod, "later");
    cluster.delete(Watched::Pod, "b");
    cluster.settle();
    assert_eq!(ip(&cluster, "fixed").unwrap(), "10.50.0.3", "it waited for this very address");
}

#[test]
fn a_namespace_uses_its_subnets_in_order_and_says_so() {
    let mut cluster = Cluster::with_nodes(1);
    for (name, block) in [("one", "10.51.0.0/30"), ("two", "10.52.0.0/29")] {
        cluster.subnet(name, json!({"cidrBlock": block, "namespaces": ["default"]}));
    }
    cluster.settle();
    for pod in ["a", "b"] {
        cluster.pod(pod, "n1");
        cluster.settle();
    }
    assert_eq!(ip(&cluster, "a").unwrap(), "10.51.0.2");
    assert_eq!(ip(&cluster, "b").unwrap(), "10.52.0.2");
    let told = &cluster.get(Watched::Namespace, "default").unwrap()["metadata"]["annotations"];
    assert_eq!(told[SWITCH], "one,two");
    assert_eq!(told["ovn.kubernetes.io/cidr"], "10.51.0.0/30;10.52.0.0/29");
    assert_eq!(told["ovn.kubernetes.io/exclude_ips"], "10.51.0.1;10.52.0.1");
}

#[test]
fn a_subnet_selects_namespaces_by_label() {
    let mut cluster = Cluster::with_nodes(1);
    let selector =
        json!({"matchExpressions": [{"key": "team", "operator": "In", "values": ["red", "blue"]}]});
    cluster.subnet("one", json!({"cidrBlock": "10.51.0.0/24", "namespaceSelectors": [selector]}));
    cluster.settle();
    cluster.pod("before", "n1");
    cluster.settle();
    cluster.edit(Watched::Namespace, "default", |ns| {
        ns["metadata"]["labels"] = json!({"team": "red"})
    });
    cluster.settle();
    cluster.pod("after", "n1");
    cluster.settle();
    assert_eq!(ip(&cluster, "before").unwrap(), "10.16.0.2");
    assert_eq!(ip(&cluster, "after").unwrap(), "10.51.0.2");
}

/// KO#4898: pod and subnet are deleted together.
#[test]
fn ko4898_a_subnet_goes_after_its_last_pod_and_its_ip_objects_with_it() {
    let mut cluster = tiny();
    on_tiny(&mut cluster, "a");
    cluster.delete(Watched::Subnet, "tiny");
    cluster.settle();
    assert!(cluster.get(Watched::Subnet, "tiny").is_some(), "a pod is on it");
    on_tiny(&mut cluster, "late");
    assert_eq!(ip(&cluster, "late"), None, "a subnet that goes takes nobody in");
    cluster.delete(Watched::Pod, "a");
    cluster.settle();
    assert!(cluster.get(Watched::Subnet, "tiny").is_none());
    assert!(cluster.get(Watched::Ip, "a.default").is_none());
    assert!(!cluster.rows.keys().any(|scope| scope.to_string().contains("tiny")));
}

#[test]
fn a_users_ip_object_keeps_its_address_for_its_pod_and_after_it() {
    let mut cluster = tiny();
    cluster.put(Watched::Ip, json!({
        "metadata": {"name": "vip.default"},
        "spec": {"podName": "vip", "namespace": "default", "subnet": "tiny", "v4IpAddress": "10.50.0.2",
                 "macAddress": "02:00:00:00:00:42"},
    }));
    cluster.settle();
    on_tiny(&mut cluster, "a");
    assert_eq!(ip(&cluster, "a").unwrap(), "10.50.0.3");
    cluster.pod("vip", "n1");
    cluster.settle();
    assert_eq!(ip(&cluster, "vip").unwrap(), "10.50.0.2");
    let labels = |cluster: &Cluster| {
        cluster.get(Watched::Ip, "vip.default").unwrap()["metadata"]["labels"].clone()
    };
    assert_eq!(labels(&cluster)["ovn.kubernetes.io/ip_reserved"], "true");
    cluster.delete(Watched::Pod, "vip");
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "10.50.0.2-10.50.0.3");
    cluster.delete(Watched::Ip, "vip.default");
    cluster.settle();
    assert_eq!(using(&cluster, "tiny"), "10.50.0.3", "deleting the object frees the address");
}

/// KO#2021: somebody deletes the IP object of a pod that lives.
#[test]
fn ko2021_the_ip_object_of_a_living_pod_comes_back() {
    let mut cluster = tiny();
    on_tiny(&mut cluster, "a");
    cluster.delete(Watched::Ip, "a.default");
    cluster.settle();
    assert!(cluster.get(Watched::Ip, "a.default").is_some());
    assert_eq!(using(&cluster, "tiny"), "10.50.0.2");
}

/// OVNK#4384: the node goes first, its pods later.
#[test]
fn ovnk4384_pods_of_a_deleted_node_leave_nothing() {
    let mut cluster = Cluster::with_nodes(1);
    let empty = crate::rows::text(&cluster.rows);
    cluster.node("n2", "172.30.0.12");
    cluster.pod("a", "n2");
    cluster.settle();
    cluster.delete(Watched::Node, "n2");
    cluster.settle();
    cluster.delete(Watched::Pod, "a");
    cluster.settle();
    assert_eq!(crate::rows::text(&cluster.rows), empty);
    assert!(cluster.get(Watched::Ip, "node-n2").is_none());
    assert!(cluster.get(Watched::Ip, "a.default").is_none());
}

#[test]
fn a_pod_bound_to_an_unknown_node_has_no_way_out_until_the_node_is_there() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.pod("a", "n9");
    cluster.settle();
    let routed = |cluster: &Cluster| {
        cluster.get(Watched::Pod, "a").unwrap()["metadata"]["annotations"]["ovn.kubernetes.io/routed"].clone()
    };
    assert!(routed(&cluster).is_null());
    cluster.node("n9", "172.30.0.19");
    cluster.settle();
    assert_eq!(routed(&cluster), "true");
}

#[test]
fn a_pod_refused_by_a_bad_subnet_follows_its_namespace_to_a_good_one() {
    let mut cluster = Cluster::with_nodes(1);
    let selector = json!({"matchLabels": {"team": "red"}});
    cluster.subnet("bad", json!({"cidrBlock": "10.51.0.0/99", "namespaceSelectors": [selector]}));
    cluster.edit(Watched::Namespace, "default", |ns| {
        ns["metadata"]["labels"] = json!({"team": "red"})
    });
    cluster.pod("a", "n1");
    cluster.settle();
    assert_eq!(ip(&cluster, "a"), None);
    cluster.edit(Watched::Namespace, "default", |ns| ns["metadata"]["labels"] = json!({}));
    cluster.settle();
    assert_eq!(ip(&cluster, "a").unwrap(), "10.16.0.2");
}
