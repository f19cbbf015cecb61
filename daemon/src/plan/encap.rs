//! Which NIC carries tunnels, and how large a packet of a pod may be.

use std::net::IpAddr;

/// What Geneve puts before a packet of a pod: outer IPv4 20, UDP 8, Geneve 8 with OVN's option 8, inner Ethernet 14,
/// and reserve as Kube-OVN keeps it.
pub(crate) const GENEVE: u32 = 100;
/// How much longer an outer IPv6 header is.
pub(crate) const OUTER_V6: u32 = 20;

/// A link of the node that could carry tunnels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nic {
    pub(crate) name: String,
    pub(crate) mtu: u32,
    pub(crate) addresses: Vec<IpAddr>,
    /// The Open vSwitch bridge that the NIC is a port of; then the bridge has the NIC's address.
    pub(crate) bridge: Option<String>,
}

/// Where tunnels end on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub(crate) nic: String,
    pub(crate) address: IpAddr,
    /// Largest packet a pod may send.
    pub(crate) mtu: u32,
}

/// Chooses the tunnel's end: the first NIC with one of the names (exact names before patterns), or, when no names are
/// given, the NIC that has `own`. `None` as long as there is no such NIC, or it has no address yet.
pub(crate) fn choose(
    nics: &[Nic],
    names: &[String],
    matches: impl Fn(&str, &str) -> bool,
    own: IpAddr,
) -> Option<Tunnel> {
    let nic = if names.is_empty() {
        nics.iter().find(|nic| nic.addresses.contains(&own))?
    } else {
        let exact = names.iter().find_map(|name| nics.iter().find(|nic| nic.name == *name));
        let by_pattern =
            || names.iter().find_map(|name| nics.iter().find(|nic| matches(name, &nic.name)));
        exact.or_else(by_pattern)?
    };
    let holder = match &nic.bridge {
        Some(bridge) if nic.addresses.is_empty() => nics.iter().find(|nic| nic.name == *bridge)?,
        _ => nic,
    };
    let address = if holder.addresses.contains(&own) {
        own
    } else {
        *holder
            .addresses
            .iter()
            .find(|address| address.is_ipv4())
            .or_else(|| holder.addresses.first())?
    };
    let overhead = GENEVE + if address.is_ipv6() { OUTER_V6 } else { 0 };
    Some(Tunnel { nic: nic.name.clone(), address, mtu: nic.mtu.saturating_sub(overhead) })
}
