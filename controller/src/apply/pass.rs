//! One pass over some scopes: compute, compare, send, and tell once it is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use ovn::diff::{Diff, Have, Other, Withheld, diff};
use ovn::epoch;
use ovn::keys::set_keys;
use ovn::nb::nb_global;
use ovn::owner::Owner;
use ovn::state::State;
use ovsdb::Error;
use ovsdb::op::Op;
use uuid::Uuid;

use crate::desired::report::{About, Kind, Report};
use crate::index::Key;
use crate::model::Compiled;
use crate::scope::Scope;
use crate::watch::Unreadable;

use super::work::{Batch, rows_named};
use super::{Cargo, Engine, Reign, USAGE_REST, seconds};

/// Operations in one transaction at most, but for a scope that needs more alone.
pub(super) const OPERATIONS: usize = 2000;

impl Engine {
    /// Computes the scopes of `batch` and sends what differs. What does not differ is told at once.
    pub(super) fn pass(&mut self, mut batch: Batch, now: Instant) {
        let want = self.compile(&mut batch, now);
        match self.compare(&want) {
            Ok(found) => self.send_or_tell(batch, &want, found),
            Err(error) => {
                let error = error.to_string();
                self.halve_or_park(batch, BTreeSet::new(), &error);
            }
        }
    }

    /// What the scopes of `batch` want, by owner; the batch then holds all that was computed.
    pub(super) fn compile(&mut self, batch: &mut Batch, now: Instant) -> BTreeMap<Owner, State> {
        let Compiled { mut states, held, events, usage, .. } =
            self.model.compile(&batch.scopes, seconds());
        for conflict in self.model.take_conflicts() {
            tracing::warn!(claim = ?conflict.claim, reason = %conflict.reason, "an address was claimed twice");
        }
        self.tell(None, events);
        for subnet in usage {
            self.usage.entry(subnet).or_insert(now + USAGE_REST);
        }
        // Nothing of these is written, but the reason may be worth telling.
        self.report(&held);
        states.retain(|scope, _| !self.unread.holds(scope));
        batch.scopes = states.keys().cloned().collect();
        states.into_iter().map(|(scope, state)| (scope.owner(), state)).collect()
    }

    /// What differs between what the scopes want and what the database has of them.
    pub(super) fn compare(
        &mut self,
        want: &BTreeMap<Owner, State>,
    ) -> Result<Diff, ovn::diff::Error> {
        let former = self.shares.begin(want);
        let found = diff(
            want,
            &Have {
                watch: &self.tables,
                replica: self.database.replica(),
                still_wanted: &|edge| self.shares.is_wanted(edge),
                former: &former,
            },
        );
        self.shares.want(want, former);
        found
    }

    /// Sends what was found to differ. Where nothing does, the scopes are as good as committed.
    pub(super) fn send_or_tell(
        &mut self,
        mut batch: Batch,
        want: &BTreeMap<Owner, State>,
        mut found: Diff,
    ) {
        if found.ops.len() > OPERATIONS && batch.scopes.len() > 1 {
            self.halve_or_park(batch, BTreeSet::new(), "too many operations");
            return;
        }
        for (row, holder) in &found.held {
            tracing::warn!(?row, ?holder, "a row of ours stays because another refers to it");
        }
        self.put_aside(&mut batch, found.withheld);
        if batch.scopes.contains(&Scope::Globals) {
            found.ops.extend(self.options());
        }
        let owners = want.keys().cloned().collect();
        if found.ops.is_empty() {
            self.committed(&batch, &owners);
            return;
        }
        let Reign::Epoch(epoch) = self.reign else { return };
        let mut ops = Vec::with_capacity(found.ops.len() + 1);
        ops.push(epoch::guard(epoch));
        ops.extend(found.ops);
        self.send(ops, Cargo::Scopes { batch, owners });
    }

    /// What sets our options of the whole database; the other keys are not ours.
    fn options(&self) -> Vec<Op> {
        let wanted = self.options.iter().copied();
        let mut rows = self.database.replica().rows(nb_global::TABLE);
        let options =
            rows.next().and_then(|(uuid, row)| Some((uuid, row.get(nb_global::column::OPTIONS)?)));
        options.map_or_else(Vec::new, |(uuid, now)| {
            set_keys(nb_global::TABLE, uuid, nb_global::column::OPTIONS, now, wanted)
        })
    }

