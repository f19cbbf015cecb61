//! The requests of one connection, from the first to the last, without socket or clock: messages go in,
//! requests to send and [`News`] come out.
//!
//! ```text
//! opened ─▶ set_db_change_aware, monitor _Server ─▶ judged fit ─▶ get_schema ─▶ monitor ─▶ live
//!                                                     │                ▲
//!                                                     └─ unfit: over   └─ monitor_canceled (conversion)
//! ```

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::message::{self, Message};
use super::server::{Server, Watch};
use crate::error::Error;
use crate::op::check::{Sent, check_sent};
use crate::op::{Encoder, Op};
use crate::replica::{Change, Replica, Updates};
use crate::schema::Database;
use crate::value::Uuid;

/// What a message meant to the owner.
pub(super) enum News {
    Snapshot(Vec<Change>),
    Changed(Vec<Change>),
    Reply { token: u64, result: Result<Vec<Json>, Error> },
    Server(Server),
}

/// What outlives a connection.
pub(super) struct Memory {
    pub(super) database: &'static str,
    pub(super) replica: Replica,
    pub(super) watch: Watch,
    /// The schema of the server we talk to, or talked to last.
    pub(super) schema: Option<Database>,
    /// The transaction up to which the replica is complete; `None`: only a snapshot will do.
    pub(super) position: Option<Uuid>,
    /// The last snapshot was a difference.
    pub(super) resumed: bool,
    /// The number of the last request; transactions' tokens are among them and never repeat.
    pub(super) requests: u64,
}

pub(super) struct Session {
    pending: HashMap<u64, Pending>,
    /// The name of the monitor whose updates count; older ones are being cancelled.
    monitor: Option<u64>,
    live: bool,
    server: Option<Server>,
    pub(super) outbox: VecDeque<Bytes>,
    pub(super) news: VecDeque<News>,
}

enum Pending {
    /// Done whatever the answer is: an older server that does not know the request needs none.
    Ignored,
    Server,
    Schema,
    Monitor {
        name: u64,
        since: bool,
    },
    Transaction(Vec<Sent>),
}

impl Session {
    /// The first requests of a connection.
    pub(super) fn open(memory: &mut Memory) -> Self {
        memory.watch.restart();
        let mut session = Self {
            pending: HashMap::new(),
            monitor: None,
            live: false,
            server: None,
            outbox: VecDeque::new(),
            news: VecDeque::new(),
        };
        session.ask(memory, "set_db_change_aware", &json!([true]), Pending::Ignored);
        let request = memory.watch.request();
        session.ask(memory, "monitor_cond", &request, Pending::Server);
        session
    }

    /// The replica is complete, and transactions are taken.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    pub(super) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// Transactions that were not answered; in order.
    pub(super) fn unanswered(self) -> Vec<u64> {
        let transaction = |(id, pending)| matches!(pending, Pending::Transaction(_)).then_some(id);
        let mut tokens: Vec<u64> = self.pending.into_iter().filter_map(transaction).collect();
        tokens.sort_unstable();
        tokens
    }

    pub(super) fn submit(&mut self, memory: &mut Memory, ops: &[Op]) -> Result<u64, Error> {
        let schema = memory.schema.as_ref().filter(|_| self.live);
        let schema = schema.ok_or_else(|| Error::Connection("not connected yet".to_owned()))?;
        memory.requests += 1;
        let token = memory.requests;
        let request = Encoder { schema }.request(token, ops)?;
        let sent = ops.iter().map(|op| Sent { op: op.name(), table: op.table() }).collect();
        self.pending.insert(token, Pending::Transaction(sent));
        self.outbox.push_back(request.into());
        Ok(token)
    }

    /// Asks for all rows anew, whatever we have.
    pub(super) fn restart_monitor(&mut self, memory: &mut Memory) -> Result<(), Error> {
        memory.position = None;
        if let Some(name) = self.monitor {
            self.ask(memory, "monitor_cancel", &json!([name]), Pending::Ignored);
            self.monitor(memory, true)?;
        }
        Ok(())
    }

    /// Takes one message. An error ends the connection.
    pub(super) fn take(&mut self, memory: &mut Memory, message: Message) -> Result<(), Error> {
        match message {
            Message::Reply { id, result } => self.reply(memory, &id, result),
            Message::Notification { method, params } => self.notified(memory, &method, &params),
            Message::Request { .. } => Ok(()),
        }
    }

    fn ask(&mut self, memory: &mut Memory, method: &str, params: &Json, pending: Pending) {
        memory.requests += 1;
        self.pending.insert(memory.requests, pending);
        self.outbox.push_back(message::request(memory.requests, method, params));
    }

