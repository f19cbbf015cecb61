//! What the node's own links look like, and which of them are pods'.

use std::collections::BTreeSet;
use std::io;

use super::link::Link;
use super::netlink::Netlink;
use super::{Error, is_absent, on_thread};
use crate::plan::Seen;
use crate::plan::name::Tag;

/// A link of the node and its addresses.
#[derive(Clone, Debug)]
pub(crate) struct Nic {
    pub(crate) link: Link,
    pub(crate) addresses: Vec<ipnet::IpNet>,
}

/// What the link looks like; `None` when there is none.
pub(crate) async fn observe(link: &'static str) -> Result<Option<Seen>, Error> {
    on_thread("node-links", move || {
        let mut netlink = Netlink::open().map_err(|source| Error::new("open netlink", source))?;
        match look(&mut netlink, link) {
            Ok(seen) => Ok(Some(seen)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(Error::new(format!("look at {link}"), source)),
        }
    })
    .await
}

/// Reads a link, its addresses and routes.
pub(super) fn look(netlink: &mut Netlink, name: &str) -> io::Result<Seen> {
    let link = netlink.link(name)?;
    let addresses = netlink.addresses(link.index)?;
    let routes = netlink.routes(link.index)?;
    Ok(Seen { mac: link.mac, mtu: link.mtu, up: link.up, addresses, routes })
}

/// All links of the node that are no pod's, with their addresses.
pub(crate) async fn nics() -> Result<Vec<Nic>, Error> {
    on_thread("node-links", || {
        let failed = |source| Error::new("list links", source);
        let mut netlink = Netlink::open().map_err(failed)?;
        let links = netlink.links().map_err(failed)?;
        let mut nics = Vec::new();
        for link in links.into_iter().filter(|link| Tag::parse(&link.alias).is_none()) {
            let addresses = netlink.addresses(link.index).map_err(failed)?;
            nics.push(Nic { link, addresses });
        }
        Ok(nics)
    })
    .await
}

/// The names of all links of the node.
pub(crate) async fn link_names() -> Result<BTreeSet<String>, Error> {
    on_thread("node-links", || {
        let failed = |source| Error::new("list links", source);
        let links = Netlink::open().and_then(|mut netlink| netlink.links()).map_err(failed)?;
        Ok(links.into_iter().map(|link| link.name).collect())
    })
    .await
}

/// The notes of all links that belong to pods.
pub(crate) async fn pod_links() -> Result<Vec<(String, Tag)>, Error> {
    on_thread("node-links", || {
        let failed = |source| Error::new("list links", source);
        let links = Netlink::open().and_then(|mut netlink| netlink.links()).map_err(failed)?;
        Ok(links
            .into_iter()
            .filter_map(|link| Tag::parse(&link.alias).map(|tag| (link.name, tag)))
            .collect())
    })
    .await
}
