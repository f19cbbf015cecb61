//! The engine: one task that owns the model and the connection to the northbound database.
//!
//! ```text
//!  watches ──▶ model ──▶ dirty scopes ─┬─▶ compile ─▶ diff ─▶ [guard, ops…] ──▶ northbound
//!  database changes, time, failures ───┘                                           │ reply
//!                                    API server ◀── reports of the committed scopes ◀┘
//! ```
//!
//! One transaction is in flight at a time, and what becomes dirty meanwhile shares the next one. Nothing is computed
//! before every watch has delivered its first list, the replica its snapshot, and this replica leads. From then on every
//! transaction begins with the guard of our epoch; the first that fails it ends the process.
//!
//! A follower keeps model and replica warm and writes nothing.

mod check;
mod lead;
mod pass;
mod shares;
mod tables;
#[cfg(test)]
mod tests;
mod unreadable;
mod usage;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ovn::monitor::Watch;
use ovn::owner::Owner;
use ovsdb::client::{Database, Endpoint, Event};
use ovsdb::op::Op;
use ovsdb::replica::{Change, EdgeChange, Kind};
use ovsdb::value::Atom;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use uuid::Uuid;

use crate::desired::{Config, global_options};
use crate::index::Index;
use crate::lease::Claim;
use crate::metrics::{Metrics, SubnetLabels};
use crate::model::Model;
use crate::report::{Reporter, Words};
use crate::scope::{Dirty, Scope};
use crate::watch::{REQUIRED, Seen, listed};

use shares::Shares;
pub use tables::tables;
use unreadable::Unread;
use work::{Batch, Work};

/// Watch events taken in at once.
const SEEN: usize = 512;
/// A subnet's counters are told at most once in this time.
const USAGE_REST: Duration = Duration::from_secs(1);
/// The names of the parts in the readiness report.
const NORTHBOUND: &str = "northbound";
const OBJECTS: &str = "objects";

/// What the engine listens to, beside the database.
pub struct Inputs {
    pub seen: mpsc::Receiver<Seen>,
    /// Scopes of which a report failed.
    pub again: mpsc::Receiver<Scope>,
    pub claim: watch::Receiver<Claim>,
    /// Where the northbound database is.
    pub endpoints: watch::Receiver<Vec<Endpoint>>,
    /// True when the process is to end.
    pub stop: watch::Receiver<bool>,
}

/// What the engine speaks to, beside the database.
pub struct Outputs {
    pub reporter: Reporter<Scope>,
    pub words: Words,
    pub health: run::Health,
    pub metrics: Metrics,
}

/// See the module.
pub struct Engine {
    model: Model,
    database: Database,
    tables: Watch,
    work: Work,
    shares: Shares,
    out: Outputs,
    /// Which kinds have been listed.
    listed: BTreeSet<usize>,
    unread: Unread,
    leads: bool,
    reign: Reign,
    flight: Option<Flight>,
    /// No attempt to begin a reign before.
    raise_at: Instant,
    /// Whether everything was compared since we lead, or since the connection was lost.
    checked: bool,
    /// Keys of the whole database's options and their values.
    options: Vec<(&'static str, Option<&'static str>)>,
    drift: Duration,
    next_check: Instant,
    /// Subnets whose counters changed, and when that is to be told.
    usage: BTreeMap<Arc<str>, Instant>,
    /// Subnets with metrics.
    counted: BTreeMap<Arc<str>, Vec<SubnetLabels>>,
}

/// How far this replica is in leading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reign {
    /// Not at all.
    None,
    /// The epoch is ours.
    Epoch(u64),
}

/// A transaction that was sent.
struct Flight {
    token: u64,
    sent: Instant,
    ops: Vec<Op>,
    /// Rows it writes: changes to them are ours.
    rows: HashSet<Uuid>,
    cargo: Cargo,
}

