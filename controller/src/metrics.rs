//! What the controller counts. Names of Kube-OVN's where it has the same figure, else with our own prefix.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A subnet, by the labels of Kube-OVN's gauges.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SubnetLabels {
    pub subnet_name: String,
    pub protocol: String,
    pub subnet_cidr: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    verb: &'static str,
    url: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TransactionLabels {
    db: &'static str,
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabels {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// How a transaction ended; the label `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    Done,
    /// The database changed after we read it.
    Conflict,
    /// The server refused it.
    Rejected,
    /// The connection went while it was in flight.
    Lost,
}

impl Commit {
    fn code(self) -> &'static str {
        match self {
            Self::Done => "0",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Lost => "lost",
        }
    }
}

/// How a write to the API server ended; the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Done,
    /// The object is gone or another one has its name.
    Gone,
    /// The server will never accept it.
    Refused,
    /// Worth another try.
    Failed,
}

impl Told {
    fn result(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The controller's metrics; clones share the counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Addresses of a subnet that a pod could still get.
    pub available: Family<SubnetLabels, Gauge<f64, std::sync::atomic::AtomicU64>>,
    /// Addresses of a subnet in use.
    pub used: Family<SubnetLabels, Gauge<f64, std::sync::atomic::AtomicU64>>,
    /// Scopes that wait for a transaction.
    pub dirty: Gauge,
    /// Scopes the database refused, waiting for a change.
    pub refused: Gauge,
    /// Operations sent to the database.
    pub operations: Counter,
    /// Whole comparisons made.
    pub comparisons: Counter,
    /// Operations a whole comparison asked for.
    pub drift: Counter,
    /// Scopes whose rows others changed.
    pub foreign: Counter,
    /// Writes that wait for the API server.
    pub waiting: Gauge,
    /// Whether this replica leads.
    pub leads: Gauge,
    /// From the first change of a scope to its commit.
    pub latency: Histogram,
    /// Transactions answered, whatever the answer.
    pub answered: Counter,
    transactions: Family<TransactionLabels, Histogram, fn() -> Histogram>,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    writes: Family<WriteLabels, Counter>,
    watch_errors: Family<KindLabel, Counter>,
    invalid: Family<KindLabel, Counter>,
}

/// 0.1 ms to 3.3 s.
fn milliseconds() -> Histogram {
    Histogram::new(exponential_buckets(0.1, 2.0, 16))
}

/// 0.5 ms to 16 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            available: Family::default(),
            used: Family::default(),
            dirty: Gauge::default(),
            refused: Gauge::default(),
            operations: Counter::default(),
            comparisons: Counter::default(),
            drift: Counter::default(),
            foreign: Counter::default(),
            waiting: Gauge::default(),
            leads: Gauge::default(),
            latency: seconds(),
            answered: Counter::default(),
            transactions: Family::new_with_constructor(milliseconds),
            requests: Family::new_with_constructor(seconds),
            writes: Family::default(),
            watch_errors: Family::default(),
            invalid: Family::default(),
        }
    }
}

impl Metrics {
    /// Adds all of them to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let of = self.clone();
        registry.register("subnet_available_ip_count", "Free addresses of a subnet", of.available);
        registry.register("subnet_used_ip_count", "Used addresses of a subnet", of.used);
        registry.register(
            "ovs_client_request_latency_milliseconds",
            "Time a transaction of a database took",
            of.transactions,
        );
        registry.register(
            "rest_client_request_latency_seconds",
            "Time a request to the API server took",
            of.requests,
        );
        let own = registry.sub_registry_with_prefix("kube_ovn_controller");
        own.register("leads", "1 on the replica that writes", of.leads);
        own.register("dirty_scopes", "Scopes that wait for a transaction", of.dirty);
        own.register("refused_scopes", "Scopes the database refused", of.refused);
        own.register("operations", "Operations sent to the northbound database", of.operations);
        own.register("transactions", "Transactions the northbound database answered", of.answered);
        own.register(
            "comparisons",
            "Whole comparisons with the northbound database",
            of.comparisons,
        );
        own.register("drift_operations", "Operations whole comparisons asked for", of.drift);
        own.register(
            "commit_seconds",
            "From the first change of a scope to its commit",
            of.latency,
        );
        own.register("api_writes_waiting", "Writes that wait for the API server", of.waiting);
        own.register("api_writes", "Writes to the API server", of.writes);
        own.register("watch_errors", "Errors of watches", of.watch_errors);
        own.register("invalid_objects", "Objects that could not be read", of.invalid);
    }

    /// Counts a transaction of the northbound database.
    pub fn transaction(&self, ended: Commit, took: Duration) {
        let labels =
            TransactionLabels { db: "OVN_Northbound", method: "transact", code: ended.code() };
        self.transactions.get_or_create(&labels).observe(took.as_secs_f64() * 1e3);
        self.answered.inc();
    }

    /// Counts a write to the API server.
    pub fn write(&self, verb: &'static str, kind: &'static str, ended: Told, took: Duration) {
        self.writes.get_or_create(&WriteLabels { kind, result: ended.result() }).inc();
        self.requests.get_or_create(&RequestLabels { verb, url: kind }).observe(took.as_secs_f64());
    }

    /// Counts an error of the watch on `kind`.
    pub fn watch_error(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts an object of `kind` that could not be read.
    pub fn invalid_object(&self, kind: &'static str) {
        self.invalid.get_or_create(&KindLabel { kind }).inc();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn the_contracts_names_are_served() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let subnet = SubnetLabels {
            subnet_name: "ovn-default".into(),
            protocol: "IPv4".into(),
            subnet_cidr: "10.16.0.0/16".into(),
        };
        metrics.available.get_or_create(&subnet).set(65532.0);
        metrics.used.get_or_create(&subnet).set(1.0);
        metrics.transaction(Commit::Conflict, Duration::from_micros(300));
        metrics.write("PATCH", "pods", Told::Done, Duration::from_millis(2));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"subnet_available_ip_count{subnet_name="ovn-default",protocol="IPv4",subnet_cidr="10.16.0.0/16"} 65532.0"#,
            r#"subnet_used_ip_count{subnet_name="ovn-default",protocol="IPv4",subnet_cidr="10.16.0.0/16"} 1.0"#,
            r#"ovs_client_request_latency_milliseconds_count{db="OVN_Northbound",method="transact",code="conflict"} 1"#,
            r#"rest_client_request_latency_seconds_count{verb="PATCH",url="pods"} 1"#,
            r#"kube_ovn_controller_api_writes_total{kind="pods",result="done"} 1"#,
            "kube_ovn_controller_leads 0",
        ] {
            assert!(text.contains(line), "{line} should be in:\n{text}");
        }
    }
}
