//! The CNI plugin: standard input, one round trip to the daemon, standard output.

fn main() {}
