//! What the operator decided for the whole cluster.

use std::sync::Arc;

use api::annotation::NicType;
use api::names::{self, Transport, cluster_load_balancer};
use api::net::{Addresses, Cidrs, IpRanges};

/// What the operator decided for the whole cluster; the flags of the contract's part 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The default VPC and its logical router (`--cluster-router`).
    pub cluster_router: Arc<str>,
    /// The subnet of namespaces bound to none (`--default-ls`).
    pub default_subnet: Arc<str>,
    /// The subnet between router and nodes (`--node-switch`).
    pub node_switch: Arc<str>,
    /// What the default subnet is made with when there is none.
    pub pods: Blocks,
    /// What the join subnet is made with when there is none.
    pub join: Blocks,
    /// Whether nodes wait for the default subnet's gateway (`--default-gateway-check`).
    pub gateway_check: bool,
    /// Addresses of services (`--service-cluster-ip-range`).
    pub services: Cidrs,
    /// The load balancers of services; none with `--enable-lb=false`.
    pub balancers: Option<Balancers>,
    /// How pods are attached (`--pod-nic-type`).
    pub nic_type: NicType,
}

/// What a subnet is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Its blocks.
    pub cidrs: Cidrs,
    /// Its gateways, one of each family.
    pub gateways: Addresses,
    /// Addresses that no port gets unless it asks for one by name.
    pub excluded: IpRanges,
}

/// Names of the load balancers that all services of the default VPC share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancers {
    names: [Arc<str>; 6],
}

impl Balancers {
    /// Names for each transport, of services without and with session affinity.
    pub fn new(name: impl Fn(Transport, bool) -> Arc<str>) -> Self {
        Self { names: Self::all().map(|(transport, sticky)| name(transport, sticky)) }
    }

    /// Each pair of transport and session affinity.
    #[must_use]
    pub fn all() -> [(Transport, bool); 6] {
        let [tcp, udp, sctp] = Transport::ALL;
        [(tcp, false), (udp, false), (sctp, false), (tcp, true), (udp, true), (sctp, true)]
    }

    /// The name of one.
    #[must_use]
    pub fn name(&self, transport: Transport, sticky: bool) -> &Arc<str> {
        let at = Self::all().iter().position(|pair| *pair == (transport, sticky));
        &self.names[at.expect("all pairs are listed")]
    }
}

impl Default for Balancers {
    fn default() -> Self {
        Self::new(|transport, sticky| cluster_load_balancer(transport, sticky).into())
    }
}

impl Default for Config {
    /// The flags' defaults.
    fn default() -> Self {
        let blocks = |cidr: &str, gateway: &str| Blocks {
            cidrs: cidr.parse().expect("a literal block"),
            gateways: gateway.parse().expect("a literal address"),
            excluded: IpRanges::default(),
        };
        Self {
            cluster_router: names::DEFAULT_VPC.into(),
            default_subnet: names::DEFAULT_SUBNET.into(),
            node_switch: names::JOIN_SUBNET.into(),
            pods: blocks("10.16.0.0/16", "10.16.0.1"),
            join: blocks("100.64.0.0/16", "100.64.0.1"),
            gateway_check: true,
            services: "10.96.0.0/12".parse().expect("a literal block"),
            balancers: Some(Balancers::default()),
            nic_type: NicType::VethPair,
        }
    }
}
