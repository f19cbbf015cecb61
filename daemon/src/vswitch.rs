//! The node's Open vSwitch database: one task owns the connection, everybody else asks it.
//!
//! ```text
//!  ADD, DEL ──Request──▶ ┌───────┐ ── one transaction at a time ──▶ ovsdb-server
//!  node     ──Wanted───▶ │ Owner │ ◀─ every change ──────────────── (vswitchd, ovn-controller)
//!           ◀──Facts──── └───────┘
//! ```
//! Requests that come while a transaction is in flight share the next one. Nothing is asked twice: what vswitchd and
//! ovn-controller make of a port comes as a change of its row. Bridges are not made here.

mod facts;
mod owner;
mod port;
mod queue;
mod rows;
#[cfg(test)]
mod tests;
mod unixctl;
mod wanted;

use std::time::Duration;

use ovsdb::client::{Config, Database, Endpoint};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use facts::{Facts, host_ports_text};
pub(crate) use port::{Port, State, key};
pub(crate) use unixctl::connection_status;
pub(crate) use wanted::{NodePort, Wanted};

/// The bridge that OVN programs.
pub(crate) const INTEGRATION: &str = "br-int";
/// How many requests may wait to be looked at; a caller beyond that waits itself.
const WAITING: usize = 256;
/// The longest silence of the database server before it is asked whether it is there.
const PROBE: Duration = Duration::from_secs(5);

/// Why the database did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no bridge {INTEGRATION}")]
    NoBridge,
    #[error(transparent)]
    Database(#[from] ovsdb::op::Error),
    #[error("the daemon is stopping")]
    Stopping,
}

type Answer<T> = oneshot::Sender<T>;

/// What the owner of the connection is asked to do.
#[derive(Debug)]
enum Request {
    /// Make the port what `Port` says, in place of others with its `iface-id`.
    Add(Port, Answer<Result<(), Error>>),
    /// Set keys of a port's `external_ids`.
    Describe { link: String, ids: Vec<(&'static str, String)>, answer: Answer<Result<(), Error>> },
    /// Remove these ports; those that are not there are gone.
    Remove(Vec<String>, Answer<Result<(), Error>>),
    /// Answer when the port carries packets, or cannot.
    Ready { link: String, answer: Answer<State> },
    /// How a port is now.
    Look { link: String, answer: Answer<State> },
    /// The links of all ports of pods.
    Links(Answer<Vec<String>>),
}

/// Speaks to the task that owns the connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Vswitch {
    requests: mpsc::Sender<Request>,
    wanted: std::sync::Arc<watch::Sender<Wanted>>,
    facts: watch::Receiver<Facts>,
}

impl Vswitch {
    /// Connects to the database at `endpoint`; the future is the task, and must run for anything to happen.
    pub(crate) fn connect(
        endpoint: Endpoint,
    ) -> (Self, impl Future<Output = anyhow::Result<()>> + Send) {
        let (requests, incoming) = mpsc::channel(WAITING);
        let (wanted, wishes) = watch::channel(Wanted::default());
        let (tell, facts) = watch::channel(Facts::default());
        let task = async move {
            let database = Database::connect(Config {
                endpoints: vec![endpoint],
                database: ovn::vs::DATABASE.name,
                spec: rows::spec(),
                leader_only: false,
                probe: PROBE,
            });
            owner::Owner::new(database, tell).run(incoming, wishes).await
        };
        (Self { requests, wanted: std::sync::Arc::new(wanted), facts }, task)
    }

    /// What the database says about the node.
    pub(crate) fn facts(&self) -> watch::Receiver<Facts> {
        self.facts.clone()
    }

    /// Changes what the node wants of the database besides pods' ports.
    pub(crate) fn want(&self, change: impl FnOnce(&mut Wanted)) {
        self.wanted.send_if_modified(|wanted| {
            let before = wanted.clone();
            change(wanted);
            *wanted != before
        });
    }

    /// Makes the port what `port` says; ports of other links with its `iface-id` go.
    pub(crate) async fn add(&self, port: Port) -> Result<(), Error> {
        self.ask(|answer| Request::Add(port, answer)).await?
    }

    /// Sets keys of a port's `external_ids`.
    pub(crate) async fn describe(
        &self,
        link: &str,
        ids: Vec<(&'static str, String)>,
    ) -> Result<(), Error> {
        self.ask(|answer| Request::Describe { link: link.to_owned(), ids, answer }).await?
    }

    /// Removes ports; those that are not there are gone.
    pub(crate) async fn remove(&self, links: Vec<String>) -> Result<(), Error> {
        self.ask(|answer| Request::Remove(links, answer)).await?
    }

    /// Waits until the port carries packets, or vswitchd says that it cannot.
    pub(crate) async fn ready(&self, link: &str) -> Result<State, Error> {
        self.ask(|answer| Request::Ready { link: link.to_owned(), answer }).await
    }

    /// How the port is now.
    pub(crate) async fn look(&self, link: &str) -> Result<State, Error> {
        self.ask(|answer| Request::Look { link: link.to_owned(), answer }).await
    }

    /// The links of all ports of pods.
    pub(crate) async fn pod_links(&self) -> Result<Vec<String>, Error> {
        self.ask(Request::Links).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| Error::Stopping)?;
        answered.await.map_err(|_| Error::Stopping)
    }
}
