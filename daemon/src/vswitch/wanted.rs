//! What the node wants of its database besides the ports of pods: settings of ovn-controller, and its own port.

use std::collections::BTreeMap;

use ovn::vs::interface::{self, InterfaceRow};
use ovn::vs::{Interface, open_vswitch};
use ovsdb::op::{Columns, Op};
use ovsdb::replica::Replica;

use super::port::{insert, key, remove};
use super::{INTEGRATION, rows};

/// The key of the chassis' name, which `supervise` gives it.
pub(super) const SYSTEM_ID: &str = "system-id";

/// Kept true whoever changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Keys of `Open_vSwitch.external_ids`; other keys are not ours.
    pub(crate) settings: BTreeMap<&'static str, String>,
    /// The node's own port; `None` leaves it as it is.
    pub(crate) node_port: Option<NodePort>,
}

/// An internal port, which is a link of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodePort {
    pub(crate) link: &'static str,
    pub(crate) iface_id: String,
    /// As OVS writes it: lower case, colons.
    pub(crate) mac: String,
    pub(crate) mtu: u32,
    /// Between commas.
    pub(crate) ips: String,
}

impl Wanted {
    /// The operations that are missing; none when all is as wanted.
    pub(super) fn ops(&self, replica: &Replica) -> Vec<Op> {
        let mut ops = self.root(replica);
        ops.extend(self.node_port.iter().flat_map(|port| port.ops(replica)));
        ops
    }

    fn root(&self, replica: &Replica) -> Vec<Op> {
        let Some((uuid, now)) = rows::root(replica) else { return Vec::new() };
        let settings = self.settings.iter().map(|(key, value)| (*key, Some(value.as_str())));
        let column = open_vswitch::column::EXTERNAL_IDS;
        ovn::keys::set_keys(open_vswitch::TABLE, uuid, column, now, settings)
    }
}

impl NodePort {
    fn ops(&self, replica: &Replica) -> Vec<Op> {
        let Some((bridge, _)) = rows::bridge(replica, INTEGRATION) else { return Vec::new() };
        let ids = [
            (key::IFACE_ID, self.iface_id.as_str()),
            (key::VENDOR, ovn::mark::VENDOR_NAME),
            (key::IP, &self.ips),
        ];
        let columns = Interface::new()
            .r#type("internal")
            .mac(self.mac.as_str())
            .mtu_request(i64::from(self.mtu));
        match rows::interface(replica, self.link) {
            Some((uuid, row))
                if rows::places(replica, uuid).iter().any(|(place, _)| *place == bridge) =>
            {
                let differs = |(column, value): &(&'static str, _)| row.get(column) != Some(value);
                let columns: Columns = Columns::from(columns).into_iter().filter(differs).collect();
                let update = (!columns.is_empty()).then_some(Op::Update {
                    table: interface::TABLE,
                    uuid,
                    row: columns,
                });
                let column = interface::column::EXTERNAL_IDS;
                let keys = ids.map(|(key, value)| (key, Some(value)));
                let now = row.get(column);
                let described = now
                    .into_iter()
                    .flat_map(|now| ovn::keys::set_keys(interface::TABLE, uuid, column, now, keys));
                update.into_iter().chain(described).collect()
            }
            other => {
                let gone = other.into_iter().flat_map(|(uuid, _)| remove(replica, uuid));
                let ids = ids.map(|(key, value)| (key, value.to_owned()));
                gone.chain(insert(
                    bridge,
                    self.link,
                    columns.name(self.link).external_ids(ids).into(),
                ))
                .collect()
            }
        }
    }

    /// Whether the row in the database is this port's.
    pub(super) fn is(&self, row: InterfaceRow<'_>) -> bool {
        row.name() == self.link
    }
}
