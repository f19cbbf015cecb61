//! What a write is about, where it goes, and how much it hurries.

use std::fmt;

use super::queue::Urgent;

/// The kinds the controller writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Pod,
    Node,
    Namespace,
    Vpc,
    Subnet,
    Ip,
    Event,
}

impl Kind {
    /// The plural name, as in a path.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Pod => "pods",
            Self::Node => "nodes",
            Self::Namespace => "namespaces",
            Self::Vpc => "vpcs",
            Self::Subnet => "subnets",
            Self::Ip => "ips",
            Self::Event => "events",
        }
    }

    fn root(self) -> &'static str {
        match self {
            Self::Pod | Self::Node | Self::Namespace => "/api/v1",
            Self::Vpc | Self::Subnet | Self::Ip => "/apis/kubeovn.io/v1",
            Self::Event => "/apis/events.k8s.io/v1",
        }
    }
}

/// Which part of an object a write changes. Writes to different parts do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// The object as a whole: made, changed, deleted.
    Whole,
    Annotations,
    Finalizers,
    /// The status subresource.
    Status,
}

/// What a write is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub kind: Kind,
    /// Empty for objects without one.
    pub namespace: String,
    pub name: String,
    pub aspect: Aspect,
}

impl Target {
    /// The path of the collection the object is in.
    pub(super) fn collection(&self) -> String {
        let (root, plural) = (self.kind.root(), self.kind.plural());
        if self.namespace.is_empty() {
            format!("{root}/{plural}")
        } else {
            format!("{root}/namespaces/{}/{plural}", self.namespace)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{}/{}", self.kind.plural(), self.name),
            namespace => write!(f, "{}/{namespace}/{}", self.kind.plural(), self.name),
        }
    }
}

/// What is done to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The object is made; that it exists already is fine.
    Create(Vec<u8>),
    /// A JSON merge patch (RFC 7396), to the status subresource for [`Aspect::Status`].
    Merge(Vec<u8>),
    /// The object with this uid is deleted; empty: whoever has the name.
    Delete { uid: String },
}

impl Verb {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "POST",
            Self::Merge(_) => "PATCH",
            Self::Delete { .. } => "DELETE",
        }
    }
}

/// What goes first; smaller is more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody waits for it: a pod's or node's addresses, the default objects.
    Waited,
    /// The records of allocations, and finalizers.
    Record,
    /// What people and programs look up.
    Status,
    /// What is nice to know.
    Event,
}

/// One write to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write<O> {
    pub verb: Verb,
    pub urgency: Urgency,
    /// What to look at again when the write fails; `None`: the write is not worth another try.
    pub origin: Option<O>,
}

impl<O> Urgent for Write<O> {
    type Urgency = Urgency;

    fn urgency(&self) -> Urgency {
        self.urgency
    }
}
