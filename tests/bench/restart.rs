//! The second half of `bench pods`: what a restart of the controller writes, and how soon it allocates again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, PostParams};
use ovn::monitor::Watch;
use ovn::nb;
use ovsdb::client::{Database, Event};
use tokio::time::timeout;

use crate::cluster::{self, NAMESPACE};
use crate::pods::scale;
use crate::ports;
use crate::procs::Costs;

/// How long a started controller may take to say that it is ready, and then to write what it will.
const SETTLE: Duration = Duration::from_secs(5);

pub(crate) async fn run(client: &Client, northbound: &str) -> anyhow::Result<()> {
    let watch = Watch::database(&nb::DATABASE);
    let mut database = ports::connect(northbound, &watch).await?;
    scale(client, 0).await?;
    drain(&mut database).await;
    scale(client, 1).await?;
    let written = drain(&mut database).await;
    println!("\nrows changed by a restart with nothing new: {written:?}");
    println!(
        "first new pod allocated after process start: {:.3} s",
        first_pod(client).await?.as_secs_f64()
    );
    Ok(())
}

/// Rows changed by table until nothing has come for [`SETTLE`].
async fn drain(database: &mut Database) -> BTreeMap<&'static str, usize> {
    let mut rows = BTreeMap::new();
    while let Ok(event) = timeout(SETTLE, database.event()).await {
        if let Event::Changed(changes) = event {
            for change in changes {
                *rows.entry(change.table).or_default() += 1;
            }
        }
    }
    rows
}

/// From the start of the controller's process to the annotation of a pod that waited for it.
async fn first_pod(client: &Client) -> anyhow::Result<Duration> {
    scale(client, 0).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    pods.create(&PostParams::default(), &cluster::pod("late", "bench-0")).await?;
    let started = tokio::task::spawn_blocking(started);
    let done = |pod: Option<&Pod>| pod.is_some_and(cluster::allocated);
    let annotated = kube::runtime::wait::await_condition(pods, "late", done);
    let annotated = tokio::spawn(async move {
        timeout(Duration::from_secs(60), annotated).await.context("never annotated")??;
        anyhow::Ok(Instant::now())
    });
    scale(client, 1).await?;
    Ok(annotated.await??.duration_since(started.await?))
}

/// When the controller's process is there.
fn started() -> Instant {
    loop {
        if Costs::now().rss().contains_key("kube-ovn-controller") {
            return Instant::now();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
