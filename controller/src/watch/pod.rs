//! Pods as little as they can be: most of a pod's bytes are its containers and who changed which field when, which we
//! never look at and therefore never build.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer};

use super::object::Readable;

/// A pod without what we do not use.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = core::Pod)]
pub(super) struct LeanPod {
    #[serde(deserialize_with = "lean")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    host_network: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Status {
    phase: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

fn lean<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    let meta = Meta::deserialize(from)?;
    Ok(ObjectMeta {
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        resource_version: meta.resource_version,
        creation_timestamp: meta.creation_timestamp,
        deletion_timestamp: meta.deletion_timestamp,
        deletion_grace_period_seconds: meta.deletion_grace_period_seconds,
        owner_references: Some(meta.owner_references).filter(|owners| !owners.is_empty()),
        labels: meta.labels,
        annotations: meta.annotations,
        ..ObjectMeta::default()
    })
}

impl<O: for<'a> From<&'a core::Pod>> Readable<O> for LeanPod {
    fn read(self) -> Result<O, String> {
        let pod = core::Pod {
            metadata: self.metadata,
            spec: Some(core::PodSpec {
                node_name: self.spec.node_name,
                host_network: self.spec.host_network,
                ..core::PodSpec::default()
            }),
            status: Some(core::PodStatus {
                phase: self.status.phase,
                ..core::PodStatus::default()
            }),
        };
        Ok(O::from(&pod))
    }
}
