//! Names of the load balancers that hold the services of a VPC: one per transport, and one more for services with affinity.

use serde::{Deserialize, Serialize};

/// Transports OVN balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tcp,
    Udp,
    Sctp,
}

impl Transport {
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// Lower case, as in `Load_Balancer.protocol` and OVN's expressions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// From `Service.spec.ports[].protocol`, which Kubernetes writes in upper case.
    pub fn from_kubernetes(protocol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| protocol.eq_ignore_ascii_case(transport.as_str()))
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The default VPC's: `cluster-tcp-loadbalancer`, with client affinity `cluster-tcp-session-loadbalancer`.
pub fn cluster_load_balancer(transport: Transport, affinity: bool) -> String {
    let session = if affinity { "-session" } else { "" };
    format!("cluster-{transport}{session}-loadbalancer")
}

/// Another VPC's: `vpc-<vpc>-tcp-load`, with client affinity `vpc-<vpc>-tcp-sess-load`.
pub fn vpc_load_balancer(vpc: &str, transport: Transport, affinity: bool) -> String {
    let session = if affinity { "-sess" } else { "" };
    format!("vpc-{vpc}-{transport}{session}-load")
}
