//! The whole comparison: all that the index asks for and all that the database has of ours.
//!
//! It is what a new leader begins with, what follows a lost connection, and the check for drift. Where nothing differs it
//! writes nothing.

use std::time::Instant;

use ovn::mark;
use ovn::nb::logical_switch_port::{self, LogicalSwitchPortRow};

use crate::model::PortRow;
use crate::scope::{Dirty, Scope};

use super::Engine;
use super::work::Batch;

impl Engine {
    /// Gives the model the allocations the database knows of. Before the first comparison of a reign.
    pub(super) fn recover(&mut self) {
        let ports = self.database.replica().rows(logical_switch_port::TABLE);
        let known = ports.filter(|(_, row)| mark::is_ours(row) || mark::is_kube_ovns(row));
        let rows: Vec<PortRow> = known.map(|(_, row)| port(row.into())).collect();
        self.model.recover(rows);
    }

    /// Compares everything, counts what differs and has it repaired.
    pub(super) fn check(&mut self, now: Instant) {
        let first = !std::mem::replace(&mut self.checked, true);
        self.next_check = now + self.drift;
        self.out.metrics.comparisons.inc();
        if first {
            let unread: Vec<_> = self.unread.iter().cloned().collect();
            unread.iter().for_each(|object| self.tell_unreadable(object));
        }
        self.work.clear();
        let mut batch = Batch::new(self.everything(), now);
        let want = self.compile(&mut batch, now);
        let found = match self.compare(&want) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "what scopes want contradicts itself");
                self.work.again(batch);
                return;
            }
        };
        let scopes = batch.scopes.len();
        let took = now.elapsed();
        if !first && !found.ops.is_empty() {
            self.out.metrics.drift.inc_by(found.ops.len() as u64);
            tracing::warn!(ops = found.ops.len(), scopes, "the northbound database had drifted");
        }
        tracing::info!(scopes, ops = found.ops.len(), ?took, first, "compared everything");
        self.count_all();
        self.send_or_tell(batch, &want, found);
    }

    /// The scopes of the index and those that own rows.
    fn everything(&self) -> Dirty {
        let mut all = self.model.scopes();
        let owners = self.tables.owners(self.database.replica());
        all.extend(owners.iter().filter_map(Scope::of));
        all
    }
}

fn port(row: LogicalSwitchPortRow<'_>) -> PortRow {
    PortRow {
        name: row.name().into(),
        subnet: row.external_ids().get("ls").unwrap_or_default().into(),
        uid: row.options().get("iface-id-ver").unwrap_or_default().into(),
        addresses: row.addresses().next().unwrap_or_default().into(),
    }
}
