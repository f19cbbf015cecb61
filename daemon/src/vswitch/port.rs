//! A port of the integration bridge: what we ask for, the operations that make it so, and what became of it.

use std::collections::BTreeMap;

use ovn::vs::interface::{self, InterfaceRow};
use ovn::vs::{Interface, Port as PortColumns, bridge, port};
use ovsdb::op::{Columns, Mutator, Op};
use ovsdb::replica::Replica;
use ovsdb::value::{Uuid, Value};

use super::{Error, INTEGRATION, rows};

/// Keys of an interface's `external_ids`.
pub(crate) mod key {
    /// The logical switch port that the interface is.
    pub(crate) const IFACE_ID: &str = "iface-id";
    /// Which one of successive pods of a name it is; ovn-controller(8) binds only if the port agrees.
    pub(crate) const IFACE_ID_VER: &str = "iface-id-ver";
    /// ovn-controller sets it when all flows of the port are installed.
    pub(crate) const OVN_INSTALLED: &str = "ovn-installed";
    pub(crate) const VENDOR: &str = "vendor";
    pub(crate) const POD_NAME: &str = "pod_name";
    pub(crate) const POD_NAMESPACE: &str = "pod_namespace";
    pub(crate) const POD_NETNS: &str = "pod_netns";
    pub(crate) const IP: &str = "ip";
    pub(crate) const ATTACHED_MAC: &str = "attached-mac";
    /// Ports of the node that lead to the pod, so that a daemon that starts knows them.
    pub(crate) const HOST_PORTS: &str = "kube-ovn.io/host-ports";
}

/// A port we ask for; its link exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) link: String,
    pub(crate) iface_id: String,
    /// Further `external_ids`.
    pub(crate) ids: BTreeMap<&'static str, String>,
}

/// What became of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The database does not have it.
    Absent,
    /// vswitchd has not looked at it.
    NoOfport,
    /// vswitchd cannot use the link, for this reason.
    Failed(String),
    /// ovn-controller has not installed its flows.
    NotInstalled,
    Ready,
}

impl State {
    /// Whether it stays so by itself.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed(_))
    }
}

/// How the port of that link is.
pub(super) fn state(replica: &Replica, link: &str) -> State {
    let Some((uuid, row)) = rows::interface(replica, link) else { return State::Absent };
    if rows::places(replica, uuid).is_empty() {
        return State::Absent;
    }
    of(InterfaceRow::from(row))
}

fn of(row: InterfaceRow<'_>) -> State {
    match (row.error(), row.ofport()) {
        (Some(error), _) => State::Failed(error.to_owned()),
        (None, Some(-1)) => State::Failed("vswitchd gives no reason".to_owned()),
        (None, Some(1..)) if row.external_ids().get(key::OVN_INSTALLED) == Some("true") => {
            State::Ready
        }
        (None, Some(1..)) => State::NotInstalled,
        (None, _) => State::NoOfport,
    }
}

/// The operations that add a port, in place of ports of other links that claim the same logical port. A row that is
/// there already loses what ovn-controller said about it.
pub(super) fn add(replica: &Replica, wanted: &Port) -> Result<Vec<Op>, Error> {
    let (bridge, _) = rows::bridge(replica, INTEGRATION).ok_or(Error::NoBridge)?;
    let mut ops = Vec::new();
    for (stale, row) in rows::claimants(replica, &wanted.iface_id) {
        if row.name() != wanted.link {
            tracing::info!(link = row.name(), iface_id = wanted.iface_id, "a stale port makes way");
            ops.extend(remove(replica, stale));
        }
    }
    let ids = wanted.ids.iter().map(|(key, value)| (*key, value.as_str()));
    let ids = ids
        .chain([(key::IFACE_ID, wanted.iface_id.as_str()), (key::VENDOR, ovn::mark::VENDOR_NAME)]);
    let columns =
        Interface::new().external_ids(ids.map(|(key, value)| (key.to_owned(), value.to_owned())));
    match rows::interface(replica, &wanted.link) {
        Some((uuid, _))
            if rows::places(replica, uuid).iter().any(|(place, _)| *place == bridge) =>
        {
            ops.push(Op::Update { table: interface::TABLE, uuid, row: columns.into() });
        }
        other => {
            // A row in no bridge is on its way out; one in another bridge is not ours to share.
            ops.extend(other.into_iter().flat_map(|(uuid, _)| remove(replica, uuid)));
            ops.extend(insert(bridge, &wanted.link, columns.name(wanted.link.as_str()).into()));
        }
    }
    Ok(ops)
}

/// The operations that put a new interface into a bridge.
pub(super) fn insert(bridge: Uuid, link: &str, interface: Columns) -> [Op; 3] {
    let (row, port) = (Uuid::new_v4(), Uuid::new_v4());
    let columns = PortColumns::new().name(link).interfaces([row]);
    [
        Op::Insert { table: interface::TABLE, uuid: row, row: interface },
        Op::Insert { table: port::TABLE, uuid: port, row: columns.into() },
        ports(bridge, Mutator::Insert, port),
    ]
}

/// The operations that take an interface out of its bridges; its rows vanish with that.
pub(super) fn remove(replica: &Replica, interface: Uuid) -> Vec<Op> {
    let places = rows::places(replica, interface);
    places.into_iter().map(|(bridge, port)| ports(bridge, Mutator::Delete, port)).collect()
}

fn ports(uuid: Uuid, mutator: Mutator, port: Uuid) -> Op {
    let value = Value::set([port]);
    Op::Mutate { table: bridge::TABLE, uuid, column: bridge::column::PORTS, mutator, value }
}

/// The operations that set keys of a port's `external_ids`; none when the port is not there.
pub(super) fn describe(replica: &Replica, link: &str, ids: &[(&'static str, String)]) -> Vec<Op> {
    let Some((uuid, row)) = rows::interface(replica, link) else { return Vec::new() };
    let column = interface::column::EXTERNAL_IDS;
    let Some(now) = row.get(column) else { return Vec::new() };
    let keys = ids
        .iter()
        .map(|(key, value)| (*key, Some(value.as_str()).filter(|value| !value.is_empty())));
    ovn::keys::set_keys(interface::TABLE, uuid, column, now, keys)
}
