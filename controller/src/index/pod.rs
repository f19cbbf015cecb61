//! What we use of a pod.

use std::sync::Arc;

use api::annotation::{Allocation, Annotations, BadAnnotation, PodRequest};
use api::names::Provider;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Key, Object};

/// What we use of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Namespace and name.
    pub key: Key,
    /// Which of the pods of that name.
    pub uid: Arc<str>,
    /// Creation, seconds since 1970.
    pub created: i64,
    /// Where it is bound to.
    pub node: Option<Arc<str>>,
    /// Uses the node's network: nothing is ours to do.
    pub host_network: bool,
    /// Succeeded or failed: its addresses are free.
    pub finished: bool,
    /// It is being deleted, and must be gone by this time, seconds since 1970.
    pub deleting_until: Option<i64>,
    /// The StatefulSet it belongs to.
    pub statefulset: Option<Arc<str>>,
    /// What its annotations say it was given; an allocation that somebody spoiled counts as none.
    pub given: Option<Box<Allocation>>,
    /// What its annotations ask for. After an allocation they hold the answer instead, and only
    /// the subnet is still a wish.
    pub asks: Result<Box<PodRequest>, BadAnnotation>,
    /// Frames from other addresses than its own are dropped.
    pub port_security: bool,
}

impl Pod {
    /// Whether it has, or is to have, addresses at `now` (seconds since 1970).
    ///
    /// A pod being deleted keeps them until it is gone, or until its grace period has passed
    /// again after the time by which it had to be gone: a dead node must not hold them forever.
    #[must_use]
    pub fn is_alive(&self, now: i64) -> bool {
        let overdue = self.deleting_until.is_some_and(|until| now >= until);
        !self.host_network && !self.finished && !overdue
    }
}

impl Object for Pod {
    fn key(&self) -> Key {
        self.key.clone()
    }
}

impl From<&core::Pod> for Pod {
    fn from(pod: &core::Pod) -> Self {
        let meta = &pod.metadata;
        let spec = pod.spec.as_ref();
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let grace = meta.deletion_grace_period_seconds.unwrap_or(0);
        let owner = meta.owner_references.iter().flatten().find(|owner| {
            owner.controller == Some(true)
                && owner.kind == "StatefulSet"
                && owner.api_version.starts_with("apps/")
        });
        let none = Annotations::new();
        let annotations = meta.annotations.as_ref().unwrap_or(&none);
        let (given, asks) = network(annotations);
        Self {
            key: Key::of(meta),
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            created: created(meta),
            node: spec
                .and_then(|spec| spec.node_name.as_deref())
                .filter(|n| !n.is_empty())
                .map(Arc::from),
            host_network: spec.and_then(|spec| spec.host_network).unwrap_or(false),
            finished: matches!(phase, Some("Succeeded" | "Failed")),
            deleting_until: meta.deletion_timestamp.as_ref().map(|at| at.0.as_second() + grace),
            statefulset: owner.map(|owner| owner.name.as_str().into()),
            given,
            asks,
            port_security: annotations.get(PORT_SECURITY).is_some_and(|value| value == "true"),
        }
    }
}

/// Set by users; not one of the keys the daemon reads.
const PORT_SECURITY: &str = "ovn.kubernetes.io/port_security";

/// What was given and what is asked for on the default network.
fn network(
    annotations: &Annotations,
) -> (Option<Box<Allocation>>, Result<Box<PodRequest>, BadAnnotation>) {
    let provider = Provider::Default;
    let given = Allocation::parse(annotations, &provider);
    let asks = match &given {
        Ok(None) => PodRequest::parse(annotations, &provider),
        Ok(Some(given)) => Ok(PodRequest {
            logical_switch: Some(given.logical_switch.clone()).filter(|name| !name.is_empty()),
            ..PodRequest::default()
        }),
        Err(_) => Ok(PodRequest::default()),
    };
    (given.ok().flatten().map(Box::new), asks.map(Box::new))
}

/// Creation of an object, seconds since 1970.
pub(super) fn created(meta: &ObjectMeta) -> i64 {
    meta.creation_timestamp.as_ref().map_or(0, |at| at.0.as_second())
}
