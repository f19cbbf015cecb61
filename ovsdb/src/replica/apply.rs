//! Applies decoded updates to the rows, and says what changed. The rules of `modify` are those of
//! update2 (ovsdb-server(7), section 4.1.15): a scalar or optional is replaced, a set is a symmetric
//! difference, a map a difference by key.

use std::sync::Arc;

use super::decode::{Cell, RowUpdate, Updates, Verb};
use super::edges::EdgeChange;
use super::few::UuidSet;
use super::layout::{Column, Layout, Row, Slot};
use super::{Change, Kind, Replica, Table};
use crate::error::Error;
use crate::schema::ColumnType;
use crate::value::{Atom, Uuid, Value};

impl Replica {
    /// Decodes and applies the table updates of one `update2` or `update3` notification. On an error
    /// nothing is applied.
    pub fn apply_update3(&mut self, table_updates: &str) -> Result<Vec<Change>, Error> {
        let updates = self.decode(table_updates)?;
        self.apply(updates)
    }

    /// Decodes and applies all there is: rows that it lacks are deleted, rows that it has as we have
    /// them are no change.
    pub fn apply_snapshot(&mut self, table_updates: &str) -> Result<Vec<Change>, Error> {
        let updates = self.decode(table_updates)?;
        Ok(self.replace(updates))
    }

    /// Applies a difference. Fails, and changes nothing, if it is not one to what we have.
    pub fn apply(&mut self, updates: Updates) -> Result<Vec<Change>, Error> {
        let unknown = updates.rows.iter().find(|row| {
            row.verb == Verb::Modify
                && !self.tables[usize::from(row.table)].rows.contains_key(&row.uuid)
        });
        if let Some(RowUpdate { table, uuid, .. }) = unknown {
            let table = self.tables[usize::from(*table)].name;
            return Err(Error::Protocol(format!("a change to {table} {uuid}, which is not there")));
        }
        let mut changes = Vec::with_capacity(updates.rows.len());
        self.apply_rows(updates, &mut changes);
        Ok(changes)
    }

    /// Applies a snapshot.
    pub fn replace(&mut self, updates: Updates) -> Vec<Change> {
        let mut changes = Vec::with_capacity(updates.rows.len());
        let known = updates.rows.iter().filter(|row| row.verb == Verb::Insert);
        let known: UuidSet = match self.is_empty() {
            true => UuidSet::default(),
            false => known.map(|row| row.uuid).collect(),
        };
        for table in &mut self.tables {
            let gone = table.rows.keys().filter(|uuid| !known.contains(uuid)).copied();
            let gone: Vec<Uuid> = gone.collect();
            changes.extend(gone.into_iter().filter_map(|uuid| table.delete(uuid)));
        }
        self.apply_rows(updates, &mut changes);
        changes
    }

    fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.rows.is_empty())
    }

    fn apply_rows(&mut self, updates: Updates, changes: &mut Vec<Change>) {
        let mut cells = updates.cells.into_iter();
        for RowUpdate { table, uuid, verb, cells: count } in updates.rows {
            let cells = cells.by_ref().take(usize::from(count));
            let table = &mut self.tables[usize::from(table)];
            changes.extend(match verb {
                Verb::Insert => table.put(uuid, cells),
                Verb::Modify => table.modify(uuid, cells),
                Verb::Delete => table.delete(uuid),
            });
        }
    }
}

impl Table {
    /// The row is this, whether there was one or not.
    fn put(&mut self, uuid: Uuid, cells: impl Iterator<Item = Cell>) -> Option<Change> {
        let layout = self.layout.clone();
        let mut values: Vec<Value> =
            layout.columns.iter().map(|column| column.default.clone()).collect();
        let mut members: Vec<Vec<Atom>> = vec![Vec::new(); layout.edges.len()];
        for Cell { slot, value } in cells {
            match slot {
                Slot::Value(at) => values[usize::from(at)] = value,
                Slot::Edge(at) => members[usize::from(at)] = into_atoms(value),
            }
        }
        let edges = self.replace_members(uuid, members);
        let row = Row { layout, values: values.into() };
        let Some(old) = self.rows.get(&uuid).cloned() else {
            self.index(uuid, &row);
            self.rows.insert(uuid, row);
            return Some(self.change(uuid, Kind::Inserted, None, edges));
        };
        let mut columns = differing(&old, &row);
        columns.extend(edges.iter().map(|edge| edge.column));
        self.reindex(uuid, &old, &row);
        self.rows.insert(uuid, row);
        match columns.is_empty() {
            true => None,
            false => Some(self.change(uuid, Kind::Modified { columns }, Some(old), edges)),
        }
    }

