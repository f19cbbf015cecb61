//! What the database says about the node, kept up to date for whoever needs it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ovn::vs::bridge::{self, BridgeRow};
use ovn::vs::interface::{self, InterfaceRow};
use ovn::vs::open_vswitch;
use ovsdb::replica::{Change, Replica};
use ovsdb::value::Uuid;

use super::port::{self, State, key};
use super::{INTEGRATION, rows, wanted};
use crate::plan::pod::Datapath;
use crate::plan::rules::{HostPort, Transport};

/// The database, as far as it matters to the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whether we talk to the database; the rest is what it said last.
    pub(crate) connected: bool,
    /// The chassis' name.
    pub(crate) system_id: Option<String>,
    /// The datapath of the integration bridge, if there is one.
    pub(crate) integration: Option<Datapath>,
    /// How the node's own port is.
    pub(crate) node_port: Option<State>,
    /// The bridge of each port of bridges other than the integration bridge.
    pub(crate) bridges: BTreeMap<String, String>,
    /// Ports of the node that lead to its pods.
    pub(crate) host_ports: BTreeSet<HostPort>,
}

/// Host ports by the row that has them, so that a pod event does not read all rows.
#[derive(Debug, Default)]
pub(super) struct HostPorts(HashMap<Uuid, Vec<HostPort>>);

impl Facts {
    /// Takes changes of rows in; true if anything here differs.
    pub(super) fn take(
        &mut self,
        replica: &Replica,
        changes: &[Change],
        ports: &mut HostPorts,
        node_port: &str,
    ) -> bool {
        let before = self.clone();
        let (mut root, mut bridges, mut host_ports) = (false, false, false);
        for change in changes {
            match change.table {
                open_vswitch::TABLE => root = true,
                bridge::TABLE => bridges |= !is_integration_membership(replica, change),
                interface::TABLE => {
                    host_ports |= ports.take(replica, change.uuid);
                }
                _ => {}
            }
        }
        if root {
            let id = rows::root(replica).and_then(|(_, ids)| ids.get(wanted::SYSTEM_ID));
            self.system_id = id.filter(|id| !id.is_empty()).map(str::to_owned);
        }
        if bridges {
            self.integration = rows::bridge(replica, INTEGRATION).map(|(_, row)| datapath(row));
            self.bridges = other_bridges(replica);
        }
        if host_ports {
            self.host_ports = ports.0.values().flatten().cloned().collect();
        }
        self.node_port = match port::state(replica, node_port) {
            State::Absent => None,
            state => Some(state),
        };
        *self != before
    }
}

/// Ports come and go on the integration bridge with every pod; only its own columns matter here.
fn is_integration_membership(replica: &Replica, change: &Change) -> bool {
    let Some(row) = replica.get(bridge::TABLE, &change.uuid) else { return false };
    let only_ports = matches!(&change.kind, ovsdb::replica::Kind::Modified { columns } if columns == &[bridge::column::PORTS]);
    only_ports && BridgeRow::from(row).name() == INTEGRATION
}

fn datapath(row: BridgeRow<'_>) -> Datapath {
    match row.datapath_type() {
        "netdev" => Datapath::Userspace,
        _ => Datapath::Kernel,
    }
}

fn other_bridges(replica: &Replica) -> BTreeMap<String, String> {
    let mut bridges = BTreeMap::new();
    for (uuid, row) in replica.rows(bridge::TABLE) {
        let name = BridgeRow::from(row).name();
        if name != INTEGRATION {
            bridges.extend(
                rows::port_names(replica, &uuid).map(|port| (port.to_owned(), name.to_owned())),
            );
        }
    }
    bridges
}

impl HostPorts {
    fn take(&mut self, replica: &Replica, uuid: Uuid) -> bool {
        let new = replica
            .get(interface::TABLE, &uuid)
            .map(|row| host_ports(row.into()))
            .unwrap_or_default();
        if new.is_empty() {
            self.0.remove(&uuid).is_some()
        } else {
            self.0.insert(uuid, new.clone()) != Some(new)
        }
    }
}

/// Reads [`key::HOST_PORTS`]: `<transport>/<address or *>/<port>/<pod's port>` between semicolons; combined with the
/// pod's addresses. What does not parse was not written by us.
fn host_ports(row: InterfaceRow<'_>) -> Vec<HostPort> {
    let ids = row.external_ids();
    let (Some(text), Some(ips)) = (ids.get(key::HOST_PORTS), ids.get(key::IP)) else {
        return Vec::new();
    };
    let pods: Vec<IpAddr> = ips.split(',').filter_map(|ip| ip.parse().ok()).collect();
    let mut ports = Vec::new();
    for entry in text.split(';') {
        let mut parts = entry.split('/');
        let transport = parts.next().and_then(Transport::parse);
        let address = parts.next().map(|address| address.parse().ok());
        let port = parts.next().and_then(|port| port.parse().ok());
        let pod_port = parts.next().and_then(|port| port.parse().ok());
        let (Some(transport), Some(address), Some(port), Some(pod_port)) =
            (transport, address, port, pod_port)
        else {
            continue;
        };
        ports.extend(pods.iter().map(|pod| HostPort {
            transport,
            address,
            port,
            pod: *pod,
            pod_port,
        }));
    }
    ports
}

/// The text of [`key::HOST_PORTS`] for a pod.
pub(crate) fn host_ports_text<'a>(
    ports: impl IntoIterator<Item = (Transport, Option<IpAddr>, u16, u16)> + 'a,
) -> String {
    let entry = |(transport, address, port, pod_port): (Transport, Option<IpAddr>, u16, u16)| {
        let address = address.map_or("*".to_owned(), |address| address.to_string());
        format!("{}/{address}/{port}/{pod_port}", transport.as_str())
    };
    ports.into_iter().map(entry).collect::<Vec<_>>().join(";")
}

/// The links of all ports that say which pod they belong to. Ports without a link of the kernel (vhost-user) are not
/// ours.
pub(super) fn pod_links(replica: &Replica) -> Vec<String> {
    let rows = replica.rows(interface::TABLE).map(|(_, row)| InterfaceRow::from(row));
    let pods = rows
        .filter(|row| row.r#type().is_empty() && row.external_ids().get(key::POD_NAME).is_some());
    pods.map(|row| row.name().to_owned()).collect()
}
