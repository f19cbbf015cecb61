//! Names that carry meaning, parsed or built in one place: providers, ports, port groups, load balancers.
//!
//! Ports are built, never taken apart: `a.b.c` may be pod `a.b` in namespace `c` or pod `a` with a provider, and nodes have dots too. Who
//! needs to know what a row is for reads its `external_ids`.

mod group;
mod lb;
mod port;
mod provider;

pub use group::GroupName;
pub use lb::{Transport, cluster_load_balancer, vpc_load_balancer};
pub use port::PortName;
pub use provider::{BadProvider, Provider};

/// API group of all kinds.
pub const API_GROUP: &str = "kubeovn.io";
/// The finalizer the controller sets on every kind that has rows of its own.
pub const FINALIZER: &str = "kubeovn.io/kube-ovn-controller";
/// What older releases of Kube-OVN set; replaced by [`FINALIZER`] when seen.
pub const OLD_FINALIZER: &str = "kube-ovn-controller";
/// The VPC that always exists, and its logical router.
pub const DEFAULT_VPC: &str = "ovn-cluster";
/// The subnet of namespaces that are bound to none.
pub const DEFAULT_SUBNET: &str = "ovn-default";
/// The subnet between router and nodes.
pub const JOIN_SUBNET: &str = "join";

/// RFC 1123 label as Kubernetes checks it: at most 63 of `[a-z0-9-]`, no hyphen at either end.
pub fn is_dns_label(s: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !s.is_empty()
        && s.len() <= 63
        && s.bytes().all(legal)
        && !s.starts_with('-')
        && !s.ends_with('-')
}

/// RFC 1123 subdomain as Kubernetes checks names of objects: labels between dots, at most 253 in all.
pub fn is_dns_subdomain(s: &str) -> bool {
    s.len() <= 253 && s.split('.').all(is_dns_label)
}

#[cfg(test)]
mod tests;
