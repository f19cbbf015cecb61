//! Plugin calls against all of OVN on the userspace datapath, one node, real packets.

mod bad;
mod measure;
mod packets;
mod site;
