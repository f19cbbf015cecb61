//! Events one by one come to the same as knowing everything at once.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::cluster::{Cluster, Watched};

#[derive(Clone, Copy, Debug)]
enum Step {
    Pod {
        name: u8,
        node: u8,
        subnet: u8,
    },
    Finish(u8),
    Unpod(u8),
    Node(u8),
    Unnode(u8),
    Subnet {
        name: u8,
        block: u8,
    },
    Unsubnet(u8),
    Service {
        name: u8,
        endpoint: u8,
    },
    Unservice(u8),
    Label(u8),
    Scale(u8),
    /// The spec of a subnet becomes nonsense, or sense again.
    Break(u8),
    Mend(u8),
    Settle,
    /// The process dies during a pass, after so many of its steps: before the commit, before the
    /// first report, or between two of them.
    Crash(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8_u8, 0..4_u8, 0..4_u8).prop_map(|(name, node, subnet)| Step::Pod { name, node, subnet }),
        1 => (0..8_u8).prop_map(Step::Finish),
        4 => (0..8_u8).prop_map(Step::Unpod),
        2 => (1..4_u8).prop_map(Step::Node),
        1 => (2..4_u8).prop_map(Step::Unnode),
        3 => (0..4_u8, 0..5_u8).prop_map(|(name, block)| Step::Subnet { name, block }),
        1 => (0..4_u8).prop_map(Step::Unsubnet),
        2 => (0..3_u8, 0..4_u8).prop_map(|(name, endpoint)| Step::Service { name, endpoint }),
        1 => (0..3_u8).prop_map(Step::Unservice),
        1 => (0..3_u8).prop_map(Step::Label),
        1 => (0..3_u8).prop_map(Step::Scale),
        1 => (0..4_u8).prop_map(Step::Break),
        1 => (0..4_u8).prop_map(Step::Mend),
        6 => Just(Step::Settle),
        2 => (0..12_u8).prop_map(Step::Crash),
    ]
}

fn there(cluster: &Cluster, kind: Watched, name: &str) -> bool {
    cluster.get(kind, name).is_some()
}

/// Carries out the steps that take something away.
fn leave(cluster: &mut Cluster, step: &Step) {
    let mut remove = |kind, name: String| {
        if there(cluster, kind, &name) {
            cluster.delete(kind, &name);
        }
    };
    match step {
        Step::Unpod(name) => remove(Watched::Pod, format!("web-{name}")),
        Step::Unnode(name) => remove(Watched::Node, format!("n{name}")),
        Step::Unsubnet(name) => remove(Watched::Subnet, format!("s{name}")),
        Step::Unservice(name) => {
            remove(Watched::EndpointSlice, format!("svc{name}-x"));
            remove(Watched::Service, format!("svc{name}"));
        }
        _ => {}
    }
}

fn take(cluster: &mut Cluster, step: Step) {
    let pod = |name: u8| format!("web-{name}");
    leave(cluster, &step);
    match step {
        Step::Pod { name, node, subnet } if !there(cluster, Watched::Pod, &pod(name)) => {
            let node = if node == 0 { String::new() } else { format!("n{node}") };
            let wish = match subnet {
                0 => json!({}),
                _ => json!({"ovn.kubernetes.io/logical_switch": format!("s{subnet}")}),
            };
            cluster.replica("web", u32::from(name), &node, wish);
        }
        Step::Finish(name) if there(cluster, Watched::Pod, &pod(name)) => {
            cluster
                .edit(Watched::Pod, &pod(name), |pod| pod["status"] = json!({"phase": "Failed"}));
        }
        Step::Node(name) => cluster.node(&format!("n{name}"), &format!("172.30.0.{}", 10 + name)),
        Step::Subnet { name, block } if !there(cluster, Watched::Subnet, &format!("s{name}")) => {
            // Block 4 overlaps the default subnet; equal blocks overlap each other.
            let block =
                if block == 4 { "10.16.0.0/30".into() } else { format!("10.7{block}.0.0/29") };
            let labels = json!({"matchLabels": {"team": format!("t{name}")}});
            cluster.subnet(
                &format!("s{name}"),
                json!({"cidrBlock": block, "namespaceSelectors": [labels]}),
            );
        }
        Step::Service { name, endpoint } => {
            let backend = format!("10.16.0.{}", 2 + endpoint);
            cluster.service(&format!("svc{name}"), &format!("10.96.0.{}", 50 + name), &[&backend]);
        }
        Step::Label(team) => cluster.edit(Watched::Namespace, "default", |namespace| {
            namespace["metadata"]["labels"] = json!({"team": format!("t{team}")});
        }),
        Step::Scale(replicas) => cluster.statefulset("web", u32::from(replicas)),
        Step::Break(name) if there(cluster, Watched::Subnet, &format!("s{name}")) => {
            cluster.edit(Watched::Subnet, &format!("s{name}"), |subnet| {
                subnet["spec"]["gateway"] = json!("192.0.2.1");
            });
        }
        Step::Mend(name) if there(cluster, Watched::Subnet, &format!("s{name}")) => {
            cluster.edit(Watched::Subnet, &format!("s{name}"), |subnet| {
                subnet["spec"].as_object_mut().unwrap().remove("gateway");
            });
        }
        Step::Settle => cluster.settle(),
        Step::Crash(after) => cluster.crash(usize::from(after)),
        _ => {}
    }
}

