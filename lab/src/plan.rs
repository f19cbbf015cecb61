//! Names and addresses of everything in the lab. Pure: the same machine always gets the same.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// Host parts 11 to 19 of the management and tunnel networks are nodes.
pub(crate) const MAX_NODES: u8 = 9;
/// Namespace of the bridges between the machines.
pub(crate) const SWITCH: &str = "lab-switch";
/// The machine's own interface on the management network, so that `kubectl` works from outside.
pub(crate) const HOST_INTERFACE: &str = "lab-host";
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 254);
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 1);
/// A server in the world outside: only the router has it, and the router knows no route to pods.
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const API_SERVER: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 11);
pub(crate) const API_PORT: u16 = 6443;
pub(crate) const POD_CIDR: &str = "10.16.0.0/16";
pub(crate) const SERVICE_CIDR: &str = "10.96.0.0/16";
/// `kubernetes.default`: the first address of the service range.
pub(crate) const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
pub(crate) const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
pub(crate) const DOMAIN: &str = "cluster.local";
/// Ports of the server in the world outside.
pub(crate) const OUTSIDE_TCP: u16 = 8080;
pub(crate) const OUTSIDE_UDP: u16 = 8081;

/// One of the lab's machines: a set of namespaces with a root file system of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Machine {
    /// A Kubernetes node, counted from 1.
    Node(u8),
    /// Default gateway of the nodes, and the world outside.
    Router,
    /// Runs for the seconds in which images are imported for all nodes.
    Images,
}

/// A layer-2 network between the machines, and the NIC by which they join it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// `eth0`: API server, kubelets, default route. OVS never touches it.
    Management,
    /// `eth1`: Geneve.
    Tunnel,
    /// `eth2`: VLANs; without addresses.
    Underlay,
}

impl Network {
    pub(crate) const ALL: [Self; 3] = [Self::Management, Self::Tunnel, Self::Underlay];

    pub(crate) fn bridge(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Tunnel => "tunnel",
            Self::Underlay => "underlay",
        }
    }

    pub(crate) fn nic(self) -> &'static str {
        match self {
            Self::Management => "eth0",
            Self::Tunnel => "eth1",
            Self::Underlay => "eth2",
        }
    }
}

impl Machine {
    /// The first `count` nodes.
    pub(crate) fn nodes(count: u8) -> impl Iterator<Item = Self> {
        (1..=count).map(Self::Node)
    }

    /// All that may have a network namespace, whether it is there or not.
    pub(crate) fn networked() -> impl Iterator<Item = Self> {
        Self::nodes(MAX_NODES).chain([Self::Router])
    }

    /// Whether etcd, the API server and its controllers run here.
    pub(crate) fn is_control_plane(self) -> bool {
        self == Self::Node(1)
    }

    pub(crate) fn namespace(self) -> String {
        format!("lab-{self}")
    }

    pub(crate) fn address(self, network: Network) -> Option<Ipv4Addr> {
        match (self, network) {
            (Self::Node(n), Network::Management) => Some(Ipv4Addr::new(172, 30, 0, 10 + n)),
            (Self::Node(n), Network::Tunnel) => Some(Ipv4Addr::new(172, 31, 0, 10 + n)),
            (Self::Router, Network::Management) => Some(ROUTER),
            _ => None,
        }
    }

    /// Where Kubernetes and people reach the node.
    ///
    /// # Panics
    /// For the machine that imports images, which has no network.
    pub(crate) fn management(self) -> Ipv4Addr {
        self.address(Network::Management).expect("nodes and router are on the management network")
    }

    /// The networks the machine has a NIC on. The router needs no tunnels.
    pub(crate) fn networks(self) -> &'static [Network] {
        match self {
            Self::Node(_) => &Network::ALL,
            Self::Router => &[Network::Management, Network::Underlay],
            Self::Images => &[],
        }
    }

    /// Stable over boots, so that neighbours' caches stay true. Locally administered.
    pub(crate) fn mac(self, network: Network) -> String {
        let host = match self {
            Self::Node(n) => 10 + n,
            Self::Router | Self::Images => 1,
        };
        format!("02:1a:b0:00:{:02x}:{host:02x}", network as u8)
    }

    /// The switch's end of the machine's cable. Fits the kernel's 15 characters.
    pub(crate) fn switch_port(self, network: Network) -> String {
        format!("{self}-{}", network.nic())
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(n) => write!(f, "n{n}"),
            Self::Router => f.write_str("router"),
            Self::Images => f.write_str("images"),
        }
    }
}

impl FromStr for Machine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "router" => Ok(Self::Router),
            "images" => Ok(Self::Images),
            _ => Self::nodes(MAX_NODES)
                .find(|node| node.to_string() == text)
                .ok_or_else(|| format!("no machine {text:?}: n1 to n{MAX_NODES}, or router")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_reads_back() {
        for machine in Machine::networked().chain([Machine::Images]) {
            assert_eq!(machine.to_string().parse(), Ok(machine));
        }
        for bad in ["n0", "n10", "n01", "", "N1", "host"] {
            assert!(bad.parse::<Machine>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_two_machines_share_an_address_a_mac_or_a_port() {
        let mut seen = HashSet::from([HOST.to_string(), OUTSIDE.to_string()]);
        for machine in Machine::networked() {
            for &network in machine.networks() {
                let address = machine.address(network).map(|address| address.to_string());
                for name in
                    address.into_iter().chain([machine.mac(network), machine.switch_port(network)])
                {
                    assert!(name.len() <= 17 && seen.insert(name.clone()), "{name} twice");
                }
            }
        }
    }

    #[test]
    fn the_first_node_is_the_api_server() {
        assert_eq!(Machine::Node(1).management(), API_SERVER);
        assert!(Machine::Node(1).is_control_plane() && !Machine::Node(2).is_control_plane());
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        let ports = Machine::networked().flat_map(|machine| {
            machine.networks().iter().map(move |&network| machine.switch_port(network))
        });
        assert!(ports.chain([HOST_INTERFACE.to_owned()]).all(|name| name.len() <= 15));
    }
}
