//! What the daemon counts, under Kube-OVN's names.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// From a plugin call that needs nothing to one that waits for its deadline.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

type Seconds = Counter<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Node {
    node_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    node_name: String,
    method: &'static str,
    status_code: &'static str,
}

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    node: String,
    latency: Family<Operation, Histogram, fn() -> Histogram>,
    wait_address: Seconds,
    wait_connectivity: Seconds,
    repairs: Family<Repair, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Repair {
    node_name: String,
    what: &'static str,
}

impl Metrics {
    /// Registers everything for the node.
    pub(crate) fn new(node: &str, registry: &mut Registry) -> Self {
        let of = Node { node_name: node.to_owned() };
        let address: Family<Node, Seconds> = Family::default();
        let connectivity: Family<Node, Seconds> = Family::default();
        let metrics = Self {
            node: node.to_owned(),
            latency: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            wait_address: address.get_or_create(&of).clone(),
            wait_connectivity: connectivity.get_or_create(&of).clone(),
            repairs: Family::default(),
        };
        registry.register(
            "cni_op_latency_seconds",
            "Time from a plugin's request to its answer",
            metrics.latency.clone(),
        );
        registry.register(
            "cni_wait_address_seconds",
            "Time ADD waited for the pod's address",
            address,
        );
        registry.register(
            "cni_wait_connectivity_seconds",
            "Time ADD waited for OVN to connect the port",
            connectivity,
        );
        registry.register(
            "kube_ovn_cni_repairs",
            "Times the node was not as it should be, although nothing we know of changed",
            metrics.repairs.clone(),
        );
        metrics
    }

    /// A call of the plugin was answered.
    pub(crate) fn answered(&self, method: &'static str, status_code: &'static str, took: Duration) {
        let operation = Operation { node_name: self.node.clone(), method, status_code };
        self.latency.get_or_create(&operation).observe(took.as_secs_f64());
    }

    pub(crate) fn waited_for_address(&self, time: Duration) {
        self.wait_address.inc_by(time.as_secs_f64());
    }

    pub(crate) fn waited_for_connectivity(&self, time: Duration) {
        self.wait_connectivity.inc_by(time.as_secs_f64());
    }

    /// Something of the node had to be put right.
    pub(crate) fn repaired(&self, what: &'static str) {
        self.repairs.get_or_create(&Repair { node_name: self.node.clone(), what }).inc();
    }
}
