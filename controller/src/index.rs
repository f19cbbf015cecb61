//! All that the cluster has told us, and nothing we decided.
//!
//! Each change answers with the scopes whose rows or reports may now differ. Slim types and
//! reverse indexes; no I/O, no allocation of addresses, no rows.

mod binding;
mod change;
mod ip;
mod key;
mod node;
mod pod;
mod selector;
mod service;
mod store;
mod subnet;
mod validity;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub use self::ip::IpObject;
pub use self::key::Key;
pub use self::node::{Namespace, NamespaceAnnotations, Node};
pub use self::pod::Pod;
pub use self::service::{
    DEFAULT_AFFINITY_SECONDS, Endpoint, EndpointSlice, Service, ServicePort, StatefulSet,
};
pub use self::store::{Change, Object};
pub use self::subnet::{Plan, StaticRoute, Subnet, Vpc};
pub use self::validity::Invalid;

use self::store::Store;
use crate::desired::Config;
use crate::scope::Scope;

/// Facts, by kind, with the ways to find them.
#[derive(Clone, Debug)]
pub struct Index {
    names: Names,
    pods: Store<Pod>,
    nodes: Store<Node>,
    namespaces: Store<Namespace>,
    subnets: Store<Subnet>,
    vpcs: Store<Vpc>,
    ips: Store<IpObject>,
    services: Store<Service>,
    slices: Store<EndpointSlice>,
    statefulsets: Store<StatefulSet>,
    pods_of_node: BTreeMap<Arc<str>, BTreeSet<Key>>,
    slices_of_service: BTreeMap<Key, BTreeSet<Key>>,
    /// What is wrong with a subnet, alone or beside its elders; absent: nothing.
    invalid: BTreeMap<Arc<str>, Invalid>,
    /// The subnets of each namespace, first choice first.
    bindings: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Subnets whose plan or validity changed since [`Index::take_moved`].
    moved: BTreeSet<Arc<str>>,
}

/// Objects that play a part by their name.
#[derive(Clone, Debug)]
struct Names {
    vpc: Arc<str>,
    subnet: Arc<str>,
    join: Arc<str>,
    /// The first address of each block of services: where every cluster's API server answers.
    api_server: Vec<IpAddr>,
}

impl Index {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            names: Names {
                vpc: config.cluster_router.clone(),
                subnet: config.default_subnet.clone(),
                join: config.node_switch.clone(),
                api_server: config.services.iter().filter_map(|cidr| cidr.range().nth(1)).collect(),
            },
            pods: Store::default(),
            nodes: Store::default(),
            namespaces: Store::default(),
            subnets: Store::default(),
            vpcs: Store::default(),
            ips: Store::default(),
            services: Store::default(),
            slices: Store::default(),
            statefulsets: Store::default(),
            pods_of_node: BTreeMap::new(),
            slices_of_service: BTreeMap::new(),
            invalid: BTreeMap::new(),
            bindings: BTreeMap::new(),
            moved: BTreeSet::new(),
        }
    }

    /// A pod.
    #[must_use]
    pub fn pod(&self, key: &Key) -> Option<&Pod> {
        self.pods.get(key)
    }

    /// All pods.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().map(|(_, pod)| pod)
    }

    /// A node.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(&Key::cluster(name))
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|(_, node)| node)
    }

    /// A namespace.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(&Key::cluster(name))
    }

    /// A subnet, valid or not.
    #[must_use]
    pub fn subnet(&self, name: &str) -> Option<&Subnet> {
        self.subnets.get(&Key::cluster(name))
    }

    /// All subnets, valid or not.
    pub fn subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.iter().map(|(_, subnet)| subnet)
    }

    /// The plan of a subnet that is there and valid.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        if self.invalid.contains_key(name) { None } else { self.subnet(name)?.plan.as_deref().ok() }
    }

    /// What is wrong with a subnet.
    #[must_use]
    pub fn invalid(&self, name: &str) -> Option<&Invalid> {
        self.invalid.get(name)
    }

    /// A VPC.
    #[must_use]
    pub fn vpc(&self, name: &str) -> Option<&Vpc> {
        self.vpcs.get(&Key::cluster(name))
    }

    /// An IP object.
    #[must_use]
    pub fn ip(&self, name: &str) -> Option<&IpObject> {
        self.ips.get(&Key::cluster(name))
    }

    /// All IP objects.
    pub fn ips(&self) -> impl Iterator<Item = &IpObject> {
        self.ips.iter().map(|(_, ip)| ip)
    }

    /// A service.
    #[must_use]
    pub fn service(&self, key: &Key) -> Option<&Service> {
        self.services.get(key)
    }

    /// The endpoint slices of a service.
    pub fn slices(&self, service: &Key) -> impl Iterator<Item = &EndpointSlice> {
        let keys = self.slices_of_service.get(service).into_iter().flatten();
        keys.filter_map(|key| self.slices.get(key))
    }

    /// Whether a pod of this name, that is not there, will come back with its address.
    #[must_use]
    pub fn returns(&self, pod: &Key) -> bool {
        StatefulSet::split(&pod.name).is_some_and(|(set, ordinal)| {
            let set = self.statefulsets.get(&Key::new(pod.namespace.clone(), set));
            set.is_some_and(|set| set.wants(ordinal))
        })
    }

    /// The subnets a namespace's pods use, first choice first.
    #[must_use]
    pub fn bound(&self, namespace: &str) -> &[Arc<str>] {
        match self.bindings.get(namespace) {
            Some(subnets) => subnets,
            None => std::slice::from_ref(&self.names.subnet),
        }
    }

    /// Subnets whose plan or validity changed since this was last asked.
    pub fn take_moved(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.moved)
    }

    /// Whether pods of this subnet leave through the node they are on.
    #[must_use]
    pub fn is_distributed(&self, subnet: &str) -> bool {
        *subnet != *self.names.join
            && self.plan(subnet).is_some_and(|plan| plan.vpc == self.names.vpc && plan.distributed)
    }

    /// Every scope that something in the index asks for.
    #[must_use]
    pub fn scopes(&self) -> BTreeSet<Scope> {
        let mut all = BTreeSet::from([Scope::Globals]);
        all.extend(self.vpcs.iter().map(|(key, _)| Scope::Vpc(key.name.clone())));
        all.extend(self.subnets.iter().map(|(key, _)| Scope::Subnet(key.name.clone())));
        all.extend(self.nodes.iter().map(|(key, _)| Scope::Node(key.name.clone())));
        all.extend(self.namespaces.iter().map(|(key, _)| Scope::Namespace(key.name.clone())));
        all.extend(self.services.iter().map(|(key, _)| Scope::Service(key.clone())));
        all.extend(self.pods.iter().map(|(key, _)| Scope::Port(key.clone())));
        all.extend(self.ips.iter().filter_map(|(_, ip)| ip.scope()));
        for (key, _) in self.subnets.iter().filter(|(key, _)| self.is_distributed(&key.name)) {
            all.extend(self.nodes.iter().map(|(node, _)| Scope::Gateway {
                subnet: key.name.clone(),
                node: node.name.clone(),
            }));
        }
        all
    }
}
