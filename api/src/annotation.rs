//! Annotations and labels: every key of the contract used here, what pods ask for with them, and what the controller answers.
//!
//! Keys of an interface begin with its provider (`<provider>.kubernetes.io/<word>`); [`Provider::annotation`] builds them from a word
//! of [`word`]. The same `ip_address` and `mac_address` are a request before allocation and the answer after it.

mod allocation;
mod request;

use std::collections::BTreeMap;

pub use allocation::{Allocation, NicType};
pub use request::{PodRequest, Pool, RequestedRoute};

use crate::names::Provider;

/// The annotations of an object, as the API has them.
pub type Annotations = BTreeMap<String, String>;

/// The word after `<provider>.kubernetes.io/`.
pub mod word {
    /// `true` once address, port and IP object exist.
    pub const ALLOCATED: &str = "allocated";
    /// `true` once the pod's node is known and routes and groups are in place.
    pub const ROUTED: &str = "routed";
    pub const IP_ADDRESS: &str = "ip_address";
    pub const MAC_ADDRESS: &str = "mac_address";
    pub const CIDR: &str = "cidr";
    pub const GATEWAY: &str = "gateway";
    pub const LOGICAL_SWITCH: &str = "logical_switch";
    pub const LOGICAL_ROUTER: &str = "logical_router";
    pub const POD_NIC_TYPE: &str = "pod_nic_type";
    pub const IP_POOL: &str = "ip_pool";
    pub const IP_FAMILY: &str = "ip_family";
    pub const ROUTES: &str = "routes";
    pub const DEFAULT_ROUTE: &str = "default_route";

    /// What an allocation consists of, for removing one.
    pub const ALLOCATION: [&str; 9] = [
        ALLOCATED,
        ROUTED,
        IP_ADDRESS,
        MAC_ADDRESS,
        CIDR,
        GATEWAY,
        LOGICAL_SWITCH,
        LOGICAL_ROUTER,
        POD_NIC_TYPE,
    ];
}

/// Annotations of nodes; the node's address on the join subnet is an [`Allocation`] of the default provider.
pub mod node {
    /// The chassis' `system-id`, written by the daemon.
    pub const CHASSIS: &str = "ovn.kubernetes.io/chassis";
    /// `node-<node>`, written by the controller.
    pub const PORT_NAME: &str = "ovn.kubernetes.io/port_name";
    /// The NIC that carries tunnels, chosen by the user.
    pub const TUNNEL_INTERFACE: &str = "ovn.kubernetes.io/tunnel_interface";
    /// Label: `kernel` or `userspace`, chosen by the user.
    pub const DATAPATH_LABEL: &str = "ovn.kubernetes.io/ovs_dp_type";
}

/// Annotations of namespaces, written by the controller.
pub mod namespace {
    /// The bound subnets between commas, in the order they are tried.
    pub const LOGICAL_SWITCH: &str = "ovn.kubernetes.io/logical_switch";
    /// Their networks between semicolons.
    pub const CIDR: &str = "ovn.kubernetes.io/cidr";
    /// Their excluded addresses: commas within a subnet, semicolons between subnets.
    pub const EXCLUDE_IPS: &str = "ovn.kubernetes.io/exclude_ips";
    /// The pools its pods are restricted to, between commas.
    pub const IP_POOL: &str = "ovn.kubernetes.io/ip_pool";
}

/// Annotations of services.
pub mod service {
    /// The VPC whose load balancers carry the service, written by the controller.
    pub const VPC: &str = "ovn.kubernetes.io/vpc";
    /// User: addresses, between commas, that take the place of the cluster IPs.
    pub const SWITCH_LB_VIP: &str = "ovn.kubernetes.io/switch_lb_vip";
    /// User: `false` turns health checks off.
    pub const HEALTH_CHECK: &str = "ovn.kubernetes.io/service_health_check";
}

/// Labels of IP objects.
pub mod ip_label {
    pub const SUBNET: &str = "ovn.kubernetes.io/subnet";
    pub const NODE_NAME: &str = "ovn.kubernetes.io/node-name";
    /// `true`: reserved by a user, outlives its pod. `false`: follows the pod.
    pub const IP_RESERVED: &str = "ovn.kubernetes.io/ip_reserved";

    /// All labels of an IP object; the subnet's name is also a key of its own with an empty value.
    pub fn all(subnet: &str, node: &str, reserved: bool) -> super::Annotations {
        let labels = [
            (SUBNET, subnet),
            (NODE_NAME, node),
            (IP_RESERVED, if reserved { "true" } else { "false" }),
            (subnet, ""),
        ];
        labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

/// An annotation whose value cannot be used; its text is what the pod's event says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("annotation {key}: {reason}")]
pub struct BadAnnotation {
    pub key: String,
    pub reason: String,
}

/// The annotations of one provider, empty ones counted as absent.
#[derive(Clone, Copy)]
struct View<'a> {
    annotations: &'a Annotations,
    provider: &'a Provider,
}

impl<'a> View<'a> {
    fn text(self, word: &str) -> Option<&'a str> {
        let value = self.annotations.get(&self.provider.annotation(word))?;
        (!value.is_empty()).then_some(value)
    }

    fn bad(self, word: &str, reason: impl std::fmt::Display) -> BadAnnotation {
        BadAnnotation { key: self.provider.annotation(word), reason: reason.to_string() }
    }

    fn parse<T>(self, word: &str) -> Result<Option<T>, BadAnnotation>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        self.text(word).map(str::parse).transpose().map_err(|error: T::Err| self.bad(word, error))
    }

    /// `true` or `false`, as Kubernetes users write them.
    fn truth(self, word: &str) -> Result<Option<bool>, BadAnnotation> {
        match self.text(word) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(self.bad(word, format!("{other:?} is neither true nor false"))),
        }
    }
}

#[cfg(test)]
mod tests;
