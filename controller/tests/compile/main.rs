//! The pure core from outside: objects in, rows and reports out, and what the rows mean to OVN.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test reports by failing")]
#![allow(clippy::needless_pass_by_value, reason = "objects are written as literals")]

mod cluster;
mod northbound;
mod objects;
mod rows;

mod cost;
mod events;
mod lifecycle;
mod meaning;
mod recovery;
mod refusals;
mod snapshots;
