//! A database's schema (RFC 7047 section 3.2), as `get_schema` answers and `*.ovsschema` files hold it.
//! Only what a client needs; it does not check values against constraints, the server does.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::error::Error;
use crate::value::{Atom, Real, Uuid, Value};

/// A database: its name, version and tables.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Database {
    pub name: Arc<str>,
    #[serde(default)]
    pub version: Arc<str>,
    pub tables: BTreeMap<Arc<str>, Table>,
}

/// A table: its columns by name, without the implicit `_uuid` and `_version`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    pub columns: BTreeMap<Arc<str>, Column>,
    /// Rows of a table that is not root vanish when nothing refers to them.
    #[serde(default)]
    pub is_root: bool,
    /// Sets of columns no two rows may agree in. They make nothing faster.
    #[serde(default)]
    pub indexes: Vec<Vec<Arc<str>>>,
    #[serde(default)]
    pub max_rows: Option<u64>,
}

/// A column: its type, whether it survives a restart, whether it may change after the insert.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Column {
    #[serde(rename = "type")]
    pub kind: ColumnType,
    #[serde(default)]
    pub ephemeral: bool,
    #[serde(default = "yes")]
    pub mutable: bool,
}

fn yes() -> bool {
    true
}

/// How many of what a column holds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "WireType")]
pub struct ColumnType {
    pub key: Base,
    /// Present in maps.
    pub value: Option<Base>,
    /// 0 or 1.
    pub min: u32,
    /// [`u32::MAX`] is unlimited.
    pub max: u32,
}

impl ColumnType {
    /// Exactly one value of `kind`.
    pub fn scalar(kind: AtomType) -> Self {
        Self { key: kind.into(), value: None, min: 1, max: 1 }
    }

    /// Any number of values of `kind`.
    pub fn set(kind: AtomType) -> Self {
        Self { key: kind.into(), value: None, min: 0, max: u32::MAX }
    }

    /// Any number of pairs.
    pub fn map(key: AtomType, value: AtomType) -> Self {
        Self { key: key.into(), value: Some(value.into()), min: 0, max: u32::MAX }
    }

    pub fn is_map(&self) -> bool {
        self.value.is_some()
    }

    /// A set that can have more than one member; its changes arrive as a symmetric difference.
    pub fn is_set(&self) -> bool {
        self.value.is_none() && self.max > 1
    }

    /// What a column holds that nobody set (RFC 7047 section 5.2.1), and what updates leave out.
    pub fn default(&self) -> Value {
        match self.min {
            0 if self.is_map() => Value::Map(Box::default()),
            0 => Value::empty(),
            _ => match &self.value {
                Some(value) => Value::map([(self.key.kind.default(), value.kind.default())]),
                None => Value::One(self.key.kind.default()),
            },
        }
    }
}

/// The type of an atom, without constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtomType {
    Integer,
    Real,
    Boolean,
    String,
    Uuid,
}

impl AtomType {
    /// The name the schema uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Uuid => "uuid",
        }
    }

    fn default(self) -> Atom {
        match self {
            Self::Integer => Atom::Integer(0),
            Self::Real => Atom::Real(Real(0.0)),
            Self::Boolean => Atom::Boolean(false),
            Self::String => Atom::String("".into()),
            Self::Uuid => Atom::Uuid(Uuid::nil()),
        }
    }
}

/// An atom's type with its constraints.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "WireBase")]
pub struct Base {
    pub kind: AtomType,
    /// The table a uuid refers to, and whether it keeps the row alive.
    pub reference: Option<(Arc<str>, Reference)>,
    /// The only values allowed, if there is such a list.
    pub choices: Option<Vec<Atom>>,
    pub min_integer: Option<i64>,
    pub max_integer: Option<i64>,
}

impl From<AtomType> for Base {
    fn from(kind: AtomType) -> Self {
        Self { kind, reference: None, choices: None, min_integer: None, max_integer: None }
    }
}

/// What a reference does when its row goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// The row cannot be deleted.
    #[default]
    Strong,
    /// The reference vanishes.
    Weak,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireType {
    Scalar(AtomType),
    Full {
        key: Base,
        #[serde(default)]
        value: Option<Base>,
        #[serde(default = "one")]
        min: u32,
        #[serde(default)]
        max: WireMax,
    },
}

fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireMax {
    Number(u32),
    Unlimited(Unlimited),
}

impl Default for WireMax {
    fn default() -> Self {
        Self::Number(1)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unlimited {
    Unlimited,
}

impl From<WireType> for ColumnType {
    fn from(wire: WireType) -> Self {
        match wire {
            WireType::Scalar(kind) => Self::scalar(kind),
            WireType::Full { key, value, min, max } => {
                let max = match max {
                    WireMax::Number(number) => number,
                    WireMax::Unlimited(Unlimited::Unlimited) => u32::MAX,
                };
                Self { key, value, min, max }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireBase {
    Plain(AtomType),
    #[serde(rename_all = "camelCase")]
    Full {
        #[serde(rename = "type")]
        kind: AtomType,
        #[serde(default)]
        ref_table: Option<Arc<str>>,
        #[serde(default)]
        ref_type: Reference,
        #[serde(default, rename = "enum")]
        choices: Option<serde_json::Value>,
        #[serde(default)]
        min_integer: Option<i64>,
        #[serde(default)]
        max_integer: Option<i64>,
    },
}

impl From<WireBase> for Base {
    fn from(wire: WireBase) -> Self {
        match wire {
            WireBase::Plain(kind) => kind.into(),
            WireBase::Full { kind, ref_table, ref_type, choices, min_integer, max_integer } => {
                let set = ColumnType::set(kind);
                // A list of choices we cannot read is one the server checks without us.
                let choices = choices.and_then(|json| Value::from_json(&json, &set).ok());
                Self {
                    kind,
                    reference: ref_table.map(|table| (table, ref_type)),
                    choices: choices.map(|value| value.atoms().to_vec()),
                    min_integer,
                    max_integer,
                }
            }
        }
    }
}

impl Database {
    /// Reads a schema file or the text of a `get_schema` reply.
    pub fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::Protocol(format!("schema: {error}")))
    }

    /// Reads the result of `get_schema`.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, Error> {
        Self::deserialize(json).map_err(|error| Error::Protocol(format!("schema: {error}")))
    }

    /// The type of a column, if this schema has it.
    pub fn column(&self, table: &str, column: &str) -> Option<&ColumnType> {
        self.tables.get(table)?.columns.get(column).map(|column| &column.kind)
    }
}
