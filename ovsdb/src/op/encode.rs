//! Operations to JSON text, straight from the values. With a schema, what the server lacks is left out.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Columns, Condition, Function, Mutator, Op, Until};
use crate::error::Error;
use crate::schema::{ColumnType, Database};
use crate::value::{Uuid, Value};

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Fitted { op: self, schema: None }.serialize(serializer)
    }
}

/// Writes transactions for one server: columns and tables its schema lacks are left out, and empty
/// values get the notation their column needs.
#[derive(Clone, Copy)]
pub struct Encoder<'a> {
    pub schema: &'a Database,
}

impl Encoder<'_> {
    /// The whole `transact` request. An operation on a table or column that is not there becomes a
    /// comment, so that results keep their places. Fails on a condition that cannot be expressed:
    /// leaving it out would select more rows.
    pub fn request(&self, id: u64, ops: &[Op]) -> Result<Vec<u8>, Error> {
        for op in ops {
            self.expressible(op)?;
        }
        let transaction = Transaction { schema: self.schema, ops };
        let request = Request { method: "transact", id, params: transaction };
        let mut text = Vec::with_capacity(64 + ops.len() * 256);
        serde_json::to_writer(&mut text, &request).expect("operations have a JSON form");
        Ok(text)
    }

    fn expressible(&self, op: &Op) -> Result<(), Error> {
        let (Op::Wait { table, conditions, .. } | Op::Select { table, conditions, .. }) = op else {
            return Ok(());
        };
        let known = |column: &str| column == "_uuid" || self.schema.column(table, column).is_some();
        match conditions.iter().find(|condition| !known(condition.column)) {
            None => Ok(()),
            Some(Condition { column, .. }) => {
                Err(Error::Unsupported { table: (*table).to_owned(), column: (*column).to_owned() })
            }
        }
    }
}

#[derive(serde::Serialize)]
struct Request<T> {
    method: &'static str,
    id: u64,
    params: T,
}

/// The parameters: the database's name, then the operations.
struct Transaction<'a> {
    schema: &'a Database,
    ops: &'a [Op],
}

impl Serialize for Transaction<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut params = serializer.serialize_seq(Some(1 + self.ops.len()))?;
        params.serialize_element(&*self.schema.name)?;
        for op in self.ops {
            params.serialize_element(&Fitted { op, schema: Some(self.schema) })?;
        }
        params.end()
    }
}

/// An operation as far as a schema has room for it.
struct Fitted<'a> {
    op: &'a Op,
    schema: Option<&'a Database>,
}

impl<'a> Fitted<'a> {
    fn has(&self, table: &str, column: &str) -> bool {
        self.schema.is_none_or(|schema| schema.column(table, column).is_some())
    }

    /// Why the operation has nothing to work on.
    fn absent(&self) -> Option<String> {
        let table = self.op.table();
        if self.schema?.tables.contains_key(table) || table.is_empty() {
            match self.op {
                Op::Mutate { column, .. } if !self.has(table, column) => {
                    Some(format!("no column {table}.{column} here"))
                }
                _ => None,
            }
        } else {
            Some(format!("no table {table} here"))
        }
    }

    fn row(&self, table: &'a str, row: &'a Columns) -> Row<'a> {
        Row { table, row, schema: self.schema }
    }
}

impl Serialize for Fitted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(reason) = self.absent() {
            map.serialize_entry("op", "comment")?;
            map.serialize_entry("comment", &reason)?;
            return map.end();
        }
        map.serialize_entry("op", self.op.name())?;
        if !self.op.table().is_empty() {
            map.serialize_entry("table", self.op.table())?;
        }
        match self.op {
            Op::Insert { table, uuid, row } => {
                map.serialize_entry("uuid", uuid)?;
                map.serialize_entry("row", &self.row(table, row))?;
            }
            Op::Update { table, uuid, row } => {
                map.serialize_entry("where", &is(uuid))?;
                map.serialize_entry("row", &self.row(table, row))?;
            }
            Op::Mutate { uuid, column, mutator, value, .. } => {
                map.serialize_entry("where", &is(uuid))?;
                map.serialize_entry("mutations", &[(column, mutator.name(), value)])?;
            }
            Op::Delete { uuid, .. } => map.serialize_entry("where", &is(uuid))?,
            Op::Wait { table, conditions, columns, until, rows, timeout_ms } => {
                let columns: Vec<_> = columns.iter().filter(|c| self.has(table, c)).collect();
                let rows: Vec<_> = rows.iter().map(|row| self.row(table, row)).collect();
                map.serialize_entry("timeout", timeout_ms)?;
                map.serialize_entry("where", conditions)?;
                map.serialize_entry("columns", &columns)?;
                map.serialize_entry("until", until.symbol())?;
                map.serialize_entry("rows", &rows)?;
            }
            Op::Select { table, conditions, columns } => {
                let columns: Vec<_> =
                    columns.iter().filter(|c| **c == "_uuid" || self.has(table, c)).collect();
                map.serialize_entry("where", conditions)?;
                map.serialize_entry("columns", &columns)?;
            }
            Op::Comment(text) => map.serialize_entry("comment", text)?,
        }
        map.end()
    }
}

type ByUuid<'a> = [(&'static str, &'static str, (&'static str, &'a Uuid)); 1];

fn is(uuid: &Uuid) -> ByUuid<'_> {
    [("_uuid", "==", ("uuid", uuid))]
}

struct Row<'a> {
    table: &'a str,
    row: &'a Columns,
    schema: Option<&'a Database>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (column, value) in self.row {
            let kind = self.schema.map(|schema| schema.column(self.table, column));
            match kind {
                Some(None) => {}
                Some(Some(kind)) if value.is_empty() => {
                    map.serialize_entry(column, empty(kind))?;
                }
                _ => map.serialize_entry(column, value)?,
            }
        }
        map.end()
    }
}

fn empty(kind: &ColumnType) -> &'static (&'static str, [u8; 0]) {
    if kind.is_map() { &("map", []) } else { &("set", []) }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.column, self.function.symbol(), &self.value as &Value).serialize(serializer)
    }
}

impl Function {
    fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
            Self::Includes => "includes",
            Self::Excludes => "excludes",
        }
    }
}

impl Mutator {
    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Delete => "delete",
        }
    }
}

impl Until {
    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }
}
