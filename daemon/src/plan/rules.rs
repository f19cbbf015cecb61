//! The node's packet rules: one nftables table `inet kube-ovn`, written whole or changed by elements of its sets.
//!
//! kube-proxy's table stands beside it and translates services; ours comes first and knows nothing of services but
//! their address ranges, so that a pod's packet that the node had to translate finds its way back through the node.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Family and name of our table.
pub(crate) const FAMILY: &str = "inet";
pub(crate) const TABLE: &str = "kube-ovn";

/// Transport protocols that have ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Transport {
    Tcp,
    Udp,
    Sctp,
}

impl Transport {
    /// As `nft` and Kubernetes' port mappings spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// `None` for a protocol without ports.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp]
            .into_iter()
            .find(|it| text.eq_ignore_ascii_case(it.as_str()))
    }
}

/// A port of the node that leads to a port of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostPort {
    pub(crate) transport: Transport,
    /// One address of the node, or all of them.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) pod: IpAddr,
    pub(crate) pod_port: u16,
}

/// What the rules are made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Networks of the default VPC.
    pub(crate) subnets: BTreeSet<IpNet>,
    /// Those whose pods reach the outside with the node's address.
    pub(crate) nat: BTreeSet<IpNet>,
    /// Ranges of service addresses.
    pub(crate) services: BTreeSet<IpNet>,
    /// Addresses of all nodes.
    pub(crate) nodes: BTreeSet<IpAddr>,
    pub(crate) host_ports: BTreeSet<HostPort>,
}

/// The table: its sets and maps with their elements; the chains are always the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table(BTreeMap<&'static str, Elements>);

/// A set's declaration and its elements as `nft` writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Elements {
    kind: &'static str,
    members: BTreeSet<String>,
}

const NETS4: &str = "set %s { type ipv4_addr; flags interval; }";
const NETS6: &str = "set %s { type ipv6_addr; flags interval; }";
const ADDRESSES4: &str = "set %s { type ipv4_addr; }";
const ADDRESSES6: &str = "set %s { type ipv6_addr; }";
const ANY4: &str = "map %s { type inet_proto . inet_service : ipv4_addr . inet_service; }";
const ANY6: &str = "map %s { type inet_proto . inet_service : ipv6_addr . inet_service; }";
const AT4: &str =
    "map %s { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }";
const AT6: &str =
    "map %s { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }";

/// Host ports come before kube-proxy's translation of services, ours of sources before its own.
const CHAINS: &str = r#"
	chain raw {
		type filter hook prerouting priority raw; policy accept;
		iifname "ovn0" ip daddr 127.0.0.0/8 drop comment "route_localnet is for our own host ports only"
	}
	chain prerouting {
		type nat hook prerouting priority -105; policy accept;
		fib daddr type local meta l4proto { tcp, udp, sctp } jump hostports
	}
	chain output {
		type nat hook output priority -105; policy accept;
		fib daddr type local meta l4proto { tcp, udp, sctp } jump hostports
	}
	chain hostports {
		dnat ip to ip daddr . meta l4proto . th dport map @hostports4_at
		dnat ip to meta l4proto . th dport map @hostports4
		dnat ip6 to ip6 daddr . meta l4proto . th dport map @hostports6_at
		dnat ip6 to meta l4proto . th dport map @hostports6
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		ip saddr @subnets4 tcp flags & rst == rst ct state invalid drop comment "would end the translated connection"
		ip6 saddr @subnets6 tcp flags & rst == rst ct state invalid drop
	}
	chain postrouting {
		type nat hook postrouting priority 95; policy accept;
		oifname "ovn0" ip saddr 127.0.0.0/8 masquerade comment "host port through the loopback address"
		oifname "ovn0" ip saddr @nodes4 ct status dnat fib saddr type != local masquerade comment "another node through a port of this one: OVN sends what is for that node there"
		oifname "ovn0" ip6 saddr @nodes6 ct status dnat fib saddr type != local masquerade
		ip saddr @subnets4 ip daddr @subnets4 ct status dnat masquerade comment "pod to pod through a port or service of the node"
		ip6 saddr @subnets6 ip6 daddr @subnets6 ct status dnat masquerade
		ip saddr @subnets4 ct original ip daddr @services4 masquerade comment "service that the node translated"
		ip6 saddr @subnets6 ct original ip6 daddr @services6 masquerade
		ip saddr @nat4 ip daddr != @subnets4 ip daddr != @nodes4 masquerade fully-random comment "natOutgoing"
		ip6 saddr @nat6 ip6 daddr != @subnets6 ip6 daddr != @nodes6 masquerade fully-random
	}
"#;

