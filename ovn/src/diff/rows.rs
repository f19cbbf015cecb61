//! Which rows come, change and go, and which scopes have to wait.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use ovsdb::op::{Columns, Op};
use ovsdb::replica::Row;
use ovsdb::value::{Atom, Value};

use super::want::Want;
use super::{Collision, Have, Other, Withheld};
use crate::mark::{self, Carrier};
use crate::monitor::{BY_NAME, is_named, text};
use crate::owner::Owner;
use crate::state::{Desired, Edge, RowId, State};
use crate::table::{Column, Table};

/// A pass over some scopes: what they have, and what becomes of it.
pub(super) struct Pass<'a> {
    pub(super) want: &'a Want<'a>,
    pub(super) have: &'a Have<'a>,
    /// The rows of each scope that the database has now.
    pub(super) current: BTreeMap<&'a Owner, Vec<RowId>>,
    /// Those that nobody wants, and that can go.
    pub(super) gone: BTreeSet<RowId>,
    /// Those that cannot, with the row that keeps them.
    pub(super) held: BTreeMap<RowId, RowId>,
    pub(super) withheld: BTreeMap<Owner, Withheld>,
}

impl<'a> Pass<'a> {
    /// Leaves out scopes until the rest stands on its own.
    pub(super) fn settle(want: &'a Want<'a>, have: &'a Have<'a>) -> Self {
        let current: BTreeMap<_, _> =
            want.scopes.keys().map(|o| (o, have.watch.rows_of(have.replica, o))).collect();
        let mut pass = Self {
            want,
            have,
            current,
            gone: BTreeSet::new(),
            withheld: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        loop {
            (pass.gone, pass.held) = pass.unwanted();
            // Only rows that come and are not of a root table have to be referred to.
            let referred = if pass.has_new_dependents() { pass.referred() } else { HashSet::new() };
            let found: Vec<_> = pass
                .active()
                .map(|(owner, state)| (owner.clone(), pass.obstacles(state, &referred)))
                .filter(|(_, withheld)| *withheld != Withheld::default())
                .collect();
            if found.is_empty() {
                break;
            }
            pass.withheld.extend(found);
        }
        pass
    }

    /// The scopes that are written.
    pub(super) fn active(&self) -> impl Iterator<Item = (&'a Owner, &'a State)> {
        self.want.scopes.iter().filter(|(owner, _)| !self.withheld.contains_key(*owner))
    }

    /// The rows that active scopes have now.
    pub(super) fn rows(&self) -> impl Iterator<Item = RowId> {
        self.active().flat_map(|(owner, _)| self.current.get(owner)).flatten().copied()
    }

    /// A table that is watched and that the server has.
    pub(super) fn table(&self, name: &str) -> Option<&'static Table> {
        let has = |column: &Column| self.have.replica.has(name, column.name);
        self.have.watch.get(name).filter(|table| table.columns.iter().any(has))
    }

