//! The kinds of `kubeovn.io/v1`, as Kube-OVN defines them: a running cluster's objects stay valid, field for field.
//!
//! Specs are read leniently (what is absent is empty) and written sparsely; statuses are written whole. What a spec *means* is a
//! matter of each kind's own `Plan`; the CEL rules refuse only what Kube-OVN refuses as well.

#![allow(clippy::duplicated_attributes, reason = "printer columns of one type repeat its name")]

pub mod condition;
mod count;
mod crd;
pub mod ip;
pub mod subnet;
pub mod vpc;

pub use condition::Condition;
pub use count::Count;
pub use crd::crds;
pub use ip::{Ip, IpSpec};
pub use subnet::{Subnet, SubnetSpec, SubnetStatus};
pub use vpc::{Vpc, VpcSpec, VpcStatus};

/// For `skip_serializing_if`: absent and empty are the same in every spec.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
