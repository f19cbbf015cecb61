//! A database over the wire: kept connected, copied into a replica, changed by transactions.
//!
//! A [`Database`] belongs to one task, which calls [`Database::event`] in its loop. Rows and replies
//! come over one connection in the order the server sent them, so that the replica holds a transaction's
//! rows when its [`Event::Reply`] is there. It does not repeat a transaction by itself: whether one that
//! was in flight when the connection broke took effect is seen in the next [`Event::Snapshot`].

mod backoff;
mod endpoint;
mod link;
mod message;
mod server;
mod session;
mod since;

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde_json::Value as Json;

pub use backoff::Backoff;
pub use endpoint::{Endpoint, NotAnEndpoint};
pub use server::Server;

use link::{Frame, Link};
use server::Watch;
use session::{Memory, News, Session};

use crate::error::Error;
use crate::op::Op;
use crate::replica::{Change, Replica, Spec};
use crate::schema;

/// Which database to follow, where, and what of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The servers of one database, in the order they are tried.
    pub endpoints: Vec<Endpoint>,
    /// Its name on the wire, such as `OVN_Northbound`.
    pub database: &'static str,
    pub spec: Spec,
    /// Talk to the leader of a cluster only: a follower forwards transactions, but lags behind.
    pub leader_only: bool,
    /// The longest silence before the server is asked whether it is there; after two it is left.
    pub probe: Duration,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// (Re)connected. The replica is complete; the changes are against what it held before.
    Snapshot(Vec<Change>),
    /// Rows changed, by us or by others.
    Changed(Vec<Change>),
    /// A transaction's result: an element per operation when all of it was done. A result
    /// [`Error::Connection`] means that nobody knows.
    Reply { token: u64, result: Result<Vec<Json>, Error> },
    /// The server's role, at each connection and when it changes.
    Server(Server),
    /// The connection broke, or none of the endpoints would do. Another attempt is under way.
    Lost(Error),
}

/// A database that one task follows.
pub struct Database {
    endpoints: Vec<Endpoint>,
    /// The endpoint that is tried or used.
    current: usize,
    probe: Duration,
    backoff: Backoff,
    random: Random,
    /// Endpoints that failed since the last connection that came alive.
    failed: usize,
    /// The owner was told that we are connected, and not yet that we are not.
    up: bool,
    link: Link,
    session: Option<Session>,
    memory: Memory,
    events: VecDeque<Event>,
}

/// A source of jitter: a number in 0..1.
pub type Random = Box<dyn FnMut() -> f64 + Send>;

impl Database {
    /// Starts to connect, and goes on doing so. Must be called within a tokio runtime.
    ///
    /// # Panics
    /// Without an endpoint.
    pub fn connect(config: Config) -> Self {
        let state = RandomState::new();
        let mut count = 0_u64;
        let random = move || {
            count += 1;
            (state.hash_one(count) >> 11) as f64 / (1_u64 << 53) as f64
        };
        Self::connect_with(config, Backoff::default(), Box::new(random))
    }

    /// The same with delays and jitter of your own.
    ///
    /// # Panics
    /// Without an endpoint.
    pub fn connect_with(config: Config, backoff: Backoff, random: Random) -> Self {
        let Config { endpoints, database, spec, leader_only, probe } = config;
        let first = endpoints.first().expect("a database has an endpoint").clone();
        Self {
            link: Link::dial(first, Duration::ZERO, probe),
            endpoints,
            current: 0,
            probe,
            backoff,
            random,
            failed: 0,
            up: false,
            session: None,
            memory: Memory {
                database,
                replica: Replica::new(spec),
                watch: Watch::new(database, leader_only),
                schema: None,
                position: None,
                resumed: false,
                requests: 0,
            },
            events: VecDeque::new(),
        }
    }

