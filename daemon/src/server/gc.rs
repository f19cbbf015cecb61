//! GC: what belongs to no valid attachment goes. A sweep does the same for what is certainly dead, without being asked.

use std::collections::BTreeSet;

use api::cni::{Error, code};
use api::wire::Gc;

use super::add::refused;
use super::delete;
use super::limit::Limit;
use crate::kernel;
use crate::node::Node;
use crate::plan::name::Tag;

/// Removes what the runtime no longer knows; without its list, only what is certainly dead.
pub(super) async fn collect(node: &Node, gc: &Gc, limit: Limit) -> Result<(), Error> {
    sweep(node).await.map_err(|error| refused(&error))?;
    let Some(valid) = &gc.valid else { return Ok(()) };
    let valid: BTreeSet<(&str, &str)> =
        valid.iter().map(|it| (it.container_id.as_str(), it.ifname.as_str())).collect();
    let links = kernel::node::pod_links().await;
    let links = links.map_err(|error| {
        Error::new(code::TRY_AGAIN, "links cannot be listed").with_details(error)
    })?;
    let dead = |tag: &Tag| {
        tag.network == gc.network
            && !valid.contains(&(tag.container.as_str(), tag.interface.as_str()))
    };
    let dead: Vec<Tag> = links.into_iter().map(|(_, tag)| tag).filter(dead).collect();
    if dead.is_empty() {
        return Ok(());
    }
    tracing::info!(count = dead.len(), "collecting attachments the runtime no longer knows");
    let wrong = delete::remove(node, &dead, &limit).await;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::new(code::TRY_AGAIN, "not all could be removed").with_details(wrong.join("; ")))
    }
}

/// Removes ports whose link is gone: their pod's namespace went without a DEL, or with the node's last boot.
pub(crate) async fn sweep(node: &Node) -> Result<(), crate::vswitch::Error> {
    // Ports first: a link is made before its port, so a port without link now is not one that is being made.
    let ports = node.vswitch.pod_links().await?;
    let links = match kernel::node::link_names().await {
        Ok(links) => links,
        Err(error) => {
            tracing::warn!(%error, "links cannot be listed");
            return Ok(());
        }
    };
    let dead: Vec<String> = ports.into_iter().filter(|port| !links.contains(port)).collect();
    if dead.is_empty() {
        return Ok(());
    }
    tracing::info!(count = dead.len(), "removing ports whose links are gone");
    node.metrics.repaired("port without link");
    node.vswitch.remove(dead).await
}
