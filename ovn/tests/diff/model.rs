//! A database as ovsdb-server keeps it, in a few lines: transactions are all or nothing, strong
//! references are checked, weak ones pruned, rows of other than root tables die with the last strong
//! reference, indexes are unique. It has no conditions and no history.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::op::{Columns, Mutator, Op};
use ovsdb::replica::Replica;
use ovsdb::schema::{self, Reference};
use ovsdb::value::{Atom, Uuid, Value};

use ovn::monitor::Watch;

type Row = BTreeMap<String, Value>;

#[derive(Clone)]
pub(crate) struct Model {
    schema: schema::Database,
    pub(crate) rows: BTreeMap<(String, Uuid), Row>,
}

impl Model {
    pub(crate) fn northbound() -> Self {
        let text = include_str!("../../schema/ovn-nb.ovsschema");
        Self { schema: schema::Database::parse(text).unwrap(), rows: BTreeMap::new() }
    }

    /// The same server without a column.
    pub(crate) fn without(mut self, table: &str, column: &str) -> Self {
        self.schema.tables.get_mut(table).unwrap().columns.remove(column).unwrap();
        let rows = self.rows.iter_mut().filter(|((of, _), _)| of == table);
        rows.for_each(|(_, row)| drop(row.remove(column)));
        self
    }

    /// The same server without a table.
    pub(crate) fn without_table(mut self, table: &str) -> Self {
        self.schema.tables.remove(table).unwrap();
        self.rows.retain(|(of, _), _| of != table);
        self
    }

    /// A replica that has just read everything.
    pub(crate) fn replica(&self, watch: &Watch) -> Replica {
        let mut tables: BTreeMap<&str, serde_json::Map<String, serde_json::Value>> =
            BTreeMap::new();
        for ((table, uuid), row) in &self.rows {
            let row: BTreeMap<_, _> = row.iter().filter(|(_, value)| !value.is_empty()).collect();
            let initial = serde_json::json!({ "initial": row });
            tables.entry(table).or_default().insert(uuid.to_string(), initial);
        }
        let mut replica = Replica::new(watch.spec());
        replica.follow(&self.schema);
        replica.apply_snapshot(&serde_json::to_string(&tables).unwrap()).unwrap();
        replica
    }

    pub(crate) fn column(&self, table: &str, uuid: Uuid, column: &str) -> Option<&Value> {
        self.rows.get(&(table.to_owned(), uuid))?.get(column)
    }

    /// All of `ops`, or none and why.
    pub(crate) fn apply(&mut self, ops: &[Op]) -> Result<(), String> {
        let mut after = self.clone();
        for op in ops {
            after.execute(op)?;
        }
        after.commit()?;
        *self = after;
        Ok(())
    }

    fn execute(&mut self, op: &Op) -> Result<(), String> {
        let id = |uuid: &Uuid| (op.table().to_owned(), *uuid);
        let absent = || format!("no row for {op:?}");
        match op {
            Op::Insert { table, uuid, row } => {
                let columns = self.schema.tables[*table].columns.iter();
                let mut new: Row =
                    columns.map(|(name, c)| (name.to_string(), c.kind.default())).collect();
                set(&mut new, row);
                if self.rows.insert(id(uuid), new).is_some() {
                    return Err(format!("duplicate uuid: {op:?}"));
                }
            }
            Op::Update { uuid, row, .. } => {
                set(self.rows.get_mut(&id(uuid)).ok_or_else(absent)?, row);
            }
            Op::Mutate { uuid, column, mutator, value, .. } => {
                let row = self.rows.get_mut(&id(uuid)).ok_or_else(absent)?;
                if let Some(held) = row.get_mut(*column) {
                    *held = mutated(held, *mutator, value);
                }
            }
            Op::Delete { uuid, .. } => {
                self.rows.remove(&id(uuid)).ok_or_else(absent)?;
            }
            other => return Err(format!("the model does not know {other:?}")),
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), String> {
        loop {
            let held = self.strongly_held()?;
            let root = |table: &str| self.schema.tables[table].is_root;
            let before = self.rows.len();
            let dead: Vec<_> = self
                .rows
                .keys()
                .filter(|id| !root(&id.0) && !held.contains(*id))
                .cloned()
                .collect();
            dead.iter().for_each(|id| drop(self.rows.remove(id)));
            if self.rows.len() == before {
                break;
            }
        }
        self.prune_weak();
        self.check_indexes()
    }

    fn references(
        &self,
        wanted: Reference,
    ) -> impl Iterator<Item = (&(String, Uuid), &str, &str, Uuid)> {
        self.rows.iter().flat_map(move |(id, row)| {
            let columns = &self.schema.tables[&*id.0].columns;
            row.iter().flat_map(move |(name, value)| {
                let to = columns[&**name].kind.key.reference.as_ref();
                let to = to.filter(|(_, kind)| *kind == wanted).map(|(table, _)| &**table);
                let uuids = value.atoms().iter().filter_map(Atom::as_uuid);
                to.into_iter().flat_map(move |to| uuids.clone().map(move |u| (id, &**name, to, u)))
            })
        })
    }

    fn strongly_held(&self) -> Result<BTreeSet<(String, Uuid)>, String> {
        let mut held = BTreeSet::new();
        for (id, column, table, uuid) in self.references(Reference::Strong) {
            let to = (table.to_owned(), uuid);
            if !self.rows.contains_key(&to) {
                return Err(format!("referential integrity violation: {id:?} {column} to {to:?}"));
            }
            held.insert(to);
        }
        Ok(held)
    }

    fn prune_weak(&mut self) {
        let dangling: Vec<_> = self
            .references(Reference::Weak)
            .filter(|(_, _, table, uuid)| !self.rows.contains_key(&((*table).to_owned(), *uuid)))
            .map(|(id, column, _, uuid)| (id.clone(), column.to_owned(), uuid))
            .collect();
        for (id, column, uuid) in dangling {
            let held = self.rows.get_mut(&id).unwrap().get_mut(&column).unwrap();
            *held = mutated(held, Mutator::Delete, &uuid.into());
        }
    }

    fn check_indexes(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for ((table, uuid), row) in &self.rows {
            for index in &self.schema.tables[&**table].indexes {
                let key: Vec<&Value> = index.iter().map(|column| &row[&**column]).collect();
                if !seen.insert((table, index, key)) {
                    return Err(format!(
                        "constraint violation: {table} {uuid} is not alone in {index:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A server leaves out nothing; the client leaves out what the server's schema lacks.
fn set(row: &mut Row, columns: &Columns) {
    for (column, value) in columns {
        if let Some(held) = row.get_mut(*column) {
            *held = value.clone();
        }
    }
}

fn mutated(held: &Value, mutator: Mutator, value: &Value) -> Value {
    let has_key = |pairs: &[(Atom, Atom)], key: &Atom| pairs.iter().any(|(found, _)| found == key);
    match (mutator, value) {
        (Mutator::Insert, Value::Map(pairs)) => {
            let new = pairs.iter().filter(|(key, _)| !has_key(held.pairs(), key));
            Value::map(held.pairs().iter().chain(new).cloned())
        }
        (Mutator::Delete, _) if !held.pairs().is_empty() => {
            let keep = held.pairs().iter().filter(|(key, _)| !value.contains(key));
            Value::map(keep.cloned())
        }
        (Mutator::Insert, _) => Value::set(held.atoms().iter().chain(value.atoms())),
        (Mutator::Delete, _) => Value::set(held.atoms().iter().filter(|a| !value.contains(a))),
    }
}