impl Table {
    /// The table these facts ask for.
    pub(crate) fn new(facts: &Facts) -> Self {
        let mut table = Self(BTreeMap::new());
        table.nets("subnets4", "subnets6", &facts.subnets);
        table.nets("nat4", "nat6", &facts.nat);
        table.nets("services4", "services6", &facts.services);
        let (v4, v6): (BTreeSet<&IpAddr>, BTreeSet<&IpAddr>) =
            facts.nodes.iter().partition(|address| address.is_ipv4());
        table.set("nodes4", ADDRESSES4, v4.iter().map(ToString::to_string).collect());
        table.set("nodes6", ADDRESSES6, v6.iter().map(ToString::to_string).collect());
        for (name, kind) in [
            ("hostports4", ANY4),
            ("hostports6", ANY6),
            ("hostports4_at", AT4),
            ("hostports6_at", AT6),
        ] {
            table.set(name, kind, BTreeSet::new());
        }
        table.host_ports(&facts.host_ports);
        table
    }

    /// A batch that replaces whatever stands under our name.
    pub(crate) fn whole(&self) -> String {
        // "flush table" would leave the sets' elements.
        let mut batch = format!(
            "table {FAMILY} {TABLE} {{}}\ndelete table {FAMILY} {TABLE}\ntable {FAMILY} {TABLE} {{\n"
        );
        for (name, set) in &self.0 {
            let _ = writeln!(batch, "\t{}", set.kind.replace("%s", name));
        }
        batch.push_str(CHAINS);
        batch.push_str("}\n");
        for (name, set) in &self.0 {
            elements(&mut batch, "add", name, set.members.iter());
        }
        batch
    }

    /// A batch that turns `old`, which the kernel has, into this table; empty when they agree.
    pub(crate) fn since(&self, old: &Self) -> String {
        let mut batch = String::new();
        for (name, set) in &self.0 {
            let had = old.0.get(name).map(|set| &set.members);
            let gone = had.into_iter().flatten().filter(|it| !set.members.contains(*it));
            elements(&mut batch, "delete", name, gone.map(|element| key(element)));
            let new = set.members.iter().filter(|it| had.is_none_or(|had| !had.contains(*it)));
            elements(&mut batch, "add", name, new);
        }
        batch
    }

    fn set(&mut self, name: &'static str, kind: &'static str, members: BTreeSet<String>) {
        self.0.insert(name, Elements { kind, members });
    }

    fn nets(&mut self, name4: &'static str, name6: &'static str, nets: &BTreeSet<IpNet>) {
        // The kernel refuses elements that overlap.
        let v4: Vec<Ipv4Net> = nets
            .iter()
            .filter_map(|net| if let IpNet::V4(net) = net { Some(*net) } else { None })
            .collect();
        let v6: Vec<Ipv6Net> = nets
            .iter()
            .filter_map(|net| if let IpNet::V6(net) = net { Some(*net) } else { None })
            .collect();
        self.set(name4, NETS4, Ipv4Net::aggregate(&v4).iter().map(ToString::to_string).collect());
        self.set(name6, NETS6, Ipv6Net::aggregate(&v6).iter().map(ToString::to_string).collect());
    }

    fn host_ports(&mut self, ports: &BTreeSet<HostPort>) {
        for port in accepted(ports) {
            let name = match (port.pod.is_ipv4(), port.address.is_some()) {
                (true, false) => "hostports4",
                (true, true) => "hostports4_at",
                (false, false) => "hostports6",
                (false, true) => "hostports6_at",
            };
            let address = port.address.map_or(String::new(), |address| format!("{address} . "));
            let (transport, node_port) = (port.transport.as_str(), port.port);
            let element =
                format!("{address}{transport} . {node_port} : {} . {}", port.pod, port.pod_port);
            if let Some(set) = self.0.get_mut(name) {
                set.members.insert(element);
            }
        }
    }
}

/// The host ports that can all be: of two pods that claim one port the first keeps it, where a second element would
/// fail the whole batch; an address of the node and a pod's of another family do not meet.
pub(crate) fn accepted(ports: &BTreeSet<HostPort>) -> impl Iterator<Item = &HostPort> {
    let mut taken = BTreeSet::new();
    ports.iter().filter(move |port| {
        let fits = port.address.is_none_or(|address| address.is_ipv4() == port.pod.is_ipv4());
        fits && taken.insert((port.transport, port.address, port.port, port.pod.is_ipv4()))
    })
}

/// The key of a map's element, the whole of a set's: IPv6 addresses have colons, but none with spaces around it.
fn key(element: &str) -> &str {
    element.split_once(" : ").map_or(element, |(key, _)| key)
}

fn elements<T: AsRef<str>>(
    batch: &mut String,
    verb: &str,
    set: &str,
    members: impl Iterator<Item = T>,
) {
    let members: Vec<T> = members.collect();
    if members.is_empty() {
        return;
    }
    let _ = write!(batch, "{verb} element {FAMILY} {TABLE} {set} {{ ");
    for (at, member) in members.iter().enumerate() {
        let _ = write!(batch, "{}{}", if at == 0 { "" } else { ", " }, member.as_ref());
    }
    batch.push_str(" }\n");
}