    pub(super) fn row(&self, (table, uuid): RowId) -> Option<&'a Row> {
        self.have.watch.get(table)?;
        self.have.replica.get(table, &uuid)
    }

    /// Whether the row is wanted and not there yet.
    pub(super) fn is_new(&self, id: RowId) -> bool {
        self.want.rows.contains_key(&id) && self.row(id).is_none()
    }

    pub(super) fn is_ours(&self, id: RowId) -> bool {
        self.row(id).is_some_and(mark::is_ours)
    }

    /// The rows that go, and those that would if a row that is not ours did not refer to them strongly.
    fn unwanted(&self) -> (BTreeSet<RowId>, BTreeMap<RowId, RowId>) {
        let (mut gone, mut held) = (BTreeSet::new(), BTreeMap::new());
        for id in self.rows().filter(|id| !self.want.rows.contains_key(id)) {
            let keeps = |(edge, strong): &&(Edge, bool)| *strong && !self.may_change(edge);
            match self.holders(id).iter().find(keeps) {
                Some((edge, _)) => {
                    held.insert(id, (edge.table, edge.container));
                }
                None => {
                    gone.insert(id);
                }
            }
        }
        (gone, held)
    }

    /// Everything that keeps a scope from being written, as far as is known.
    fn obstacles(&self, state: &State, referred: &HashSet<RowId>) -> Withheld {
        let mut obstacles = Withheld::default();
        for (id, desired) in &state.rows {
            let Some(table) = self.table(id.0) else { continue };
            for (column, value) in &desired.columns {
                let Some(column) = table.column(column) else { continue };
                let references = column.references(value).map(|(to, uuid)| (to.table, uuid));
                obstacles.missing.extend(references.filter(|id| !self.will_exist(*id)));
            }
            match self.row(*id) {
                Some(row) if is_marked(table, row) => {}
                Some(row) => {
                    obstacles.collisions.insert(Collision::new(*id, row, None));
                }
                None => {
                    obstacles.collisions.extend(self.namesakes(table, desired));
                    if !table.root && !referred.contains(id) {
                        obstacles.unreferenced.insert(*id);
                    }
                }
            }
        }
        for edge in state.shares() {
            let column = self.table(edge.table).and_then(|table| table.column(edge.column));
            let to = column.and_then(|column| column.key.reference());
            let member = to.and_then(|to| Some((to.table, edge.member.as_uuid()?)));
            let ends = [Some((edge.table, edge.container)), member].into_iter().flatten();
            obstacles.missing.extend(ends.filter(|id| !self.will_exist(*id)));
        }
        obstacles
    }

    /// Whether the row is there when the batch is done. Of tables that are not watched nobody knows, and
    /// references to what the server lacks are left out of what is sent.
    fn will_exist(&self, id: RowId) -> bool {
        if self.table(id.0).is_none() {
            return true;
        }
        if self.row(id).is_some() {
            return !self.gone.contains(&id);
        }
        let wanted = self.want.rows.get(&id);
        wanted.is_some_and(|desired| !self.withheld.contains_key(&desired.owner))
    }

    fn has_new_dependents(&self) -> bool {
        let mut rows = self.active().flat_map(|(_, state)| state.rows.keys());
        rows.any(|id| self.table(id.0).is_some_and(|table| !table.root) && self.row(*id).is_none())
    }

    /// The rows that active scopes refer to strongly.
    fn referred(&self) -> HashSet<RowId> {
        let mut referred = HashSet::new();
        for (_, state) in self.active() {
            for edge in &state.edges {
                let column = self.have.watch.get(edge.table).and_then(|t| t.column(edge.column));
                let to = column.and_then(|column| column.key.reference()).filter(|to| to.strong);
                referred.extend(to.and_then(|to| Some((to.table, edge.member.as_uuid()?))));
            }
            for ((table, _), desired) in &state.rows {
                let Some(table) = self.have.watch.get(table) else { continue };
                for (column, value) in &desired.columns {
                    let references =
                        table.column(column).into_iter().flat_map(|c| c.references(value));
                    referred.extend(
                        references.filter(|(to, _)| to.strong).map(|(to, uuid)| (to.table, uuid)),
                    );
                }
            }
        }
        referred
    }

    /// Rows that stay and have the name of one that is to come.
    fn namesakes(&self, table: &'static Table, desired: &Desired) -> Vec<Collision> {
        let wanted = desired.columns.get("name");
        let name = wanted.and_then(Value::as_str).unwrap_or_default();
        if !is_named(table) || name.is_empty() {
            return vec![];
        }
        let rows = self.have.replica.lookup(table.name, BY_NAME, name);
        let stays = |id: &RowId| {
            let renamed =
                self.want.rows.get(id).is_some_and(|row| row.columns.get("name") != wanted);
            !renamed && !self.gone.contains(id)
        };
        let others = rows.map(|uuid| (table.name, uuid)).filter(stays);
        others
            .filter_map(|id| Some(Collision::new(id, self.row(id)?, text(self.row(id)?, "name"))))
            .collect()
    }

    /// The memberships that a row has, and whether they are strong.
    pub(super) fn holders(&self, (table, uuid): RowId) -> Vec<(Edge, bool)> {
        let member = Atom::Uuid(uuid);
        let mut holders = Vec::new();
        for (of, column) in self.have.watch.containers_of(table) {
            let strong = column.key.reference().is_some_and(|to| to.strong);
            for container in self.have.replica.containers(of.name, column.name, &member) {
                let (table, column, member) = (of.name, column.name, member.clone());
                holders.push((Edge { table, column, container, member }, strong));
            }
        }
        holders
    }

    /// Whether a member may be taken from its container: the container is ours, or the membership is.
    pub(super) fn may_change(&self, edge: &Edge) -> bool {
        let former = |owner| self.have.former.get(owner).is_some_and(|edges| edges.contains(edge));
        self.is_ours((edge.table, edge.container)) || self.active().any(|(owner, _)| former(owner))
    }

    /// The rows that come, with what scopes add to them.
    pub(super) fn inserts(&self, mut shares: BTreeMap<RowId, Columns>) -> Vec<Op> {
        let mut ops = Vec::new();
        for (owner, state) in self.active() {
            for (&(table, uuid), desired) in &state.rows {
                if !self.is_new((table, uuid)) {
                    continue;
                }
                let Some(facts) = self.table(table) else { continue };
                let mut row = desired.columns.clone();
                row.extend(shares.remove(&(table, uuid)).unwrap_or_default());
                match mark::carrier(facts) {
                    Carrier::ExternalIds => {
                        row.insert(mark::COLUMN, external_ids(desired));
                    }
                    Carrier::Name => {
                        row.insert("name", mark::name(owner, &desired.role).into());
                    }
                    Carrier::Parent => {}
                }
                ops.push(Op::Insert { table, uuid, row });
            }
        }
        ops
    }

    /// The columns that change.
    pub(super) fn updates(&self) -> impl Iterator<Item = Op> {
        let rows = self.active().flat_map(|(_, state)| &state.rows);
        rows.filter_map(|(&(table, uuid), desired)| {
            let row = changed(self.have.watch.get(table)?, desired, self.row((table, uuid))?);
            (!row.is_empty()).then_some(Op::Update { table, uuid, row })
        })
    }

    /// The rows that go.
    pub(super) fn deletes(&self) -> impl Iterator<Item = Op> {
        self.gone.iter().map(|&(table, uuid)| Op::Delete { table, uuid })
    }
}