    fn reply(&mut self, memory: &mut Memory, id: &Bytes, result: Answer) -> Result<(), Error> {
        let pending = parse::<u64>(id).ok().and_then(|id| Some((id, self.pending.remove(&id)?)));
        let Some((token, pending)) = pending else {
            return Err(Error::Protocol(format!("a reply to no request: {id:?}")));
        };
        match (pending, result) {
            (Pending::Ignored, _) => Ok(()),
            (Pending::Server, Ok(updates)) => {
                let server = memory.watch.snapshot(text(&updates)?)?;
                self.fit(memory, server);
                Ok(())
            }
            (Pending::Server, Err(_)) => {
                self.fit(memory, Server::standalone());
                Ok(())
            }
            (Pending::Schema, Ok(schema)) => {
                let schema = Database::parse(text(&schema)?)?;
                if memory.replica.follow(&schema) {
                    memory.position = None;
                }
                memory.schema = Some(schema);
                self.monitor(memory, true)
            }
            (Pending::Monitor { name, .. }, Ok(_)) if self.monitor != Some(name) => Ok(()),
            (Pending::Monitor { since, .. }, Ok(rows)) => self.monitored(memory, since, &rows),
            // The database has no history or the server does not know of any.
            (Pending::Monitor { since: true, .. }, Err(_)) => self.monitor(memory, false),
            (Pending::Transaction(sent), result) => {
                let result = result.map_err(Error::Protocol).and_then(|results| {
                    let results: Vec<Json> = parse(&results)?;
                    check_sent(&sent, &results).map(|()| results)
                });
                self.news.push_back(News::Reply { token, result });
                Ok(())
            }
            (Pending::Schema | Pending::Monitor { .. }, Err(error)) => {
                Err(Error::Connection(format!("the server refused to show the database: {error}")))
            }
        }
    }

    /// The server will do: go on with its schema.
    fn fit(&mut self, memory: &mut Memory, server: Server) {
        self.server = Some(server.clone());
        self.news.push_back(News::Server(server));
        self.ask(memory, "get_schema", &json!([memory.database]), Pending::Schema);
    }

    fn monitor(&mut self, memory: &mut Memory, since: bool) -> Result<(), Error> {
        let schema = memory.schema.as_ref().expect("a monitor is asked for after the schema");
        let requests = memory.replica.monitor_requests(schema)?;
        let name = memory.requests + 1;
        self.monitor = Some(name);
        let (method, params) = if since {
            let position = memory.position.unwrap_or_default();
            ("monitor_cond_since", json!([memory.database, name, requests, position]))
        } else {
            ("monitor_cond", json!([memory.database, name, requests]))
        };
        self.ask(memory, method, &params, Pending::Monitor { name, since });
        Ok(())
    }

    fn monitored(&mut self, memory: &mut Memory, since: bool, rows: &[u8]) -> Result<(), Error> {
        let mut updates = Updates::default();
        let mut json = serde_json::Deserializer::from_slice(rows);
        let tables = memory.replica.updates_seed(&mut updates);
        let read = match since {
            false => tables.deserialize(&mut json).map(|()| (false, None)),
            true => super::since::Since(tables).deserialize(&mut json).map(|(f, at)| (f, Some(at))),
        };
        let (resumed, position) =
            read.map_err(|error| Error::Protocol(format!("the first rows: {error}")))?;
        let changes = match resumed {
            true => memory.replica.apply(updates)?,
            false => memory.replica.replace(updates),
        };
        (memory.resumed, memory.position) = (resumed, position);
        self.live = true;
        self.news.push_back(News::Snapshot(changes));
        Ok(())
    }

    fn notified(&mut self, memory: &mut Memory, method: &str, params: &[u8]) -> Result<(), Error> {
        match method {
            "update3" => {
                let (name, position, rows): (Json, Uuid, &RawValue) = parse(params)?;
                self.update(memory, &name, rows.get(), Some(position))
            }
            "update2" => {
                let (name, rows): (Json, &RawValue) = parse(params)?;
                match name == "_Server" {
                    true => self.server_changed(memory, rows.get()),
                    false => self.update(memory, &name, rows.get(), None),
                }
            }
            "monitor_canceled" => self.canceled(memory, params),
            // `locked`, `stolen`: we take no locks.
            _ => Ok(()),
        }
    }

    fn update(
        &mut self,
        memory: &mut Memory,
        name: &Json,
        rows: &str,
        position: Option<Uuid>,
    ) -> Result<(), Error> {
        let changes = memory.replica.apply_update3(rows)?;
        // What an older monitor still delivers is true, but no place to resume from.
        if name.as_u64() == self.monitor {
            memory.position = position;
        }
        if !changes.is_empty() {
            self.news.push_back(News::Changed(changes));
        }
        Ok(())
    }

    fn server_changed(&mut self, memory: &mut Memory, rows: &str) -> Result<(), Error> {
        let server = memory.watch.update(rows)?;
        if !self.server.as_ref().is_some_and(|known| known.same_role(&server)) {
            self.news.push_back(News::Server(server.clone()));
        }
        self.server = Some(server);
        Ok(())
    }

    /// The server dropped a monitor: it converted the database to another schema, or removed it.
    fn canceled(&mut self, memory: &mut Memory, params: &[u8]) -> Result<(), Error> {
        let (name,): (Json,) = parse(params)?;
        if name == "_Server" {
            return Err(Error::Connection("the server stopped telling of itself".to_owned()));
        }
        if name.as_u64() == self.monitor {
            self.live = false;
            self.ask(memory, "get_schema", &json!([memory.database]), Pending::Schema);
        }
        Ok(())
    }
}

type Answer = Result<Bytes, String>;

fn parse<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Protocol(error.to_string()))
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    str::from_utf8(bytes).map_err(|error| Error::Protocol(error.to_string()))
}
