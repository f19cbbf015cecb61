//! What Kubernetes should be told about a scope, as far as it does not know it.
//!
//! A report is the difference between what objects should say and what the index saw them say.
//! Nothing is remembered: after a failed write the same question gives the same answer. Times are
//! arguments, sending is somebody else's.

mod event;
mod ip;
mod namespace;
mod node;
mod object;
mod port;
mod subnet;
mod vpc;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::annotation::Annotations;
use api::kinds;

pub use self::event::refusal;

use super::Facts;
use crate::index::Key;
use crate::model::Refused;
use crate::scope::Scope;

/// One write to the API server.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// Merges into the annotations of a pod, node or namespace; `None` takes a key away. Another
    /// object of the name must be refused: `uid` goes with the patch.
    Annotate {
        /// Whose.
        about: About,
        /// What they should be.
        annotations: BTreeMap<String, Option<String>>,
    },
    /// Makes an IP object.
    CreateIp(Box<kinds::Ip>),
    /// Merges into labels and spec of an IP object; the spec is complete.
    UpdateIp {
        /// Whose.
        about: About,
        /// All labels that mean something.
        labels: Annotations,
        /// The whole spec; fields it leaves out are to be emptied.
        spec: Box<kinds::IpSpec>,
    },
    /// Deletes an object of this uid.
    Delete(About),
    /// Replaces the list of finalizers.
    Finalizers {
        /// Whose.
        about: About,
        /// The whole list.
        finalizers: Vec<String>,
    },
    /// Merges into the spec of a subnet: defaults written out.
    SubnetSpec {
        /// Whose.
        about: About,
        /// The whole spec.
        spec: Box<kinds::SubnetSpec>,
    },
    /// Replaces a subnet's status.
    SubnetStatus {
        /// Whose.
        about: About,
        /// The whole status.
        status: Box<kinds::SubnetStatus>,
    },
    /// Replaces a VPC's status.
    VpcStatus {
        /// Whose.
        about: About,
        /// The whole status.
        status: Box<kinds::VpcStatus>,
    },
    /// Makes a subnet that every cluster has.
    CreateSubnet(Box<kinds::Subnet>),
    /// Makes the VPC that every cluster has.
    CreateVpc(Box<kinds::Vpc>),
    /// Tells people.
    Event {
        /// What it is about.
        about: About,
        /// Something is wrong.
        warning: bool,
        /// One word of the contract's §3.17.
        reason: &'static str,
        /// A sentence.
        message: String,
    },
}

/// The object a report is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct About {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub key: Key,
    /// Which of the objects of that name.
    pub uid: Arc<str>,
}

/// Kinds that are reported on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// v1
    Pod,
    /// v1
    Node,
    /// v1
    Namespace,
    /// kubeovn.io/v1
    Ip,
    /// kubeovn.io/v1
    Subnet,
    /// kubeovn.io/v1
    Vpc,
}

/// All that is to be told about a scope whose rows are committed, most urgent first.
#[must_use]
pub fn of(facts: &Facts, scope: &Scope, refused: Option<&Refused>) -> Vec<Report> {
    match scope {
        Scope::Globals => object::defaults(facts),
        Scope::Vpc(name) => vpc::reports(facts, name),
        Scope::Subnet(name) => subnet::reports(facts, name, refused),
        Scope::Node(name) => node::reports(facts, name),
        Scope::Port(key) => port::reports(facts, key),
        Scope::Namespace(name) => namespace::reports(facts, name),
        Scope::Gateway { .. } | Scope::Service(_) => Vec::new(),
    }
}

/// The keys whose values differ, and those that should not be there.
fn difference(
    want: Annotations,
    known: &Annotations,
    keys: impl Iterator<Item = String>,
) -> BTreeMap<String, Option<String>> {
    let mut patch: BTreeMap<String, Option<String>> = keys
        .filter(|key| known.contains_key(key) && !want.contains_key(key))
        .map(|key| (key, None))
        .collect();
    let news = want.into_iter().filter(|(key, value)| known.get(key) != Some(value));
    patch.extend(news.map(|(key, value)| (key, Some(value))));
    patch
}
