//! `bench pods`: 2,000 pods on nodes without kubelets, from the first create to the last annotation and IP object,
//! beside a plain client that makes the same writes in the same run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use api::kinds::ip::{Ip, IpSpec};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tokio::sync::watch;

use crate::cluster::{self, NAMESPACE};
use crate::procs::Costs;
use crate::restart;

/// How many clients create pods at the same time.
const CLIENTS: usize = 8;
/// Node objects the pods are bound to.
const NODES: usize = 10;
/// How long anything here may take before the run counts as failed.
const LIMIT: Duration = Duration::from_secs(300);

/// What one run over all pods showed.
struct Run {
    annotated: Duration,
    ips: Duration,
}

pub(crate) async fn run(client: Client, count: usize, northbound: &str) -> anyhow::Result<()> {
    cluster::namespace(&client).await?;
    nodes(&client).await?;
    scale(&client, 0).await?;
    let plain = measured(&client, count, |pod| write_like_us(client.clone(), pod)).await?;
    cluster::clear(&client).await?;
    clear_ips(&client).await?;
    scale(&client, 1).await?;
    let before = Costs::now();
    let ours = measured(&client, count, |_| async { Ok(()) }).await?;
    let after = Costs::now();
    report(count, &plain, &ours);
    println!("\n| process | CPU ms | RSS MiB |\n| --- | --- | --- |");
    let rss = after.rss();
    for (name, cpu) in after.cpu_since(&before) {
        println!("| {name} | {cpu} | {} |", rss.get(&name).copied().unwrap_or_default() / 1024);
    }
    restart::run(&client, northbound).await?;
    cluster::clear(&client).await?;
    forget_nodes(&client).await
}

#[allow(clippy::cast_precision_loss, reason = "a few thousand pods")]
fn report(count: usize, plain: &Run, ours: &Run) {
    let rate = |run: &Run| count as f64 / run.annotated.as_secs_f64();
    println!(
        "| run | annotated per s | all annotated s | IP objects done after s |\n| --- | --- | --- | --- |"
    );
    for (name, run) in [("plain client", plain), ("controller", ours)] {
        let late = run.ips.saturating_sub(run.annotated).as_secs_f64();
        println!("| {name} | {:.1} | {:.2} | {late:.2} |", rate(run), run.annotated.as_secs_f64());
    }
    println!("\ncontroller / plain client: {:.2}", rate(ours) / rate(plain));
}

/// Creates all pods, does `then` with each, and waits for the last annotation and IP object.
async fn measured<F>(client: &Client, count: usize, then: impl Fn(Pod) -> F) -> anyhow::Result<Run>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let begun = Instant::now();
    let annotated = observe::<Pod>(client, count, cluster::allocated);
    let ips = observe::<Ip>(client, count, |_| true);
    create_all(client, count, then).await?;
    let (annotated, ips) = tokio::try_join!(reached(annotated, begun), reached(ips, begun))?;
    Ok(Run { annotated, ips })
}

/// The writes of the controller by a client that has nothing to decide: annotations, then the IP object.
async fn write_like_us(client: Client, pod: Pod) -> anyhow::Result<()> {
    let name = pod.name_any();
    let annotations = json!({
        "ovn.kubernetes.io/allocated": "true", "ovn.kubernetes.io/routed": "true",
        "ovn.kubernetes.io/ip_address": "10.16.0.2", "ovn.kubernetes.io/mac_address": "02:00:00:00:00:02",
        "ovn.kubernetes.io/cidr": "10.16.0.0/16", "ovn.kubernetes.io/gateway": "10.16.0.1",
        "ovn.kubernetes.io/logical_switch": "ovn-default", "ovn.kubernetes.io/logical_router": "ovn-cluster",
        "ovn.kubernetes.io/pod_nic_type": "veth-pair",
    });
    let patch = json!({ "metadata": { "uid": pod.uid(), "annotations": annotations } });
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    pods.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    let spec = IpSpec {
        pod_name: name.clone(),
        namespace: NAMESPACE.to_owned(),
        ip_address: "10.16.0.2".to_owned(),
        ..IpSpec::default()
    };
    let ips: Api<Ip> = Api::all(client);
    ips.create(&PostParams::default(), &Ip::new(&format!("{name}.{NAMESPACE}"), spec)).await?;
    Ok(())
}

