//! The steps that give a pod its interface, in two halves: what needs no address, and the rest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::name::Tag;
use super::{At, Route, Step};

/// What packets of the pod go through on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datapath {
    /// The kernel's Open vSwitch module.
    Kernel,
    /// `ovs-vswitchd` itself, which reads packets raw.
    Userspace,
}

/// What a pod's interface is to become, once the controller has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) mac: [u8; 6],
    /// Addresses with the length of their subnet's prefix.
    pub(crate) addresses: Vec<IpNet>,
    /// Gateways, at most one a family.
    pub(crate) gateways: Vec<IpAddr>,
    /// Whether the gateways are default routes.
    pub(crate) default_route: bool,
    /// Routes that the pod or its network asked for besides.
    pub(crate) routes: Vec<(IpNet, IpAddr)>,
    pub(crate) mtu: u32,
}

impl Interface {
    /// The routes the pod gets, default ones first.
    pub(crate) fn all_routes(&self) -> Vec<Route> {
        let defaults = self
            .gateways
            .iter()
            .filter(|_| self.default_route)
            .map(|gateway| (default(*gateway), *gateway));
        let mut routes: Vec<Route> = Vec::new();
        for (to, via) in defaults.chain(self.routes.iter().copied()) {
            let to = to.trunc();
            if routes.iter().all(|route| route.to != to) {
                routes.push(Route { to, via: Some(via), source: None });
            }
        }
        routes
    }

    fn has_v6(&self) -> bool {
        self.addresses.iter().any(|address| address.addr().is_ipv6())
    }
}

/// The destination of everything, in the family of `gateway`.
pub(crate) fn default(gateway: IpAddr) -> IpNet {
    match gateway {
        IpAddr::V4(_) => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
        IpAddr::V6(_) => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// What can be done before the pod has an address: the pair exists, the node's end is up.
pub(crate) fn early(tag: &Tag, mtu: u32, datapath: Datapath) -> Vec<Step> {
    let (host, peer) = (tag.host_link(), tag.interface.clone());
    let mut plan = vec![
        Step::Veth { host: host.clone(), alias: tag.to_string(), peer: peer.clone(), mtu },
        // Else the kernel keeps a multicast route for the link, and vswitchd reads all routes again with each new one.
        Step::Sysctl {
            at: At::Node,
            key: format!("net/ipv6/conf/{host}/disable_ipv6"),
            value: "1",
        },
        // It would be made from a MAC address that is not yet the pod's.
        Step::NoLinkLocal { at: At::Pod, link: peer.clone() },
    ];
    if datapath == Datapath::Userspace {
        plan.push(Step::ChecksumOff { at: At::Node, link: host.clone() });
        plan.push(Step::ChecksumOff { at: At::Pod, link: peer.clone() });
    }
    plan.push(Step::Up { at: At::Node, link: host });
    plan.push(Step::Up { at: At::Pod, link: "lo".to_owned() });
    // A link that has just come up drops what it is sent until the kernel has noticed (linkwatch): not at the end.
    plan.push(Step::Up { at: At::Pod, link: peer });
    plan
}

/// What follows when the interface is known; `mtu` is what the pair was made with.
pub(crate) fn late(tag: &Tag, mtu: u32, interface: &Interface) -> Vec<Step> {
    let (host, link) = (tag.host_link(), tag.interface.clone());
    let mut plan = Vec::new();
    if interface.mtu != mtu {
        plan.push(Step::Mtu { at: At::Node, link: host, mtu: interface.mtu });
        plan.push(Step::Mtu { at: At::Pod, link: link.clone(), mtu: interface.mtu });
    }
    plan.push(Step::Mac { at: At::Pod, link: link.clone(), mac: interface.mac });
    if interface.has_v6() {
        // Runtimes switch IPv6 off in namespaces they make.
        for scope in ["all", "default", &link] {
            let key = format!("net/ipv6/conf/{scope}/disable_ipv6");
            plan.push(Step::Sysctl { at: At::Pod, key, value: "0" });
        }
    }
    let link_local = interface.has_v6().then(|| link_local(interface.mac));
    for address in link_local.iter().chain(&interface.addresses) {
        plan.push(Step::Address { at: At::Pod, link: link.clone(), address: *address });
    }
    for route in interface.all_routes() {
        plan.push(Step::Route { at: At::Pod, link: link.clone(), route });
    }
    plan
}

/// The link-local address that belongs to a MAC address (RFC 4291, appendix A).
fn link_local(mac: [u8; 6]) -> IpNet {
    let [a, b, c, d, e, f] = mac.map(u16::from);
    let address =
        Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f);
    IpNet::V6(Ipv6Net::new_assert(address, 64))
}

/// What removes a pod's interface; needs neither the pod nor its namespace.
pub(crate) fn delete(tag: &Tag) -> Vec<Step> {
    vec![Step::Delete { link: tag.host_link() }]
}