    fn modify(&mut self, uuid: Uuid, cells: impl Iterator<Item = Cell>) -> Option<Change> {
        let old = self.rows.get(&uuid)?.clone();
        let (mut values, mut columns, mut edges) = (old.values.to_vec(), Vec::new(), Vec::new());
        for Cell { slot, value } in cells {
            match slot {
                Slot::Value(at) => {
                    let column = &self.layout.columns[usize::from(at)];
                    let held = &mut values[usize::from(at)];
                    let new = modified(held, value, &column.kind);
                    if *held != new {
                        *held = new;
                        columns.push(column.name);
                    }
                }
                Slot::Edge(at) => {
                    let at = usize::from(at);
                    let edge = &self.layout.edges[at];
                    let mut change = EdgeChange { column: edge.name, ..EdgeChange::default() };
                    match edge.difference {
                        true => self.edges[at].toggle(uuid, into_atoms(value), &mut change),
                        false => self.edges[at].replace(uuid, into_atoms(value), &mut change),
                    }
                    columns.push(edge.name);
                    edges.push(change);
                }
            }
        }
        if columns.is_empty() {
            return None;
        }
        let row = Row { layout: self.layout.clone(), values: values.into() };
        self.reindex(uuid, &old, &row);
        self.rows.insert(uuid, row);
        Some(self.change(uuid, Kind::Modified { columns }, Some(old), edges))
    }

    pub(super) fn delete(&mut self, uuid: Uuid) -> Option<Change> {
        let old = self.rows.remove(&uuid)?;
        let edges = self.replace_members(uuid, vec![Vec::new(); self.edges.len()]);
        self.unindex(uuid, &old);
        Some(self.change(uuid, Kind::Deleted, Some(old), edges))
    }

    /// Sets the members of every edge column, and answers with the columns that changed.
    fn replace_members(&mut self, uuid: Uuid, members: Vec<Vec<Atom>>) -> Vec<EdgeChange> {
        let mut changes = Vec::new();
        for ((edges, members), layout) in self.edges.iter_mut().zip(members).zip(&self.layout.edges)
        {
            let mut change = EdgeChange { column: layout.name, ..EdgeChange::default() };
            edges.replace(uuid, members, &mut change);
            if !change.added.is_empty() || !change.removed.is_empty() {
                changes.push(change);
            }
        }
        changes
    }

    fn change(&self, uuid: Uuid, kind: Kind, old: Option<Row>, edges: Vec<EdgeChange>) -> Change {
        Change { table: self.name, uuid, kind, old, edges }
    }

    fn index(&mut self, uuid: Uuid, row: &Row) {
        self.indexes.iter_mut().for_each(|index| index.insert(uuid, row));
    }

    fn unindex(&mut self, uuid: Uuid, row: &Row) {
        self.indexes.iter_mut().for_each(|index| index.remove(uuid, row));
    }

    fn reindex(&mut self, uuid: Uuid, old: &Row, new: &Row) {
        self.unindex(uuid, old);
        self.index(uuid, new);
    }

    /// Follows a server whose schema differs: rows keep what both schemas have.
    pub(super) fn lay_out(&mut self, layout: Layout) {
        if *self.layout == layout {
            return;
        }
        self.layout = Arc::new(layout);
        self.indexes.iter_mut().for_each(|index| index.rows.clear());
        for (uuid, row) in &mut self.rows {
            let value = |column: &Column| row.get(column.name).unwrap_or(&column.default).clone();
            let values = self.layout.columns.iter().map(value).collect();
            *row = Row { layout: self.layout.clone(), values };
            self.indexes.iter_mut().for_each(|index| index.insert(*uuid, row));
        }
    }
}

/// The columns in which two rows of one layout differ.
fn differing(old: &Row, new: &Row) -> Vec<&'static str> {
    new.columns()
        .filter(|(name, value)| old.get(name) != Some(value))
        .map(|(name, _)| name)
        .collect()
}

fn into_atoms(value: Value) -> Vec<Atom> {
    match value {
        Value::One(atom) => vec![atom],
        Value::Set(atoms) => atoms.into_vec(),
        Value::Map(_) => Vec::new(),
    }
}

/// The value after a `modify`.
fn modified(held: &Value, change: Value, kind: &ColumnType) -> Value {
    if kind.is_map() {
        merged(held.pairs(), change.pairs())
    } else if kind.is_set() {
        let (a, b) = (held.atoms(), change.atoms());
        let kept = a.iter().filter(|atom| !change.contains(atom));
        Value::set(kept.chain(b.iter().filter(|atom| !held.contains(atom))))
    } else {
        change
    }
}

/// A pair that we have as it is sent goes; any other is added or replaces its key's.
fn merged(held: &[(Atom, Atom)], change: &[(Atom, Atom)]) -> Value {
    let find = |pairs: &[(Atom, Atom)], key: &Atom| {
        pairs.binary_search_by(|(found, _)| found.cmp(key)).ok()
    };
    let kept = held.iter().filter(|(key, _)| find(change, key).is_none());
    let came = change.iter().filter(|pair| find(held, &pair.0).is_none_or(|at| held[at] != **pair));
    Value::map(kept.chain(came).map(|(key, value)| (key, value)))
}
