//! Says when the node is ready: to the container runtime by the CNI configuration, to the cluster by the chassis'
//! annotation, to the probes by health.

use std::time::Duration;

use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::api::{Patch, PatchParams};

use super::{Node, conflist};

/// How long after a failure the annotation or the file is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Watches over readiness until the process ends.
///
/// # Errors
/// Never; what fails is logged and tried again.
pub(crate) async fn run(
    node: &Node,
    client: kube::Client,
    health: &::run::Health,
) -> anyhow::Result<()> {
    let (mut facts, mut tunnel, mut cluster) =
        (node.vswitch.facts(), node.tunnel.clone(), node.view.subscribe());
    let nodes = Api::<core::Node>::all(client);
    loop {
        facts.borrow_and_update();
        tunnel.borrow_and_update();
        let ready = crate::server::ready(node);
        health.set("node", ready.clone());
        cluster.borrow_and_update();
        let annotated = annotate(node, &nodes).await;
        let installed = match &node.config.conflist {
            Some(conflist) if ready.is_ok() => conflist::install(conflist, &node.config.socket),
            _ => Ok(()),
        };
        if let Err(error) = &annotated {
            tracing::warn!(%error, "the chassis annotation cannot be written");
        }
        if let Err(error) = &installed {
            tracing::error!(%error, "the CNI configuration cannot be installed");
        }
        let again = annotated.is_err() || installed.is_err();
        tokio::select! {
            Ok(()) = facts.changed() => {}
            Ok(()) = tunnel.changed() => {}
            Ok(()) = cluster.changed() => {}
            () = tokio::time::sleep_until(tokio::time::Instant::now() + AGAIN), if again => {}
        }
    }
}

/// Writes the chassis' name to the Node, unless it is there.
async fn annotate(node: &Node, nodes: &Api<core::Node>) -> Result<(), kube::Error> {
    let id = node.vswitch.facts().borrow().system_id.clone();
    let differs = |id: &String| {
        node.view.read(|cluster| {
            cluster.own.as_ref().is_some_and(|own| own.chassis.as_ref() != Some(id))
        })
    };
    let Some(id) = id.filter(differs) else { return Ok(()) };
    let patch = serde_json::json!({ "metadata": { "annotations": { api::annotation::node::CHASSIS: id } } });
    nodes.patch_metadata(&node.config.node, &PatchParams::default(), &Patch::Merge(patch)).await?;
    tracing::info!(chassis = %id, "annotated the node");
    Ok(())
}
