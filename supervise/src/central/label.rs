//! Labels our own pod with what it leads: `ovn-nb-leader`, `ovn-sb-leader`, `ovn-northd-leader`, which the services of
//! those names select by. Failures are retried for ever and stop nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use super::observe::Leads;

/// Follows `leads`; looks at the pod again every `period`, so that a label someone removed comes back.
pub(super) async fn run(
    namespace: String,
    name: String,
    mut leads: watch::Receiver<Leads>,
    period: Duration,
) -> anyhow::Result<()> {
    let mut pods = None;
    loop {
        let want = *leads.borrow_and_update();
        let pods = match &pods {
            Some(pods) => Some(pods),
            None => {
                pods = connect(&namespace).await;
                pods.as_ref()
            }
        };
        if let Some(pods) = pods
            && let Err(error) = ensure(pods, &name, want).await
        {
            tracing::warn!(error = format!("{error:#}"), "leader labels not written, will retry");
        }
        // A change, or the period: either way the labels are compared again.
        if let Ok(Err(closed)) = timeout(period, leads.changed()).await {
            return Err(closed.into());
        }
    }
}

async fn connect(namespace: &str) -> Option<Api<Pod>> {
    match Client::try_default().await {
        Ok(client) => Some(Api::namespaced(client, namespace)),
        Err(error) => {
            tracing::warn!(%error, "no way to the API server yet");
            None
        }
    }
}

async fn ensure(pods: &Api<Pod>, name: &str, want: Leads) -> kube::Result<()> {
    let labels = pods.get_metadata(name).await?.metadata.labels.unwrap_or_default();
    let Some(labels) = difference(&labels, want) else { return Ok(()) };
    let patch = json!({ "metadata": { "labels": labels } });
    pods.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    tracing::info!(nb = want.nb, sb = want.sb, northd = want.northd, "leader labels written");
    Ok(())
}

/// The labels to set, with null for those to remove; none when all is as it should be.
fn difference(have: &BTreeMap<String, String>, want: Leads) -> Option<Map<String, Value>> {
    let wanted = [
        ("ovn-nb-leader", want.nb),
        ("ovn-sb-leader", want.sb),
        ("ovn-northd-leader", want.northd),
    ];
    let changes = wanted.into_iter().filter_map(|(label, leads)| match (have.get(label), leads) {
        (Some(value), true) if value == "true" => None,
        (None, false) => None,
        (_, true) => Some((label.to_owned(), Value::from("true"))),
        (Some(_), false) => Some((label.to_owned(), Value::Null)),
    });
    let changes: Map<_, _> = changes.collect();
    (!changes.is_empty()).then_some(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_that_differ_are_patched() {
        let have = [("app", "ovn-central"), ("ovn-nb-leader", "true"), ("ovn-sb-leader", "true")];
        let have: BTreeMap<_, _> =
            have.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let want = Leads { nb: true, sb: false, northd: true };
        let patch = Value::from(difference(&have, want));
        assert_eq!(patch, json!({ "ovn-sb-leader": null, "ovn-northd-leader": "true" }));
        assert_eq!(difference(&have, Leads { nb: true, sb: true, northd: false }), None);
    }
}