/// Every address is in one live port, and IP objects, annotations and counters agree with it.
fn check(cluster: &Cluster) -> Result<(), TestCaseError> {
    let mut holders: BTreeMap<String, String> = BTreeMap::new();
    for row in cluster.port_rows() {
        for address in row.addresses.split(' ').skip(1) {
            if let Some(other) = holders.insert(address.to_owned(), row.name.to_string()) {
                return Err(TestCaseError::fail(format!("{address}: {other} and {}", row.name)));
            }
        }
    }
    for ((kind, key), object) in &cluster.objects {
        match kind {
            // Addresses of a subnet that is not valid now are left as they are.
            Watched::Ip if !cluster.model.ipam().is_orphan(&key.name) => {
                let lease = cluster.model.ipam().lease(&key.name);
                let lease = lease.map(|lease| lease.addresses.to_string());
                prop_assert_eq!(object["spec"]["ipAddress"].as_str(), lease.as_deref(), "{}", key);
            }
            Watched::Pod if object["status"]["phase"].is_null() => {
                let told =
                    object["metadata"]["annotations"]["ovn.kubernetes.io/ip_address"].as_str();
                if let Some(told) = told {
                    prop_assert_eq!(holders.get(told).map(String::as_str), Some(&*key.port()));
                }
            }
            Watched::Subnet => {
                let usage = cluster.model.usage(&key.name).map(|usage| usage.v4.using);
                let told = object["status"]["v4usingIPs"].as_u64().map(u128::from);
                prop_assert!(usage.is_none() || told == usage, "{key}: {told:?} {usage:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn events_one_by_one_are_as_good_as_a_fresh_index() {
    let config = Config {
        cases: 100,
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 1..80), |steps| {
        let mut cluster = Cluster::with_nodes(1);
        for step in steps {
            take(&mut cluster, step);
        }
        cluster.settle();
        check(&cluster)?;
        let (rows, objects) = (cluster.rows.clone(), cluster.objects.clone());
        cluster.restart();
        cluster.settle();
        prop_assert_eq!(crate::rows::text(&cluster.rows), crate::rows::text(&rows));
        for (key, object) in &objects {
            prop_assert_eq!(cluster.objects.get(key), Some(object));
        }
        prop_assert_eq!(cluster.objects.len(), objects.len());
        check(&cluster)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// When all owners are gone, nothing of them is left anywhere.
#[test]
fn nothing_is_left_when_all_owners_are_gone() {
    let config = Config {
        cases: 60,
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 1..80), |steps| {
        let mut cluster = Cluster::with_nodes(1);
        let (rows, objects) = (cluster.rows.clone(), cluster.objects.len());
        for step in steps {
            take(&mut cluster, step);
        }
        for name in 0..8 {
            take(&mut cluster, Step::Unpod(name));
        }
        for name in 0..4 {
            take(&mut cluster, Step::Unsubnet(name));
            take(&mut cluster, Step::Unservice(name));
        }
        for name in 2..4 {
            take(&mut cluster, Step::Unnode(name));
        }
        take(&mut cluster, Step::Node(1));
        take(&mut cluster, Step::Scale(0));
        cluster.settle();
        let last = cluster.get(Watched::StatefulSet, "web").is_some();
        prop_assert_eq!(crate::rows::text(&cluster.rows), crate::rows::text(&rows));
        prop_assert_eq!(
            cluster.objects.len(),
            objects + usize::from(last),
            "{:#?}",
            cluster.objects.keys()
        );
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
