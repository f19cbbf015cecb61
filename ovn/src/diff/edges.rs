//! Shared columns: which members and entries come and go. One net mutation each way per container and
//! column; what a new row begins with is part of its insert.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::op::{Columns, Mutator, Op};
use ovsdb::value::{Atom, Uuid, Value};

use super::rows::Pass;
use crate::state::{Edge, RowId};
use crate::table::{Column, Shape};

/// What shared columns need.
pub(super) struct Shares {
    /// Columns of rows that come.
    pub(super) new: BTreeMap<RowId, Columns>,
    /// Of rows that stay.
    pub(super) mutations: Vec<Op>,
}

/// The change of one column of one container.
#[derive(Default)]
struct Net {
    /// Members, or keys of a map.
    gone: BTreeSet<Atom>,
    members: BTreeSet<Atom>,
    entries: BTreeMap<Atom, Atom>,
}

type Nets = BTreeMap<(&'static str, &'static str, Uuid), Net>;

pub(super) fn changes(pass: &Pass<'_>) -> Shares {
    let mut nets = Nets::new();
    add(pass, &mut nets);
    leave(pass, &mut nets);
    sweep(pass, &mut nets);
    take_back(pass, &mut nets);
    let mut shares = Shares { new: BTreeMap::new(), mutations: Vec::new() };
    for ((table, column, uuid), net) in nets {
        let Net { gone, members, entries } = net;
        let come = if entries.is_empty() { Value::set(members) } else { Value::map(entries) };
        if pass.is_new((table, uuid)) {
            shares.new.entry((table, uuid)).or_default().insert(column, come);
            continue;
        }
        let mutate = |mutator, value| Op::Mutate { table, uuid, column, mutator, value };
        if !gone.is_empty() {
            shares.mutations.push(mutate(Mutator::Delete, Value::set(gone)));
        }
        if !come.is_empty() {
            shares.mutations.push(mutate(Mutator::Insert, come));
        }
    }
    shares
}

/// What scopes want and the database has not.
fn add(pass: &Pass<'_>, nets: &mut Nets) {
    for (_, state) in pass.active() {
        for edge in &state.edges {
            if pass.lacks(edge) {
                net(nets, edge).members.insert(edge.member.clone());
            }
        }
        for (key, value) in &state.entries {
            match pass.entry(key) {
                Some(now) if now == value => continue,
                Some(_) => {
                    // Inserting under a key that is there changes nothing.
                    net(nets, key).gone.insert(key.member.clone());
                }
                None if pass.lacks(key) => {}
                None => continue,
            }
            net(nets, key).entries.insert(key.member.clone(), value.clone());
        }
    }
}

/// Rows of the scopes leave the containers nobody wants them in, and those that go leave all that would
/// keep them. Weak references to them go by themselves.
fn leave(pass: &Pass<'_>, nets: &mut Nets) {
    for row in pass.rows() {
        let goes = pass.gone.contains(&row);
        for (edge, strong) in pass.holders(row) {
            let leaves = if goes { strong } else { pass.is_unwanted(&edge) };
            if leaves && pass.stays((edge.table, edge.container)) && pass.may_change(&edge) {
                net(nets, &edge).gone.insert(edge.member);
            }
        }
    }
}

/// Containers of the scopes lose what nobody wants in them.
fn sweep(pass: &Pass<'_>, nets: &mut Nets) {
    for row in pass.rows().filter(|row| pass.stays(*row)) {
        let (table, container) = row;
        let Some(facts) = pass.have.watch.get(table) else { continue };
        for column in facts.columns.iter().filter(|column| column.shared) {
            for member in pass.sweepable(row, column) {
                let edge = Edge { table, column: column.name, container, member };
                if pass.is_unwanted(&edge) {
                    net(nets, &edge).gone.insert(edge.member);
                }
            }
        }
    }
}

