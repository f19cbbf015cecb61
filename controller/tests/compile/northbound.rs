//! The cluster's rows in a real northbound database, with northd behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use controller::model::Scope;
use harness::Northbound;
use ovn::diff::{Diff, Have};
use ovn::monitor::Watch;
use ovn::nb;
use ovn::owner::Owner;
use ovn::state::{Edge, State};
use ovsdb::client::{Config, Database};
use ovsdb::op::Op;
use tokio::runtime::Runtime;

use crate::cluster::Cluster;

pub(crate) struct Bound {
    pub(crate) cluster: Cluster,
    pub(crate) ovn: Northbound,
    watch: Watch,
    database: Database,
    runtime: Runtime,
    former: BTreeMap<Owner, BTreeSet<Edge>>,
}

impl Bound {
    /// Starts the databases and brings in all that the cluster wants so far.
    pub(crate) fn new(cluster: Cluster) -> Self {
        let ovn = Northbound::start();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let watch = Watch::database(&nb::DATABASE);
        let config = Config {
            endpoints: vec![ovn.nb.remote().parse().unwrap()],
            database: nb::DATABASE.name,
            spec: watch.spec(),
            leader_only: false,
            probe: Duration::from_secs(30),
        };
        let database = runtime.block_on(async {
            let mut database = Database::connect(config);
            database.ready().await;
            database
        });
        let mut bound = Self { cluster, ovn, watch, database, runtime, former: BTreeMap::new() };
        let all = bound.cluster.rows.clone();
        bound.write(&all);
        bound.ovn.sync();
        bound
    }

    /// Brings in what is dirty, in one transaction; its operations.
    pub(crate) fn commit(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        while !self.cluster.dirty.is_empty() {
            let compiled = self.cluster.pass();
            ops.extend(self.write(&compiled.states));
            let mut about: BTreeSet<Scope> = compiled.states.into_keys().collect();
            about.extend(compiled.usage.into_iter().map(Scope::Subnet));
            let now = self.cluster.now;
            let reports: Vec<_> =
                about.iter().flat_map(|scope| self.cluster.model.reports(scope, now)).collect();
            reports.into_iter().for_each(|report| self.cluster.write(report));
        }
        self.ovn.sync();
        ops
    }

    /// The operations that would bring in all rows: none when nothing is amiss.
    pub(crate) fn drift(&self) -> Vec<Op> {
        self.diff(&self.cluster.rows).ops
    }

    fn write(&mut self, states: &BTreeMap<Scope, State>) -> Vec<Op> {
        let Diff { ops, withheld, .. } = self.diff(states);
        assert_eq!(withheld, BTreeMap::new(), "every scope should find what it refers to");
        if !ops.is_empty() {
            let replies = self.runtime.block_on(self.database.transact(&ops));
            replies.unwrap_or_else(|error| panic!("{error}\n{ops:#?}"));
        }
        for (scope, state) in states {
            self.former.insert(scope.owner(), state.shares().cloned().collect());
        }
        ops
    }

    fn diff(&self, states: &BTreeMap<Scope, State>) -> Diff {
        let want: BTreeMap<Owner, State> =
            states.iter().map(|(scope, state)| (scope.owner(), state.clone())).collect();
        let others = self.cluster.rows.iter().filter(|(scope, _)| !states.contains_key(scope));
        let elsewhere: BTreeSet<&Edge> = others.flat_map(|(_, state)| state.shares()).collect();
        let have = Have {
            watch: &self.watch,
            replica: self.database.replica(),
            still_wanted: &|edge| elsewhere.contains(edge),
            former: &self.former,
        };
        ovn::diff(&want, &have).unwrap()
    }
}
