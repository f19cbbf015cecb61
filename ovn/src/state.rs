//! What one scope wants of the database: rows with the columns we own, and its share of columns that
//! several scopes write.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::op::Columns;
use ovsdb::value::{Atom, Uuid};

use crate::identity::uuid_v5;
use crate::owner::{Owner, Role};
use crate::record::Record;

/// A row's table and uuid.
pub type RowId = (&'static str, Uuid);

/// The rows and memberships that one scope wants. Same input, same state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub rows: BTreeMap<RowId, Desired>,
    /// Members of shared sets: port in switch, port in group, address in address set.
    pub edges: BTreeSet<Edge>,
    /// Pairs of shared maps (a load balancer's `vips`): the edge names the key, then its value.
    pub entries: BTreeMap<Edge, Atom>,
    pub(crate) duplicates: BTreeSet<RowId>,
}

/// One row. Columns that are absent are ones we never touch; so a column that may have to become empty
/// again is always set. `external_ids` are ours as a whole, the marks are added to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    pub owner: Owner,
    pub role: Role,
    /// Without shared sets.
    pub columns: Columns,
}

/// One member of a shared set, or one key of a shared map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    pub table: &'static str,
    pub column: &'static str,
    /// The row whose column it is.
    pub container: Uuid,
    pub member: Atom,
}

impl State {
    /// Wants the row that `owner` has for `role`, and says which it will be. `uid` tells the object
    /// behind the owner from a later one of its name. A role serves one row per table: wanting a second
    /// one makes the diff fail.
    pub fn put<R: Record>(
        &mut self,
        owner: &Owner,
        uid: &str,
        role: impl Into<Role>,
        row: R,
    ) -> Uuid {
        let role = role.into();
        let uuid = uuid_v5(R::TABLE, owner, uid, &role);
        let desired = Desired { owner: owner.clone(), role, columns: row.into() };
        if self.rows.insert((R::TABLE, uuid), desired).is_some() {
            self.duplicates.insert((R::TABLE, uuid));
        }
        uuid
    }

    /// Wants a member in a shared set.
    pub fn join(&mut self, edge: Edge) {
        self.edges.insert(edge);
    }

    /// Wants a pair in a shared map.
    pub fn enter(&mut self, key: Edge, value: impl Into<Atom>) {
        self.entries.insert(key, value.into());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.edges.is_empty() && self.entries.is_empty()
    }

    /// Every member and key the scope wants: what its next pass must know to take back, where no row
    /// tells.
    pub fn shares(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().chain(self.entries.keys())
    }
}
