//! Objects without what we do not use: most of an object's bytes are never built.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};

/// A pod, on its node or of the databases.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = core::Pod)]
pub(crate) struct Pod {
    #[serde(deserialize_with = "lean")]
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    pub(super) status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PodStatus {
    #[serde(rename = "hostIPs", default)]
    pub(super) host_ips: Vec<HostIp>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct HostIp {
    pub(super) ip: String,
}

/// A node.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = core::Node)]
pub(crate) struct Node {
    #[serde(deserialize_with = "lean")]
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    pub(super) status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct NodeStatus {
    #[serde(default)]
    pub(super) addresses: Vec<NodeAddress>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct NodeAddress {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) address: String,
}

/// A subnet; its texts are read where they are used, so that one bad subnet hides no other.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = SubnetKind)]
pub(crate) struct Subnet {
    #[serde(deserialize_with = "lean")]
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    pub(super) spec: SubnetSpec,
    #[serde(default)]
    pub(super) status: SubnetStatus,
}

type SubnetKind = api::kinds::Subnet;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SubnetSpec {
    pub(super) vpc: String,
    pub(super) vlan: String,
    pub(super) provider: String,
    pub(super) cidr_block: String,
    pub(super) nat_outgoing: bool,
    pub(super) logical_gateway: bool,
    pub(super) mtu: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SubnetStatus {
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
}

/// What is kept of an object's metadata.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    deletion_timestamp: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    annotations: Annotations,
}

/// Annotations whose key speaks of a Kubernetes network: `<provider>.kubernetes.io/<word>`.
#[derive(Default)]
struct Annotations(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Annotations;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("annotations")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(
                self,
                mut map: M,
            ) -> Result<Annotations, M::Error> {
                let mut kept = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if ours(&key) {
                        kept.insert(key, map.next_value()?);
                    } else {
                        map.next_value::<serde::de::IgnoredAny>()?;
                    }
                }
                Ok(Annotations(kept))
            }

            fn visit_unit<E>(self) -> Result<Annotations, E> {
                Ok(Annotations::default())
            }
        }
        from.deserialize_any(Visitor)
    }
}

/// The hash under which the kubelet knows a static pod whose mirror the API server has.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";

fn ours(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    key == MIRROR
        || (domain.ends_with(".kubernetes.io")
            && (domain.starts_with("ovn.") || domain.matches('.').count() > 2))
}

fn lean<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    let meta = Meta::deserialize(from)?;
    let Annotations(annotations) = meta.annotations;
    Ok(ObjectMeta {
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        resource_version: meta.resource_version,
        // Only whether it is set matters.
        deletion_grace_period_seconds: meta.deletion_timestamp.map(|_| 0),
        annotations: Some(annotations).filter(|kept| !kept.is_empty()),
        ..ObjectMeta::default()
    })
}
