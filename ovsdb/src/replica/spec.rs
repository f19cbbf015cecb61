//! What of a database a replica holds: declared once, before any server is known.

use std::sync::Arc;

use super::Row;
use crate::op::Condition;

/// The tables to hold. Tables and columns that a server's schema lacks stay empty.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    pub(crate) tables: Vec<Table>,
}

impl Spec {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn table(mut self, table: Table) -> Self {
        debug_assert!(self.tables.iter().all(|known| known.name != table.name));
        self.tables.push(table);
        self
    }
}

/// A row's key in an index; a row without one is not in the index.
pub type Key = fn(&Row) -> Option<Arc<str>>;

/// One monitored table.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) edges: Vec<&'static str>,
    pub(crate) indexes: Vec<(&'static str, Key)>,
    pub(crate) conditions: Vec<Condition>,
}

impl Table {
    pub fn new(name: &'static str) -> Self {
        Self { name, columns: vec![], edges: vec![], indexes: vec![], conditions: vec![] }
    }

    /// Columns that rows hold.
    pub fn columns(mut self, columns: impl IntoIterator<Item = &'static str>) -> Self {
        self.columns.extend(columns);
        self
    }

    /// Sets whose members are many and change one by one: held as edges from the row to each member,
    /// found from both ends, and not part of rows.
    pub fn edges(mut self, columns: impl IntoIterator<Item = &'static str>) -> Self {
        self.edges.extend(columns);
        self
    }

    /// Finds rows by a key of theirs. Many rows may share one.
    pub fn index(mut self, name: &'static str, key: Key) -> Self {
        self.indexes.push((name, key));
        self
    }

    /// Only rows that meet `condition`, or one of several.
    pub fn only(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}
