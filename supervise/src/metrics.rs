//! Metrics of the supervised programs, under the names of Kube-OVN's monitor where it has one.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Component {
    hostname: String,
    component: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Database {
    hostname: String,
    db_name: &'static str,
}

/// Handles to the registered metrics; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    hostname: String,
    status: Family<Component, Gauge>,
    restarts: Family<Component, Counter>,
    file_size: Family<Database, Gauge>,
}

impl Metrics {
    /// Registers them for a node of this name. `status` is the name of the gauge that tells whether a program runs:
    /// `kube_ovn_ovn_status` or `kube_ovn_ovs_status`.
    pub(crate) fn register(registry: &mut Registry, status: &'static str, hostname: &str) -> Self {
        let metrics = Self {
            hostname: hostname.to_owned(),
            status: Family::default(),
            restarts: Family::default(),
            file_size: Family::default(),
        };
        registry.register(
            status,
            "Whether the program answers (1) or not (0)",
            metrics.status.clone(),
        );
        let help = "How often the program ended by itself and was started again";
        registry.register("kube_ovn_supervise_restarts", help, metrics.restarts.clone());
        registry.register(
            "kube_ovn_db_file_size_bytes",
            "Size of the database file",
            metrics.file_size.clone(),
        );
        metrics
    }

    pub(crate) fn restarted(&self, component: &'static str) {
        self.restarts.get_or_create(&self.component(component)).inc();
    }

    pub(crate) fn answers(&self, component: &'static str, yes: bool) {
        self.status.get_or_create(&self.component(component)).set(i64::from(yes));
    }

    pub(crate) fn file_size(&self, db_name: &'static str, bytes: u64) {
        let labels = Database { hostname: self.hostname.clone(), db_name };
        self.file_size.get_or_create(&labels).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn component(&self, component: &'static str) -> Component {
        Component { hostname: self.hostname.clone(), component }
    }
}
