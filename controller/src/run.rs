//! Wires the parts. The first to end ends the process.

use std::time::Duration;

use anyhow::Context;
use kube::config::{KubeConfigOptions, Kubeconfig};
use ovsdb::client::{self, Database, Endpoint};
use prometheus_client::registry::Registry;
use run::{Health, Parts};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::apply::{Engine, Inputs, Outputs, tables};
use crate::args::{Config, Northbound};
use crate::lease::{self, Claim};
use crate::metrics::Metrics;
use crate::report::{Reporter, Words};

/// Events of watches that wait for the engine.
const SEEN: usize = 1024;
/// Failed reports that wait for the engine.
const AGAIN: usize = 256;
/// How long writers and lease may take to end in order.
const STOP: Duration = Duration::from_secs(8);

/// Runs the controller until it is asked to stop.
///
/// # Errors
/// The part that ended and why.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let client = kube_client(&config).await?;
    let (health, metrics, mut registry) =
        (Health::default(), Metrics::default(), Registry::default());
    if config.metrics {
        metrics.register(&mut registry);
    }
    let (stop, stopped) = watch::channel(false);
    let (claim, claimed) = watch::channel(Claim::Following);
    let (writers_ended, end_lease) = watch::channel(false);
    let (released, release) = oneshot::channel();
    let (seen_in, seen) = mpsc::channel(SEEN);

    let mut parts = Parts::default();
    parts.add("signals", run::signals());
    parts.add("probes", run::serve(config.listen, health.clone(), registry));
    parts.add("watch", crate::watch::all(client.clone(), seen_in, health.clone(), metrics.clone()));
    let endpoints = endpoints(&config, &client, &health, &mut parts);
    {
        let (client, config) = (client.clone(), config.clone());
        parts.add("lease", async move {
            let Config { namespace, identity, lease, .. } = config;
            let held = lease::hold(client, &namespace, identity, lease, claim, end_lease).await;
            // Nobody waits for it before the process ends.
            released.send(()).ok();
            held
        });
    }
    parts.add("writers", async move {
        let wired = Wired { client, health, metrics, seen, claimed, stopped, endpoints };
        let ended = wired.write(config).await;
        writers_ended.send_replace(true);
        ended
    });

    let ended = parts.first_to_end().await;
    stop.send_replace(true);
    let others = async { while parts.first_to_end().await.to_string() != "nothing to run" {} };
    let orderly = async {
        tokio::select! {
            _ = release => {}
            () = others => {}
        }
    };
    if timeout(STOP, orderly).await.is_err() {
        tracing::warn!("the lease was not given back in time");
    }
    if ended.to_string() == "signals ended" { Ok(()) } else { Err(ended) }
}

/// What the two writers are made of.
struct Wired {
    client: kube::Client,
    health: Health,
    metrics: Metrics,
    seen: mpsc::Receiver<crate::watch::Seen>,
    claimed: watch::Receiver<Claim>,
    stopped: watch::Receiver<bool>,
    endpoints: watch::Receiver<Vec<Endpoint>>,
}

impl Wired {
    /// Writes to the northbound database and to the API server until stopped.
    async fn write(mut self, config: Config) -> anyhow::Result<()> {
        let mut stopped = self.stopped.clone();
        let found = tokio::select! {
            found = self.endpoints.wait_for(|endpoints| !endpoints.is_empty()) => {
                found.context("discovery ended")?.clone()
            }
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        };
        let database = Database::connect(client::Config {
            endpoints: found,
            database: ovn::nb::DATABASE.name,
            spec: tables().spec(),
            leader_only: true,
            probe: config.probe,
        });
        let (again_in, again) = mpsc::channel(AGAIN);
        let (stop_reports, reports_stopped) = watch::channel(false);
        let reporter = Reporter::default();
        let out = Outputs {
            reporter: reporter.clone(),
            words: Words::new(config.identity),
            health: self.health,
            metrics: self.metrics.clone(),
        };
        let engine = Engine::new(config.model, database, config.drift, out);
        let inputs = Inputs {
            seen: self.seen,
            again,
            claim: self.claimed,
            endpoints: self.endpoints,
            stop: self.stopped,
        };
        let engine = async {
            let ended = engine.run(inputs).await;
            // What was committed last is still told.
            stop_reports.send_replace(true);
            ended
        };
        let reports = reporter.send(self.client, self.metrics, again_in, reports_stopped);
        tokio::try_join!(engine, reports).map(drop)
    }
}

/// The endpoints of the northbound database, typed or found.
fn endpoints(
    config: &Config,
    client: &kube::Client,
    health: &Health,
    parts: &mut Parts,
) -> watch::Receiver<Vec<Endpoint>> {
    match &config.northbound {
        Northbound::At(endpoints) => {
            let (sender, endpoints) = watch::channel(endpoints.clone());
            // They never change; the sender lives as long as the process.
            parts.add("endpoints", async move {
                sender.closed().await;
                std::future::pending().await
            });
            endpoints
        }
        Northbound::Discovered => {
            let (sender, endpoints) = watch::channel(Vec::new());
            let (client, health, namespace) =
                (client.clone(), health.clone(), config.namespace.clone());
            parts.add("discovery", async move {
                crate::watch::central(client, &namespace, sender, health).await
            });
            endpoints
        }
    }
}

async fn kube_client(config: &Config) -> anyhow::Result<kube::Client> {
    let mut at = match &config.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).context("the kubeconfig")?;
            kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                .await
                .context("the kubeconfig")?
        }
        None => kube::Config::incluster_env().context("the pod's service account")?,
    };
    // Failed writes are computed anew, not repeated.
    at.default_retry = false;
    kube::Client::try_from(at).context("the API server's client")
}
