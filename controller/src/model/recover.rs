//! What a new leader believes: northbound rows, IP objects and annotations become claims.

use std::collections::HashMap;
use std::sync::Arc;

use api::net::{Addresses, Mac};

use super::ask::spec_addresses;
use super::{Dirty, Model};
use crate::desired;
use crate::index::{Node, Pod};
use crate::ipam::{Claim, Ipam, Port, Source};

/// A logical switch port that carries our marks, or those of a running Kube-OVN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortRow {
    /// Its name.
    pub name: Arc<str>,
    /// `external_ids:ls`, the subnet.
    pub subnet: Arc<str>,
    /// `options:iface-id-ver`, the uid of the pod it was made for; empty if there is none.
    pub uid: Arc<str>,
    /// The first of `addresses`: `<mac> <v4> <v6>`.
    pub addresses: Arc<str>,
}

/// The live object behind a port.
struct Live {
    uid: Arc<str>,
    created: i64,
}

impl Model {
    /// Forgets every allocation and believes what rows, IP objects and annotations say instead,
    /// in the order of [`crate::ipam::Source`]. To be called when all objects are loaded and the
    /// replica is complete: at the start, and whenever this process becomes the leader.
    ///
    /// Returns every scope; the owners of rows in the database are to be added. What was not
    /// believed is in [`Model::take_conflicts`].
    pub fn recover(&mut self, rows: impl IntoIterator<Item = PortRow>) -> Dirty {
        let live = self.live();
        let mut claims = Vec::new();
        claims.extend(rows.into_iter().filter_map(|row| of_row(&row, &live)));
        claims.extend(self.index.ips().filter_map(|ip| {
            let mac = ip.spec.mac_address.parse().ok()?;
            let addresses = spec_addresses(&ip.spec).ok()?;
            (!ip.deleting).then(|| {
                claim(&ip.name, "", &ip.spec.subnet, addresses, mac, Source::Object, &live)
            })
        }));
        let pods = self
            .index
            .pods()
            .filter(|pod| holds(pod))
            .filter_map(|pod| Some((pod.key.port(), &*pod.uid, pod.given.as_deref()?)));
        let nodes = self
            .index
            .nodes()
            .filter_map(|node| Some((Node::port(&node.name), &*node.uid, node.given.as_deref()?)));
        claims.extend(pods.chain(nodes).filter_map(|(port, uid, given)| {
            let subnet = given.logical_switch.as_str();
            Some(claim(&port, uid, subnet, given.addresses, given.mac?, Source::Annotation, &live))
        }));
        self.refused.clear();
        self.held.clear();
        self.waiting = super::Waiting::default();
        // Pools of subnets that are not valid (any more) are not among those that anybody else
        // would make from the same objects.
        self.ipam = Ipam::default();
        for subnet in self.index.subnets() {
            if let Some(plan) = self.index.plan(&subnet.name) {
                self.ipam.set_subnet(&subnet.name, desired::networks(&subnet.name, plan));
            }
        }
        self.conflicts = self.ipam.recover(claims);
        self.scopes()
    }

    fn live(&self) -> HashMap<Port, Live> {
        let pods = self.index.pods().filter(|pod| holds(pod));
        let pods =
            pods.map(|pod| (pod.key.port(), Live { uid: pod.uid.clone(), created: pod.created }));
        let nodes = self.index.nodes();
        let nodes = nodes.map(|node| {
            (Node::port(&node.name), Live { uid: node.uid.clone(), created: node.created })
        });
        pods.chain(nodes).collect()
    }
}

fn holds(pod: &Pod) -> bool {
    !pod.host_network && !pod.finished
}

fn of_row(row: &PortRow, live: &HashMap<Port, Live>) -> Option<Claim> {
    let mut words = row.addresses.split_ascii_whitespace();
    let mac: Mac = words.next()?.parse().ok()?;
    let mut addresses = Addresses::default();
    for word in words {
        addresses.set(word.parse().ok()?);
    }
    let is_stale =
        live.get(&row.name).is_some_and(|live| !row.uid.is_empty() && live.uid != row.uid);
    let source = if is_stale { Source::StaleRow } else { Source::Row };
    Some(claim(&row.name, &row.uid, &row.subnet, addresses, mac, source, live))
}

/// A claim of a witness that knows the object's `uid`, or (empty) does not: then the object must
/// still accept the addresses, as it must those of a predecessor.
fn claim(
    port: &Port,
    uid: &str,
    subnet: &str,
    addresses: Addresses,
    mac: Mac,
    source: Source,
    live: &HashMap<Port, Live>,
) -> Claim {
    Claim {
        port: port.clone(),
        uid: uid.into(),
        subnet: subnet.into(),
        addresses,
        mac,
        source,
        since: live.get(port).map_or(i64::MAX, |live| live.created),
    }
}
