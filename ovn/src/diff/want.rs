//! The states of all scopes of a pass, checked and put together.

use std::collections::{BTreeMap, HashMap, HashSet};

use ovsdb::value::Atom;

use super::Error;
use crate::monitor::Watch;
use crate::owner::Owner;
use crate::state::{Desired, Edge, RowId, State};
use crate::table::{Column, Shape};

/// What all scopes want.
pub(super) struct Want<'a> {
    pub(super) scopes: &'a BTreeMap<Owner, State>,
    pub(super) rows: HashMap<RowId, &'a Desired>,
    edges: HashSet<&'a Edge>,
    entries: HashMap<&'a Edge, &'a Atom>,
}

impl<'a> Want<'a> {
    pub(super) fn new(scopes: &'a BTreeMap<Owner, State>, watch: &Watch) -> Result<Self, Error> {
        let mut want =
            Self { scopes, rows: HashMap::new(), edges: HashSet::new(), entries: HashMap::new() };
        for (owner, state) in scopes {
            if let Some(&(table, uuid)) = state.duplicates.first() {
                return Err(Error::Duplicate { owner: owner.clone(), table, uuid });
            }
            for (id, desired) in &state.rows {
                check_row(owner, id, desired, watch)?;
                want.rows.insert(*id, desired);
            }
            for edge in &state.edges {
                check_edge(owner, edge, Shape::Set, watch)?;
                want.edges.insert(edge);
            }
            for (key, value) in &state.entries {
                check_edge(owner, key, Shape::Map, watch)?;
                if want.entries.insert(key, value).is_some_and(|other| other != value) {
                    let &Edge { table, column, container, .. } = key;
                    return Err(Error::Entry { owner: owner.clone(), table, column, container });
                }
            }
        }
        want.check_entries()?;
        Ok(want)
    }

    /// Whether some scope of the pass wants the member or key.
    pub(super) fn shares(&self, edge: &Edge) -> bool {
        self.edges.contains(edge) || self.entries.contains_key(edge)
    }

    /// A map is either written whole by the row's own scope or key by key.
    fn check_entries(&self) -> Result<(), Error> {
        let whole = |key: &&Edge| {
            let row = self.rows.get(&(key.table, key.container));
            row.is_some_and(|row| row.columns.contains_key(key.column))
        };
        match self.scopes.iter().find_map(|(o, s)| Some((o, s.entries.keys().find(whole)?))) {
            Some((owner, key)) => Err(wrong_column(owner, key.table, key.column)),
            None => Ok(()),
        }
    }
}

fn check_row(owner: &Owner, id: &RowId, desired: &Desired, watch: &Watch) -> Result<(), Error> {
    let &(table, _) = id;
    if desired.owner != *owner {
        let (scope, owner) = (owner.clone(), desired.owner.clone());
        return Err(Error::Stray { scope, owner, table });
    }
    let Some(facts) = watch.get(table) else {
        return Err(Error::Unwatched { owner: owner.clone(), table });
    };
    let writable = |column: &Column| !column.shared || column.shape == Shape::Map;
    let wrong = |name: &&&'static str| !facts.column(name).is_some_and(writable);
    match desired.columns.keys().find(wrong) {
        Some(column) => Err(wrong_column(owner, table, column)),
        None => Ok(()),
    }
}

fn check_edge(owner: &Owner, edge: &Edge, shape: Shape, watch: &Watch) -> Result<(), Error> {
    let Some(facts) = watch.get(edge.table) else {
        return Err(Error::Unwatched { owner: owner.clone(), table: edge.table });
    };
    let column = facts.column(edge.column).filter(|column| column.shared && column.shape == shape);
    let fits =
        |column: &Column| column.key.reference().is_some() == edge.member.as_uuid().is_some();
    if column.is_some_and(fits) {
        Ok(())
    } else {
        Err(wrong_column(owner, edge.table, edge.column))
    }
}

fn wrong_column(owner: &Owner, table: &'static str, column: &'static str) -> Error {
    Error::Column { owner: owner.clone(), table, column }
}
