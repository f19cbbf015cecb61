//! What the generated builders and read views share: atoms from Rust's types and back.

use std::marker::PhantomData;
use std::sync::Arc;

use ovsdb::op::Columns;
use ovsdb::replica::Row;
use ovsdb::value::{Atom, Uuid, Value};

/// The columns of a row of one table, to write.
pub trait Record: Into<Columns> {
    const TABLE: &'static str;
}

/// A type that an atom can be read as; its default is what the schema says for a column nobody set.
pub trait Scalar<'a>: Default {
    /// Nothing if the atom is of another type.
    fn read(atom: &'a Atom) -> Option<Self>;
}

impl<'a> Scalar<'a> for &'a str {
    fn read(atom: &'a Atom) -> Option<Self> {
        atom.as_str()
    }
}

impl Scalar<'_> for i64 {
    fn read(atom: &Atom) -> Option<Self> {
        atom.as_int()
    }
}

impl Scalar<'_> for bool {
    fn read(atom: &Atom) -> Option<Self> {
        atom.as_bool()
    }
}

impl Scalar<'_> for Uuid {
    fn read(atom: &Atom) -> Option<Self> {
        atom.as_uuid()
    }
}

/// A map column of a row.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a, K, V> {
    pairs: &'a [(Atom, Atom)],
    of: PhantomData<(K, V)>,
}

impl<'a, K: Scalar<'a>, V: Scalar<'a>> Map<'a, K, V> {
    /// The pairs in the order of their keys.
    pub fn iter(self) -> impl Iterator<Item = (K, V)> + use<'a, K, V> {
        self.pairs.iter().filter_map(|(key, value)| Some((K::read(key)?, V::read(value)?)))
    }

    pub fn is_empty(self) -> bool {
        self.pairs.is_empty()
    }

    pub fn len(self) -> usize {
        self.pairs.len()
    }
}

impl<'a, V: Scalar<'a>> Map<'a, &'a str, V> {
    pub fn get(self, key: &str) -> Option<V> {
        let at = self.pairs.binary_search_by(|(found, _)| found.as_str().cmp(&Some(key))).ok()?;
        V::read(&self.pairs[at].1)
    }
}

impl<'a, V: Scalar<'a>> Map<'a, i64, V> {
    pub fn get(self, key: i64) -> Option<V> {
        let at = self.pairs.binary_search_by(|(found, _)| found.as_int().cmp(&Some(key))).ok()?;
        V::read(&self.pairs[at].1)
    }
}

pub(crate) fn string(text: impl Into<Arc<str>>) -> Atom {
    Atom::String(text.into())
}

pub(crate) fn one<'a, T: Scalar<'a>>(row: &'a Row, column: &str) -> T {
    optional(row, column).unwrap_or_default()
}

pub(crate) fn optional<'a, T: Scalar<'a>>(row: &'a Row, column: &str) -> Option<T> {
    row.get(column).and_then(Value::as_atom).and_then(T::read)
}

pub(crate) fn set<'a, T: Scalar<'a>>(
    row: &'a Row,
    column: &str,
) -> impl Iterator<Item = T> + use<'a, T> {
    row.get(column).map(Value::atoms).unwrap_or_default().iter().filter_map(T::read)
}

pub(crate) fn pairs<'a, K, V>(row: &'a Row, column: &str) -> Map<'a, K, V> {
    Map { pairs: row.get(column).map(Value::pairs).unwrap_or_default(), of: PhantomData }
}
