//! Drives an [`Election`] against the API server. Decides nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::{Stream, StreamExt};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use crate::watch::Pauses;

use super::{Election, NAME, Next, Record, Times, View};

/// Whether this replica leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Another does, or nobody yet.
    Following,
    /// This one does.
    Leading,
}

/// Takes part in the election until `stop` turns true, and then gives the lease back.
///
/// # Errors
/// When this replica led and lost the lease: it must end, since another leads. Failing requests are tried again and
/// are an error only by the time they let pass.
pub async fn hold(
    client: kube::Client,
    namespace: &str,
    identity: String,
    times: Times,
    claim: watch::Sender<Claim>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let leases = Api::<Lease>::namespaced(client, namespace);
    let mut changes = std::pin::pin!(changes(&leases));
    let mut election = Election::new(identity, times);
    let (mut polled, mut listed) = (None, false);
    while !*stop.borrow() {
        match election.next(Instant::now()) {
            Next::Write(record) => write(&leases, &mut election, &record, times).await,
            Next::Lost(why) => {
                claim.send_replace(Claim::Following);
                bail!("lost the lease: {why}");
            }
            Next::Wait(until) => tokio::select! {
                () = sleep_until(until.into()) => {}
                event = changes.next() => match event {
                    Some(Ok(event)) => observe(&mut election, event, &mut listed),
                    Some(Err(error)) => poll(&leases, &mut election, &mut polled, times, &error).await,
                    None => bail!("the watch on the lease ended"),
                },
                _ = stop.changed() => {}
            },
        }
        publish(&election, &claim);
    }
    if let Some(record) = election.release() {
        leases
            .replace(NAME, &PostParams::default(), &object(&record))
            .await
            .context("release the lease")?;
        tracing::info!("released the lease");
    }
    Ok(())
}

fn publish(election: &Election, claim: &watch::Sender<Claim>) {
    let is = if election.leads() { Claim::Leading } else { Claim::Following };
    let changed = claim.send_if_modified(|was| std::mem::replace(was, is.clone()) != is);
    if changed {
        tracing::info!(leads = election.leads(), holder = election.holder(), "leadership changed");
    }
}

/// Only watches, so that a role needs no right to list.
fn changes(
    leases: &Api<Lease>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Lease>>> + Send + use<> {
    let config = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    watcher::watcher(leases.clone(), config.streaming_lists()).backoff(Pauses::default())
}

/// Takes in what the watch says. That there is no lease is known at the end of a list without one.
fn observe(election: &mut Election, event: watcher::Event<Lease>, listed: &mut bool) {
    let lease = match event {
        watcher::Event::Init => {
            *listed = false;
            return;
        }
        watcher::Event::InitDone if *listed => return,
        watcher::Event::InitDone | watcher::Event::Delete(_) => None,
        watcher::Event::InitApply(lease) | watcher::Event::Apply(lease) => {
            *listed = true;
            Some(lease)
        }
    };
    election.observe(lease.as_ref().map(view), Instant::now());
}

/// Reads the lease when the watch on it fails, at most once a retry period: a candidate that may not watch still
/// takes part, only later.
async fn poll(
    leases: &Api<Lease>,
    election: &mut Election,
    last: &mut Option<Instant>,
    times: Times,
    error: &watcher::Error,
) {
    let now = Instant::now();
    if last.is_some_and(|last| now < last + times.retry_period) {
        return;
    }
    *last = Some(now);
    tracing::warn!(%error, "watch on the lease failed, reading it");
    match get(leases, times.renew_deadline).await {
        Ok(lease) => election.observe(lease, Instant::now()),
        Err(error) => tracing::warn!(error = format!("{error:#}"), "the lease is unreadable"),
    }
}

async fn get(leases: &Api<Lease>, within: Duration) -> anyhow::Result<Option<View>> {
    let lease = timeout(within, leases.get_opt(NAME)).await.context("read the lease")??;
    Ok(lease.as_ref().map(view))
}

async fn write(leases: &Api<Lease>, election: &mut Election, record: &Record, times: Times) {
    let sent = Instant::now();
    let lease = object(record);
    let params = PostParams::default();
    let answer = timeout(times.retry_period, async {
        match record.replaces {
            Some(_) => leases.replace(NAME, &params, &lease).await,
            None => leases.create(&params, &lease).await,
        }
    })
    .await;
    match answer {
        Ok(Ok(lease)) => return election.written(view(&lease), sent),
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
            tracing::debug!(code = status.code, "the lease changed before our write");
            match get(leases, times.retry_period).await {
                Ok(lease) => return election.outdated(lease, Instant::now()),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "the lease is unreadable");
                }
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "the lease was not written"),
        Err(_) => tracing::warn!("the lease was not written in time"),
    }
    election.failed(Instant::now());
}

/// What the machine needs of a Lease. One without a duration counts as one of a second.
fn view(lease: &Lease) -> View {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or(1);
    View {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default(),
        duration: Duration::from_secs(u64::try_from(seconds).unwrap_or(1)),
        transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or(0),
        since: spec.and_then(|spec| spec.acquire_time.as_ref()).map(|time| time.0),
    }
}

fn object(record: &Record) -> Lease {
    let now = jiff::Timestamp::now();
    // Seconds are all the API has: a part of one counts whole.
    let seconds = record.duration.as_millis().div_ceil(1000);
    Lease {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            resource_version: record.replaces.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(record.holder.clone()),
            lease_duration_seconds: i32::try_from(seconds).ok(),
            lease_transitions: Some(record.transitions),
            acquire_time: Some(MicroTime(record.since.unwrap_or(now))),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: &str) -> Lease {
        let spec = LeaseSpec { holder_identity: Some(holder.to_owned()), ..LeaseSpec::default() };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn a_list_without_the_lease_says_that_there_is_none() {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        let second = Duration::from_secs(1);
        let times =
            Times { duration: 10 * second, renew_deadline: 7 * second, retry_period: 2 * second };
        let mut election = Election::new("me".to_owned(), times);
        let mut listed = false;
        let free = |election: &Election| matches!(election.next(Instant::now()), Next::Write(_));
        observe(&mut election, Init, &mut listed);
        assert!(!free(&election), "nothing is known yet");
        observe(&mut election, InitDone, &mut listed);
        assert!(free(&election));
        for event in [Init, InitApply(held_by("other")), InitDone] {
            observe(&mut election, event, &mut listed);
        }
        assert_eq!(election.holder(), Some("other"));
        assert!(!free(&election));
        observe(&mut election, Apply(held_by("")), &mut listed);
        assert!(free(&election), "it was released");
        observe(&mut election, Delete(held_by("")), &mut listed);
        assert!(free(&election));
    }
}
