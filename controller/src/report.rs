//! Tells the API server what was committed: bounded in flight, most urgent first, one request per target at a time.
//!
//! ```text
//! engine ──tell──▶ queue (a place per target) ──▶ up to 24 requests ──▶ API server
//!    ▲                                                   │ failed
//!    └───────────── the origin, to be looked at again ◀──┘
//! ```
//!
//! A write that fails is forgotten, and what it came from is recomputed from the state of then: nothing here is a fact
//! that could be lost. It decides nothing about objects; it does not watch.

mod events;
mod queue;
mod target;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Request;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep_until, timeout};

use crate::metrics::{Metrics, Told};

use queue::Queue;
pub use target::{Aspect, Kind, Target, Urgency, Verb, Write};
pub use words::{Line, Words};

/// Requests in flight at most.
const IN_FLIGHT: usize = 24;
/// A request that takes longer failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The status of one object is written at most once in this time.
const STATUS_REST: Duration = Duration::from_secs(1);
/// An event that repeats is written at most once in this time.
const EVENT_REST: Duration = Duration::from_secs(10);

/// Takes writes from the engine. Clones share one queue.
#[derive(Debug)]
pub struct Reporter<O>(Arc<Shared<O>>);

#[derive(Debug)]
struct Shared<O> {
    queue: Mutex<Queue<Target, Write<O>>>,
    more: Notify,
}

impl<O> Clone for Reporter<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O> Default for Reporter<O> {
    fn default() -> Self {
        Self(Arc::new(Shared { queue: Mutex::default(), more: Notify::new() }))
    }
}

