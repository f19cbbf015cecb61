//! The node daemon: carries out small kernel plans for pods and keeps the node as it should be.
//!
//! It decides nothing about addresses or policy; the controller writes those to the pod's annotations and to OVN. What it
//! knows it can learn again from the kernel, the local Open vSwitch database and the API server, so it keeps no files.

mod kernel;
mod plan;