async fn create_all<F>(client: &Client, count: usize, then: impl Fn(Pod) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let create = |i: usize| {
        let pod = cluster::pod(&format!("pod-{i}"), &format!("bench-{}", i % NODES));
        let (pods, then) = (&pods, &then);
        async move {
            let made = pods.create(&PostParams::default(), &pod).await?;
            then(made).await
        }
    };
    stream::iter(0..count).map(create).buffer_unordered(CLIENTS).try_collect::<()>().await
}

/// Counts the objects of a kind in the benchmark's namespace that are `done`, by watching.
fn observe<K>(
    client: &Client,
    count: usize,
    done: impl Fn(&K) -> bool + Send + 'static,
) -> watch::Receiver<Option<Instant>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + 'static,
    K: serde::de::DeserializeOwned,
{
    let (tell, seen) = watch::channel(None);
    let objects: Api<K> = Api::all(client.clone());
    tokio::spawn(async move {
        let mut names: HashSet<Arc<str>> = HashSet::new();
        let events = watcher(objects, watcher::Config::default());
        let mut events = std::pin::pin!(events);
        while let Some(Ok(event)) = events.next().await {
            let (watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event else {
                continue;
            };
            if object.name_any().starts_with("pod-") && done(&object) {
                names.insert(object.name_any().into());
            }
            if names.len() >= count {
                tell.send_replace(Some(Instant::now()));
                return;
            }
        }
    });
    seen
}

async fn reached(
    mut seen: watch::Receiver<Option<Instant>>,
    begun: Instant,
) -> anyhow::Result<Duration> {
    let at = tokio::time::timeout(LIMIT, seen.wait_for(Option::is_some)).await;
    let at = *at.context("not all objects were done in time")?.context("a watch ended early")?;
    Ok(at.context("waited for it")?.duration_since(begun))
}

async fn nodes(client: &Client) -> anyhow::Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    for i in 0..NODES {
        let node = cluster::node(&format!("bench-{i}"), &format!("172.30.9.{}", i + 1));
        match nodes.create(&PostParams::default(), &node).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            made => drop(made.context("create a node")?),
        }
        let patch = json!({ "status": node.status });
        nodes
            .patch_status(&node.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .context("give a node its address")?;
    }
    Ok(())
}

async fn forget_nodes(client: &Client) -> anyhow::Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    for i in 0..NODES {
        nodes.delete(&format!("bench-{i}"), &DeleteParams::default()).await?;
    }
    Ok(())
}

async fn clear_ips(client: &Client) -> anyhow::Result<()> {
    let ips: Api<Ip> = Api::all(client.clone());
    let all = ips.list(&Default::default()).await?;
    for ip in all.items.iter().filter(|ip| ip.name_any().starts_with("pod-")) {
        ips.delete(&ip.name_any(), &DeleteParams::default()).await?;
    }
    Ok(())
}

/// Starts or stops the controller and waits until that is so.
pub(crate) async fn scale(client: &Client, replicas: i32) -> anyhow::Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "kube-system");
    let patch = json!({ "spec": { "replicas": replicas } });
    deployments
        .patch("kube-ovn-controller", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .context("scale the controller")?;
    let settled = move |deployment: Option<&Deployment>| {
        let status = deployment.and_then(|deployment| deployment.status.as_ref());
        status.is_some_and(|status| {
            status.ready_replicas.unwrap_or_default() == replicas
                && status.replicas.unwrap_or_default() == replicas
        })
    };
    let wait = kube::runtime::wait::await_condition(deployments, "kube-ovn-controller", settled);
    tokio::time::timeout(LIMIT, wait).await.context("the controller did not settle")??;
    // A pod that is being deleted counts no more, though its process may still run.
    let deadline = Instant::now() + LIMIT;
    while replicas == 0 && Costs::now().rss().contains_key("kube-ovn-controller") {
        ensure!(Instant::now() < deadline, "a controller still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