impl Flight {
    /// Whether the transaction makes this change: to a row it writes, or to a set that a row it
    /// deletes leaves by itself.
    fn explains(&self, change: &Change) -> bool {
        let is_set = |column: &str| change.edges.iter().any(|edge| edge.column == column);
        let only_sets = match &change.kind {
            Kind::Modified { columns } => columns.iter().all(|column| is_set(column)),
            Kind::Inserted | Kind::Deleted => false,
        };
        let ours = |atom: &Atom| atom.as_uuid().is_some_and(|uuid| self.rows.contains(&uuid));
        let only_left = |edge: &EdgeChange| edge.added.is_empty() && edge.removed.iter().all(ours);
        self.rows.contains(&change.uuid) || only_sets && change.edges.iter().all(only_left)
    }
}

enum Cargo {
    /// The beginning of our reign.
    Epoch(u64),
    /// Scopes, and which of them the transaction leaves out.
    Scopes { batch: Batch, owners: BTreeSet<Owner> },
}

impl Engine {
    /// `drift` is the time between two whole comparisons.
    pub fn new(config: Config, database: Database, drift: Duration, out: Outputs) -> Self {
        out.health.expect(NORTHBOUND);
        out.health.expect(OBJECTS);
        Self {
            options: global_options(&config).into(),
            model: Model::new(config),
            database,
            tables: tables(),
            work: Work::default(),
            shares: Shares::default(),
            out,
            listed: BTreeSet::new(),
            unread: Unread::default(),
            leads: false,
            reign: Reign::None,
            flight: None,
            raise_at: Instant::now(),
            checked: false,
            drift,
            next_check: Instant::now() + drift,
            usage: BTreeMap::new(),
            counted: BTreeMap::new(),
        }
    }

    /// Runs until `stop` turns true and nothing is in flight.
    ///
    /// # Errors
    /// When this replica led and another does now, when the epoch in the database cannot be read, or when a part it
    /// listens to is gone.
    pub async fn run(mut self, mut inputs: Inputs) -> anyhow::Result<()> {
        let mut seen = Vec::with_capacity(SEEN);
        loop {
            let stopping = *inputs.stop.borrow();
            if !stopping {
                self.advance(Instant::now())?;
            } else if self.flight.is_none() {
                return Ok(());
            }
            self.show();
            let wake = self.next_wake(Instant::now());
            tokio::select! {
                event = self.database.event() => self.heard(event)?,
                count = inputs.seen.recv_many(&mut seen, SEEN) => {
                    anyhow::ensure!(count > 0, "the watches ended");
                    self.saw(seen.drain(..));
                }
                scope = inputs.again.recv() => {
                    let scope = scope.ok_or_else(|| anyhow::anyhow!("the reporter ended"))?;
                    self.mark(Dirty::from([scope]));
                }
                changed = inputs.claim.changed() => {
                    changed?;
                    self.leads = *inputs.claim.borrow_and_update() == Claim::Leading;
                    self.out.metrics.leads.set(i64::from(self.leads));
                }
                changed = inputs.endpoints.changed() => {
                    changed?;
                    let endpoints = inputs.endpoints.borrow_and_update().clone();
                    if !endpoints.is_empty() {
                        self.database.set_endpoints(endpoints);
                    }
                }
                () = sleep_until(wake.into()) => {}
                changed = inputs.stop.changed(), if !stopping => changed?,
            }
        }
    }

    /// Starts what can be started, until a transaction is in flight or nothing is left to do.
    fn advance(&mut self, now: Instant) -> anyhow::Result<()> {
        if !self.leads || self.listed.len() < REQUIRED || !self.database.connected() {
            return Ok(());
        }
        self.tell_usage(now);
        let due = self.model.expire(seconds());
        self.mark(due);
        while self.flight.is_none() {
            if self.reign == Reign::None {
                if now >= self.raise_at {
                    self.raise_epoch()?;
                }
                break;
            }
            if !self.checked || (now >= self.next_check && self.work.waiting() == 0) {
                self.check(now);
                continue;
            }
            let Some(batch) = self.work.next(now) else { break };
            self.pass(batch, now);
        }
        Ok(())
    }

    /// When there is something to do though nothing happens. What is due already waits for something else, which will
    /// wake us.
    fn next_wake(&self, now: Instant) -> Instant {
        let deadline = self
            .model
            .next_deadline()
            .map(|at| now + Duration::from_secs(u64::try_from(at - seconds()).unwrap_or(0)));
        let usage = self.usage.values().min().copied();
        let times =
            [deadline, usage, Some(self.raise_at), Some(self.next_check), self.work.next_wake()];
        times.into_iter().flatten().filter(|at| *at > now).fold(now + self.drift, Instant::min)
    }

