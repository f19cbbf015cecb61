//! Our copy of the tables we monitor: rows by uuid, the indexes and membership edges that were asked
//! for, and an account of every change. It belongs to one task and knows nothing of connections.

mod apply;
mod decode;
mod edges;
mod few;
mod layout;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

#[cfg(feature = "client")]
pub(crate) use decode::TablesSeed;
pub use decode::Updates;
pub use edges::{EdgeChange, Members};
pub use layout::Row;
pub use spec::{Key, Spec, Table as TableSpec};

use edges::Edges;
use few::{Few, UuidMap};
use layout::Layout;

use crate::error::Error;
use crate::intern::Interner;
use crate::schema::Database;
use crate::value::{Atom, Uuid};

/// The tables of a [`Spec`], as far as a server's schema has them.
pub struct Replica {
    spec: Spec,
    tables: Vec<Table>,
    interner: Interner,
}

struct Table {
    name: &'static str,
    layout: Arc<Layout>,
    rows: UuidMap<Row>,
    indexes: Vec<Index>,
    edges: Vec<Edges>,
}

struct Index {
    name: &'static str,
    key: Key,
    rows: HashMap<Arc<str>, Few>,
}

/// What became of one row. The row as it is now is in the replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub table: &'static str,
    pub uuid: Uuid,
    pub kind: Kind,
    /// The row before, unless it was inserted.
    pub old: Option<Row>,
    /// Edge columns that changed; for a deleted row all that had members.
    pub edges: Vec<EdgeChange>,
}

/// How a row changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Inserted,
    /// Edge columns count as columns.
    Modified {
        columns: Vec<&'static str>,
    },
    Deleted,
}

const DECLARED: &str = "only what the Spec declares is asked for";

impl Replica {
    /// Empty, until a schema and a snapshot come.
    pub fn new(spec: Spec) -> Self {
        let tables = spec.tables.iter().map(Table::new).collect();
        Self { spec, tables, interner: Interner::default() }
    }

    /// Follows the schema of the server we talk to. Columns that it lacks leave the rows. Answers
    /// whether anything differs from the schema before, so that a difference to what the former server
    /// sent would not be complete.
    pub fn follow(&mut self, schema: &Database) -> bool {
        let mut differs = false;
        for (table, spec) in self.tables.iter_mut().zip(&self.spec.tables) {
            let layout = Layout::new(spec, schema.tables.get(table.name));
            differs |= *table.layout != layout;
            table.lay_out(layout);
        }
        differs
    }

    /// The `<monitor-cond-requests>`: every table, column and condition that the schema has room for.
    /// Fails if a condition's column is missing: monitoring without it would deliver other rows.
    pub fn monitor_requests(&self, schema: &Database) -> Result<serde_json::Value, Error> {
        let mut requests = serde_json::Map::new();
        for (table, spec) in self.tables.iter().zip(&self.spec.tables) {
            if !schema.tables.contains_key(table.name) {
                continue;
            }
            let unknown =
                |column: &str| column != "_uuid" && schema.column(table.name, column).is_none();
            if let Some(condition) = spec.conditions.iter().find(|c| unknown(c.column)) {
                let (table, column) = (table.name.to_owned(), condition.column.to_owned());
                return Err(Error::Unsupported { table, column });
            }
            let columns: Vec<_> = table.layout.names().collect();
            let mut request = serde_json::json!({ "columns": columns });
            if !spec.conditions.is_empty() {
                request["where"] = serde_json::json!(spec.conditions);
            }
            requests.insert(table.name.to_owned(), serde_json::json!([request]));
        }
        Ok(requests.into())
    }

    /// All rows of a table, in no order.
    pub fn rows(&self, table: &str) -> impl ExactSizeIterator<Item = (Uuid, &Row)> {
        self.table(table).rows.iter().map(|(uuid, row)| (*uuid, row))
    }

    pub fn get(&self, table: &str, uuid: &Uuid) -> Option<&Row> {
        self.table(table).rows.get(uuid)
    }

    /// Whether the server's schema has the column; nothing is known of servers never followed.
    pub fn has(&self, table: &str, column: &str) -> bool {
        self.table(table).layout.slot(column).is_some()
    }

    /// The rows that have `key` in the index.
    pub fn lookup(&self, table: &str, index: &str, key: &str) -> impl Iterator<Item = Uuid> + '_ {
        self.index(table, index).rows.get(key).into_iter().flat_map(Few::iter)
    }

    /// Every key that some row has in the index.
    pub fn keys(&self, table: &str, index: &str) -> impl Iterator<Item = &Arc<str>> {
        self.index(table, index).rows.keys()
    }

    /// The members of a row's edge column; nothing if it has none.
    pub fn members(&self, table: &str, column: &str, container: &Uuid) -> Option<&Members> {
        self.edges(table, column).members(container)
    }

    /// The rows that have `member` in their edge column.
    pub fn containers(
        &self,
        table: &str,
        column: &str,
        member: &Atom,
    ) -> impl Iterator<Item = Uuid> + '_ {
        self.edges(table, column).containers(member)
    }

    fn table(&self, name: &str) -> &Table {
        self.tables.iter().find(|table| table.name == name).expect(DECLARED)
    }

    fn index(&self, table: &str, name: &str) -> &Index {
        self.table(table).indexes.iter().find(|index| index.name == name).expect(DECLARED)
    }

    fn edges(&self, table: &str, column: &str) -> &Edges {
        let table = self.table(table);
        let at = table.layout.edges.iter().position(|edge| edge.name == column).expect(DECLARED);
        &table.edges[at]
    }
}

impl Table {
    fn new(spec: &TableSpec) -> Self {
        let index = |&(name, key): &(&'static str, Key)| Index { name, key, rows: HashMap::new() };
        Self {
            name: spec.name,
            layout: Arc::new(Layout::new(spec, None)),
            rows: UuidMap::default(),
            indexes: spec.indexes.iter().map(index).collect(),
            edges: spec.edges.iter().map(|_| Edges::default()).collect(),
        }
    }
}

impl Index {
    fn insert(&mut self, uuid: Uuid, row: &Row) {
        let Some(key) = (self.key)(row) else { return };
        self.rows.entry(key).and_modify(|few| few.insert(uuid)).or_insert(Few::One(uuid));
    }

    fn remove(&mut self, uuid: Uuid, row: &Row) {
        let Some(key) = (self.key)(row) else { return };
        if self.rows.get_mut(&key).is_some_and(|few| few.remove(uuid)) {
            self.rows.remove(&key);
        }
    }
}
