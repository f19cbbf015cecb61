//! What the schema files say, as constants: which columns there are and what refers to what.
//! Constraints on values are the server's to check.

use ovsdb::value::{Uuid, Value};

/// A database and its tables.
#[derive(Debug)]
pub struct Database {
    pub name: &'static str,
    /// Of the schema file; a server's may differ.
    pub version: &'static str,
    /// Sorted by name.
    pub tables: &'static [&'static Table],
}

impl Database {
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&'static Table> {
        // The schema's order is by bytes, as is the order of `str`.
        let at = self.tables.binary_search_by(|table| table.name.cmp(name)).ok()?;
        Some(self.tables[at])
    }
}

/// A table and its columns.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// A row of a table that is not root vanishes with the last strong reference to it.
    pub root: bool,
    /// Sorted by name.
    pub columns: &'static [Column],
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        let at = self.columns.binary_search_by(|column| column.name.cmp(name)).ok()?;
        Some(&self.columns[at])
    }

    /// Whether rows can carry our marks themselves.
    pub fn has_external_ids(&self) -> bool {
        self.column("external_ids").is_some()
    }

    /// Sets whose members a replica holds as edges.
    pub fn edge_columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.columns.iter().filter(|column| column.shared && column.shape == Shape::Set)
    }
}

/// A column.
#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub shape: Shape,
    /// Of a map's keys, else of the members.
    pub key: Base,
    /// Of a map's values.
    pub value: Option<Base>,
    /// Several scopes write it, a member or an entry at a time.
    pub shared: bool,
}

/// How many atoms a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    One,
    Optional,
    Set,
    Map,
}

/// What an atom is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Integer,
    Boolean,
    String,
    Uuid(Option<Reference>),
}

/// A table that a uuid refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    pub table: &'static str,
    /// Keeps the row from being deleted; a weak reference vanishes with the row.
    pub strong: bool,
}

impl Base {
    pub const fn strong(table: &'static str) -> Self {
        Self::Uuid(Some(Reference { table, strong: true }))
    }

    pub const fn weak(table: &'static str) -> Self {
        Self::Uuid(Some(Reference { table, strong: false }))
    }

    /// The table it refers to, if it does.
    pub const fn reference(self) -> Option<Reference> {
        if let Self::Uuid(reference) = self { reference } else { None }
    }
}

impl Column {
    pub const fn one(name: &'static str, key: Base) -> Self {
        Self { name, shape: Shape::One, key, value: None, shared: false }
    }

    pub const fn optional(name: &'static str, key: Base) -> Self {
        Self { name, shape: Shape::Optional, key, value: None, shared: false }
    }

    pub const fn set(name: &'static str, key: Base) -> Self {
        Self { name, shape: Shape::Set, key, value: None, shared: false }
    }

    pub const fn map(name: &'static str, key: Base, value: Base) -> Self {
        Self { name, shape: Shape::Map, key, value: Some(value), shared: false }
    }

    /// The same column, written by several scopes.
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// The rows that `value` refers to, with the kind of reference.
    pub fn references<'v>(
        &self,
        value: &'v Value,
    ) -> impl Iterator<Item = (Reference, Uuid)> + use<'v> {
        let (key, of) = (self.key.reference(), self.value.and_then(Base::reference));
        let atoms = value.atoms().iter().filter_map(move |atom| Some((key?, atom.as_uuid()?)));
        let keys = value.pairs().iter().filter_map(move |pair| Some((key?, pair.0.as_uuid()?)));
        let values = value.pairs().iter().filter_map(move |pair| Some((of?, pair.1.as_uuid()?)));
        atoms.chain(keys).chain(values)
    }
}
