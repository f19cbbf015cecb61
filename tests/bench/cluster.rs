//! The Kubernetes side of the benchmarks: pods bound to nodes without a scheduler, and what is awaited of them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::core::v1::{Container, Namespace, Node, Pod, PodSpec, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// The namespace all benchmark pods live in.
pub(crate) const NAMESPACE: &str = "bench";

/// A client from the kubeconfig at `path`.
pub(crate) async fn client(path: &str) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(path).with_context(|| format!("read {path}"))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Makes the benchmark's namespace if it is not there.
pub(crate) async fn namespace(client: &Client) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let metadata = ObjectMeta { name: Some(NAMESPACE.to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    match namespaces.create(&PostParams::default(), &namespace).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        made => drop(made.context("create the namespace")?),
    }
    wait_for_account(client).await
}

/// The API server refuses pods until the namespace's service account exists.
async fn wait_for_account(client: &Client) -> anyhow::Result<()> {
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(client.clone(), NAMESPACE);
    let appeared =
        kube::runtime::wait::await_condition(accounts, "default", |account: Option<&_>| {
            account.is_some()
        });
    tokio::time::timeout(Duration::from_secs(20), appeared)
        .await
        .context("no service account")??;
    Ok(())
}

/// A pod bound to `node` that no kubelet is expected to run.
pub(crate) fn pod(name: &str, node: &str) -> Pod {
    let container = Container {
        name: "main".to_owned(),
        image: Some("none".to_owned()),
        ..Container::default()
    };
    let spec = PodSpec {
        containers: vec![container],
        node_name: Some(node.to_owned()),
        termination_grace_period_seconds: Some(0),
        tolerations: Some(vec![Toleration {
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        }]),
        ..PodSpec::default()
    };
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

/// A node without a kubelet, at `address`.
pub(crate) fn node(name: &str, address: &str) -> Node {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let status = k8s_openapi::api::core::v1::NodeStatus {
        addresses: Some(vec![k8s_openapi::api::core::v1::NodeAddress {
            address: address.to_owned(),
            type_: "InternalIP".to_owned(),
        }]),
        ..Default::default()
    };
    Node { metadata, status: Some(status), ..Node::default() }
}

/// Whether the controller has said of `pod` that its network may be used.
pub(crate) fn allocated(pod: &Pod) -> bool {
    let is_true = |annotations: &BTreeMap<String, String>, key| {
        annotations.get(key).is_some_and(|value: &String| value == "true")
    };
    pod.metadata.annotations.as_ref().is_some_and(|all| is_true(all, "ovn.kubernetes.io/allocated"))
}

/// Deletes all benchmark pods at once and waits until none is left.
pub(crate) async fn clear(client: &Client) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete_collection(&now, &ListParams::default()).await.context("delete the pods")?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    while !pods.list_metadata(&ListParams::default().limit(1)).await?.items.is_empty() {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "pods are still there after 120 s");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
