//! Follows one kind. Written for any stream of watch events, so that tests bring their own.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::index::{Change, Key};
use crate::metrics::Metrics;
use crate::model::Event;

use super::object::Readable;
use super::{Pauses, Seen, Unreadable};

/// How long after its last error a watch counts as failing. Longer than the longest pause between two attempts, so that
/// a watch that fails all the time is never called healthy in between.
const TROUBLE: Duration = Duration::from_secs(60);

/// What it means that the API server does not have the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing is known until it has.
    Waits,
    /// There are no objects of it.
    Empty,
}

/// Where everything that happens goes.
#[derive(Clone, Debug)]
pub(super) struct Out {
    pub(super) to: mpsc::Sender<Seen>,
    pub(super) health: run::Health,
    pub(super) metrics: Metrics,
}

/// How one kind is followed: `W` is what the API server sends, `O` what the index keeps.
pub(super) struct Follow<W, O> {
    kind: &'static str,
    part: &'static str,
    missing: Missing,
    wrap: fn(Change<O>) -> Event,
    /// The first list while it comes in.
    listing: Option<Vec<O>>,
    trouble: Option<Instant>,
    streams: bool,
    of: std::marker::PhantomData<fn(W)>,
}

/// What an error of the stream asks for.
enum Then {
    GoOn,
    /// The API server knows no streamed lists.
    List,
}

impl<W, O> Follow<W, O>
where
    W: Readable<O> + Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    pub(super) fn new(
        kind: &'static str,
        part: &'static str,
        wrap: fn(Change<O>) -> Event,
    ) -> Self {
        Self {
            kind,
            part,
            missing: Missing::Waits,
            wrap,
            listing: None,
            trouble: None,
            streams: true,
            of: std::marker::PhantomData,
        }
    }

    /// An API server without the kind has no objects of it.
    #[cfg_attr(not(test), expect(dead_code, reason = "every kind of the core is required"))]
    pub(super) fn optional(mut self) -> Self {
        self.missing = Missing::Empty;
        self
    }

    /// Follows the kind until nobody listens.
    pub(super) async fn run(mut self, api: Api<W>, out: Out) -> anyhow::Result<()> {
        loop {
            let config = watcher::Config::default();
            let config = if self.streams { config.streaming_lists() } else { config };
            let stream = watcher::watcher(api.clone(), config).backoff(Pauses::default());
            self.stream(stream, &out).await?;
            self.streams = false;
            tracing::info!(kind = self.kind, "the API server streams no lists, asking for pages");
        }
    }

    /// Follows `stream` until it must be replaced by one that lists.
    pub(super) async fn stream(
        &mut self,
        stream: impl Stream<Item = watcher::Result<watcher::Event<W>>> + Send,
        out: &Out,
    ) -> anyhow::Result<()> {
        out.health.expect(self.part);
        let mut stream = std::pin::pin!(stream);
        loop {
            let item = tokio::select! {
                item = stream.next() => item,
                () = over(self.trouble) => {
                    self.trouble = None;
                    out.health.set(self.part, Ok(()));
                    continue;
                }
            };
            match item {
                Some(Ok(event)) => self.event(event, out).await?,
                Some(Err(error)) => match self.error(&error, out).await? {
                    Then::GoOn => {}
                    Then::List => return Ok(()),
                },
                None => anyhow::bail!("the watch on {} ended", self.kind),
            }
        }
    }

    async fn event(&mut self, event: watcher::Event<W>, out: &Out) -> anyhow::Result<()> {
        let change = match event {
            watcher::Event::Init => {
                self.listing = Some(Vec::new());
                return Ok(());
            }
            watcher::Event::InitApply(object) => {
                let object = self.read(object, out).await?;
                self.listing.get_or_insert_default().extend(object);
                return Ok(());
            }
            watcher::Event::InitDone => Change::Reset(self.listing.take().unwrap_or_default()),
            watcher::Event::Apply(object) => match self.read(object, out).await? {
                Some(object) => Change::Apply(object),
                None => return Ok(()),
            },
            watcher::Event::Delete(object) => Change::Delete(key(&object)),
        };
        if self.trouble.take().is_some() || matches!(change, Change::Reset(_)) {
            out.health.set(self.part, Ok(()));
        }
        Ok(out.to.send(Seen::Event((self.wrap)(change))).await?)
    }

    async fn read(&self, object: W, out: &Out) -> anyhow::Result<Option<O>> {
        let key = key(&object);
        let uid = object.meta().uid.clone().unwrap_or_default();
        let why = match object.read() {
            Ok(object) => return Ok(Some(object)),
            Err(why) => why,
        };
        tracing::warn!(kind = self.kind, object = %key, why, "an object is unreadable");
        out.metrics.invalid_object(self.kind);
        let seen = Unreadable {
            kind: self.kind,
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            uid,
            why,
        };
        out.to.send(Seen::Unreadable(seen)).await?;
        Ok(None)
    }

    async fn error(&mut self, error: &watcher::Error, out: &Out) -> anyhow::Result<Then> {
        let code = code(error);
        if self.streams && matches!(code, Some(400 | 422)) {
            return Ok(Then::List);
        }
        if code == Some(404) && self.missing == Missing::Empty {
            out.health.set(self.part, Ok(()));
            out.to.send(Seen::Event((self.wrap)(Change::Reset(Vec::new())))).await?;
            return Ok(Then::GoOn);
        }
        // Too old a version (410) is how a long pause ends, and the list that follows is the cure.
        if code != Some(410) {
            out.metrics.watch_error(self.kind);
            tracing::warn!(kind = self.kind, %error, "watch failed");
            out.health.set(self.part, Err(error.to_string()));
            self.trouble = Some(Instant::now());
        }
        Ok(Then::GoOn)
    }
}

/// The time at which the last error is forgotten, if there was one.
async fn over(trouble: Option<Instant>) {
    match trouble {
        Some(since) => sleep_until((since + TROUBLE).into()).await,
        None => std::future::pending().await,
    }
}

fn key<W: Resource>(object: &W) -> Key {
    let word = |word: &Option<String>| word.clone().unwrap_or_default();
    let meta = object.meta();
    Key::new(word(&meta.namespace), word(&meta.name))
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

#[cfg(test)]
mod tests;
