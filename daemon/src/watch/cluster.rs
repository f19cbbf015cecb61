//! The cluster as a node must know it: its own join address, the other nodes, the subnets, the databases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use api::annotation::{Allocation, BadAnnotation, node};
use api::names::{DEFAULT_VPC, Provider};
use api::net::Cidrs;
use tokio::sync::watch;

use super::follow::Change;
use super::slim;

/// What the API server says about the cluster, as far as it matters to the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// `None` until the Node object was seen.
    pub(crate) own: Option<OwnNode>,
    /// Addresses of every node by name, this one included.
    pub(crate) nodes: BTreeMap<String, BTreeSet<IpAddr>>,
    /// `None` until they were listed.
    pub(crate) subnets: Option<BTreeMap<String, Subnet>>,
    /// Where the pods of the databases run.
    pub(crate) databases: BTreeSet<IpAddr>,
}

/// This node's own object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnNode {
    /// Internal addresses in the order of the object.
    pub(crate) addresses: Vec<IpAddr>,
    /// The port on the join switch, when the controller has allocated it.
    pub(crate) join: Result<Option<Allocation>, BadAnnotation>,
    /// What the user says about the tunnel's NIC.
    pub(crate) tunnel_interface: Option<String>,
    /// What the annotation says that this chassis is.
    pub(crate) chassis: Option<String>,
}

/// A subnet whose specification the controller found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub(crate) cidrs: Cidrs,
    /// In the default VPC and routed by OVN, so that the node reaches it through `ovn0`.
    pub(crate) routed: bool,
    pub(crate) nat_outgoing: bool,
    pub(crate) mtu: Option<u32>,
}

/// Where the watches write and the parts of the node read.
#[derive(Clone, Debug, Default)]
pub(crate) struct View(std::sync::Arc<watch::Sender<Cluster>>);

impl View {
    /// What is known, and a wake-up whenever that changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Cluster> {
        self.0.subscribe()
    }

    /// What `read` finds in what is known now.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Cluster) -> T) -> T {
        read(&self.0.borrow())
    }

    pub(crate) fn nodes(&self, own: &str, change: Change<slim::Node>) {
        self.change(|cluster| {
            let mut changed = false;
            match change {
                Change::Reset(nodes) => {
                    let named: BTreeSet<String> =
                        nodes.iter().filter_map(|node| node.metadata.name.clone()).collect();
                    let before = cluster.nodes.len();
                    cluster.nodes.retain(|name, _| named.contains(name));
                    changed |= before != cluster.nodes.len();
                    for node in nodes {
                        changed |= cluster.node(own, node);
                    }
                }
                Change::Apply(node) => changed |= cluster.node(own, node),
                Change::Delete(node) => {
                    let name = node.metadata.name.unwrap_or_default();
                    changed |= cluster.nodes.remove(&name).is_some();
                }
            }
            changed
        });
    }

    pub(crate) fn subnets(&self, vpc: &str, change: Change<slim::Subnet>) {
        self.change(|cluster| {
            let before = cluster.subnets.clone();
            match change {
                Change::Reset(subnets) => {
                    cluster.subnets =
                        Some(subnets.iter().filter_map(|it| subnet(vpc, it)).collect());
                }
                Change::Apply(it) => {
                    let subnets = cluster.subnets.get_or_insert_default();
                    match subnet(vpc, &it) {
                        Some((name, subnet)) => subnets.insert(name, subnet),
                        None => subnets.remove(it.metadata.name.as_deref().unwrap_or_default()),
                    };
                }
                Change::Delete(it) => {
                    let subnets = cluster.subnets.get_or_insert_default();
                    subnets.remove(it.metadata.name.as_deref().unwrap_or_default());
                }
            }
            before != cluster.subnets
        });
    }

    /// Pods of the databases are on the host network: their address is the node's. None at all says nothing about
    /// where the next will be, so the last known stay.
    pub(crate) fn databases(&self, change: Change<slim::Pod>) {
        let addresses = |pod: &slim::Pod| -> Vec<IpAddr> {
            pod.status.host_ips.iter().filter_map(|host| host.ip.parse().ok()).take(1).collect()
        };
        self.change(|cluster| {
            let before = cluster.databases.clone();
            match change {
                Change::Reset(pods) => {
                    let found: BTreeSet<IpAddr> = pods.iter().flat_map(addresses).collect();
                    if !found.is_empty() {
                        cluster.databases = found;
                    }
                }
                Change::Apply(pod) => cluster.databases.extend(addresses(&pod)),
                Change::Delete(pod) => {
                    let gone = addresses(&pod);
                    if cluster.databases.iter().any(|address| !gone.contains(address)) {
                        cluster.databases.retain(|address| !gone.contains(address));
                    }
                }
            }
            before != cluster.databases
        });
    }

    fn change(&self, change: impl FnOnce(&mut Cluster) -> bool) {
        self.0.send_if_modified(change);
    }
}

impl Cluster {
    /// Takes a node; true if anything we look at differs.
    fn node(&mut self, own: &str, node: slim::Node) -> bool {
        let name = node.metadata.name.clone().unwrap_or_default();
        let internal = node.status.addresses.iter().filter(|address| address.kind == "InternalIP");
        let addresses: Vec<IpAddr> =
            internal.filter_map(|address| address.address.parse().ok()).collect();
        let mut changed = false;
        if name == own {
            let annotations = node.metadata.annotations.unwrap_or_default();
            let text = |key: &str| annotations.get(key).filter(|text| !text.is_empty()).cloned();
            let new = Some(OwnNode {
                addresses: addresses.clone(),
                join: Allocation::parse(&annotations, &Provider::Default),
                tunnel_interface: text(node::TUNNEL_INTERFACE),
                chassis: text(node::CHASSIS),
            });
            changed = self.own != new;
            self.own = new;
        }
        let addresses: BTreeSet<IpAddr> = addresses.into_iter().collect();
        if self.nodes.get(&name) != Some(&addresses) {
            self.nodes.insert(name, addresses);
            changed = true;
        }
        changed
    }
}

/// A subnet that can be used; `None` for one that the controller has not, or not yet, found good.
fn subnet(vpc: &str, subnet: &slim::Subnet) -> Option<(String, Subnet)> {
    let name = subnet.metadata.name.clone()?;
    let says = |kind: &str, status: &str| {
        subnet
            .status
            .conditions
            .iter()
            .any(|condition| condition.kind == kind && condition.status == status)
    };
    let good = (says("Validated", "True") || says("Ready", "True")) && !says("Validated", "False");
    if !good || subnet.metadata.deletion_grace_period_seconds.is_some() {
        return None;
    }
    let spec = &subnet.spec;
    let cidrs = match spec.cidr_block.parse() {
        Ok(cidrs) => cidrs,
        Err(error) => {
            tracing::warn!(subnet = %name, %error, "a subnet is unreadable");
            return None;
        }
    };
    let of = if spec.vpc.is_empty() { DEFAULT_VPC } else { &spec.vpc };
    let overlay = spec.vlan.is_empty() || spec.logical_gateway;
    let ovn = spec.provider.parse::<Provider>().is_ok_and(|provider| provider.is_ovn());
    let routed = of == vpc && overlay && ovn;
    let nat_outgoing = routed && spec.nat_outgoing;
    let mtu = (spec.mtu != 0).then_some(spec.mtu);
    Some((name, Subnet { cidrs, routed, nat_outgoing, mtu }))
}
