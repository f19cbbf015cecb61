//! What we use of a node and of a namespace.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use api::annotation::{self, Allocation};
use api::names::{PortName, Provider};
use k8s_openapi::api::core::v1 as core;

use super::pod::created;
use super::{Key, Object};

/// What we use of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Which of the nodes of that name.
    pub uid: Arc<str>,
    /// Creation, seconds since 1970.
    pub created: i64,
    /// Its `InternalIP` addresses, IPv4 first.
    pub internal: Vec<IpAddr>,
    /// What its annotations say of its place on the join subnet.
    pub given: Option<Box<Allocation>>,
    /// Whether they name its port.
    pub port_named: bool,
}

impl Node {
    /// The name of a node's port on the join switch.
    #[must_use]
    pub fn port(name: &str) -> Arc<str> {
        PortName::node(name).as_str().into()
    }
}

impl Object for Node {
    fn key(&self) -> Key {
        Key::cluster(self.name.clone())
    }
}

impl From<&core::Node> for Node {
    fn from(node: &core::Node) -> Self {
        let addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
        let internal = addresses.filter(|address| address.type_ == "InternalIP");
        let mut internal: Vec<IpAddr> = internal.filter_map(|a| a.address.parse().ok()).collect();
        internal.sort();
        internal.dedup();
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let annotations = node.metadata.annotations.clone().unwrap_or_default();
        let given = Allocation::parse(&annotations, &Provider::Default).ok().flatten();
        let port = annotations.get(annotation::node::PORT_NAME);
        Self {
            name: name.into(),
            uid: node.metadata.uid.as_deref().unwrap_or_default().into(),
            created: created(&node.metadata),
            internal,
            given: given.map(Box::new),
            port_named: port.is_some_and(|port| **port == *PortName::node(name).as_str()),
        }
    }
}

/// What we use of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Arc<str>,
    /// Which of the namespaces of that name.
    pub uid: Arc<str>,
    /// What subnets select it by.
    pub labels: BTreeMap<String, String>,
    /// What its annotations say of its subnets.
    pub told: NamespaceAnnotations,
}

/// The annotations by which a namespace shows its subnets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceAnnotations {
    /// Names between commas.
    pub logical_switch: Option<String>,
    /// Blocks between semicolons.
    pub cidr: Option<String>,
    /// Excluded addresses: commas within a subnet, semicolons between subnets.
    pub exclude_ips: Option<String>,
}

impl Object for Namespace {
    fn key(&self) -> Key {
        Key::cluster(self.name.clone())
    }
}

impl From<&core::Namespace> for Namespace {
    fn from(namespace: &core::Namespace) -> Self {
        let get = |key: &str| namespace.metadata.annotations.as_ref()?.get(key).cloned();
        Self {
            name: namespace.metadata.name.as_deref().unwrap_or_default().into(),
            uid: namespace.metadata.uid.as_deref().unwrap_or_default().into(),
            labels: namespace.metadata.labels.clone().unwrap_or_default(),
            told: NamespaceAnnotations {
                logical_switch: get(annotation::namespace::LOGICAL_SWITCH),
                cidr: get(annotation::namespace::CIDR),
                exclude_ips: get(annotation::namespace::EXCLUDE_IPS),
            },
        }
    }
}
