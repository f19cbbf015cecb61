//! A new leader finds objects and rows as the last one left them.

use serde_json::json;

use crate::cluster::{Cluster, Watched};

fn busy() -> Cluster {
    let mut cluster = Cluster::with_nodes(3);
    cluster.subnet("blue", json!({"cidrBlock": "10.20.0.0/24", "namespaces": ["default"]}));
    cluster.statefulset("web", 2);
    cluster.service("svc", "10.96.0.50", &["10.16.0.9"]);
    for (pod, node) in [("a", "n1"), ("b", "n2"), ("c", "n9"), ("d", "")] {
        cluster.pod(pod, node);
    }
    for ordinal in 0..2 {
        cluster.replica("web", ordinal, "n3", json!({}));
    }
    cluster.settle();
    cluster.delete(Watched::Pod, "web-1");
    cluster.settle();
    cluster
}

fn ip(cluster: &Cluster, pod: &str) -> String {
    cluster
        .model
        .ipam()
        .lease(&format!("{pod}.default"))
        .map(|l| l.addresses.to_string())
        .unwrap_or_default()
}

#[test]
fn a_new_leader_changes_nothing_and_tells_nothing() {
    let mut cluster = busy();
    let (rows, objects, told) =
        (crate::rows::text(&cluster.rows), cluster.objects.clone(), cluster.told.clone());
    cluster.restart();
    cluster.settle();
    assert_eq!(crate::rows::text(&cluster.rows), rows);
    assert_eq!(cluster.objects, objects);
    assert_eq!(cluster.told, told);
    assert_eq!(cluster.model.take_conflicts(), []);
}

/// Every subset of the witnesses that survives gives the same addresses and rows.
#[test]
fn addresses_survive_the_loss_of_rows_objects_or_annotations() {
    for lost in 0..7_u8 {
        let mut cluster = busy();
        let rows = cluster.rows.clone();
        if lost & 1 != 0 {
            cluster.rows.clear();
        }
        if lost & 2 != 0 {
            cluster.objects.retain(|(kind, _), _| *kind != Watched::Ip);
        }
        if lost & 4 != 0 {
            for ((kind, _), object) in &mut cluster.objects {
                if matches!(kind, Watched::Pod | Watched::Node) {
                    object["metadata"]["annotations"] = json!({});
                }
            }
        }
        cluster.restart();
        cluster.settle();
        // `d` has no node: only its row knew its address. `web-1` is gone: row and annotation are, too.
        let known = |text: &str| {
            let lines =
                text.lines().filter(|line| !line.contains("/d ") && !line.contains("default/d"));
            lines.filter(|line| !line.contains("d.default")).map(str::to_owned).collect::<Vec<_>>()
        };
        let (before, after) = (crate::rows::text(&rows), crate::rows::text(&cluster.rows));
        assert_eq!(known(&after), known(&before), "lost {lost:03b}");
        assert_eq!(cluster.model.take_conflicts(), [], "lost {lost:03b}");
    }
}

/// The controller is down while a pod is deleted and made anew with a demand of its own.
#[test]
fn ko4304_a_pod_made_anew_while_nobody_watched_gets_what_it_asks() {
    let mut cluster = busy();
    let old = ip(&cluster, "a");
    let objects = &mut cluster.objects;
    let key = objects
        .keys()
        .find(|(kind, key)| *kind == Watched::Pod && &*key.name == "a")
        .unwrap()
        .clone();
    let mut pod = objects.remove(&key).unwrap();
    pod["metadata"]["uid"] = json!("another");
    pod["metadata"]["annotations"] = json!({"ovn.kubernetes.io/ip_address": "10.20.0.77"});
    objects.insert(key, pod);
    cluster.restart();
    cluster.settle();
    assert_eq!(ip(&cluster, "a"), "10.20.0.77");
    assert_eq!(cluster.get(Watched::Ip, "a.default").unwrap()["spec"]["ipAddress"], "10.20.0.77");
    cluster.pod_with("heir", "n1", json!({"ovn.kubernetes.io/ip_address": old.as_str()}));
    cluster.settle();
    assert_eq!(ip(&cluster, "heir"), old, "the old address is free");
}

/// The controller is down while pods are deleted for good: rows and IP objects go at the start.
#[test]
fn ko4304_what_vanished_while_nobody_watched_is_cleaned_at_the_start() {
    let mut cluster = busy();
    cluster.objects.retain(|(kind, key), _| *kind != Watched::Pod || &*key.name == "b");
    cluster.objects.retain(|(kind, _), _| *kind != Watched::StatefulSet);
    cluster.restart();
    cluster.settle();
    let ips: Vec<_> = cluster.objects.keys().filter(|(kind, _)| *kind == Watched::Ip).collect();
    let names: Vec<_> = ips.iter().map(|(_, key)| &*key.name).collect();
    assert_eq!(names, ["b.default", "node-n1", "node-n2", "node-n3"]);
    assert_eq!(cluster.get(Watched::Subnet, "blue").unwrap()["status"]["v4usingIPs"], 1);
}

/// Two rows with one address: one keeps it, the other's pod is told of its new one.
#[test]
fn ko3181_of_two_pods_with_one_address_the_elder_keeps_it() {
    let mut cluster = busy();
    let (a, b) = (ip(&cluster, "a"), ip(&cluster, "b"));
    for state in cluster.rows.values_mut() {
        for row in state.rows.values_mut() {
            if row.columns.get("name").and_then(|name| name.as_str()) == Some("b.default") {
                let text = row.columns["addresses"].as_str().unwrap().replace(&b, &a);
                row.columns.insert("addresses", text.into());
            }
        }
    }
    cluster.objects.retain(|(kind, key), _| *kind != Watched::Ip || &*key.name != "b.default");
    cluster.edit(Watched::Pod, "b", |pod| {
        pod["metadata"]["annotations"]["ovn.kubernetes.io/ip_address"] = json!(a);
    });
    cluster.restart();
    let conflicts: Vec<String> =
        cluster.model.take_conflicts().iter().map(|c| c.reason.to_string()).collect();
    assert_eq!(conflicts, vec![format!("address {a} of subnet blue is held by a.default"); 2]);
    cluster.settle();
    assert_eq!(ip(&cluster, "a"), a);
    assert_ne!(ip(&cluster, "b"), a);
    assert!(
        cluster.told.iter().any(|event| event.starts_with("default/b PodNetworkUpdated")),
        "{:#?}",
        cluster.told
    );
}
