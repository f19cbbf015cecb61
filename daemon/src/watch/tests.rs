use serde_json::{Value, json};

use super::follow::Change;
use super::*;

fn node(name: &str, address: &str, annotations: &Value) -> slim::Node {
    let object = json!({
        "metadata": { "name": name, "uid": "u", "annotations": annotations, "managedFields": [{ "manager": "x" }] },
        "status": { "addresses": [{ "type": "Hostname", "address": name }, { "type": "InternalIP", "address": address }] },
    });
    serde_json::from_value(object).unwrap()
}

fn subnet(name: &str, spec: &Value, validated: &str) -> slim::Subnet {
    let status =
        json!({ "conditions": [{ "type": "Validated", "status": validated, "reason": "x" }] });
    serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec, "status": status }))
        .unwrap()
}

fn pod(name: &str, uid: &str, annotations: &Value) -> slim::Pod {
    let metadata =
        json!({ "name": name, "namespace": "default", "uid": uid, "annotations": annotations });
    serde_json::from_value(json!({ "metadata": metadata })).unwrap()
}

fn key(name: &str) -> Key {
    Key { namespace: "default".into(), name: name.into() }
}

#[test]
fn only_annotations_of_networks_are_kept() {
    let pods = Pods::default();
    let annotations = json!({
        "ovn.kubernetes.io/ip_address": "10.16.0.7",
        "net1.default.ovn.kubernetes.io/allocated": "true",
        "net2.default.kubernetes.io/allocated": "true",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "kubernetes.io/config.mirror": "hash",
        "example.com/x": "y",
    });
    pods.take(Change::Apply(pod("a", "u1", &annotations)));
    let seen = pods.get(&key("a")).unwrap();
    let kept: Vec<&str> = seen.annotations.keys().map(String::as_str).collect();
    assert_eq!(
        kept,
        [
            "net1.default.ovn.kubernetes.io/allocated",
            "net2.default.kubernetes.io/allocated",
            "ovn.kubernetes.io/ip_address"
        ]
    );
    assert!(seen.is(Some("hash")), "a kubelet calls a static pod by the hash of its file");
    assert!(seen.is(Some("u1")) && seen.is(None) && !seen.is(Some("u2")));
}

#[tokio::test]
async fn who_waits_for_a_pod_is_woken_by_that_pod_alone() {
    let pods = Pods::default();
    let mut asked = 0;
    let key_a = key("a");
    let waiting = pods.wait(&key_a, |pod| {
        asked += 1;
        pod.map(|pod| pod.uid.clone())
    });
    let changing = async {
        pods.take(Change::Apply(pod("b", "ub", &json!({}))));
        tokio::task::yield_now().await;
        pods.take(Change::Reset(vec![pod("a", "ua", &json!({})), pod("b", "ub", &json!({}))]));
    };
    assert_eq!(tokio::join!(waiting, changing).0, "ua");
    assert_eq!(asked, 2);
    pods.take(Change::Reset(vec![]));
    assert_eq!(pods.get(&key("a")), None);
}

#[test]
fn subnets_that_were_not_found_good_are_no_subnets() {
    let view = View::default();
    view.subnets(
        "ovn-cluster",
        Change::Reset(vec![
            subnet(
                "good",
                &json!({ "cidrBlock": "10.16.0.0/16", "natOutgoing": true, "mtu": 1300 }),
                "True",
            ),
            subnet("bad", &json!({ "cidrBlock": "0.0.0.0/0" }), "False"),
            subnet("unreadable", &json!({ "cidrBlock": "10.16/16" }), "True"),
            subnet(
                "elsewhere",
                &json!({ "cidrBlock": "10.17.0.0/16", "vpc": "other", "natOutgoing": true }),
                "True",
            ),
            subnet("wire", &json!({ "cidrBlock": "10.18.0.0/16", "vlan": "v" }), "True"),
        ]),
    );
    view.read(|cluster| {
        let subnets = cluster.subnets.as_ref().unwrap();
        assert_eq!(subnets.keys().collect::<Vec<_>>(), ["elsewhere", "good", "wire"]);
        let good = &subnets["good"];
        assert_eq!((good.routed, good.nat_outgoing, good.mtu), (true, true, Some(1300)));
        assert!(
            !subnets["elsewhere"].routed
                && !subnets["elsewhere"].nat_outgoing
                && !subnets["wire"].routed
        );
    });
    view.subnets(
        "ovn-cluster",
        Change::Apply(subnet("good", &json!({ "cidrBlock": "10.16.0.0/16" }), "False")),
    );
    view.read(|cluster| assert!(!cluster.subnets.as_ref().unwrap().contains_key("good")));
}

#[test]
fn heartbeats_of_nodes_wake_nobody() {
    let view = View::default();
    let join = json!({
        "ovn.kubernetes.io/allocated": "true", "ovn.kubernetes.io/ip_address": "100.64.0.2",
        "ovn.kubernetes.io/mac_address": "0a:00:00:00:00:01", "ovn.kubernetes.io/cidr": "100.64.0.0/16",
        "ovn.kubernetes.io/gateway": "100.64.0.1", "ovn.kubernetes.io/logical_switch": "join",
    });
    let all = || vec![node("n1", "172.30.0.11", &join), node("n2", "172.30.0.12", &json!({}))];
    view.nodes("n1", Change::Reset(all()));
    let mut seen = view.subscribe();
    seen.borrow_and_update();
    view.nodes("n1", Change::Reset(all()));
    view.nodes(
        "n1",
        Change::Apply(node("n2", "172.30.0.12", &json!({ "example.com/heartbeat": "2" }))),
    );
    assert!(!seen.has_changed().unwrap());
    view.nodes("n1", Change::Delete(node("n2", "172.30.0.12", &json!({}))));
    assert!(seen.has_changed().unwrap());
    view.read(|cluster| {
        assert_eq!(cluster.nodes.keys().collect::<Vec<_>>(), ["n1"]);
        let own = cluster.own.as_ref().unwrap();
        assert_eq!(own.join.as_ref().unwrap().as_ref().unwrap().gateways.to_string(), "100.64.0.1");
    });
}

#[test]
fn databases_that_are_all_gone_are_remembered() {
    let view = View::default();
    let central = |name: &str, host: &str| -> slim::Pod {
        let status = json!({ "hostIPs": [{ "ip": host }] });
        serde_json::from_value(json!({ "metadata": { "name": name }, "status": status })).unwrap()
    };
    view.databases(Change::Reset(vec![central("c1", "172.30.0.11")]));
    view.databases(Change::Apply(central("c2", "172.30.0.12")));
    view.databases(Change::Delete(central("c1", "172.30.0.11")));
    view.databases(Change::Delete(central("c2", "172.30.0.12")));
    view.databases(Change::Reset(vec![]));
    view.read(|cluster| {
        assert_eq!(
            cluster.databases.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["172.30.0.12"]
        )
    });
}
