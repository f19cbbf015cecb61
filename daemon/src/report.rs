//! Tells the people who look at a pod why it has no network. Never on a call's way: what does not fit is not told.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;

use crate::watch::Key;

/// How many failures may wait to be told.
const WAITING: usize = 64;

/// A pod that got no network, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) pod: Key,
    pub(crate) uid: Option<String>,
    pub(crate) why: String,
}

/// Takes failures to be told. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Reports(mpsc::Sender<Failure>);

impl Reports {
    /// Where failures go, and where they come out for [`run`].
    pub(crate) fn new() -> (Self, mpsc::Receiver<Failure>) {
        let (to, from) = mpsc::channel(WAITING);
        (Self(to), from)
    }

    /// Has a failure told, if there is room.
    pub(crate) fn tell(&self, failure: Failure) {
        if self.0.try_send(failure).is_err() {
            tracing::debug!("too many failures to tell them all");
        }
    }
}

/// Writes events on pods until nobody can have any told.
///
/// # Errors
/// Never; an event that cannot be written is logged and forgotten.
pub(crate) async fn run(
    client: kube::Client,
    node: &str,
    mut failures: mpsc::Receiver<Failure>,
) -> anyhow::Result<()> {
    let reporter =
        Reporter { controller: "kube-ovn-cni".to_owned(), instance: Some(node.to_owned()) };
    let recorder = Recorder::new(client, reporter);
    while let Some(Failure { pod, uid, why }) = failures.recv().await {
        let about = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(pod.namespace),
            name: Some(pod.name),
            uid,
            ..ObjectReference::default()
        };
        let event = Event {
            type_: EventType::Warning,
            reason: "PodNetworkConfigureFailed".to_owned(),
            note: Some(why),
            action: "ConfigurePodNetwork".to_owned(),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, &about).await {
            tracing::warn!(%error, "an event cannot be written");
        }
    }
    Ok(())
}
