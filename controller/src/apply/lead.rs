//! The beginning and the end of a reign.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ovn::epoch;
use ovsdb::Error;
use ovsdb::op::{Op, check};

use crate::metrics::Commit;

use super::{Cargo, Engine, Flight, Reign};

/// How long a new leader waits when the database takes nothing, as in an election of its own.
const RAISE_AGAIN: Duration = Duration::from_millis(200);

impl Engine {
    /// Sends the transaction that makes the epoch ours.
    pub(super) fn raise_epoch(&mut self) -> anyhow::Result<()> {
        let (ops, epoch) =
            epoch::raise(self.database.replica()).context("the epoch of the leader")?;
        self.send(ops, Cargo::Epoch(epoch));
        Ok(())
    }

    /// After a reconnect: whether we still lead. The database may have been led by another meanwhile, or be another one.
    pub(super) fn expect_our_epoch(&mut self) -> anyhow::Result<()> {
        let Reign::Epoch(ours) = self.reign else { return Ok(()) };
        match epoch::current(self.database.replica()).context("the epoch of the leader")? {
            Some(now) if now == ours => Ok(()),
            now => bail!("the northbound database is in epoch {now:?}, not in ours, {ours}"),
        }
    }

    /// Sends a transaction; it is the one in flight until it is answered or the connection is lost.
    pub(super) fn send(&mut self, ops: Vec<Op>, cargo: Cargo) {
        let rows = ops.iter().filter_map(row).collect::<HashSet<_>>();
        match self.database.submit(&ops) {
            Ok(token) => {
                self.out.metrics.operations.inc_by(ops.len() as u64);
                self.flight = Some(Flight { token, sent: Instant::now(), ops, rows, cargo });
            }
            Err(error) => self.not_sent(&error, cargo),
        }
    }

    /// Takes in the answer to the transaction in flight.
    pub(super) fn answered(
        &mut self,
        token: u64,
        result: Result<Vec<serde_json::Value>, Error>,
    ) -> anyhow::Result<()> {
        let Some(flight) = self.flight.take_if(|flight| flight.token == token) else {
            return Ok(());
        };
        let result = result.and_then(|results| check(&flight.ops, &results));
        let took = flight.sent.elapsed();
        self.out.metrics.transaction(outcome(&result), took);
        match flight.cargo {
            Cargo::Epoch(epoch) => self.began(epoch, result),
            Cargo::Scopes { batch, owners } => match result {
                Ok(()) => {
                    tracing::debug!(
                        scopes = batch.scopes.len(),
                        ops = flight.ops.len(),
                        ?took,
                        "committed"
                    );
                    self.out.metrics.latency.observe(batch.since.elapsed().as_secs_f64());
                    self.committed(&batch, &owners);
                    Ok(())
                }
                Err(Error::Conflict { index: 0, .. }) => {
                    bail!("another replica leads: our epoch in the northbound database is over")
                }
                // Whether it took effect shows in the comparison that follows the reconnect.
                Err(Error::Connection(_)) => Ok(()),
                Err(error) => {
                    self.refused(batch, &error);
                    Ok(())
                }
            },
        }
    }

    fn began(&mut self, epoch: u64, result: Result<(), Error>) -> anyhow::Result<()> {
        match result {
            Ok(()) => {
                tracing::info!(epoch, "leading");
                self.reign = Reign::Epoch(epoch);
                self.checked = false;
                self.recover();
                Ok(())
            }
            // Somebody wrote NB_Global meanwhile: the replica has the news.
            Err(Error::Conflict { .. } | Error::Connection(_)) => Ok(()),
            Err(error) if error.retry() => {
                tracing::warn!(%error, "the northbound database takes nothing now");
                self.raise_at = Instant::now() + RAISE_AGAIN;
                Ok(())
            }
            Err(error) => Err(error).context("begin an epoch in the northbound database"),
        }
    }

    fn not_sent(&mut self, error: &Error, cargo: Cargo) {
        match cargo {
            Cargo::Epoch(_) => tracing::warn!(%error, "the epoch was not sent"),
            Cargo::Scopes { batch, .. } => self.refused(batch, error),
        }
    }
}

fn row(op: &Op) -> Option<uuid::Uuid> {
    match op {
        Op::Insert { uuid, .. }
        | Op::Update { uuid, .. }
        | Op::Mutate { uuid, .. }
        | Op::Delete { uuid, .. } => Some(*uuid),
        Op::Wait { .. } | Op::Select { .. } | Op::Comment(_) => None,
    }
}

fn outcome(result: &Result<(), Error>) -> Commit {
    match result {
        Ok(()) => Commit::Done,
        Err(Error::Conflict { .. }) => Commit::Conflict,
        Err(Error::Connection(_)) => Commit::Lost,
        Err(Error::Rejected { .. } | Error::Unsupported { .. } | Error::Protocol(_)) => {
            Commit::Rejected
        }
    }
}
