//! From the rows that are to the rows that scopes want: one pass over some scopes makes one batch of
//! operations. Touches nothing that is not ours, and knows nothing of what the rows mean.

mod edges;
mod rows;
mod want;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ovsdb::op::Op;
use ovsdb::replica::Replica;
use ovsdb::value::Uuid;

use crate::monitor::Watch;
use crate::owner::Owner;
use crate::state::{Edge, RowId, State};

/// What the database has, and what this pass cannot see by itself.
pub struct Have<'a> {
    pub watch: &'a Watch,
    /// Holds at least [`Watch::spec`].
    pub replica: &'a Replica,
    /// Whether a scope outside this pass wants the member or key. Asked only about what would go.
    pub still_wanted: &'a dyn Fn(&Edge) -> bool,
    /// Members and keys that scopes wanted when they were last committed ([`State::shares`]). Those that
    /// no row tells the owner of (addresses, keys of maps) can only be taken back if they are here, or
    /// by a pass over the scope of the row they are in.
    pub former: &'a BTreeMap<Owner, BTreeSet<Edge>>,
}

/// The outcome of a pass.
#[derive(Debug, Default, PartialEq)]
pub struct Diff {
    /// One transaction, empty when nothing differs.
    pub ops: Vec<Op>,
    /// Scopes of which nothing was written, and why.
    pub withheld: BTreeMap<Owner, Withheld>,
    /// Rows nobody wants that a row of somebody else refers to strongly: they stay.
    pub held: BTreeMap<RowId, RowId>,
}

/// Why nothing of a scope was written. It can be tried again when one of these rows changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Rows it refers to that neither the database nor the batch has. A weak reference to such a row
    /// would vanish silently, a strong one fail the commit.
    pub missing: BTreeSet<RowId>,
    /// Rows of others that are where ours should be.
    pub collisions: BTreeSet<Collision>,
    /// Rows of its own that nothing refers to: they would vanish at commit.
    pub unreferenced: BTreeSet<RowId>,
}

/// A row of somebody else that is where ours should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collision {
    pub table: &'static str,
    /// The other row.
    pub uuid: Uuid,
    /// The name both have. `None`: it has the very uuid of ours, and lost its marks.
    pub name: Option<Arc<str>>,
    pub of: Other,
}

/// Whose row it is that ours collides with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Other {
    /// Another scope's, which this pass does not remove.
    Scope,
    /// A running Kube-OVN's: it can be adopted.
    KubeOvn,
    Stranger,
}

/// The states contradict each other or the schema: a mistake in the program that made them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{owner} wants two rows of {table} in one role (row {uuid})")]
    Duplicate { owner: Owner, table: &'static str, uuid: Uuid },
    #[error("{scope} wants a row of {table} that is {owner}'s")]
    Stray { scope: Owner, owner: Owner, table: &'static str },
    #[error("{table}.{column} is not what it is used as by {owner}")]
    Column { owner: Owner, table: &'static str, column: &'static str },
    #[error("{owner} and another scope disagree on a key of {table}.{column} (row {container})")]
    Entry { owner: Owner, table: &'static str, column: &'static str, container: Uuid },
    #[error("{owner} writes to {table}, which is not watched")]
    Unwatched { owner: Owner, table: &'static str },
}

/// The operations that make the database what the scopes in `want` want. A scope that wants nothing any
/// more has an empty state here; scopes that are not here keep what they have.
///
/// A scope whose rows refer to what is not there is left out whole, and the others go on. Fails only on
/// states that no database could hold.
pub fn diff(want: &BTreeMap<Owner, State>, have: &Have<'_>) -> Result<Diff, Error> {
    let want = want::Want::new(want, have.watch)?;
    let pass = rows::Pass::settle(&want, have);
    let shares = edges::changes(&pass);
    let mut ops = pass.inserts(shares.new);
    ops.extend(pass.updates());
    ops.extend(shares.mutations);
    ops.extend(pass.deletes());
    Ok(Diff { ops, withheld: pass.withheld, held: pass.held })
}
