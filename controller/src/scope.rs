//! The smallest things one pass may write.
//!
//! A scope owns rows; its text form is the owner mark of those rows, so that the rows in the
//! database tell which scopes exist there: owners in the replica ∪ scopes of the index is
//! everything there is to compute.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use ovn::owner::Owner;

use crate::index::Key;

/// The scopes whose rows or reports may now differ; empty when there is nothing to do.
pub type Dirty = BTreeSet<Scope>;

/// The smallest thing one pass may write. The order is that of dependence: a scope refers
/// only to rows of scopes of an earlier kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Options of the whole database, load balancers of the cluster, default objects.
    Globals,
    /// A logical router.
    Vpc(Arc<str>),
    /// A logical switch and its way to the router.
    Subnet(Arc<str>),
    /// A node's port on the join switch, its group of ports, the way to its addresses.
    Node(Arc<str>),
    /// The way out of one subnet through one node.
    Gateway {
        /// Whose pods.
        subnet: Arc<str>,
        /// Through which node.
        node: Arc<str>,
    },
    /// A pod's logical switch ports and its place in groups.
    Port(Key),
    /// The virtual addresses of a service.
    Service(Key),
    /// Owns no rows: the annotations that tell a namespace its subnets.
    Namespace(Arc<str>),
}

impl Scope {
    fn kind(&self) -> &'static str {
        match self {
            Self::Globals => "globals",
            Self::Vpc(_) => "vpc",
            Self::Subnet(_) => "subnet",
            Self::Node(_) => "node",
            Self::Gateway { .. } => "gateway",
            Self::Port(_) => "pod",
            Self::Service(_) => "service",
            Self::Namespace(_) => "namespace",
        }
    }

    /// The mark of the rows of this scope.
    #[must_use]
    pub fn owner(&self) -> Owner {
        let (namespace, name): (&str, &str) = match self {
            Self::Globals => ("", "cluster"),
            Self::Vpc(name) | Self::Subnet(name) | Self::Node(name) | Self::Namespace(name) => {
                ("", name)
            }
            Self::Gateway { subnet, node } => (subnet, node),
            Self::Port(key) | Self::Service(key) => (&key.namespace, &key.name),
        };
        Owner::new(self.kind(), namespace, name)
    }

    /// The scope whose rows carry this mark; `None` if no scope of ours does.
    #[must_use]
    pub fn of(owner: &Owner) -> Option<Self> {
        let name = || owner.name.clone();
        let key = || Key::new(owner.namespace.clone(), owner.name.clone());
        Some(match &*owner.kind {
            "globals" => Self::Globals,
            "vpc" => Self::Vpc(name()),
            "subnet" => Self::Subnet(name()),
            "node" => Self::Node(name()),
            "gateway" => Self::Gateway { subnet: owner.namespace.clone(), node: name() },
            "pod" => Self::Port(key()),
            "service" => Self::Service(key()),
            "namespace" => Self::Namespace(name()),
            _ => return None,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_back_from_the_mark_of_its_rows() {
        let name = || Arc::from("a.b-c");
        let scopes = [
            Scope::Globals,
            Scope::Vpc(name()),
            Scope::Subnet(name()),
            Scope::Node(name()),
            Scope::Gateway { subnet: name(), node: "n.1".into() },
            Scope::Port(Key::new("default", "web-0")),
            Scope::Service(Key::new("default", "web")),
            Scope::Namespace(name()),
        ];
        for scope in scopes {
            let mark = scope.to_string();
            let owner: Owner = mark.parse().unwrap();
            assert_eq!(Scope::of(&owner), Some(scope), "{mark}");
        }
        assert_eq!(Scope::of(&Owner::cluster("policy", "a")), None);
    }
}
