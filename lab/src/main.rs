//! A real Kubernetes cluster on one machine, without Docker.

fn main() {}
