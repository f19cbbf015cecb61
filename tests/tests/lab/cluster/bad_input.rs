//! Wrong objects are told what is wrong with them, and the others go on.

use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use tests::{Space, annotated, pod, subnet};

const ADDRESS: &str = "ovn.kubernetes.io/ip_address";

/// Makes a subnet that must be refused; what its condition says.
async fn refused(space: &Space, bad: tests::SubnetBuilder) -> anyhow::Result<String> {
    let bad = bad.build();
    space.subnet(&bad).await?;
    let [status, reason, message] = space.condition(&bad.name_any(), "Validated").await?;
    ensure!(status == "False", "Validated is {status}: {message}");
    ensure!(reason == "ValidateLogicalSwitchFailed", "reason {reason}");
    Ok(message)
}

#[tokio::test]
async fn a_wrong_subnet_says_which_field_is_wrong_and_others_work() {
    Space::with("bad-subnet", async |space| {
        let bad = refused(&space, subnet("bad-subnet-cidr", "10.300.0.0/16")).await?;
        assert!(bad.contains("cidrBlock") && bad.contains("10.300.0.0/16"), "{bad}");
        let outside = subnet("bad-subnet-gw", "10.78.0.0/24").gateway("10.79.0.1");
        let bad = refused(&space, outside).await?;
        assert!(bad.contains("gateway") && bad.contains("10.79.0.1"), "{bad}");
        let bad = refused(&space, subnet("bad-subnet-overlap", "10.16.128.0/24")).await?;
        assert!(bad.contains("cidrBlock") && bad.contains("ovn-default"), "{bad}");
        space.run(&pod("fine")).await?;
        Ok(())
    })
    .await;
}

/// Makes a pod that must be refused; what its event says.
async fn complaint(space: &Space, wrong: Pod) -> anyhow::Result<String> {
    let pods: Api<Pod> = space.api();
    pods.create(&PostParams::default(), &wrong).await?;
    space.event(&wrong.name_any(), "AcquireAddressFailed").await
}

#[tokio::test]
async fn a_wrong_pod_says_which_annotation_is_wrong_and_others_work() {
    Space::with("bad-pod", async |space| {
        let outside = annotated(pod("outside"), ADDRESS, "192.0.2.1");
        let said = complaint(&space, outside).await?;
        assert!(said.contains("ip_address") && said.contains("192.0.2.1"), "{said}");
        space.run(&annotated(pod("first"), ADDRESS, "10.16.78.8")).await?;
        let said = complaint(&space, annotated(pod("second"), ADDRESS, "10.16.78.8")).await?;
        assert!(said.contains("10.16.78.8") && said.contains("first.bad-pod"), "{said}");
        space.run(&pod("fine")).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_pod_with_a_bad_mac_or_an_unknown_subnet_says_so() {
    Space::with("bad-words", async |space| {
        let pods: Api<Pod> = space.api();
        for (name, key, value, reason) in [
            ("mac", "mac_address", "not-a-mac", "ValidatePodNetworkFailed"),
            ("subnet", "logical_switch", "no-such-subnet", "AcquireAddressFailed"),
        ] {
            let wrong = annotated(pod(name), &format!("ovn.kubernetes.io/{key}"), value);
            pods.create(&PostParams::default(), &wrong).await?;
            let said = space.event(name, reason).await?;
            assert!(said.contains(key) && said.contains(value), "{said}");
        }
        Ok(())
    })
    .await;
}