impl<O: Clone + PartialEq + Send + 'static> Reporter<O> {
    /// Puts `writes` in line.
    pub fn tell(&self, writes: impl IntoIterator<Item = (Target, Write<O>)>) {
        let mut queue = self.lock();
        for (target, write) in writes {
            queue.push(target, write);
        }
        drop(queue);
        self.0.more.notify_one();
    }

    /// The next write in line, for tests and for [`Reporter::send`].
    pub fn take(&self, now: Instant) -> Option<(Target, Write<O>)> {
        self.lock().take(now)
    }

    /// Sends what is in line until `stop` turns true, then what is in flight or urgent.
    ///
    /// The origin of each failed write goes to `again`.
    ///
    /// # Errors
    /// When whoever could turn `stop` is gone.
    pub async fn send(
        self,
        client: kube::Client,
        metrics: Metrics,
        again: mpsc::Sender<O>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let mut flying = FuturesUnordered::new();
        loop {
            let stopping = *stop.borrow();
            while flying.len() < IN_FLIGHT {
                let Some((target, write)) = self.take(Instant::now()) else { break };
                if stopping && write.urgency > Urgency::Record {
                    self.lock().sent(&target, Instant::now(), None);
                    continue;
                }
                flying.push(one(&client, target, write));
            }
            if stopping && flying.is_empty() {
                return Ok(());
            }
            let (wake, doubts) = {
                let mut queue = self.lock();
                let doubts = queue.doubts(Instant::now());
                metrics.waiting.set(i64::try_from(queue.waiting()).unwrap_or(i64::MAX));
                (queue.next_wake(), doubts)
            };
            for origin in doubts.into_iter().filter_map(|write| write.origin) {
                // An engine that is gone has no use for it.
                drop(again.send(origin).await);
            }
            tokio::select! {
                Some(landed) = flying.next() => self.landed(landed, &metrics, &again).await,
                () = self.0.more.notified() => {}
                () = until(wake) => {}
                changed = stop.changed(), if !stopping => changed?,
            }
        }
    }

    async fn landed(&self, landed: Landed<O>, metrics: &Metrics, again: &mpsc::Sender<O>) {
        let Landed { target, write, told, took, why } = landed;
        metrics.write(write.verb.name(), target.kind.plural(), told, took);
        let now = Instant::now();
        match told {
            Told::Done | Told::Gone => self.lock().sent(&target, now, rest(&target)),
            Told::Refused | Told::Failed => self.lock().failed(&target, now, backoff),
        }
        match told {
            Told::Done => return,
            Told::Gone => tracing::debug!(%target, why, "the object of a write is gone"),
            Told::Refused => tracing::error!(%target, why, "the API server refused a write"),
            Told::Failed => tracing::warn!(%target, why, "a write to the API server failed"),
        }
        if let (Told::Failed, Some(origin)) = (told, write.origin) {
            // An engine that is gone has no use for it.
            drop(again.send(origin).await);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<Target, Write<O>>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// How long a target rests after a write.
fn rest(target: &Target) -> Option<Duration> {
    match (target.aspect, target.kind) {
        (Aspect::Status, _) => Some(STATUS_REST),
        (_, Kind::Event) => Some(EVENT_REST),
        _ => None,
    }
}

/// 100 ms, doubled by every failure, at most 30 s.
fn backoff(failures: u32) -> Duration {
    Duration::from_millis(100).saturating_mul(1 << failures.min(9)).min(Duration::from_secs(30))
}

struct Landed<O> {
    target: Target,
    write: Write<O>,
    told: Told,
    took: Duration,
    why: String,
}

async fn one<O>(client: &kube::Client, target: Target, write: Write<O>) -> Landed<O> {
    let started = Instant::now();
    let answer = timeout(REQUEST_TIMEOUT, request(client, &target, &write.verb)).await;
    let (told, why) = match answer {
        Ok(Ok(())) => (Told::Done, String::new()),
        Ok(Err(error)) => (judge(&error, &write.verb), error.to_string()),
        Err(_) => (Told::Failed, "no answer in time".to_owned()),
    };
    Landed { target, write, told, took: started.elapsed(), why }
}

/// Sends one request. The answer is asked for, and read, as little as the API allows.
async fn request(client: &kube::Client, target: &Target, verb: &Verb) -> kube::Result<()> {
    let at = Request::new(target.collection());
    let built = match verb {
        Verb::Create(body) => at.create(&PostParams::default(), body.clone()),
        Verb::Merge(body) => {
            let patch = Patch::Merge(raw(body)?);
            let params = PatchParams::default();
            match target.aspect {
                Aspect::Status => at.patch_subresource("status", &target.name, &params, &patch),
                _ => at.patch_metadata(&target.name, &params, &patch),
            }
        }
        Verb::Delete { uid } => {
            let uid = Some(uid.clone()).filter(|uid| !uid.is_empty());
            let preconditions =
                uid.map(|uid| Preconditions { uid: Some(uid), resource_version: None });
            at.delete(&target.name, &DeleteParams { preconditions, ..DeleteParams::default() })
        }
    };
    let request = built.map_err(kube::Error::BuildRequest)?;
    client.request_text(request).await.map(drop)
}

/// The bytes of a patch as they are: they are JSON of ours.
fn raw(body: &[u8]) -> kube::Result<&serde_json::value::RawValue> {
    serde_json::from_slice(body).map_err(kube::Error::SerdeError)
}

/// What a failed request means. A name that exists already is what we wanted; a conflict or a missing object says that
/// what we knew is out of date, and the watch is about to tell.
fn judge(error: &kube::Error, verb: &Verb) -> Told {
    match error {
        kube::Error::Api(status) => match (status.code, verb) {
            (409, Verb::Create(_)) if status.reason == "AlreadyExists" => Told::Done,
            (404 | 410, _) => Told::Gone,
            // An object of that name that is not the one we mean.
            (409 | 422, _) if status.message.to_ascii_lowercase().contains("uid") => Told::Gone,
            (400 | 405 | 413 | 422, _) => Told::Refused,
            _ => Told::Failed,
        },
        kube::Error::BuildRequest(_) | kube::Error::SerdeError(_) => Told::Refused,
        _ => Told::Failed,
    }
}

#[cfg(test)]
mod tests;