    /// Takes in what the watches saw.
    fn saw(&mut self, seen: impl Iterator<Item = Seen>) {
        let mut dirty = Dirty::new();
        for seen in seen {
            match seen {
                Seen::Event(event) => {
                    self.listed.extend(listed(&event));
                    self.unread.heard(&event);
                    dirty.append(&mut self.model.apply(event));
                }
                Seen::Unreadable(object) => {
                    if self.checked {
                        self.tell_unreadable(&object);
                    }
                    self.unread.insert(object);
                }
            }
        }
        self.mark(dirty);
    }

    fn mark(&mut self, dirty: Dirty) {
        // Before the first comparison everything is to be computed anyway.
        if dirty.is_empty() || !self.checked {
            return;
        }
        let index = self.model.index();
        self.work.mark(dirty, Instant::now(), |scope| is_waited_for(index, scope));
    }

    /// Takes in what the database said.
    fn heard(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Snapshot(_) => {
                self.checked = false;
                self.work.clear();
                self.expect_our_epoch()?;
                self.out.health.set(NORTHBOUND, Ok(()));
                tracing::info!("connected to the northbound database");
            }
            Event::Changed(changes) => self.changed(&changes),
            Event::Reply { token, result } => self.answered(token, result)?,
            Event::Server(_) => {}
            Event::Lost(error) => {
                self.checked = false;
                self.out.health.set(NORTHBOUND, Err(error.to_string()));
                tracing::warn!(%error, "lost the northbound database");
            }
        }
        Ok(())
    }

    /// Rows that somebody else changed make their scopes dirty, and so do rows that scopes wait for.
    fn changed(&mut self, changes: &[Change]) {
        if !self.checked {
            return;
        }
        let now = Instant::now();
        let mut dirty = Dirty::new();
        for change in changes {
            self.work.row_changed(&change.uuid, now);
            if !self.flight.as_ref().is_some_and(|flight| flight.explains(change)) {
                dirty.extend(self.owners_of(change));
            }
        }
        if !dirty.is_empty() {
            self.out.metrics.foreign.inc_by(dirty.len() as u64);
            tracing::warn!(scopes = dirty.len(), "rows of ours were changed by others");
        }
        self.mark(dirty);
    }

    /// The scopes a change concerns: of the row as it was and as it is, and of rows that joined or left it.
    fn owners_of(&self, change: &Change) -> Dirty {
        let replica = self.database.replica();
        let is = replica.get(change.table, &change.uuid);
        let mut owners: Vec<Owner> =
            [change.old.as_ref(), is].into_iter().flatten().filter_map(ovn::mark::owner).collect();
        for edge in &change.edges {
            let Some(table) = tables::member_table(change.table, edge.column) else { continue };
            let members = edge.added.iter().chain(&edge.removed).filter_map(|atom| atom.as_uuid());
            let rows = members.filter_map(|uuid| replica.get(table, &uuid));
            owners.extend(rows.filter_map(ovn::mark::owner));
        }
        owners.iter().filter_map(Scope::of).collect()
    }

    fn show(&self) {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.out.metrics.dirty.set(count(self.work.waiting()));
        self.out.metrics.refused.set(count(self.work.parked()));
        let missing = REQUIRED - self.listed.len();
        let ready =
            if missing == 0 { Ok(()) } else { Err(format!("{missing} kinds are not listed yet")) };
        self.out.health.set(OBJECTS, ready);
    }
}

/// Whether somebody waits for the addresses the scope is given: a pod that is bound to a node, a node that joins.
fn is_waited_for(index: &Index, scope: &Scope) -> bool {
    match scope {
        Scope::Port(key) => index
            .pod(key)
            .is_some_and(|pod| pod.given.is_none() && pod.node.is_some() && !pod.host_network),
        Scope::Node(name) => index.node(name).is_some_and(|node| node.given.is_none()),
        _ => false,
    }
}

/// Seconds since 1970.
fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}
