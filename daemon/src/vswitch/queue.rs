//! Changes that wait for a transaction, and the one that is in flight. Knows no connection.

use std::collections::{HashSet, VecDeque};

use ovsdb::op::{Error as Refused, Op};
use ovsdb::replica::Replica;

use super::port::{self, Port};
use super::{Answer, Error};

/// How often one change is tried again after the database changed under it.
const TRIES: u32 = 3;
/// Most changes in one transaction.
const MOST: usize = 256;

/// A change somebody waits for.
#[derive(Debug)]
pub(super) enum Change {
    Add(Port),
    Describe { link: String, ids: Vec<(&'static str, String)> },
    Remove(Vec<String>),
}

#[derive(Debug)]
struct Job {
    change: Change,
    answer: Answer<Result<(), Error>>,
    /// It was in a batch that failed: next time it goes alone.
    alone: bool,
    tries: u32,
}

/// Changes in the order they came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Job>,
    flying: Vec<Job>,
}

impl Queue {
    pub(super) fn push(&mut self, change: Change, answer: Answer<Result<(), Error>>) {
        self.waiting.push_back(Job { change, answer, alone: false, tries: 0 });
    }

    /// The operations of the next transaction: as many changes as touch different ports. Changes that need nothing, that
    /// nobody waits for any more, or that cannot be, are answered here.
    pub(super) fn next(&mut self, replica: &Replica) -> Vec<Op> {
        let mut ops = Vec::new();
        let mut touched = HashSet::new();
        let mut later = VecDeque::new();
        while let Some(job) = self.waiting.pop_front() {
            let stop = self.flying.len() >= MOST || (job.alone && !self.flying.is_empty());
            if stop || job.change.names().iter().any(|name| touched.contains(*name)) {
                touched.extend(job.change.names().into_iter().map(str::to_owned));
                later.push_back(job);
                continue;
            }
            // An ADD that was given up is undone by its own task; making the port now would leak it.
            if job.answer.is_closed() && matches!(job.change, Change::Add(_)) {
                continue;
            }
            match job.change.ops(replica) {
                Ok(none) if none.is_empty() => answer(job, Ok(())),
                Err(error) => answer(job, Err(error)),
                Ok(more) => {
                    touched.extend(job.change.names().into_iter().map(str::to_owned));
                    ops.extend(more);
                    let alone = job.alone;
                    self.flying.push(job);
                    if alone {
                        break;
                    }
                }
            }
        }
        later.append(&mut self.waiting);
        self.waiting = later;
        ops
    }

    /// What became of the transaction.
    pub(super) fn done(&mut self, result: &Result<(), Refused>) {
        let flying = std::mem::take(&mut self.flying);
        let several = flying.len() > 1;
        for mut job in flying.into_iter().rev() {
            match result {
                Ok(()) => answer(job, Ok(())),
                Err(Refused::Conflict { .. } | Refused::Rejected { .. }) if several => {
                    job.alone = true;
                    self.waiting.push_front(job);
                }
                Err(Refused::Conflict { .. }) if job.tries < TRIES => {
                    job.tries += 1;
                    self.waiting.push_front(job);
                }
                Err(error) => answer(job, Err(error.clone().into())),
            }
        }
    }
}

fn answer(job: Job, result: Result<(), Error>) {
    // Whoever asked may have given up.
    let _ = job.answer.send(result);
}

impl Change {
    /// The links and logical ports it touches.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Add(port) => vec![&port.link, &port.iface_id],
            Self::Describe { link, .. } => vec![link],
            Self::Remove(links) => links.iter().map(String::as_str).collect(),
        }
    }

    fn ops(&self, replica: &Replica) -> Result<Vec<Op>, Error> {
        match self {
            Self::Add(port) => port::add(replica, port),
            Self::Describe { link, ids } => Ok(port::describe(replica, link, ids)),
            Self::Remove(links) => {
                let rows = links.iter().filter_map(|link| super::rows::interface(replica, link));
                Ok(rows.flat_map(|(uuid, _)| port::remove(replica, uuid)).collect())
            }
        }
    }
}
