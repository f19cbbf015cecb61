//! The task that owns the connection.

use std::collections::HashMap;

use ovn::vs::interface::{self, InterfaceRow};
use ovsdb::client::{Database, Event};
use ovsdb::op::Error as Refused;
use ovsdb::replica::Change as RowChange;
use tokio::sync::{mpsc, watch};

use super::facts::{Facts, HostPorts, pod_links};
use super::port::{self, State};
use super::queue::{Change, Queue};
use super::wanted::Wanted;
use super::{Answer, Request};
use crate::plan::node::LINK;

/// What is in flight; one transaction at a time, so that all that comes meanwhile shares the next.
enum Flight {
    None,
    /// Changes that somebody waits for.
    Jobs(u64),
    /// What the node wants.
    Wanted(u64),
}

pub(super) struct Owner {
    database: Database,
    queue: Queue,
    flight: Flight,
    wanted: Wanted,
    /// Whether what is wanted must be compared with the rows again.
    compare: bool,
    waiting: HashMap<String, Vec<Answer<State>>>,
    facts: watch::Sender<Facts>,
    host_ports: HostPorts,
}

impl Owner {
    pub(super) fn new(database: Database, facts: watch::Sender<Facts>) -> Self {
        Self {
            database,
            queue: Queue::default(),
            flight: Flight::None,
            wanted: Wanted::default(),
            compare: false,
            waiting: HashMap::new(),
            facts,
            host_ports: HostPorts::default(),
        }
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut wishes: watch::Receiver<Wanted>,
    ) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                event = self.database.event() => self.event(event),
                request = requests.recv() => match request {
                    Some(request) => {
                        self.request(request);
                        while let Ok(request) = requests.try_recv() {
                            self.request(request);
                        }
                    }
                    None => return Ok(()),
                },
                Ok(()) = wishes.changed() => {
                    self.wanted = wishes.borrow_and_update().clone();
                    self.compare = true;
                }
            }
            self.send();
        }
    }

    fn request(&mut self, request: Request) {
        let replica = self.database.replica();
        match request {
            Request::Add(port, answer) => self.queue.push(Change::Add(port), answer),
            Request::Describe { link, ids, answer } => {
                self.queue.push(Change::Describe { link, ids }, answer)
            }
            Request::Remove(links, answer) => self.queue.push(Change::Remove(links), answer),
            Request::Ready { link, answer } => match port::state(replica, &link) {
                state if state.is_final() => tell(answer, state),
                _ => {
                    let waiting = self.waiting.entry(link).or_default();
                    waiting.retain(|answer| !answer.is_closed());
                    waiting.push(answer);
                }
            },
            Request::Look { link, answer } => tell(answer, port::state(replica, &link)),
            Request::Links(answer) => tell(answer, pod_links(replica)),
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Snapshot(changes) => {
                self.facts.send_if_modified(|facts| !std::mem::replace(&mut facts.connected, true));
                self.compare = true;
                self.changed(&changes);
            }
            Event::Changed(changes) => self.changed(&changes),
            Event::Reply { token, result } => self.reply(token, result.map(|_| ())),
            Event::Lost(error) => {
                tracing::warn!(%error, "Open vSwitch's database is out of reach");
                self.facts.send_if_modified(|facts| std::mem::replace(&mut facts.connected, false));
            }
            Event::Server(_) => {}
        }
    }

    fn reply(&mut self, token: u64, result: Result<(), Refused>) {
        match self.flight {
            Flight::Jobs(flying) if flying == token => self.queue.done(&result),
            Flight::Wanted(flying) if flying == token => {
                if let Err(error) = result {
                    // Compared again with the next change, which a conflict or a new connection brings by itself.
                    tracing::warn!(%error, "settings of Open vSwitch were refused");
                }
            }
            _ => return,
        }
        self.flight = Flight::None;
    }

    fn changed(&mut self, changes: &[RowChange]) {
        let replica = self.database.replica();
        for change in changes.iter().filter(|change| change.table == interface::TABLE) {
            let Some(row) = replica.get(interface::TABLE, &change.uuid) else {
                // Ours to make again if it was ours.
                self.compare = true;
                continue;
            };
            let row = InterfaceRow::from(row);
            self.compare |= self.wanted.node_port.as_ref().is_some_and(|port| port.is(row));
            if !self.waiting.contains_key(row.name()) {
                continue;
            }
            let state = port::state(replica, row.name());
            if state.is_final() {
                for answer in self.waiting.remove(row.name()).unwrap_or_default() {
                    tell(answer, state.clone());
                }
            }
        }
        self.compare |=
            changes.iter().any(|change| change.table != interface::TABLE && change.table != "Port");
        let host_ports = &mut self.host_ports;
        self.facts.send_if_modified(|facts| facts.take(replica, changes, host_ports, LINK));
    }

    /// Sends the next transaction, when there is something to send and nothing in flight.
    fn send(&mut self) {
        if !self.database.connected() || !matches!(self.flight, Flight::None) {
            return;
        }
        let ops = self.queue.next(self.database.replica());
        if !ops.is_empty() {
            match self.database.submit(&ops) {
                Ok(token) => self.flight = Flight::Jobs(token),
                Err(error) => self.queue.done(&Err(error)),
            }
            return;
        }
        if !std::mem::take(&mut self.compare) {
            return;
        }
        let ops = self.wanted.ops(self.database.replica());
        if ops.is_empty() {
            return;
        }
        match self.database.submit(&ops) {
            Ok(token) => self.flight = Flight::Wanted(token),
            Err(error) => tracing::warn!(%error, "settings of Open vSwitch were not sent"),
        }
    }
}

fn tell<T>(answer: Answer<T>, what: T) {
    // Whoever asked may have given up.
    let _ = answer.send(what);
}