impl Collision {
    fn new((table, uuid): RowId, row: &Row, name: Option<Arc<str>>) -> Self {
        let of = match () {
            () if mark::is_ours(row) => Other::Scope,
            () if mark::is_kube_ovns(row) => Other::KubeOvn,
            () => Other::Stranger,
        };
        Self { table, uuid, name, of }
    }
}

/// Whether a row with the uuid of one of ours is indeed ours. Nothing but its uuid says so of a row that
/// belongs to another row.
fn is_marked(table: &Table, row: &Row) -> bool {
    mark::carrier(table) == Carrier::Parent || mark::is_ours(row)
}

fn own_ids(desired: &Desired) -> &[(Atom, Atom)] {
    desired.columns.get(mark::COLUMN).map(Value::pairs).unwrap_or_default()
}

fn external_ids(desired: &Desired) -> Value {
    let marks = mark::marks(&desired.owner, &desired.role);
    Value::map(own_ids(desired).iter().cloned().chain(marks))
}

/// Whether `now` is [`external_ids`], without making them: most rows have them.
fn has_ids(desired: &Desired, now: &Value) -> bool {
    let marks = mark::marks(&desired.owner, &desired.role);
    let is_mark = |key: &Atom| marks.iter().any(|(mark, _)| mark == key);
    let own = own_ids(desired).iter().filter(|(key, _)| !is_mark(key));
    let has = |(key, value): &(Atom, Atom)| {
        let at = now.pairs().binary_search_by(|(found, _)| found.cmp(key));
        at.is_ok_and(|at| now.pairs()[at].1 == *value)
    };
    now.len() == own.clone().count() + marks.len() && own.clone().all(has) && marks.iter().all(has)
}

/// The columns of `desired` that `row` has otherwise. A column that the server lacks is not in `row`.
fn changed(table: &Table, desired: &Desired, row: &Row) -> Columns {
    let mut changed = Columns::new();
    for (&column, value) in &desired.columns {
        if row.get(column).is_some_and(|now| now != value) {
            changed.insert(column, value.clone());
        }
    }
    match mark::carrier(table) {
        Carrier::ExternalIds => {
            changed.remove(mark::COLUMN);
            if row.get(mark::COLUMN).is_some_and(|now| !has_ids(desired, now)) {
                changed.insert(mark::COLUMN, external_ids(desired));
            }
        }
        // The name is the mark: a row that has another one is not ours.
        Carrier::Name => {
            changed.remove("name");
        }
        Carrier::Parent => {}
    }
    changed
}
