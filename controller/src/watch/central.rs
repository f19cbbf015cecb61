//! Where the northbound database is, as the pods of `ovn-central` tell.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::bail;
use futures::StreamExt;
use k8s_openapi::api::core::v1 as core;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use ovsdb::client::Endpoint;
use tokio::sync::watch;

use super::Pauses;
use crate::args::at_host;

/// What the pods of the databases are labelled with.
const LABEL: &str = "app=ovn-central";

/// Publishes the endpoints of the northbound database whenever they change; never none.
///
/// # Errors
/// When the watch ends, which it does not by itself.
pub async fn follow(
    client: kube::Client,
    namespace: &str,
    to: watch::Sender<Vec<Endpoint>>,
    health: run::Health,
) -> anyhow::Result<()> {
    const PART: &str = "watch ovn-central";
    health.expect(PART);
    let pods = Api::<core::Pod>::namespaced(client, namespace);
    let config = watcher::Config::default().labels(LABEL);
    let mut events = std::pin::pin!(watcher::watcher(pods, config).backoff(Pauses::default()));
    let mut known = Known::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => known.take(event),
            Err(error) => {
                tracing::warn!(%error, "watch on ovn-central failed");
                health.set(PART, Err(error.to_string()));
                continue;
            }
        }
        let endpoints = known.endpoints();
        if endpoints.is_empty() {
            health.set(PART, Err("no pod of ovn-central has an address".to_owned()));
            continue;
        }
        health.set(PART, Ok(()));
        let changed = to.send_if_modified(|was| {
            *was != endpoints && {
                *was = endpoints;
                true
            }
        });
        if changed {
            tracing::info!(endpoints = to.borrow().len(), "found the northbound database");
        }
    }
    bail!("the watch on ovn-central ended")
}

/// The addresses of the pods. During a new list the old ones stand.
#[derive(Debug, Default)]
struct Known {
    pods: BTreeMap<String, IpAddr>,
    listing: Option<BTreeMap<String, IpAddr>>,
}

impl Known {
    fn take(&mut self, event: watcher::Event<core::Pod>) {
        match event {
            watcher::Event::Init => self.listing = Some(BTreeMap::new()),
            watcher::Event::InitApply(pod) => put(self.listing.get_or_insert_default(), &pod),
            watcher::Event::InitDone => self.pods = self.listing.take().unwrap_or_default(),
            watcher::Event::Apply(pod) => put(&mut self.pods, &pod),
            watcher::Event::Delete(pod) => {
                self.pods.remove(&pod.name_any());
            }
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let mut addresses: Vec<IpAddr> = self.pods.values().copied().collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.into_iter().map(at_host).collect()
    }
}

fn put(pods: &mut BTreeMap<String, IpAddr>, pod: &core::Pod) {
    let status = pod.status.as_ref();
    let over = matches!(status.and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"));
    let address = status.and_then(|status| status.pod_ip.as_deref()?.parse().ok());
    match address.filter(|_| !over) {
        Some(address) => pods.insert(pod.name_any(), address),
        None => pods.remove(&pod.name_any()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, phase: &str, address: Option<&str>) -> core::Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": { "name": name },
            "status": { "phase": phase, "podIP": address },
        }))
        .unwrap()
    }

    fn endpoints(known: &Known) -> Vec<String> {
        known.endpoints().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn pods_that_run_are_where_the_database_is() {
        let mut known = Known::default();
        known.take(watcher::Event::Init);
        known.take(watcher::Event::InitApply(pod("b", "Running", Some("172.30.0.12"))));
        known.take(watcher::Event::InitApply(pod("a", "Running", Some("172.30.0.11"))));
        known.take(watcher::Event::InitApply(pod("c", "Pending", None)));
        assert_eq!(endpoints(&known), [""; 0], "half a list says nothing");
        known.take(watcher::Event::InitDone);
        assert_eq!(endpoints(&known), ["tcp:172.30.0.11:6641", "tcp:172.30.0.12:6641"]);
        known.take(watcher::Event::Apply(pod("a", "Failed", Some("172.30.0.11"))));
        known.take(watcher::Event::Apply(pod("c", "Running", Some("172.30.0.13"))));
        assert_eq!(endpoints(&known), ["tcp:172.30.0.12:6641", "tcp:172.30.0.13:6641"]);
    }

    #[test]
    fn the_old_addresses_stand_while_the_pods_are_listed_anew() {
        let mut known = Known::default();
        known.take(watcher::Event::Apply(pod("a", "Running", Some("172.30.0.11"))));
        known.take(watcher::Event::Init);
        assert_eq!(endpoints(&known), ["tcp:172.30.0.11:6641"]);
    }
}
