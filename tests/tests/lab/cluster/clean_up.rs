//! What goes leaves nothing behind, and what stays is not touched.

use anyhow::ensure;
use api::kinds::ip::Ip;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};
use tests::{Space, eventually, nbctl, pod};

#[tokio::test]
async fn a_deleted_pod_leaves_neither_port_nor_ip_object() {
    Space::with("gone-pod", async |space| {
        space.run(&pod("a")).await?;
        space.ip_of("a").await?;
        assert!(ports()?.contains("a.gone-pod"));
        let pods: Api<Pod> = space.api();
        pods.delete("a", &DeleteParams::default()).await?;
        let ips: Api<Ip> = Api::all(space.client());
        eventually("port and IP object are gone", || async {
            ensure!(ips.get_opt("a.gone-pod").await?.is_none(), "the IP object is there");
            ensure!(!ports()?.contains("a.gone-pod"), "the port is there");
            Ok(())
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn a_finished_pod_gives_its_address_back() {
    Space::with("gone-job", async |space| {
        let mut job = pod("job");
        let spec = job.spec.as_mut().expect("a pod has a spec");
        spec.restart_policy = Some("Never".to_owned());
        spec.containers[0].args = Some(vec!["version".to_owned()]);
        let pods: Api<Pod> = space.api();
        pods.create(&Default::default(), &job).await?;
        eventually("the pod is finished and its port gone", || async {
            let phase = pods.get("job").await?.status.and_then(|status| status.phase);
            ensure!(matches!(phase.as_deref(), Some("Succeeded" | "Failed")), "phase {phase:?}");
            ensure!(!ports()?.contains("job.gone-job"), "the port is there");
            Ok(())
        })
        .await
    })
    .await;
}

/// The names of all logical switch ports.
fn ports() -> anyhow::Result<String> {
    nbctl(&["--bare", "--columns=name", "list", "Logical_Switch_Port"])
}
