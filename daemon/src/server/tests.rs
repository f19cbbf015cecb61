//! Plugin calls against all of OVN on the userspace datapath, one node, real packets.

mod bad;
mod packets;
mod site;
