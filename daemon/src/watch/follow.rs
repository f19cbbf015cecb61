//! Follows one kind, through errors and restarts of the API server.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

/// How long after its last error a watch counts as failing: longer than the longest pause between two attempts.
const TROUBLE: Duration = Duration::from_secs(60);

/// What happened to the objects of a kind.
#[derive(Debug)]
pub(crate) enum Change<T> {
    /// These and no others exist.
    Reset(Vec<T>),
    Apply(T),
    Delete(T),
}

/// Calls `take` for every change until the process ends.
pub(super) async fn follow<T>(
    part: &'static str,
    api: Api<T>,
    config: watcher::Config,
    health: &::run::Health,
    mut take: impl FnMut(Change<T>),
) -> anyhow::Result<()>
where
    T: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    health.expect(part);
    let mut streams = true;
    loop {
        let config = if streams { config.clone().streaming_lists() } else { config.clone() };
        let mut stream = std::pin::pin!(watcher(api.clone(), config).default_backoff());
        let mut listing = Vec::new();
        let mut trouble: Option<Instant> = None;
        loop {
            let item = tokio::select! {
                item = stream.next() => item,
                () = past(trouble) => {
                    trouble = None;
                    health.set(part, Ok(()));
                    continue;
                }
            };
            let change = match item {
                None => anyhow::bail!("the stream of {part} ended"),
                Some(Ok(watcher::Event::Init)) => {
                    listing.clear();
                    continue;
                }
                Some(Ok(watcher::Event::InitApply(object))) => {
                    listing.push(object);
                    continue;
                }
                Some(Ok(watcher::Event::InitDone)) => Change::Reset(std::mem::take(&mut listing)),
                Some(Ok(watcher::Event::Apply(object))) => Change::Apply(object),
                Some(Ok(watcher::Event::Delete(object))) => Change::Delete(object),
                Some(Err(error)) => match code(&error) {
                    // An API server that streams no lists.
                    Some(400 | 422) if streams => break,
                    // Too old a version is how a long pause ends; the list that follows is the cure.
                    Some(410) => continue,
                    _ => {
                        tracing::warn!(part, %error, "watch failed");
                        health.set(part, Err(error.to_string()));
                        trouble = Some(Instant::now() + TROUBLE);
                        continue;
                    }
                },
            };
            if trouble.take().is_some() || matches!(change, Change::Reset(_)) {
                health.set(part, Ok(()));
            }
            take(change);
        }
        streams = false;
    }
}

async fn past(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The API server's answer, where the error is one.
fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}
