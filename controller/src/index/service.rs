//! What we use of services, endpoint slices and stateful sets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use api::names::Transport;
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;

use super::{Key, Object};

/// An absent protocol means TCP, as the API says.
fn transport(word: Option<&str>) -> Option<Transport> {
    Transport::from_kubernetes(word.unwrap_or("TCP"))
}

/// What we use of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Namespace and name.
    pub key: Key,
    /// Which of the services of that name.
    pub uid: Arc<str>,
    /// Its virtual addresses; none for headless and external-name services.
    pub addresses: Vec<IpAddr>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// For how many seconds a client stays with its endpoint, if it does.
    pub affinity: Option<u32>,
}

/// One port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name, empty if there is only one; endpoint slices use it.
    pub name: Box<str>,
    /// Its transport.
    pub protocol: Transport,
    /// The number clients connect to.
    pub port: u16,
}

impl Object for Service {
    fn key(&self) -> Key {
        self.key.clone()
    }
}

/// Session affinity when a service does not say for how long.
pub const DEFAULT_AFFINITY_SECONDS: u32 = 10_800;

impl From<&core::Service> for Service {
    fn from(service: &core::Service) -> Self {
        let spec = service.spec.clone().unwrap_or_default();
        let external = spec.type_.as_deref() == Some("ExternalName");
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip) {
            // `None` marks a headless service.
            if let Ok(address) = address.parse()
                && !external
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        let timeout =
            spec.session_affinity_config.and_then(|config| config.client_ip?.timeout_seconds);
        let affinity = (spec.session_affinity.as_deref() == Some("ClientIP")).then(|| {
            timeout.and_then(|t| u32::try_from(t).ok()).unwrap_or(DEFAULT_AFFINITY_SECONDS)
        });
        let ports = spec.ports.iter().flatten().filter_map(|port| {
            Some(ServicePort {
                name: port.name.as_deref().unwrap_or_default().into(),
                protocol: transport(port.protocol.as_deref())?,
                port: u16::try_from(port.port).ok()?,
            })
        });
        Self {
            key: Key::of(&service.metadata),
            uid: service.metadata.uid.as_deref().unwrap_or_default().into(),
            addresses,
            ports: ports.collect(),
            affinity,
        }
    }
}

/// What we use of an endpoint slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Namespace and name.
    pub key: Key,
    /// The service, in the same namespace.
    pub service: Option<Arc<str>>,
    /// The ports of every endpoint; a port without a number is left out.
    pub ports: Vec<ServicePort>,
    /// Where to.
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its first address; others of the list mean the same endpoint.
    pub address: IpAddr,
    /// Takes new connections.
    pub ready: bool,
    /// Still answers, though it may be terminating.
    pub serving: bool,
}

impl EndpointSlice {
    /// Addresses and number for the named port.
    pub fn backends<'a>(
        &'a self,
        port: &'a ServicePort,
    ) -> impl Iterator<Item = (SocketAddr, Endpoint)> + 'a {
        let same = move |own: &&ServicePort| own.name == port.name && own.protocol == port.protocol;
        let numbers = self.ports.iter().filter(same).map(|own| own.port);
        numbers.flat_map(|number| {
            self.endpoints.iter().map(move |end| (SocketAddr::new(end.address, number), *end))
        })
    }
}

impl Object for EndpointSlice {
    fn key(&self) -> Key {
        self.key.clone()
    }
}

impl From<&discovery::EndpointSlice> for EndpointSlice {
    fn from(slice: &discovery::EndpointSlice) -> Self {
        let labels = slice.metadata.labels.as_ref();
        let service = labels.and_then(|labels| labels.get("kubernetes.io/service-name"));
        let ports = slice.ports.iter().flatten().filter_map(|port| {
            Some(ServicePort {
                name: port.name.as_deref().unwrap_or_default().into(),
                protocol: transport(port.protocol.as_deref())?,
                port: u16::try_from(port.port?).ok()?,
            })
        });
        let endpoints = slice.endpoints.iter().flatten().filter_map(|endpoint| {
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            // Absent means ready, and serving follows ready (EndpointConditions).
            let ready = conditions.ready.unwrap_or(true);
            let address = endpoint.addresses.first()?.parse().ok()?;
            Some(Endpoint { address, ready, serving: conditions.serving.unwrap_or(ready) })
        });
        Self {
            key: Key::of(&slice.metadata),
            service: service.map(|name| name.as_str().into()),
            ports: ports.collect(),
            endpoints: endpoints.collect(),
        }
    }
}

/// What we use of a stateful set: which of its pods will come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatefulSet {
    /// Namespace and name.
    pub key: Key,
    /// Which of the sets of that name.
    pub uid: Arc<str>,
    /// How many pods it wants.
    pub replicas: u32,
    /// The first ordinal.
    pub start: u32,
}

impl StatefulSet {
    /// The pods it wants.
    pub fn pods(&self) -> impl Iterator<Item = Key> + use<> {
        let key = self.key.clone();
        (self.start..self.start.saturating_add(self.replicas))
            .map(move |ordinal| Key::new(key.namespace.clone(), format!("{}-{ordinal}", key.name)))
    }

    /// Splits a pod's name into that of its set and its ordinal.
    #[must_use]
    pub fn split(pod: &str) -> Option<(&str, u32)> {
        let (set, ordinal) = pod.rsplit_once('-')?;
        let canonical = ordinal == "0" || !ordinal.starts_with('0');
        let digits = ordinal.bytes().all(|byte| byte.is_ascii_digit());
        (canonical && digits).then(|| Some((set, ordinal.parse().ok()?))).flatten()
    }

    /// Whether it wants a pod of this ordinal.
    #[must_use]
    pub fn wants(&self, ordinal: u32) -> bool {
        ordinal >= self.start && ordinal - self.start < self.replicas
    }
}

impl Object for StatefulSet {
    fn key(&self) -> Key {
        self.key.clone()
    }
}

impl From<&apps::StatefulSet> for StatefulSet {
    fn from(set: &apps::StatefulSet) -> Self {
        let spec = set.spec.clone().unwrap_or_default();
        let count = |number: Option<i32>, default| {
            number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
        };
        // A set that is being deleted wants no pod back.
        let replicas = match set.metadata.deletion_timestamp {
            Some(_) => 0,
            None => count(spec.replicas, 1),
        };
        Self {
            key: Key::of(&set.metadata),
            uid: set.metadata.uid.as_deref().unwrap_or_default().into(),
            replicas,
            start: count(spec.ordinals.and_then(|ordinals| ordinals.start), 0),
        }
    }
}