    /// Takes scopes out of `batch` that wait for rows of others, until one of these changes.
    fn put_aside(&mut self, batch: &mut Batch, withheld: BTreeMap<Owner, Withheld>) {
        for (owner, why) in withheld {
            let Some(scope) = Scope::of(&owner) else { continue };
            batch.scopes.remove(&scope);
            for collision in why.collisions.iter().filter(|collision| collision.of != Other::Scope)
            {
                tracing::warn!(%scope, ?collision, "a row that is not ours is where one of ours belongs");
            }
            tracing::debug!(%scope, missing = why.missing.len(), "waits for rows of others");
            let collisions = why.collisions.iter().map(|collision| collision.uuid);
            let rows = why.missing.iter().chain(&why.unreferenced).map(|(_, uuid)| *uuid);
            self.work.park(scope, rows.chain(collisions).collect());
        }
    }

    /// The database has what the scopes of `batch` want.
    pub(super) fn committed(&mut self, batch: &Batch, owners: &BTreeSet<Owner>) {
        self.shares.committed(owners);
        self.report(&batch.scopes);
    }

    /// Tells the API server what it does not know yet of `scopes`.
    pub(super) fn report<'s>(&mut self, scopes: impl IntoIterator<Item = &'s Scope>) {
        let now = seconds();
        for scope in scopes {
            let reports = self.model.reports(scope, now);
            self.tell(Some(scope), reports);
        }
    }

    /// Tells people of an object nobody can read.
    pub(super) fn tell_unreadable(&mut self, object: &Unreadable) {
        let line = self.out.words.unreadable(object, jiff::Timestamp::now());
        self.out.reporter.tell(line);
    }

    /// Puts reports in line. One that fails makes `origin` dirty again.
    fn tell(&mut self, origin: Option<&Scope>, reports: Vec<Report>) {
        let now = jiff::Timestamp::now();
        let words = &mut self.out.words;
        let writes: Vec<_> =
            reports.into_iter().filter_map(|report| words.write(report, origin, now)).collect();
        if !writes.is_empty() {
            self.out.reporter.tell(writes);
        }
    }

    /// The transaction of `batch` failed.
    pub(super) fn refused(&mut self, batch: Batch, error: &Error) {
        let now = Instant::now();
        match error {
            Error::Conflict { .. } => {
                tracing::debug!(%error, "the database changed meanwhile");
                self.work.conflicted(batch, now);
            }
            error if error.retry() => {
                tracing::warn!(%error, "the northbound database takes nothing now");
                self.work.rest(batch, now);
            }
            error => {
                let text = error.to_string();
                self.halve_or_park(batch, rows_named(&text), &text);
            }
        }
    }

    /// Halves a batch to find what is wrong with it; a scope that stands alone is put aside and its object told.
    fn halve_or_park(&mut self, batch: Batch, rows: BTreeSet<Uuid>, error: &str) {
        tracing::debug!(scopes = batch.scopes.len(), error, "halving a batch");
        if let Err(scope) = self.work.halve(batch) {
            tracing::error!(%scope, error, "the northbound database cannot hold this");
            if let Some(about) = self.about(&scope) {
                let notice = self.out.words.rejected(&about, error, jiff::Timestamp::now());
                self.out.reporter.tell(notice);
            }
            self.work.park(scope, rows);
        }
    }

    /// The object behind a scope, as far as it has one.
    fn about(&self, scope: &Scope) -> Option<About> {
        let index = self.model.index();
        let cluster = |name: &Arc<str>| Key::cluster(name.clone());
        let (kind, key, uid) = match scope {
            Scope::Port(key) => (Kind::Pod, key.clone(), index.pod(key)?.uid.clone()),
            Scope::Node(name) => (Kind::Node, cluster(name), index.node(name)?.uid.clone()),
            Scope::Subnet(name) | Scope::Gateway { subnet: name, .. } => {
                (Kind::Subnet, cluster(name), index.subnet(name)?.uid.clone())
            }
            Scope::Vpc(name) => (Kind::Vpc, cluster(name), index.vpc(name)?.uid.clone()),
            Scope::Globals | Scope::Service(_) | Scope::Namespace(_) => return None,
        };
        Some(About { kind, key, uid })
    }
}
