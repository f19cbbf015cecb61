//! Starts the node daemon.

fn main() {}
