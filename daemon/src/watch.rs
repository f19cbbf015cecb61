//! What the API server tells this node: its own pods, all nodes, the subnets, and where the databases are.
//!
//! Objects are read as little as they can be and kept as less: allocations of this node's pods in [`Pods`], everything
//! else as [`Cluster`]. A watch that fails is begun again by itself; until it works the part of that name is not ready.

mod cluster;
pub(crate) mod follow;
mod pods;
pub(crate) mod slim;
#[cfg(test)]
mod tests;

use kube::Api;
use kube::runtime::watcher;

pub(crate) use cluster::{Cluster, View};
pub(crate) use pods::{Key, Pod, Pods};

use crate::args::Config;
use follow::follow;

/// Watches everything until the process ends; writes to `pods` and `view`.
///
/// # Errors
/// When a watch ends, which none should.
pub(crate) async fn all(
    client: kube::Client,
    config: &Config,
    pods: &Pods,
    view: &View,
    health: &::run::Health,
) -> anyhow::Result<()> {
    let all = watcher::Config::default();
    let here = all.clone().fields(&format!("spec.nodeName={}", config.node));
    let central = all.clone().labels("app=ovn-central");
    let own = follow("watch pods", Api::<slim::Pod>::all(client.clone()), here, health, |change| {
        pods.take(change)
    });
    let nodes = follow(
        "watch nodes",
        Api::<slim::Node>::all(client.clone()),
        all.clone(),
        health,
        |change| {
            view.nodes(&config.node, change);
        },
    );
    let subnets =
        follow("watch subnets", Api::<slim::Subnet>::all(client.clone()), all, health, |change| {
            view.subnets(&config.vpc, change);
        });
    let databases = Api::<slim::Pod>::namespaced(client, &config.namespace);
    let databases =
        follow("watch databases", databases, central, health, |change| view.databases(change));
    if config.southbound.is_some() {
        tokio::try_join!(own, nodes, subnets)?;
    } else {
        tokio::try_join!(own, nodes, subnets, databases)?;
    }
    Ok(())
}
