//! What we use of an IP object.

use std::sync::Arc;

use api::annotation::ip_label;
use api::kinds;
use api::names::Provider;

use super::subnet::word;
use super::{Key, Object};
use crate::scope::Scope;

/// What we use of an IP object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpObject {
    /// Its name: the port's.
    pub name: Arc<str>,
    /// Which of the objects of that name.
    pub uid: Arc<str>,
    /// Somebody deleted it; it goes when no finalizer is left.
    pub deleting: bool,
    /// Whoever wants to be asked before it goes.
    pub finalizers: Vec<String>,
    /// Who has which address.
    pub spec: kinds::IpSpec,
    /// Those of its labels that mean something to us.
    pub labels: api::annotation::Annotations,
}

impl IpObject {
    /// Whether a user made it to keep an address: it outlives the pod. Those that follow their
    /// pod say so.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        !self.deleting
            && self.labels.get(ip_label::IP_RESERVED).is_none_or(|value| value != "false")
    }

    /// The scope that answers for it; none for objects of other makers and sorts.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        let is_machine = self.spec.pod_type == kinds::ip::pod_type::VIRTUAL_MACHINE;
        let named_so = *self.spec.object_name(&Provider::Default).as_str() == *self.name;
        if is_machine || !named_so || self.spec.pod_name.is_empty() {
            return None;
        }
        let name = self.spec.pod_name.as_str();
        Some(match self.spec.namespace.as_str() {
            "" => Scope::Node(name.into()),
            namespace => Scope::Port(Key::new(namespace, name)),
        })
    }
}

impl Object for IpObject {
    fn key(&self) -> Key {
        Key::cluster(self.name.clone())
    }
}

impl From<&kinds::Ip> for IpObject {
    fn from(ip: &kinds::Ip) -> Self {
        let meta = &ip.metadata;
        let subnet = ip.spec.subnet.as_str();
        let known = [ip_label::SUBNET, ip_label::NODE_NAME, ip_label::IP_RESERVED, subnet];
        let labels = meta.labels.iter().flatten().filter(|(key, _)| known.contains(&key.as_str()));
        Self {
            name: word(meta.name.as_ref()),
            uid: word(meta.uid.as_ref()),
            deleting: meta.deletion_timestamp.is_some(),
            finalizers: meta.finalizers.clone().unwrap_or_default(),
            labels: labels.map(|(key, value)| (key.clone(), value.clone())).collect(),
            spec: ip.spec.clone(),
        }
    }
}
