//! Starts the real things tests run against: database servers, northd, whole datapaths, namespaces.
//! Programs come from the node root and run in a private mount namespace inside it; what a test starts
//! is killed when its guard drops, and by the kernel when the test process dies. It makes no lab: a
//! cluster is the business of `cargo lab`.
//!
//! Everything here panics with what was expected and what was found: there is nobody but a test to
//! handle an error.
#![allow(clippy::panic, reason = "a test helper reports by failing the test")]

mod datapath;
mod db;
mod netns;
mod northbound;
mod raft;
mod room;
mod running;
mod trace;
mod unixctl;
mod wait;

pub use datapath::{Datapath, Pod};
pub use db::{Db, Schema};
pub use netns::Netns;
pub use northbound::Northbound;
pub use raft::Raft;
pub use room::{Place, node_root};
pub use running::Running;
pub use trace::TraceOutput;
pub use unixctl::appctl;
pub use wait::{Progress, wait_for};
