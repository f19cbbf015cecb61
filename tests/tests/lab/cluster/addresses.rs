//! Who gets which address, and keeps it.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, PostParams};
use tests::{Space, annotated, eventually, pod, stateful_set, subnet};

const ADDRESS: &str = "ovn.kubernetes.io/ip_address";
const MAC: &str = "ovn.kubernetes.io/mac_address";

#[tokio::test]
async fn a_pod_is_annotated_with_what_it_got_and_recorded_in_an_ip_object() {
    Space::with("addr-plain", async |space| {
        let address = space.run(&pod("a")).await?.to_string();
        let seen: Pod = space.api().get("a").await?;
        let annotation = |key: &str| seen.annotations().get(key).cloned().unwrap_or_default();
        assert_eq!(annotation(ADDRESS), address);
        assert_eq!(annotation("ovn.kubernetes.io/allocated"), "true");
        assert_eq!(annotation("ovn.kubernetes.io/routed"), "true");
        assert_eq!(annotation("ovn.kubernetes.io/logical_switch"), "ovn-default");
        assert_eq!(annotation("ovn.kubernetes.io/logical_router"), "ovn-cluster");
        assert_eq!(annotation("ovn.kubernetes.io/cidr"), "10.16.0.0/16");
        assert_eq!(annotation("ovn.kubernetes.io/gateway"), "10.16.0.1");
        let ip = space.ip_of("a").await?;
        assert_eq!(ip.spec.v4_ip_address, address);
        assert_eq!(ip.spec.mac_address, annotation(MAC));
        assert_eq!(Some(ip.spec.node_name), seen.spec.and_then(|spec| spec.node_name));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_static_address_and_mac_are_what_the_pod_gets() {
    Space::with("addr-static", async |space| {
        let wish =
            annotated(annotated(pod("fixed"), ADDRESS, "10.16.77.7"), MAC, "02:00:00:77:00:07");
        assert_eq!(space.run(&wish).await?.to_string(), "10.16.77.7");
        let ip = space.ip_of("fixed").await?;
        assert_eq!(ip.spec.mac_address, "02:00:00:77:00:07");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_namespace_bound_to_a_subnet_uses_it_without_its_excluded_addresses() {
    Space::with("addr-bound", async |space| {
        // `namespaces` and `excludeIps`: of the eight addresses only .4 and .6 can be given.
        let small = subnet("addr-bound-small", "10.77.0.0/29").of(space.name());
        let small = small.without(&["10.77.0.2..10.77.0.3", "10.77.0.5"]).build();
        space.subnet(&small).await?;
        space.condition("addr-bound-small", "Ready").await?;
        let got = BTreeSet::from([
            space.run(&pod("a")).await?.to_string(),
            space.run(&pod("b")).await?.to_string(),
        ]);
        assert_eq!(got, BTreeSet::from(["10.77.0.4".to_owned(), "10.77.0.6".to_owned()]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_stateful_set_keeps_its_addresses_when_its_pods_are_made_anew() {
    Space::with("addr-sts", async |space| {
        let sets: Api<StatefulSet> = space.api();
        sets.create(&PostParams::default(), &stateful_set("db", 2)).await?;
        let before = [space.address("db-0").await?, space.address("db-1").await?];
        let pods: Api<Pod> = space.api();
        let old = [uid(&pods, "db-0").await?, uid(&pods, "db-1").await?];
        for name in ["db-0", "db-1"] {
            pods.delete(name, &DeleteParams::default()).await?;
        }
        for (name, old) in ["db-0", "db-1"].into_iter().zip(old) {
            eventually(&format!("{name} is another pod"), || async {
                ensure!(uid(&pods, name).await? != old, "the old one is there");
                Ok(())
            })
            .await?;
        }
        assert_eq!([space.address("db-0").await?, space.address("db-1").await?], before);
        Ok(())
    })
    .await;
}

async fn uid(pods: &Api<Pod>, name: &str) -> anyhow::Result<String> {
    pods.get(name).await?.uid().context("a pod without uid")
}
