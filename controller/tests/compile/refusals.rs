//! Bad input: what is wrong is said with field and reason, and everybody else goes on.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Watched};

const SWITCH: &str = "ovn.kubernetes.io/logical_switch";
const ADDRESS: &str = "ovn.kubernetes.io/ip_address";
const MAC: &str = "ovn.kubernetes.io/mac_address";

fn condition(cluster: &Cluster, subnet: &str, kind: &str) -> Value {
    let conditions = &cluster.get(Watched::Subnet, subnet).unwrap()["status"]["conditions"];
    let all = conditions.as_array().unwrap_or_else(|| panic!("{subnet} should have conditions"));
    all.iter().find(|one| one["type"] == kind).unwrap_or_else(|| panic!("{kind}: {all:#?}")).clone()
}

/// The subnet is refused for this field, and a good pod still gets its address.
#[track_caller]
fn refused(spec: Value, says: &str) {
    let mut cluster = Cluster::with_nodes(1);
    cluster.subnet("bad", spec);
    cluster.pod("good", "n1");
    cluster.settle();
    for kind in ["Validated", "Ready"] {
        let condition = condition(&cluster, "bad", kind);
        assert_eq!(
            (&condition["status"], &condition["reason"]),
            (&json!("False"), &json!("ValidateLogicalSwitchFailed"))
        );
        assert!(
            condition["message"].as_str().unwrap().contains(says),
            "{condition} should say {says}"
        );
    }
    let event =
        cluster.told.iter().find(|event| event.starts_with("bad ValidateLogicalSwitchFailed"));
    assert!(
        event.is_some_and(|event| event.contains(says)),
        "{:#?} should say {says}",
        cluster.told
    );
    assert!(!cluster.rows.keys().any(|scope| scope.to_string().contains("bad")));
    assert!(cluster.get(Watched::Ip, "good.default").is_some());
}

#[test]
fn a_subnet_is_refused_for_what_its_spec_says() {
    refused(json!({"cidrBlock": "10.300.0.0/16"}), "spec.cidrBlock");
    refused(
        json!({"cidrBlock": "10.60.0.0/16", "gatewayType": "centralized"}),
        "spec.gatewayType: centralized",
    );
    refused(json!({"cidrBlock": "10.60.0.0/16", "vlan": "v1"}), "spec.vlan: underlay");
    let acl = json!({"direction": "to-lport", "priority": 1, "match": "ip", "action": "drop"});
    refused(json!({"cidrBlock": "10.60.0.0/16", "acls": [acl]}), "spec.acls: not supported");
    refused(
        json!({"cidrBlock": "10.60.0.0/16", "gateway": "10.61.0.1"}),
        "spec.gateway: 10.61.0.1 is not in 10.60.0.0/16",
    );
    refused(
        json!({"cidrBlock": "10.60.0.0/16", "excludeIps": ["10.60.0.9..10.60.0.1"]}),
        "spec.excludeIps[0]",
    );
}

#[test]
fn a_subnet_is_refused_for_what_it_stands_beside() {
    refused(
        json!({"cidrBlock": "10.16.128.0/24"}),
        "10.16.128.0/24 overlaps 10.16.0.0/16 of subnet ovn-default",
    );
    refused(json!({"cidrBlock": "172.30.0.0/24"}), "172.30.0.0/24 contains 172.30.0.11 of node n1");
    refused(
        json!({"cidrBlock": "10.96.0.0/24"}),
        "10.96.0.0/24 contains 10.96.0.1 of the API server's service",
    );
    refused(json!({"cidrBlock": "10.60.0.0/16", "vpc": "nowhere"}), "VPC nowhere does not exist");
}

#[test]
fn a_mended_subnet_is_taken_and_says_so() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.subnet("net", json!({"cidrBlock": "10.60.0.0/33"}));
    cluster.settle();
    cluster.pod_with("a", "n1", json!({SWITCH: "net"}));
    cluster.settle();
    assert!(cluster.get(Watched::Ip, "a.default").is_none());
    cluster.edit(Watched::Subnet, "net", |subnet| {
        subnet["spec"] = json!({"cidrBlock": "10.60.0.0/24"});
    });
    cluster.settle();
    assert_eq!(condition(&cluster, "net", "Ready")["status"], "True");
    assert_eq!(condition(&cluster, "net", "Error")["status"], "False");
    assert_eq!(cluster.get(Watched::Ip, "a.default").unwrap()["spec"]["ipAddress"], "10.60.0.2");
}

