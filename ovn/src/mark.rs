//! How we recognise our rows. All marks are needed to change or delete a row; the vendor alone is a row
//! of a running Kube-OVN.

use std::sync::{Arc, LazyLock};

use ovsdb::replica::Row;
use ovsdb::value::{Atom, Value};

use crate::owner::{Owner, Role, parts};
use crate::table::Table;

/// Key in `external_ids` of every row that we, or Kube-OVN, made.
pub const VENDOR: &str = "vendor";
/// The value of [`VENDOR`].
pub const VENDOR_NAME: &str = "kube-ovn";
/// Key in `external_ids`: the [`Owner`].
pub const OWNER: &str = "kube-ovn.io/owner";
/// Key in `external_ids`: the [`Role`].
pub const ROLE: &str = "kube-ovn.io/role";
/// Key in `NB_Global.external_ids`: the reign of the leader that may write.
pub const EPOCH: &str = "kube-ovn.io/epoch";

/// The column that carries the marks.
pub(crate) const COLUMN: &str = "external_ids";
/// What the name of a row of ours begins with where the table has no `external_ids`.
const NAME_PREFIX: &str = "kube-ovn.io/";

static KEYS: LazyLock<[Arc<str>; 4]> =
    LazyLock::new(|| [VENDOR, VENDOR_NAME, OWNER, ROLE].map(Arc::from));

/// The pairs in `external_ids` that make a row ours.
pub fn marks(owner: &Owner, role: &Role) -> [(Atom, Atom); 3] {
    let [vendor, vendor_name, owner_key, role_key] = &*KEYS;
    [
        (Atom::String(owner_key.clone()), owner.to_string().into()),
        (Atom::String(role_key.clone()), role.as_str().into()),
        (Atom::String(vendor.clone()), Atom::String(vendor_name.clone())),
    ]
}

/// The name of a row of ours in a table that has a free name but no `external_ids`
/// (Load_Balancer_Group).
pub fn name(owner: &Owner, role: &Role) -> String {
    format!("{NAME_PREFIX}{role}/{owner}")
}

/// How rows of a table show whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    ExternalIds,
    /// [`name`]
    Name,
    /// By the row of ours they belong to: Static_MAC_Binding to the router port it names, Sample to the
    /// ACLs that refer to it.
    Parent,
}

pub(crate) fn carrier(table: &Table) -> Carrier {
    match table.name {
        _ if table.has_external_ids() => Carrier::ExternalIds,
        "Load_Balancer_Group" => Carrier::Name,
        _ => Carrier::Parent,
    }
}

/// The owner of a row that carries all our marks.
pub fn owner(row: &Row) -> Option<Owner> {
    owner_text(row)?.parse().ok()
}

/// Whether a row carries all our marks.
pub fn is_ours(row: &Row) -> bool {
    owner_text(row).is_some()
}

/// Whether a row says it is Kube-OVN's, and lacks our other marks.
pub fn is_kube_ovns(row: &Row) -> bool {
    has_vendor(row) && !is_ours(row)
}

/// The [`Owner`] as written in a row that carries all our marks: the key of the index by owner.
pub(crate) fn owner_text(row: &Row) -> Option<Arc<str>> {
    let Some(ids) = row.get(COLUMN) else { return owner_in_name(row) };
    let has_role = ids.get(ROLE).is_some_and(|role| !role.is_empty());
    match ids.get_atom(OWNER) {
        Some(Atom::String(owner)) if has_role && has_vendor(row) && parts(owner).is_some() => {
            Some(owner.clone())
        }
        _ => None,
    }
}

fn has_vendor(row: &Row) -> bool {
    row.get(COLUMN).and_then(|ids| ids.get(VENDOR)) == Some(VENDOR_NAME)
}

fn owner_in_name(row: &Row) -> Option<Arc<str>> {
    let name = row.get("name").and_then(Value::as_str)?;
    let (role, owner) = name.strip_prefix(NAME_PREFIX)?.split_once('/')?;
    (!role.is_empty() && parts(owner).is_some()).then(|| owner.into())
}
