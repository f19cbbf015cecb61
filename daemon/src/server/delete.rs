//! DEL: every step runs, none needs the pod, its namespace, the API server or the controller.

use std::time::Duration;

use api::cni::{Error, code};
use api::wire::Attachment;
use tokio::time::Instant;

use super::add::late;
use super::attachment::tag;
use super::limit::Limit;
use crate::kernel;
use crate::node::Node;
use crate::plan::name::Tag;
use crate::plan::pod;

/// How long taking back a failed ADD may wait for the database; what then is left, a sweep removes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes a pod's interface. What is not there is gone already.
pub(super) async fn delete(
    node: &Node,
    attachment: &Attachment,
    limit: Limit,
) -> Result<(), Error> {
    if attachment.ipam || !attachment.provider.is_ovn() {
        return Ok(());
    }
    let tag = tag(attachment)?;
    let turn = limit.hold(node.turns.take(&tag)).await;
    let _turn = turn.map_err(|over| late(over, "another call for this container has not ended"))?;
    let wrong = remove(node, std::slice::from_ref(&tag), &limit).await;
    if wrong.is_empty() {
        let pod = attachment.pod.as_ref();
        let (namespace, name) = pod.map_or(("", ""), |pod| (&pod.namespace, &pod.name));
        tracing::info!(namespace, name, link = %tag.host_link(), "disconnected");
        return Ok(());
    }
    Err(Error::new(code::TRY_AGAIN, "not all could be removed").with_details(wrong.join("; ")))
}

/// Takes back what an ADD made.
pub(super) async fn take_back(node: &Node, tag: &Tag) {
    // An ADD's own deadline may be what ended it.
    let (limit, _caller) = Limit::new(Instant::now() + PATIENCE);
    for wrong in remove(node, std::slice::from_ref(tag), &limit).await {
        tracing::warn!(link = %tag.host_link(), wrong, "a failed ADD could not be taken back");
    }
}

/// Removes ports and links; what went wrong, a sentence each.
pub(super) async fn remove(node: &Node, tags: &[Tag], limit: &Limit) -> Vec<String> {
    let links = tags.iter().map(Tag::host_link).collect();
    let mut wrong = Vec::new();
    match limit.hold(node.vswitch.remove(links)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => wrong.push(error.to_string()),
        Err(_) => wrong.push("Open vSwitch's database does not answer".to_owned()),
    }
    let plan = tags.iter().flat_map(pod::delete).collect();
    wrong.extend(kernel::pod::carry_out_all(plan).await.iter().map(ToString::to_string));
    node.reaper.wake();
    wrong
}