#[test]
fn a_bad_edit_leaves_what_works_alone() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.subnet("net", json!({"cidrBlock": "10.60.0.0/24"}));
    cluster.settle();
    cluster.pod_with("a", "n1", json!({SWITCH: "net"}));
    cluster.settle();
    let (rows, ip) =
        (crate::rows::text(&cluster.rows), cluster.get(Watched::Ip, "a.default").cloned());
    cluster
        .edit(Watched::Subnet, "net", |subnet| subnet["spec"]["cidrBlock"] = json!("10.16.0.0/24"));
    cluster.settle();
    assert_eq!(crate::rows::text(&cluster.rows), rows, "the running pod keeps its rows");
    cluster.restart();
    cluster.settle();
    assert_eq!(
        crate::rows::text(&cluster.rows),
        rows,
        "also for a leader that never saw the good spec"
    );
    assert_eq!(cluster.get(Watched::Ip, "a.default").cloned(), ip);
    cluster
        .edit(Watched::Subnet, "net", |subnet| subnet["spec"]["cidrBlock"] = json!("10.60.0.0/24"));
    cluster.settle();
    assert_eq!(crate::rows::text(&cluster.rows), rows);
    cluster.pod_with("b", "n1", json!({SWITCH: "net"}));
    cluster.settle();
    assert_eq!(cluster.get(Watched::Ip, "b.default").unwrap()["spec"]["ipAddress"], "10.60.0.3");
}

#[test]
fn a_bad_join_subnet_takes_nobodys_way_out() {
    let mut cluster = Cluster::with_nodes(2);
    cluster.pod("a", "n1");
    cluster.settle();
    let rows = crate::rows::text(&cluster.rows);
    cluster.edit(Watched::Subnet, "join", |join| join["spec"]["gateway"] = json!("10.9.0.1"));
    cluster.settle();
    cluster.restart();
    cluster.settle();
    assert_eq!(crate::rows::text(&cluster.rows), rows);
    let routed = &cluster.get(Watched::Pod, "a").unwrap()["metadata"]["annotations"];
    assert_eq!(routed["ovn.kubernetes.io/routed"], "true");
    cluster.edit(Watched::Subnet, "join", |join| join["spec"]["gateway"] = json!("100.64.0.1"));
    cluster.settle();
    assert_eq!(crate::rows::text(&cluster.rows), rows);
}

#[test]
fn when_the_elder_goes_the_younger_subnet_becomes_valid() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.subnet("elder", json!({"cidrBlock": "10.60.0.0/24"}));
    cluster.subnet("younger", json!({"cidrBlock": "10.60.0.0/16"}));
    cluster.settle();
    assert_eq!(condition(&cluster, "younger", "Ready")["status"], "False");
    cluster.delete(Watched::Subnet, "elder");
    cluster.settle();
    assert_eq!(condition(&cluster, "younger", "Ready")["status"], "True");
}

#[test]
fn an_elder_that_changes_does_not_push_out_a_younger_one_that_works() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.subnet("elder", json!({"cidrBlock": "10.60.0.0/24"}));
    cluster.subnet("younger", json!({"cidrBlock": "10.61.0.0/24"}));
    cluster.settle();
    cluster.edit(Watched::Subnet, "elder", |subnet| {
        subnet["spec"] = json!({"cidrBlock": "10.61.0.0/16"});
    });
    cluster.settle();
    assert_eq!(condition(&cluster, "younger", "Ready")["status"], "True");
    let refused = condition(&cluster, "elder", "Ready");
    assert_eq!(
        refused["message"],
        "spec.cidrBlock: 10.61.0.0/16 overlaps 10.61.0.0/24 of subnet younger; choose another network"
    );
}

#[test]
fn a_broken_subnet_keeps_its_block() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.subnet("net", json!({"cidrBlock": "10.60.0.0/24"}));
    cluster.settle();
    cluster.pod_with("a", "n1", json!({SWITCH: "net"}));
    cluster.settle();
    cluster.edit(Watched::Subnet, "net", |subnet| subnet["spec"]["gateway"] = json!("10.9.0.1"));
    cluster.subnet("thief", json!({"cidrBlock": "10.60.0.0/24"}));
    cluster.settle();
    let refused = condition(&cluster, "thief", "Ready");
    assert_eq!(
        refused["message"],
        "spec.cidrBlock: 10.60.0.0/24 overlaps 10.60.0.0/24 of subnet net; choose another network"
    );
}

