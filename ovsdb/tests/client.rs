//! The client against real servers.

#[path = "client/raft.rs"]
mod raft;
#[path = "client/server.rs"]
mod server;
#[path = "client/support.rs"]
mod support;
