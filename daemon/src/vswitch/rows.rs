//! Which rows are followed, and how they are found.

use std::sync::Arc;

use ovn::vs::bridge::{self, BridgeRow};
use ovn::vs::interface::{self, InterfaceRow};
use ovn::vs::{open_vswitch, port};
use ovsdb::replica::{Replica, Row, Spec, TableSpec};
use ovsdb::value::{Atom, Uuid, Value};

use super::port::key;

/// Index of interfaces, ports and bridges by name.
const NAME: &str = "name";
/// Index of interfaces by `external_ids:iface-id`.
const IFACE_ID: &str = "iface-id";

/// The tables and columns that are followed; statistics, which change all the time, are not.
pub(super) fn spec() -> Spec {
    let interface = TableSpec::new(interface::TABLE)
        .columns([
            interface::column::NAME,
            interface::column::TYPE,
            interface::column::MAC,
            interface::column::MTU_REQUEST,
            interface::column::OFPORT,
            interface::column::ERROR,
            interface::column::EXTERNAL_IDS,
        ])
        .index(NAME, name)
        .index(IFACE_ID, iface_id);
    let port =
        TableSpec::new(port::TABLE).columns([port::column::NAME]).edges([port::column::INTERFACES]);
    let bridge = TableSpec::new(bridge::TABLE)
        .columns([bridge::column::NAME, bridge::column::DATAPATH_TYPE])
        .edges([bridge::column::PORTS])
        .index(NAME, name);
    let root = TableSpec::new(open_vswitch::TABLE).columns([open_vswitch::column::EXTERNAL_IDS]);
    Spec::new().table(interface).table(port).table(bridge).table(root)
}

fn name(row: &Row) -> Option<Arc<str>> {
    text(row.get("name")?.as_atom()?)
}

fn iface_id(row: &Row) -> Option<Arc<str>> {
    text(row.get("external_ids")?.get_atom(key::IFACE_ID)?)
}

fn text(atom: &Atom) -> Option<Arc<str>> {
    match atom {
        Atom::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The interface of that name.
pub(super) fn interface<'a>(replica: &'a Replica, name: &str) -> Option<(Uuid, &'a Row)> {
    let uuid = replica.lookup(interface::TABLE, NAME, name).next()?;
    Some((uuid, replica.get(interface::TABLE, &uuid)?))
}

/// The interfaces that claim a logical port.
pub(super) fn claimants<'a>(
    replica: &'a Replica,
    iface_id: &str,
) -> impl Iterator<Item = (Uuid, InterfaceRow<'a>)> {
    let rows = replica.lookup(interface::TABLE, IFACE_ID, iface_id);
    rows.filter_map(|uuid| Some((uuid, replica.get(interface::TABLE, &uuid)?.into())))
}

/// The bridge of that name.
pub(super) fn bridge<'a>(replica: &'a Replica, name: &str) -> Option<(Uuid, BridgeRow<'a>)> {
    let uuid = replica.lookup(bridge::TABLE, NAME, name).next()?;
    Some((uuid, replica.get(bridge::TABLE, &uuid)?.into()))
}

/// The bridges that an interface is in, each with the port that puts it there.
pub(super) fn places(replica: &Replica, interface: Uuid) -> Vec<(Uuid, Uuid)> {
    let mut places = Vec::new();
    for port in replica.containers(port::TABLE, port::column::INTERFACES, &Atom::Uuid(interface)) {
        let bridges = replica.containers(bridge::TABLE, bridge::column::PORTS, &Atom::Uuid(port));
        places.extend(bridges.map(|bridge| (bridge, port)));
    }
    places
}

/// The names of a bridge's ports.
pub(super) fn port_names<'a>(replica: &'a Replica, bridge: &Uuid) -> impl Iterator<Item = &'a str> {
    let members = replica.members(bridge::TABLE, bridge::column::PORTS, bridge);
    members.into_iter().flatten().filter_map(|member| {
        let row = replica.get(port::TABLE, &member.as_uuid()?)?;
        row.get(port::column::NAME).and_then(Value::as_str)
    })
}

/// The one row of the root table, with its `external_ids`.
pub(super) fn root(replica: &Replica) -> Option<(Uuid, &Value)> {
    let (uuid, row) = replica.rows(open_vswitch::TABLE).next()?;
    Some((uuid, row.get(open_vswitch::column::EXTERNAL_IDS)?))
}