/// The pod is refused for this annotation; another pod and, once mended, the pod itself go on.
#[track_caller]
fn refused_pod(annotations: Value, reason: &str, says: &str) {
    let mut cluster = Cluster::with_nodes(1);
    cluster.pod_with("taken", "n1", json!({ADDRESS: "10.16.0.9", MAC: "02:00:00:00:00:09"}));
    cluster.settle();
    cluster.pod_with("bad", "n1", annotations);
    cluster.pod("good", "n1");
    cluster.settle();
    let event = cluster.told.iter().find(|event| event.starts_with("default/bad "));
    let event = event.unwrap_or_else(|| panic!("bad should be told: {:#?}", cluster.told));
    assert!(event.contains(reason) && event.contains(says), "{event} should say {reason}, {says}");
    assert!(cluster.get(Watched::Ip, "bad.default").is_none());
    assert!(cluster.get(Watched::Ip, "good.default").is_some());
    let told = cluster.told.len();
    cluster.dirty = cluster.model.scopes();
    cluster.settle();
    assert_eq!(cluster.told.len(), told, "the same refusal is told once: {:#?}", cluster.told);
    cluster.edit(Watched::Pod, "bad", |pod| pod["metadata"]["annotations"] = json!({}));
    cluster.settle();
    assert!(cluster.get(Watched::Ip, "bad.default").is_some());
}

#[test]
fn a_pod_is_refused_for_what_it_asks() {
    let acquire = "AcquireAddressFailed";
    let validate = "ValidatePodNetworkFailed";
    refused_pod(
        json!({ADDRESS: "10.99.0.1"}),
        acquire,
        "ip_address of default/bad: address 10.99.0.1 is outside of ovn-default (10.16.0.0/16)",
    );
    refused_pod(
        json!({ADDRESS: "10.16.0.9"}),
        acquire,
        "address 10.16.0.9 of subnet ovn-default is held by taken.default",
    );
    refused_pod(json!({ADDRESS: "10.16.0.1"}), acquire, "is the gateway of subnet ovn-default");
    refused_pod(
        json!({MAC: "02:00:00:00:00:09"}),
        acquire,
        "mac_address of default/bad: MAC address 02:00:00:00:00:09",
    );
    refused_pod(
        json!({ADDRESS: "10.16.0"}),
        validate,
        "ovn.kubernetes.io/ip_address: \"10.16.0\" is not an IP address",
    );
    refused_pod(json!({MAC: "01:00:5e:00:00:01"}), validate, "ovn.kubernetes.io/mac_address");
    refused_pod(
        json!({SWITCH: "nowhere"}),
        acquire,
        "subnet nowhere does not exist or is not valid",
    );
    refused_pod(
        json!({"ovn.kubernetes.io/ip_pool": "shared"}),
        validate,
        "there is no IPPool shared",
    );
}

#[test]
fn a_pod_whose_subnet_comes_later_gets_its_address_then() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.pod_with("early", "n1", json!({SWITCH: "net"}));
    cluster.settle();
    cluster.subnet("net", json!({"cidrBlock": "10.60.0.0/24"}));
    cluster.settle();
    assert_eq!(
        cluster.get(Watched::Ip, "early.default").unwrap()["spec"]["ipAddress"],
        "10.60.0.2"
    );
}

#[test]
fn a_node_inside_of_a_subnet_is_told_and_others_go_on() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.node("n2", "10.16.0.77");
    cluster.node("n3", "172.30.0.13");
    cluster.settle();
    let event =
        cluster.told.iter().find(|event| event.starts_with("n2 NodeAddressConflictWithSubnet"));
    assert!(event.is_some_and(|event| event.contains("10.16.0.77")), "{:#?}", cluster.told);
    assert!(cluster.get(Watched::Ip, "node-n2").is_none());
    assert!(cluster.get(Watched::Ip, "node-n3").is_some());
    assert_eq!(condition(&cluster, "ovn-default", "Ready")["status"], "True");
}

#[test]
fn a_bad_static_route_is_told_and_the_good_one_is_there() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.edit(Watched::Vpc, "ovn-cluster", |vpc| {
        vpc["spec"]["staticRoutes"] = json!([
            {"cidr": "192.168.7.0/24", "nextHopIP": "100.64.0.9"},
            {"cidr": "192.168.8.0/24", "nextHopIP": "somewhere"},
        ]);
    });
    cluster.settle();
    assert!(
        cluster.told.iter().any(|event| event.contains("spec.staticRoutes[1].nextHopIP")),
        "{:#?}",
        cluster.told
    );
    let rows = crate::rows::text(&cluster.rows);
    assert!(rows.contains("192.168.7.0/24") && !rows.contains("192.168.8.0"), "{rows}");
}
