//! The controller: a compiler from Kubernetes objects to OVN northbound rows.

pub mod desired;
pub mod index;
pub mod ipam;
pub mod lease;
pub mod metrics;
pub mod model;
pub mod scope;
