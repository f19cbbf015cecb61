//! The controller: a compiler from Kubernetes objects to OVN northbound rows.

pub mod apply;
pub mod args;
pub mod desired;
pub mod index;
pub mod ipam;
pub mod lease;
pub mod metrics;
pub mod model;
pub mod report;
pub mod run;
pub mod scope;
pub mod watch;