    /// The next event. Cancel-safe: what is not returned comes with the next call.
    pub async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.step().await;
        }
    }

    /// Sends a transaction, and answers with the token its [`Event::Reply`] will carry. It is written
    /// while [`Self::event`] is awaited.
    ///
    /// # Errors
    /// [`Error::Connection`] unless [`Self::connected`]; [`Error::Unsupported`] for a condition on a
    /// column that the server's schema lacks. Nothing was sent then.
    pub fn submit(&mut self, ops: &[Op]) -> Result<u64, Error> {
        let session = self.session.as_mut();
        let session = session.ok_or_else(|| Error::Connection("not connected".to_owned()))?;
        let token = session.submit(&mut self.memory, ops)?;
        self.flush();
        Ok(token)
    }

    /// Sends a transaction and waits for its result; other events wait for [`Self::event`].
    ///
    /// # Errors
    /// Those of [`Self::submit`] and of the reply.
    pub async fn transact(&mut self, ops: &[Op]) -> Result<Vec<Json>, Error> {
        let token = self.submit(ops)?;
        loop {
            let ours =
                |event: &Event| matches!(event, Event::Reply { token: t, .. } if *t == token);
            if let Some(at) = self.events.iter().position(ours) {
                let reply = self.events.remove(at);
                let Some(Event::Reply { result, .. }) = reply else { continue };
                return result;
            }
            self.step().await;
        }
    }

    /// Waits until the replica is complete. Events before that and the snapshot itself wait for
    /// [`Self::event`].
    pub async fn ready(&mut self) {
        while !self.connected() {
            self.step().await;
        }
    }

    /// Our copy of the rows, as new as the events so far; older than the server when not connected.
    pub fn replica(&self) -> &Replica {
        &self.memory.replica
    }

    /// Whether the replica is complete and transactions are taken.
    pub fn connected(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_live)
    }

    /// The schema of the server we talk to, or talked to last.
    pub fn schema(&self) -> Option<&schema::Database> {
        self.memory.schema.as_ref()
    }

    /// The role of the server we talk to.
    pub fn server(&self) -> Option<&Server> {
        self.session.as_ref()?.server()
    }

    /// Whether the last snapshot was only what we had missed: the server knew our last transaction.
    pub fn resumed(&self) -> bool {
        self.memory.resumed
    }

    /// The endpoint that is used or tried.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoints[self.current]
    }

    /// The servers are these from now on. A connection to one that is still among them stays.
    ///
    /// # Panics
    /// Without an endpoint.
    pub fn set_endpoints(&mut self, endpoints: Vec<Endpoint>) {
        assert!(!endpoints.is_empty(), "a database has an endpoint");
        let kept = endpoints.iter().position(|endpoint| endpoint == self.endpoint());
        self.endpoints = endpoints;
        self.failed = 0;
        self.backoff.reset();
        match kept {
            Some(at) => self.current = at,
            None => {
                self.current = self.endpoints.len() - 1;
                self.end(Error::Connection("the server is not among the endpoints".to_owned()));
            }
        }
    }

    /// Asks for all rows anew; a [`Event::Snapshot`] follows with what differs from the replica.
    ///
    /// # Errors
    /// [`Error::Unsupported`] as at the start of a monitor.
    pub fn restart_monitor(&mut self) -> Result<(), Error> {
        if let Some(session) = &mut self.session {
            session.restart_monitor(&mut self.memory)?;
            self.flush();
        }
        Ok(())
    }

    /// Takes one frame or writes one request, whichever is possible first.
    async fn step(&mut self) {
        let Some(session) = self.session.as_mut().filter(|session| !session.outbox.is_empty())
        else {
            let frame = self.link.frames.recv().await;
            self.take(frame);
            return;
        };
        let frame = tokio::select! {
            frame = self.link.frames.recv() => Some(frame),
            // A writer that ended leaves the reason among the frames.
            Ok(room) = self.link.requests.reserve() => {
                if let Some(request) = session.outbox.pop_front() {
                    room.send(request);
                }
                None
            }
        };
        if let Some(frame) = frame {
            self.take(frame);
        }
    }

    /// Hands over what the writer has room for.
    fn flush(&mut self) {
        let Some(session) = &mut self.session else { return };
        while let Ok(room) = self.link.requests.try_reserve() {
            let Some(request) = session.outbox.pop_front() else { return };
            room.send(request);
        }
    }

    fn take(&mut self, frame: Option<Frame>) {
        match frame {
            Some(Frame::Opened) => self.session = Some(Session::open(&mut self.memory)),
            Some(Frame::Message(message)) => {
                let Some(session) = &mut self.session else { return };
                let was_live = session.is_live();
                let taken = session.take(&mut self.memory, message);
                self.events.extend(session.news.drain(..).map(Event::from));
                match (was_live, session.is_live()) {
                    (false, true) => self.is_up(),
                    // Not at once: a server whose rows we cannot read is not tried without a pause.
                    (true, true) => self.backoff.reset(),
                    _ => {}
                }
                if let Err(error) = taken {
                    self.end(error);
                }
            }
            Some(Frame::Closed(error)) => self.end(error),
            None => self.end(Error::Connection("the connection's task ended".to_owned())),
        }
        self.flush();
    }

    fn is_up(&mut self) {
        let endpoint = self.endpoint();
        tracing::info!(database = self.memory.database, %endpoint, "connected");
        self.up = true;
        self.failed = 0;
    }

    /// Leaves this connection for the next endpoint.
    fn end(&mut self, error: Error) {
        let session = self.session.take();
        tracing::info!(database = self.memory.database, endpoint = %self.endpoint(), %error, "not connected");
        if matches!(error, Error::Protocol(_)) {
            // What we have may not be what the server thinks we have.
            self.memory.position = None;
        }
        for token in session.map(Session::unanswered).unwrap_or_default() {
            let result = Err(Error::Connection(format!("outcome unknown: {error}")));
            self.events.push_back(Event::Reply { token, result });
        }
        self.current = (self.current + 1) % self.endpoints.len();
        self.failed += 1;
        let round = self.failed.is_multiple_of(self.endpoints.len());
        if std::mem::take(&mut self.up) || round {
            // Who does not ask for events while a server is away finds one reason, the last.
            self.events.pop_back_if(|last| matches!(last, Event::Lost(_)));
            self.events.push_back(Event::Lost(error));
        }
        let delay = if round { self.backoff.next((self.random)()) } else { Duration::ZERO };
        self.link = Link::dial(self.endpoint().clone(), delay, self.probe);
    }
}

impl From<News> for Event {
    fn from(news: News) -> Self {
        match news {
            News::Snapshot(changes) => Self::Snapshot(changes),
            News::Changed(changes) => Self::Changed(changes),
            News::Reply { token, result } => Self::Reply { token, result },
            News::Server(server) => Self::Server(server),
        }
    }
}
