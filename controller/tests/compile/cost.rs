//! What an event costs: nothing if nothing we use changed, else the same in a large cluster as in a
//! small one.

use controller::index::Key;
use controller::model::{Model, Scope};
use serde_json::json;

use crate::cluster::{Cluster, Watched};

/// A cluster with as many pods, on as many nodes and subnets as given.
fn cluster(pods: u32, nodes: u8, subnets: u8) -> Cluster {
    let mut cluster = Cluster::with_nodes(nodes);
    for subnet in 0..subnets {
        cluster.subnet(
            &format!("s{subnet}"),
            json!({"cidrBlock": format!("10.{}.0.0/16", 100 + subnet)}),
        );
    }
    cluster.settle();
    for pod in 0..pods {
        cluster.pod(&format!("p{pod}"), &format!("n{}", 1 + pod % u32::from(nodes)));
    }
    cluster.settle();
    cluster
}

#[test]
fn a_pods_event_is_its_port_and_four_changes_whatever_the_size() {
    for (pods, nodes, subnets) in [(1, 1, 0), (300, 20, 8)] {
        let mut cluster = cluster(pods, nodes, subnets);
        cluster.pod("new", "n1");
        let port = Scope::Port(Key::new("default", "new"));
        assert_eq!(cluster.dirty.iter().collect::<Vec<_>>(), [&port]);
        let compiled = cluster.pass();
        assert_eq!(compiled.states.keys().collect::<Vec<_>>(), [&port]);
        let state = &compiled.states[&port];
        assert_eq!((state.rows.len(), state.edges.len(), state.entries.len()), (1, 3, 0));
        cluster.delete(Watched::Pod, "new");
        assert_eq!(cluster.dirty.iter().collect::<Vec<_>>(), [&port]);
    }
}

#[test]
fn what_we_do_not_use_makes_nothing_dirty() {
    let mut cluster = cluster(1, 1, 1);
    cluster.service("web", "10.96.0.50", &["10.16.0.9"]);
    cluster.settle();
    let kinds = [
        (Watched::Pod, "p0"),
        (Watched::Node, "n1"),
        (Watched::Namespace, "default"),
        (Watched::Subnet, "s0"),
        (Watched::Vpc, "ovn-cluster"),
        (Watched::Service, "web"),
        (Watched::EndpointSlice, "web-x"),
    ];
    for (kind, name) in kinds {
        cluster.edit(kind, name, |object| {
            object["metadata"]["annotations"]["example.com/note"] = json!("x");
            object["metadata"]["resourceVersion"] = json!("77");
        });
        assert_eq!(cluster.dirty.len(), 0, "{kind:?}: {:?}", cluster.dirty);
    }
    cluster.edit(Watched::Pod, "p0", |pod| pod["status"] = json!({"phase": "Running"}));
    cluster.edit(Watched::Node, "n1", |node| node["status"]["conditions"] = json!([]));
    assert_eq!(cluster.dirty.len(), 0, "{:?}", cluster.dirty);
}

#[test]
fn a_whole_list_of_what_is_known_makes_nothing_dirty() {
    let cluster = cluster(3, 2, 1);
    let pods = cluster.objects.iter().filter(|((kind, _), _)| *kind == Watched::Pod);
    let read = |object: &serde_json::Value| -> k8s_openapi::api::core::v1::Pod {
        serde_json::from_value(object.clone()).unwrap()
    };
    let all: Vec<controller::index::Pod> = pods.map(|(_, object)| (&read(object)).into()).collect();
    let mut model: Model = cluster.model.clone();
    let again = |pods| controller::model::Event::Pod(controller::index::Change::Reset(pods));
    assert!(model.apply(again(all.clone())).is_empty());
    let dirty = model.apply(again(all[1..].to_vec()));
    assert_eq!(dirty.into_iter().collect::<Vec<_>>(), [Scope::Port(all[0].key.clone())]);
}

#[test]
fn a_service_costs_its_own_entries() {
    let mut cluster = cluster(5, 3, 2);
    cluster.service("web", "10.96.0.50", &["10.16.0.2"]);
    let compiled = cluster.pass();
    let service = Scope::Service(Key::new("default", "web"));
    assert_eq!(compiled.states.keys().collect::<Vec<_>>(), [&service]);
    assert_eq!(compiled.states[&service].entries.len(), 1);
}

#[test]
fn default_objects_come_back_when_somebody_takes_them_away() {
    let mut cluster = cluster(0, 1, 0);
    for (kind, name) in [(Watched::Vpc, "ovn-cluster"), (Watched::Subnet, "ovn-default")] {
        cluster.edit(kind, name, |object| object["metadata"]["finalizers"] = json!([]));
        cluster.delete(kind, name);
        cluster.settle();
        assert!(cluster.get(kind, name).is_some(), "{name} should be made again");
    }
}
