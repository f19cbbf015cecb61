//! Starts and heals OVN's own processes in place of shell scripts: `central` (northbound, southbound, northd) and
//! `node` (ovsdb-server, vswitchd, ovn-controller).
//!
//! Writes no logical row and no tunnel setting: the controller and the daemon do. Nothing here needs the API server,
//! northbound or southbound to keep the data plane running.

pub mod args;
pub mod central;
mod control;
mod database;
mod folder;
pub mod install;
mod keep;
mod kernel;
mod metrics;
pub mod node;
mod program;
