//! Operations of a transaction (RFC 7047 section 5.2) and what the server answers to them.
//! Rows are named by uuids we chose ourselves, so there are no symbolic names.

pub(crate) mod check;
mod encode;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use check::check;
pub use encode::Encoder;

pub use crate::error::Error;
use crate::value::{Uuid, Value};

/// Columns of one row by name; a column absent here is one we do not touch.
pub type Columns = BTreeMap<&'static str, Value>;

/// One operation. Rows are always found by `_uuid`: the server scans the table for anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Fails by itself (`duplicate uuid`) when the row exists.
    Insert {
        table: &'static str,
        uuid: Uuid,
        row: Columns,
    },
    Update {
        table: &'static str,
        uuid: Uuid,
        row: Columns,
    },
    /// Adds to or takes from one column. Inserting a pair under a key the map has changes nothing.
    Mutate {
        table: &'static str,
        uuid: Uuid,
        column: &'static str,
        mutator: Mutator,
        value: Value,
    },
    Delete {
        table: &'static str,
        uuid: Uuid,
    },
    /// Fails the transaction unless, within `timeout_ms`, the rows that meet `conditions` are
    /// (or with [`Until::NotEqual`] are not) exactly `rows` in `columns`.
    Wait {
        table: &'static str,
        conditions: Vec<Condition>,
        columns: Vec<&'static str>,
        until: Until,
        rows: Vec<Columns>,
        timeout_ms: u64,
    },
    /// Reads `columns` of the rows that meet `conditions`, at this point of the transaction.
    Select {
        table: &'static str,
        conditions: Vec<Condition>,
        columns: Vec<&'static str>,
    },
    /// A line in the database's log.
    Comment(String),
}

/// What a mutation does to a set or map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutator {
    Insert,
    /// From a map: a set of keys, or a map of the pairs that go if they are as given.
    Delete,
}

/// The sense of a `wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    Equal,
    NotEqual,
}

/// A test on one column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub column: &'static str,
    pub function: Function,
    pub value: Value,
}

impl Condition {
    /// The row with this uuid: the only test that does not read the whole table.
    pub fn uuid(uuid: Uuid) -> Self {
        Self { column: "_uuid", function: Function::Equal, value: uuid.into() }
    }

    pub fn equal(column: &'static str, value: impl Into<Value>) -> Self {
        Self { column, function: Function::Equal, value: value.into() }
    }

    pub fn includes(column: &'static str, value: impl Into<Value>) -> Self {
        Self { column, function: Function::Includes, value: value.into() }
    }

    pub fn excludes(column: &'static str, value: impl Into<Value>) -> Self {
        Self { column, function: Function::Excludes, value: value.into() }
    }
}

/// RFC 7047 section 5.1 `<function>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
    Includes,
    Excludes,
}

impl Op {
    /// The operation's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Insert { .. } => "insert",
            Self::Update { .. } => "update",
            Self::Mutate { .. } => "mutate",
            Self::Delete { .. } => "delete",
            Self::Wait { .. } => "wait",
            Self::Select { .. } => "select",
            Self::Comment(_) => "comment",
        }
    }

    /// The table it works on; empty for a comment.
    pub fn table(&self) -> &'static str {
        match self {
            Self::Insert { table, .. }
            | Self::Update { table, .. }
            | Self::Mutate { table, .. }
            | Self::Delete { table, .. }
            | Self::Wait { table, .. }
            | Self::Select { table, .. } => table,
            Self::Comment(_) => "",
        }
    }

    /// The wire form, without regard to what a server's schema lacks.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("operations have a JSON form")
    }
}
