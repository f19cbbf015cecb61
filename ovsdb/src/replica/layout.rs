//! Where a table's columns are in its rows: names and types once a table, values alone in each row.

use std::fmt;
use std::sync::Arc;

use super::spec;
use crate::schema::{self, AtomType, ColumnType};
use crate::value::Value;

/// A row without its edge columns. Clones share the values.
#[derive(Clone)]
pub struct Row {
    pub(super) layout: Arc<Layout>,
    pub(super) values: Arc<[Value]>,
}

impl Row {
    /// The column's value; nothing if the table's `Spec` or the server's schema has no such column.
    pub fn get(&self, column: &str) -> Option<&Value> {
        let at = self.layout.position(column)?;
        self.values.get(at)
    }

    /// The columns the row has, by name.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.layout.columns.iter().map(|column| column.name).zip(self.values.iter())
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.columns()).finish()
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.columns().eq(other.columns())
    }
}

/// The columns of a table that both its `Spec` and the server's schema have.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    /// Sorted by name. A row's values are in this order.
    pub(super) columns: Box<[Column]>,
    /// In the order of the table's edge sets.
    pub(super) edges: Box<[Edge]>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: ColumnType,
    pub(super) default: Value,
}

#[derive(Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) name: &'static str,
    /// `None`: the schema has no such column.
    pub(super) kind: Option<AtomType>,
    /// Changes arrive as a symmetric difference, not as the new value.
    pub(super) difference: bool,
}

/// A column's place: in the rows, or among the edge sets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    Value(u16),
    Edge(u16),
}

impl Layout {
    /// Of a table the server may not have.
    pub(super) fn new(spec: &spec::Table, schema: Option<&schema::Table>) -> Self {
        let kind = |name: &str| Some(&schema?.columns.get(name)?.kind);
        let mut columns: Vec<Column> = spec
            .columns
            .iter()
            .filter(|name| !spec.edges.contains(name))
            .filter_map(|&name| {
                let kind = kind(name)?;
                Some(Column { name, kind: kind.clone(), default: kind.default() })
            })
            .collect();
        columns.sort_by_key(|column| column.name);
        columns.dedup_by_key(|column| column.name);
        let edge = |&name: &&'static str| {
            let kind = kind(name).filter(|kind| !kind.is_map());
            let difference = kind.is_some_and(ColumnType::is_set);
            Edge { name, kind: kind.map(|kind| kind.key.kind), difference }
        };
        Self { columns: columns.into(), edges: spec.edges.iter().map(edge).collect() }
    }

    /// What to ask the server for.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let edges = self.edges.iter().filter(|edge| edge.kind.is_some()).map(|edge| edge.name);
        self.columns.iter().map(|column| column.name).chain(edges)
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.columns.binary_search_by(|known| known.name.cmp(column)).ok()
    }

    pub(super) fn slot(&self, column: &str) -> Option<Slot> {
        if let Some(at) = self.position(column) {
            return u16::try_from(at).ok().map(Slot::Value);
        }
        let at = self.edges.iter().position(|edge| edge.name == column && edge.kind.is_some())?;
        u16::try_from(at).ok().map(Slot::Edge)
    }
}
