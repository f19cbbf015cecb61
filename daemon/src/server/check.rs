//! CHECK: whether the interface is still what ADD answered.

use std::path::PathBuf;

use api::cni::{Error, Success, code};
use api::net::Mac;
use api::wire::Attachment;
use ipnet::IpNet;

use super::add::{late, refused};
use super::attachment::tag;
use super::limit::Limit;
use crate::kernel;
use crate::node::Node;
use crate::plan::Route;
use crate::plan::check::{Expected, differences};
use crate::vswitch::State;

/// Compares the pod's interface and its port with the result of ADD.
pub(super) async fn check(node: &Node, attachment: &Attachment, limit: Limit) -> Result<(), Error> {
    if attachment.ipam || !attachment.provider.is_ovn() {
        return Ok(());
    }
    let tag = tag(attachment)?;
    let previous = attachment
        .previous
        .as_ref()
        .ok_or_else(|| Error::new(code::CONFIG, "CHECK needs a prevResult"))?;
    let expected = expected(previous, &attachment.ifname)?;
    let netns = PathBuf::from(&attachment.netns);
    let seen =
        kernel::pod::observe(netns.clone(), attachment.ifname.clone()).await.map_err(|error| {
            let code = if netns.exists() { code::DIFFERS } else { code::UNKNOWN_CONTAINER };
            Error::new(code, "the interface cannot be looked at").with_details(error)
        })?;
    let mut wrong = differences(&expected, &seen);
    let port = limit.hold(node.vswitch.look(&tag.host_link())).await;
    match port
        .map_err(|over| late(over, "Open vSwitch's database does not answer"))?
        .map_err(|error| refused(&error))?
    {
        State::Ready => {}
        State::Absent => wrong.push("the port is missing from Open vSwitch".to_owned()),
        State::NoOfport => wrong.push("ovs-vswitchd has not taken the port".to_owned()),
        State::NotInstalled => wrong.push("ovn-controller has not installed the port".to_owned()),
        State::Failed(why) => wrong.push(format!("Open vSwitch cannot use the link: {why}")),
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::new(code::DIFFERS, "the pod's network is not what ADD made")
        .with_details(wrong.join("; ")))
}

/// What the result of ADD says about our interface; interfaces and routes of other plugins in the chain are theirs.
fn expected(previous: &Success, ifname: &str) -> Result<Expected, Error> {
    let ours =
        previous.interfaces.iter().position(|made| made.name == ifname && !made.sandbox.is_empty());
    let Some(index) = ours else {
        return Err(Error::new(
            code::CONFIG,
            format!("prevResult has no interface {ifname} in a sandbox"),
        ));
    };
    let made = &previous.interfaces[index];
    let mac = match made.mac.as_str() {
        "" => None,
        mac => {
            let bad = |fault| {
                Error::new(code::CONFIG, "prevResult has a bad MAC address").with_details(fault)
            };
            Some(mac.parse::<Mac>().map_err(bad)?.octets())
        }
    };
    let ips: Vec<_> =
        previous.ips.iter().filter(|ip| ip.interface.is_none_or(|of| of == index)).collect();
    let addresses: Vec<IpNet> = ips
        .iter()
        .filter_map(|ip| IpNet::new(ip.address.address(), ip.address.length()).ok())
        .collect();
    let reaches = |gateway| addresses.iter().any(|address| address.contains(&gateway));
    let route = |route: &api::cni::Route| {
        let to = IpNet::new(route.dst.address(), route.dst.length()).ok()?.trunc();
        let via = route.gw.filter(|gateway| reaches(*gateway))?;
        Some(Route { to, via: Some(via), source: None })
    };
    let routes = previous.routes.iter().filter_map(route).collect();
    Ok(Expected { mac, mtu: (made.mtu != 0).then_some(made.mtu), addresses, routes })
}
