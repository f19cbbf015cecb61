//! What a replica must hold so that our rows can be compared: the tables, the indexes by owner and name,
//! shared sets as edges.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ovsdb::replica::{Replica, Row, Spec, TableSpec};
use ovsdb::value::{Atom, Uuid, Value};

use crate::mark::{self, Carrier};
use crate::owner::Owner;
use crate::table::{Base, Column, Database, Shape, Table};

/// The index of rows that carry our marks, by their owner as written.
pub const BY_OWNER: &str = "owner";
/// The index by `name`, in tables where every row has one.
pub const BY_NAME: &str = "name";
/// The index of Static_MAC_Binding by the router port it is for.
pub const BY_PORT: &str = "logical_port";

/// The tables that are compared. One per database, made once.
#[derive(Debug, Default)]
pub struct Watch {
    tables: BTreeMap<&'static str, &'static Table>,
    /// For a table, the shared sets of others that refer to it.
    containers: BTreeMap<&'static str, Vec<(&'static Table, &'static Column)>>,
    spec: Spec,
}

impl Watch {
    /// All tables and columns of a database.
    pub fn database(database: &Database) -> Self {
        database.tables.iter().fold(Self::default(), |watch, table| {
            let columns = table.columns.iter().map(|column| column.name);
            watch.table(table, columns)
        })
    }

    /// Adds a table with those of its columns that are of interest. A column that is written must be
    /// among them, or later changes to it are not seen.
    pub fn table(
        mut self,
        table: &'static Table,
        columns: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let edges = table.edge_columns().map(|column| column.name);
        let mut spec = TableSpec::new(table.name).edges(edges);
        let mut wanted: BTreeSet<&'static str> = columns.into_iter().collect();
        match mark::carrier(table) {
            Carrier::ExternalIds => {
                wanted.insert(mark::COLUMN);
                spec = spec.index(BY_OWNER, mark::owner_text);
            }
            Carrier::Name => spec = spec.index(BY_OWNER, mark::owner_text),
            Carrier::Parent => {}
        }
        if is_named(table) {
            wanted.insert("name");
            spec = spec.index(BY_NAME, |row| text(row, "name"));
        }
        if table.name == STATIC_MAC_BINDING {
            wanted.insert("logical_port");
            spec = spec.index(BY_PORT, |row| text(row, "logical_port"));
        }
        self.spec = self.spec.table(spec.columns(wanted));
        for column in table.edge_columns() {
            if let Some(reference) = column.key.reference() {
                self.containers.entry(reference.table).or_default().push((table, column));
            }
        }
        self.tables.insert(table.name, table);
        self
    }

    /// What to give the connection.
    pub fn spec(&self) -> Spec {
        self.spec.clone()
    }

    pub(crate) fn get(&self, table: &str) -> Option<&'static Table> {
        self.tables.get(table).copied()
    }

    /// The shared sets that may have rows of `table` as members.
    pub(crate) fn containers_of(&self, table: &str) -> &[(&'static Table, &'static Column)] {
        self.containers.get(table).map_or(&[], Vec::as_slice)
    }

    /// The rows that are `owner`'s, in the order of tables.
    pub fn rows_of(&self, replica: &Replica, owner: &Owner) -> Vec<(&'static str, Uuid)> {
        let key = owner.to_string();
        let mut rows = Vec::new();
        for (name, table) in &self.tables {
            if mark::carrier(table) != Carrier::Parent {
                rows.extend(replica.lookup(name, BY_OWNER, &key).map(|uuid| (*name, uuid)));
            }
        }
        if self.tables.contains_key(STATIC_MAC_BINDING) {
            let ports = rows.iter().filter(|(table, _)| *table == LOGICAL_ROUTER_PORT);
            let bindings: Vec<_> = ports
                .filter_map(|(table, uuid)| text(replica.get(table, uuid)?, "name"))
                .flat_map(|port| {
                    replica.lookup(STATIC_MAC_BINDING, BY_PORT, &port).collect::<Vec<_>>()
                })
                .map(|uuid| (STATIC_MAC_BINDING, uuid))
                .collect();
            rows.extend(bindings);
        }
        rows
    }

    /// Everybody who has a row: with the scopes of the index, all that a full pass must look at.
    pub fn owners(&self, replica: &Replica) -> BTreeSet<Owner> {
        let marked = self.tables.values().filter(|table| mark::carrier(table) != Carrier::Parent);
        marked
            .flat_map(|table| replica.keys(table.name, BY_OWNER))
            .filter_map(|owner| owner.parse().ok())
            .collect()
    }

    /// The rows of a running Kube-OVN that we have not taken over.
    pub fn kube_ovns(&self, replica: &Replica) -> Vec<(&'static str, Uuid)> {
        let mut rows = Vec::new();
        for name in self.tables.keys() {
            let theirs = replica.rows(name).filter(|(_, row)| mark::is_kube_ovns(row));
            rows.extend(theirs.map(|(uuid, _)| (*name, uuid)));
        }
        rows.sort_unstable();
        rows
    }
}

const STATIC_MAC_BINDING: &str = "Static_MAC_Binding";
const LOGICAL_ROUTER_PORT: &str = "Logical_Router_Port";

/// Whether each row of the table has a name that no other should have, which is so wherever the name is
/// not optional: OVN looks switches and routers up by it although the schema does not make it unique.
pub(crate) fn is_named(table: &Table) -> bool {
    table.column("name").is_some_and(|name| name.shape == Shape::One && name.key == Base::String)
}

pub(crate) fn text(row: &Row, column: &str) -> Option<Arc<str>> {
    match row.get(column).and_then(Value::as_atom) {
        Some(Atom::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}
