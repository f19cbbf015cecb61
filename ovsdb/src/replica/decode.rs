//! Table updates of `monitor_cond` and `monitor_cond_since` (ovsdb-server(7), update2 and update3) from
//! JSON text to values, without a tree in between and without touching any row.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::Replica;
use super::layout::{Layout, Slot};
use crate::error::Error;
use crate::intern::Interner;
use crate::value::{MembersSeed, Uuid, Value, ValueSeed};

/// Decoded updates that are not applied yet: either all of them will be or none.
#[derive(Default)]
pub struct Updates {
    pub(super) rows: Vec<RowUpdate>,
    /// The cells of all rows, one row's after another's.
    pub(super) cells: Vec<Cell>,
}

pub(super) struct RowUpdate {
    pub(super) table: u16,
    pub(super) uuid: Uuid,
    pub(super) verb: Verb,
    /// How many of the cells are this row's.
    pub(super) cells: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// The row as it is; columns left out have their default.
    Insert,
    /// Columns that changed, each by its own rule.
    Modify,
    Delete,
}

/// A column's value or change. An edge column's is a set that is not sorted.
pub(super) struct Cell {
    pub(super) slot: Slot,
    pub(super) value: Value,
}

impl Replica {
    /// Decodes the `<table-updates2>` object of a reply or notification.
    pub fn decode(&mut self, table_updates: &str) -> Result<Updates, Error> {
        let mut json = serde_json::Deserializer::from_str(table_updates);
        let mut updates = Updates::default();
        self.updates_seed(&mut updates)
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| Error::Protocol(format!("table updates: {error}")))?;
        Ok(updates)
    }

    pub(crate) fn updates_seed<'a>(&'a mut self, into: &'a mut Updates) -> TablesSeed<'a> {
        let tables = self.tables.iter().map(|table| (table.name, &*table.layout)).collect();
        TablesSeed { tables, interner: &mut self.interner, into }
    }
}

/// `{table: {uuid: {verb: columns}}}`
pub(crate) struct TablesSeed<'a> {
    tables: Vec<(&'static str, &'a Layout)>,
    interner: &'a mut Interner,
    into: &'a mut Updates,
}

impl<'de> DeserializeSeed<'de> for TablesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TablesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let Some(at) = self.tables.iter().position(|(known, _)| *known == &*name.0) else {
                map.next_value::<de::IgnoredAny>()?;
                continue;
            };
            let table = u16::try_from(at).map_err(de::Error::custom)?;
            let layout = self.tables[at].1;
            map.next_value_seed(RowsSeed {
                table,
                layout,
                interner: self.interner,
                into: self.into,
            })?;
        }
        Ok(())
    }
}

/// A key without a copy, unless it has escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

struct RowsSeed<'a> {
    table: u16,
    layout: &'a Layout,
    interner: &'a mut Interner,
    into: &'a mut Updates,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(uuid) = map.next_key::<Uuid>()? {
            let before = self.into.cells.len();
            let cells = &mut self.into.cells;
            let verb = map.next_value_seed(RowSeed {
                layout: self.layout,
                interner: self.interner,
                cells,
            })?;
            let cells = u16::try_from(cells.len() - before).map_err(de::Error::custom)?;
            self.into.rows.push(RowUpdate { table: self.table, uuid, verb, cells });
        }
        Ok(())
    }
}

struct RowSeed<'a> {
    layout: &'a Layout,
    interner: &'a mut Interner,
    cells: &'a mut Vec<Cell>,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Verb;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Verb, D::Error> {
        deserializer.deserialize_map(self)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireVerb {
    Initial,
    Insert,
    Modify,
    Delete,
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Verb;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one of initial, insert, modify and delete")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Verb, A::Error> {
        let nothing = || de::Error::custom("a row update that says nothing");
        let verb = match map.next_key()?.ok_or_else(nothing)? {
            WireVerb::Initial | WireVerb::Insert => Verb::Insert,
            WireVerb::Modify => Verb::Modify,
            WireVerb::Delete => Verb::Delete,
        };
        match verb {
            // Its value is null; older servers send the row's last content.
            Verb::Delete => {
                map.next_value::<de::IgnoredAny>()?;
            }
            Verb::Insert | Verb::Modify => map.next_value_seed(CellsSeed {
                layout: self.layout,
                interner: self.interner,
                cells: self.cells,
            })?,
        }
        match map.next_key::<de::IgnoredAny>()? {
            None => Ok(verb),
            Some(_) => Err(de::Error::custom("a row update with two verbs")),
        }
    }
}

struct CellsSeed<'a> {
    layout: &'a Layout,
    interner: &'a mut Interner,
    cells: &'a mut Vec<Cell>,
}

impl<'de> DeserializeSeed<'de> for CellsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CellsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let Some(slot) = self.layout.slot(&name.0) else {
                map.next_value::<de::IgnoredAny>()?;
                continue;
            };
            let interner = &mut *self.interner;
            let value = match slot {
                Slot::Value(at) => {
                    let kind = &self.layout.columns[usize::from(at)].kind;
                    map.next_value_seed(ValueSeed { kind, interner })?
                }
                Slot::Edge(at) => {
                    let Some(kind) = self.layout.edges[usize::from(at)].kind else { continue };
                    let members = map.next_value_seed(MembersSeed { kind, interner })?;
                    Value::Set(members.into_boxed_slice())
                }
            };
            self.cells.push(Cell { slot, value });
        }
        Ok(())
    }
}
