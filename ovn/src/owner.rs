//! Who a row belongs to, and which of its owner's rows it is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The scope that may write a row: written `kind/namespace/name`, cluster scoped `kind//name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// What kind of scope, in our words: `port`, `subnet`, `vpc`. Without `/`.
    pub kind: Arc<str>,
    /// Empty for what is cluster scoped. Without `/`.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Owner {
    /// An owner in a namespace.
    pub fn new(
        kind: impl Into<Arc<str>>,
        namespace: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
    ) -> Self {
        let owner = Self { kind: kind.into(), namespace: namespace.into(), name: name.into() };
        debug_assert!(!owner.kind.is_empty() && !owner.kind.contains('/'), "{owner}");
        debug_assert!(!owner.namespace.contains('/') && !owner.name.is_empty(), "{owner}");
        owner
    }

    /// An owner that is in no namespace.
    pub fn cluster(kind: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self::new(kind, "", name)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// Not `kind/namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an owner: expected kind/namespace/name")]
pub struct BadOwner(pub String);

impl FromStr for Owner {
    type Err = BadOwner;

    fn from_str(text: &str) -> Result<Self, BadOwner> {
        let (kind, namespace, name) = parts(text).ok_or_else(|| BadOwner(text.to_owned()))?;
        Ok(Self { kind: kind.into(), namespace: namespace.into(), name: name.into() })
    }
}

/// The parts of an owner as written. The name may contain `/`, the kind and the namespace cannot.
pub(crate) fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = text.split_once('/')?;
    let (namespace, name) = rest.split_once('/')?;
    (!kind.is_empty() && !name.is_empty()).then_some((kind, namespace, name))
}

/// Which of its owner's rows a row is: what it is for, never its place in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(Arc<str>);

impl Role {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Role {
    fn from(role: T) -> Self {
        Self(role.into())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_reads_back_as_written() {
        for owner in [
            Owner::new("port", "default", "web-0"),
            Owner::cluster("subnet", "ovn-default"),
            Owner::new("nat", "", "a/b"),
        ] {
            assert_eq!(owner.to_string().parse(), Ok(owner));
        }
        assert_eq!(Owner::cluster("vpc", "ovn-cluster").to_string(), "vpc//ovn-cluster");
    }

    #[test]
    fn text_of_another_shape_is_no_owner() {
        for text in ["", "port", "port/default", "/default/a", "port/default/"] {
            assert_eq!(text.parse::<Owner>(), Err(BadOwner(text.into())), "{text}");
        }
    }
}