/// What the scopes wanted once, and nobody wants now.
fn take_back(pass: &Pass<'_>, nets: &mut Nets) {
    let former = pass.active().filter_map(|(owner, _)| pass.have.former.get(owner)).flatten();
    for edge in former {
        let there = pass.is_member(edge) || pass.entry(edge).is_some();
        let stays = pass.stays((edge.table, edge.container)) && !pass.goes_by_itself(edge);
        if there && stays && pass.is_unwanted(edge) {
            net(nets, edge).gone.insert(edge.member.clone());
        }
    }
}

fn net<'n>(nets: &'n mut Nets, edge: &Edge) -> &'n mut Net {
    nets.entry((edge.table, edge.column, edge.container)).or_default()
}

impl Pass<'_> {
    /// Whether the row is there and will be.
    fn stays(&self, row: RowId) -> bool {
        self.row(row).is_some() && !self.gone.contains(&row)
    }

    /// Whether the member is a weak reference to a row that goes.
    fn goes_by_itself(&self, edge: &Edge) -> bool {
        let to = self.column(edge).and_then(|column| column.key.reference());
        let row = to.filter(|to| !to.strong).zip(edge.member.as_uuid());
        row.is_some_and(|(to, uuid)| self.gone.contains(&(to.table, uuid)))
    }

    fn is_unwanted(&self, edge: &Edge) -> bool {
        !self.want.shares(edge) && !(self.have.still_wanted)(edge)
    }

    fn column(&self, edge: &Edge) -> Option<&'static Column> {
        self.have.watch.get(edge.table)?.column(edge.column)
    }

    fn is_member(&self, edge: &Edge) -> bool {
        let is_set = self.column(edge).is_some_and(|column| column.shape == Shape::Set);
        let members = |_| self.have.replica.members(edge.table, edge.column, &edge.container);
        is_set.then_some(()).and_then(members).is_some_and(|members| members.contains(&edge.member))
    }

    /// The value under the edge's key, in a map.
    fn entry(&self, edge: &Edge) -> Option<&Atom> {
        let pairs = self.row((edge.table, edge.container))?.get(edge.column)?.pairs();
        let at = pairs.binary_search_by(|(key, _)| key.cmp(&edge.member)).ok()?;
        Some(&pairs[at].1)
    }

    /// Whether the container could have the member, and has not.
    fn lacks(&self, edge: &Edge) -> bool {
        match self.row((edge.table, edge.container)) {
            None => true,
            // Shared maps are part of rows; a server that lacks the column has none there.
            Some(row) if self.column(edge).is_some_and(|column| column.shape == Shape::Map) => {
                row.get(edge.column).is_some() && self.entry(edge).is_none()
            }
            Some(_) => self.have.replica.has(edge.table, edge.column) && !self.is_member(edge),
        }
    }

    /// The members or keys of a scope's container that the container's scope may decide on.
    fn sweepable(&self, (table, container): RowId, column: &'static Column) -> Vec<Atom> {
        if column.shape == Shape::Map {
            let wanted = self.want.rows.get(&(table, container));
            // Written as a whole, by the row's scope.
            if wanted.is_some_and(|row| row.columns.contains_key(column.name)) {
                return vec![];
            }
            let pairs = self.row((table, container)).and_then(|row| row.get(column.name));
            return pairs
                .map(Value::pairs)
                .unwrap_or_default()
                .iter()
                .map(|p| p.0.clone())
                .collect();
        }
        let Some(members) = self.have.replica.members(table, column.name, &container) else {
            return vec![];
        };
        let Some(to) = column.key.reference() else { return members.iter().cloned().collect() };
        let facts = self.have.watch.get(to.table);
        // A row that lives by this reference is for its own scope to remove.
        if to.strong && facts.is_none_or(|facts| !facts.root) {
            return vec![];
        }
        let decides = |member: &&Atom| {
            let row = member.as_uuid().map(|uuid| (to.table, uuid));
            row.is_some_and(|row| self.is_ours(row) && !self.gone.contains(&row))
        };
        members.iter().filter(decides).cloned().collect()
    }
}
