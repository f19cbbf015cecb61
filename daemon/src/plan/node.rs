//! The node's own place in the network: `ovn0`, its address and the routes to the subnets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{At, Route, Seen, Step};

/// The node's port on the join switch, as the kernel knows it.
pub(crate) const LINK: &str = "ovn0";

/// The node's port on the join switch, as the controller allocated it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) mac: [u8; 6],
    /// Addresses with the length of the join subnet's prefix.
    pub(crate) addresses: Vec<IpNet>,
    pub(crate) gateways: Vec<IpAddr>,
}

/// What `ovn0` must be: its addresses, and how subnets are reached through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) join: Join,
    pub(crate) mtu: u32,
    /// The node's own addresses, from which it speaks to pods.
    pub(crate) node_ips: Vec<IpAddr>,
    /// Networks of the default VPC that OVN routes to.
    pub(crate) subnets: BTreeSet<IpNet>,
}

impl Wanted {
    /// The routes through `ovn0`: the join network on the link, each subnet through the join gateway of its family.
    pub(crate) fn routes(&self) -> BTreeSet<Route> {
        let on_link = self.join.addresses.iter().map(|address| Route {
            to: address.trunc(),
            via: None,
            source: None,
        });
        let join: BTreeSet<IpNet> = self.join.addresses.iter().map(IpNet::trunc).collect();
        let same = |a: &IpAddr, to: &IpNet| a.is_ipv4() == to.addr().is_ipv4();
        let through = self.subnets.iter().filter(|to| !join.contains(to)).filter_map(|to| {
            let via = *self.join.gateways.iter().find(|gateway| same(gateway, to))?;
            let source = self.node_ips.iter().copied().find(|ip| same(ip, to));
            Some(Route { to: to.trunc(), via: Some(via), source })
        });
        on_link.chain(through).collect()
    }
}

/// The steps from `seen` to `want`; none when they agree. Addresses come before routes, removals of routes before
/// anything that the kernel would refuse because of them.
pub(crate) fn steps(want: &Wanted, seen: &Seen) -> Vec<Step> {
    let (at, link) = (At::Node, || LINK.to_owned());
    let mut plan = Vec::new();
    if seen.mtu != want.mtu {
        plan.push(Step::Mtu { at, link: link(), mtu: want.mtu });
    }
    if seen.mac != Some(want.join.mac) {
        plan.push(Step::Mac { at, link: link(), mac: want.join.mac });
    }
    for address in &want.join.addresses {
        if !seen.addresses.contains(address) {
            plan.push(Step::Address { at, link: link(), address: *address });
        }
    }
    for address in &seen.addresses {
        if !want.join.addresses.contains(address) {
            plan.push(Step::NoAddress { at, link: link(), address: *address });
        }
    }
    if !seen.up {
        plan.push(Step::Up { at, link: link() });
    }
    let routes = want.routes();
    for route in &seen.routes {
        let kept = routes.iter().any(|it| it.to == route.to);
        let multicast_or_local = route.via.is_none() && route.to.addr().is_ipv6();
        if !kept && !multicast_or_local {
            plan.push(Step::NoRoute { at, link: link(), route: route.clone() });
        }
    }
    for route in routes {
        // The kernel's own route to the join network names the address it came with.
        let there = seen.routes.iter().any(|it| {
            it.to == route.to
                && it.via == route.via
                && (route.via.is_none() || it.source == route.source)
        });
        // A link that comes up, or changes its address, loses routes that `seen` still shows.
        if !there || !seen.up || seen.mac != Some(want.join.mac) {
            plan.push(Step::Route { at, link: link(), route });
        }
    }
    plan
}

/// Kernel parameters of a node whose pods' packets are routed and translated by it.
pub(crate) fn parameters() -> Vec<Step> {
    [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv6/conf/all/forwarding", "1"),
        // Answers to translated packets may come in by another link than they would leave by.
        ("net/ipv4/conf/ovn0/rp_filter", "2"),
        // A host port reached through the loopback address leaves by ovn0.
        ("net/ipv4/conf/ovn0/route_localnet", "1"),
    ]
    .map(|(key, value)| Step::Sysctl { at: At::Node, key: key.to_owned(), value })
    .into()
}
