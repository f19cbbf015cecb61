//! Conflist and packet rules as they really appear; the rules need root, in a namespace of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use harness::{Db, Netns, Schema};
use serde_json::{Value, json};

use super::*;
use crate::args::{Args, Conflist};
use crate::watch::follow::Change;

fn config() -> Config {
    let line = [
        "kube-ovn-daemon",
        "--node-name=n1",
        "--pod-ip=172.30.0.11",
        "--service-cluster-ip-range=10.96.0.0/16",
    ];
    Args::parse(line).unwrap().args.resolve().unwrap()
}

#[test]
fn the_conflist_is_ours_alone_and_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let to = Conflist {
        folder: folder.path().join("net.d"),
        name: "01-kube-ovn.conflist".into(),
        template: folder.path().join("template"),
    };
    let path = to.folder.join(&to.name);
    conflist::install(&to, &PathBuf::from("/run/x.sock")).unwrap();
    let list: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(list["cniVersion"], "0.3.1");
    assert_eq!(list["cniVersions"], json!(["0.3.1", "0.4.0", "1.0.0", "1.1.0"]));
    let plugin = json!({ "type": "kube-ovn", "server_socket": "/run/x.sock", "capabilities": { "portMappings": true } });
    assert_eq!(list["plugins"], json!([plugin]));
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    conflist::install(&to, &PathBuf::from("/run/x.sock")).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert_eq!(std::fs::read_dir(&to.folder).unwrap().count(), 1, "no half-written file stays");
    std::fs::write(&to.template, "{}").unwrap();
    conflist::install(&to, &PathBuf::from("/run/x.sock")).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
}

#[test]
fn a_nic_is_named_by_the_whole_of_a_pattern() {
    assert!(tunnel::matches("eth.*", "eth1") && tunnel::matches("eth1", "eth1"));
    assert!(
        !tunnel::matches("eth", "eth1")
            && !tunnel::matches("eth1", "veth1")
            && !tunnel::matches("(", "(")
    );
}

#[test]
fn settings_follow_tunnel_and_databases() {
    let tunnel = Tunnel { nic: "eth1".into(), address: "172.31.0.11".parse().unwrap(), mtu: 1400 };
    let both = tunnel::settings(&config(), Some(&tunnel), "tcp:172.30.0.11:6642");
    let expected = [
        ("ovn-encap-csum", "true"),
        ("ovn-encap-ip", "172.31.0.11"),
        ("ovn-encap-type", "geneve"),
        ("ovn-monitor-all", "true"),
        ("ovn-remote", "tcp:172.30.0.11:6642"),
    ];
    assert_eq!(both, BTreeMap::from(expected.map(|(key, value)| (key, value.to_owned()))));
    let neither = tunnel::settings(&config(), None, "");
    assert!(
        !neither.contains_key("ovn-remote") && !neither.contains_key("ovn-encap-ip"),
        "{neither:?}"
    );
}

/// Runs a test whose node is a namespace of its own.
fn on_a_node(test: impl AsyncFnOnce(&Netns) + Send) {
    let net = Netns::new();
    net.within(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(&net));
    });
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn the_packet_rules_follow_the_cluster() {
    on_a_node(async |net: &Netns| {
        let db = Db::start(Schema::Vswitch);
        let (vswitch, task) = Vswitch::connect(db.remote().parse().unwrap());
        tokio::spawn(task);
        let view = View::default();
        let metrics = Metrics::new("n1", &mut prometheus_client::registry::Registry::default());
        let (tell, _applied) = watch::channel(BTreeSet::new());
        let ruling = {
            let view = view.clone();
            tokio::spawn(
                async move { rules::run(&config(), &view, &vswitch, &metrics, &tell).await },
            )
        };
        let subnet = |cidr: &str| {
            let object = json!({
                "metadata": { "name": "ovn-default" },
                "spec": { "cidrBlock": cidr, "natOutgoing": true },
                "status": { "conditions": [{ "type": "Validated", "status": "True" }] },
            });
            serde_json::from_value(object).unwrap()
        };
        let shown = || {
            let place = net.place();
            let output = place.output("nft", &["list", "table", "inet", "kube-ovn"]);
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        view.subnets("ovn-cluster", Change::Reset(vec![subnet("10.16.0.0/16")]));
        eventually("the table", || shown().contains("10.16.0.0/16")).await;
        assert!(shown().contains("10.96.0.0/16"), "{}", shown());
        view.subnets("ovn-cluster", Change::Apply(subnet("10.20.0.0/16")));
        eventually("the new network", || {
            shown().contains("10.20.0.0/16") && !shown().contains("10.16.0.0/16")
        })
        .await;
        // An element that somebody took away makes the next change by elements fail; then all is written anew.
        net.run("nft", &["delete", "element", "inet", "kube-ovn", "subnets4", "{ 10.20.0.0/16 }"]);
        view.subnets("ovn-cluster", Change::Apply(subnet("10.21.0.0/16")));
        eventually("the network after a disturbance", || shown().contains("10.21.0.0/16")).await;
        ruling.abort();
    });
}
