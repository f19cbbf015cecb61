//! Which scopes go into which transaction, as a machine without clock and database.
//!
//! ```text
//!            ┌──────────── conflict (three times at once, then after a rest) ◀──┐
//!            ▼                                                                   │
//! dirty ──▶ batch ──▶ committed                                                  │
//!            ▲  └───▶ rejected: two halves ──▶ … ──▶ the guilty one alone: parked│
//!            └────── its input or a row it collided with changes ◀───────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::scope::{Dirty, Scope};

/// Scopes in one batch at most.
const BATCH: usize = 512;
/// Of these, how many may be there because somebody waits for them. The others keep moving.
const URGENT: usize = 384;
/// How often a batch that met a conflict is computed again at once.
const TRIES: u32 = 3;
/// How long a batch that conflicts all the time rests.
const REST: Duration = Duration::from_secs(1);

/// Scopes that share a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) scopes: BTreeSet<Scope>,
    /// When the first of them became dirty.
    pub(super) since: Instant,
    conflicts: u32,
}

impl Batch {
    pub(super) fn new(scopes: BTreeSet<Scope>, since: Instant) -> Self {
        Self { scopes, since, conflicts: 0 }
    }
}

/// Scopes that are to be computed, and those that cannot be written for now.
#[derive(Debug, Default)]
pub(super) struct Work {
    dirty: BTreeMap<Scope, Instant>,
    /// Dirty scopes that somebody waits for.
    urgent: BTreeSet<Scope>,
    /// What goes next, the last one first: halves and repetitions.
    again: Vec<Batch>,
    /// Batches that rest until a time.
    resting: Vec<(Instant, Batch)>,
    /// Scopes the database does not take as they are, with the rows that could change that.
    parked: BTreeMap<Scope, BTreeSet<Uuid>>,
}

impl Work {
    /// These are to be computed. `urgent` tells which of them somebody waits for.
    pub(super) fn mark(&mut self, scopes: Dirty, now: Instant, urgent: impl Fn(&Scope) -> bool) {
        for scope in scopes {
            self.parked.remove(&scope);
            if urgent(&scope) {
                self.urgent.insert(scope.clone());
            }
            self.dirty.entry(scope).or_insert(now);
        }
    }

    /// Scopes that wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        let batches = self.again.iter().chain(self.resting.iter().map(|(_, batch)| batch));
        self.dirty.len() + batches.map(|batch| batch.scopes.len()).sum::<usize>()
    }

    pub(super) fn parked(&self) -> usize {
        self.parked.len()
    }

    /// What to compute next.
    pub(super) fn next(&mut self, now: Instant) -> Option<Batch> {
        if let Some(at) = self.resting.iter().position(|(until, _)| *until <= now) {
            let (_, batch) = self.resting.swap_remove(at);
            return Some(batch);
        }
        if let Some(batch) = self.again.pop() {
            return Some(batch);
        }
        let mut scopes = BTreeSet::new();
        while scopes.len() < URGENT
            && let Some(scope) = self.urgent.pop_first()
        {
            scopes.insert(scope);
        }
        let first = self.dirty.keys().filter(|scope| !scopes.contains(*scope));
        let first: Vec<Scope> = first.take(BATCH - scopes.len()).cloned().collect();
        scopes.extend(first);
        let mut since = None;
        for scope in &scopes {
            self.urgent.remove(scope);
            let marked = self.dirty.remove(scope);
            since = [since, marked].into_iter().flatten().min();
        }
        since.map(|since| Batch::new(scopes, since))
    }

    /// When a resting batch is due.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.resting.iter().map(|(until, _)| *until).min()
    }

    /// The database had changed: the same scopes are computed again from what is there now.
    pub(super) fn conflicted(&mut self, mut batch: Batch, now: Instant) {
        batch.conflicts += 1;
        if batch.conflicts <= TRIES {
            self.again.push(batch);
        } else {
            self.rest(batch, now);
        }
    }

    /// The same scopes are computed again, next.
    pub(super) fn again(&mut self, batch: Batch) {
        self.again.push(batch);
    }

    /// The server cannot take it now, whatever is in it.
    pub(super) fn rest(&mut self, mut batch: Batch, now: Instant) {
        batch.conflicts = 0;
        self.resting.push((now + REST, batch));
    }

    /// Halves a batch that is too much, or rejected. A single scope cannot be halved and comes back.
    pub(super) fn halve(&mut self, batch: Batch) -> Result<(), Scope> {
        let Batch { scopes, since, .. } = batch;
        let half = scopes.len() / 2;
        let mut scopes = scopes.into_iter();
        let first: BTreeSet<Scope> = scopes.by_ref().take(half).collect();
        let second: BTreeSet<Scope> = scopes.collect();
        if first.is_empty() {
            return second.into_iter().next().map_or(Ok(()), Err);
        }
        // What others may refer to is in the first half: it goes first.
        self.again.push(Batch::new(second, since));
        self.again.push(Batch::new(first, since));
        Ok(())
    }

    /// Leaves `scope` alone until it is marked again or one of `rows` changes.
    pub(super) fn park(&mut self, scope: Scope, rows: BTreeSet<Uuid>) {
        self.parked.insert(scope, rows);
    }

    /// A row changed: whoever waits for it is dirty again.
    pub(super) fn row_changed(&mut self, row: &Uuid, now: Instant) {
        if self.parked.is_empty() {
            return;
        }
        let back = self.parked.extract_if(.., |_, rows| rows.contains(row));
        self.dirty.extend(back.map(|(scope, _)| (scope, now)));
    }

    /// Forgets everything: the owner is about to mark all there is.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The uuids in a server's complaint. For a violated index it names both rows (ovsdb-server, `ovsdb_txn_commit`).
pub(super) fn rows_named(details: &str) -> BTreeSet<Uuid> {
    let words = details.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
    words.filter(|word| word.len() == 36).filter_map(|word| Uuid::parse_str(word).ok()).collect()
}

#[cfg(test)]
mod tests;
