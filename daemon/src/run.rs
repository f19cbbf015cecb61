//! Wires the parts of the daemon; the first to end ends the process.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::run::{Health, Parts};
use anyhow::Context;
use prometheus_client::registry::Registry;
use tokio::sync::{broadcast, watch as latest};

use crate::args::Config;
use crate::kernel::monitor::Monitor;
use crate::kernel::reaper::Reaper;
use crate::metrics::Metrics;
use crate::node::{self, Node};
use crate::plan::encap::Tunnel;
use crate::plan::rules::HostPort;
use crate::report::{self, Reports};
use crate::server;
use crate::vswitch::Vswitch;
use crate::watch::{self, Pods, View};

/// Announcements of the kernel that may be unread before one is told that it missed some.
const ANNOUNCEMENTS: usize = 256;

/// Runs the daemon until it is asked to stop.
///
/// # Errors
/// The end of a part, none of which should end, or what kept the daemon from starting.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let client = client(&config).await?;
    let health = Health::default();
    health.expect("node");
    let mut registry = Registry::default();
    let metrics = Metrics::new(&config.node, &mut registry);
    let (reports, failures) = Reports::new();
    let (vswitch, database) = Vswitch::connect(config.vswitch.clone());
    let (tell_tunnel, tunnel) = latest::channel(None);
    let (tell_applied, applied) = latest::channel(BTreeSet::new());
    let node = Arc::new(Node {
        config,
        pods: Pods::default(),
        view: View::default(),
        vswitch,
        reaper: Reaper::default(),
        turns: server::Turns::default(),
        metrics,
        reports,
        tunnel,
        applied,
    });
    let mut parts = Parts::default();
    let served = if node.config.metrics { registry } else { Registry::default() };
    parts.add("health and metrics", ::run::serve(node.config.listen, health.clone(), served));
    parts.add("Open vSwitch's database", database);
    add_kernel(&mut parts, &node, tell_tunnel, tell_applied)?;
    parts.add("events", {
        let (node, client) = (node.clone(), client.clone());
        async move { report::run(client, &node.config.node, failures).await }
    });
    parts.add("readiness", {
        let (node, client, health) = (node.clone(), client.clone(), health.clone());
        async move { node::ready::run(&node, client, &health).await }
    });
    parts.add("watches", {
        let node = node.clone();
        async move { watch::all(client, &node.config, &node.pods, &node.view, &health).await }
    });
    let listener = server::listen(&node.config.socket).context("open the plugin's socket")?;
    parts.add("plugin's socket", server::run(listener, node.clone()));
    tracing::info!(node = %node.config.node, socket = %node.config.socket.display(), "started");
    let end = tokio::select! {
        end = parts.first_to_end() => Err(end),
        asked = ::run::signals() => asked,
    };
    match std::fs::remove_file(&node.config.socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::debug!(%error, "the socket stays")
        }
        _ => {}
    }
    end
}

/// The parts that keep the kernel as it should be.
fn add_kernel(
    parts: &mut Parts,
    node: &Arc<Node>,
    tell_tunnel: latest::Sender<Option<Tunnel>>,
    tell_applied: latest::Sender<BTreeSet<HostPort>>,
) -> anyhow::Result<()> {
    let (announce, for_tunnel) = broadcast::channel(ANNOUNCEMENTS);
    let for_link = announce.subscribe();
    let monitor = Monitor::open().context("subscribe to the kernel's announcements")?;
    parts.add("kernel announcements", node::announce(monitor, announce));
    parts.add("deletion of links", {
        let reaper = node.reaper.clone();
        async move { Ok(reaper.run().await?) }
    });
    parts.add("tunnel", {
        let node = node.clone();
        async move {
            node::tunnel::run(&node.config, &node.view, &node.vswitch, for_tunnel, &tell_tunnel)
                .await
        }
    });
    if node.config.primary {
        let node = node.clone();
        parts.add("ovn0", async move { node::link::run(&node, for_link).await });
    }
    parts.add("packet rules", {
        let node = node.clone();
        async move {
            node::rules::run(&node.config, &node.view, &node.vswitch, &node.metrics, &tell_applied)
                .await
        }
    });
    parts.add("sweep", sweep(node.clone()));
    Ok(())
}

/// Removes dead ports at the start and once a minute.
async fn sweep(node: Arc<Node>) -> anyhow::Result<()> {
    let mut facts = node.vswitch.facts();
    facts.wait_for(|facts| facts.connected).await?;
    let mut rounds = tokio::time::interval(node::ROUND);
    loop {
        rounds.tick().await;
        if let Err(error) = server::sweep(&node).await {
            tracing::warn!(%error, "dead ports cannot be removed");
        }
    }
}

async fn client(config: &Config) -> anyhow::Result<kube::Client> {
    let kube = match &config.kubeconfig {
        Some(path) => {
            let file = kube::config::Kubeconfig::read_from(path)
                .with_context(|| format!("read kubeconfig {}", path.display()))?;
            kube::Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default())
                .await?
        }
        None => kube::Config::infer().await.context("find the API server")?,
    };
    Ok(kube::Client::try_from(kube)?)
}
