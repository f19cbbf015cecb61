//! Reads a transaction's reply to the end: a result per operation and, when only the commit failed,
//! one more (RFC 7047 section 4.1.3).

use serde_json::Value as Json;

use super::Op;
use crate::error::Error;

/// Whether all of `sent` was done. A change that found no row is a success to the server and a
/// conflict to us.
pub fn check(sent: &[Op], reply: &[Json]) -> Result<(), Error> {
    let named: Vec<_> = sent.iter().map(|op| Sent { op: op.name(), table: op.table() }).collect();
    check_sent(&named, reply)
}

/// What must be remembered of an operation to judge its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) op: &'static str,
    pub(crate) table: &'static str,
}

const COMMIT: Sent = Sent { op: "commit", table: "the database" };

pub(crate) fn check_sent(sent: &[Sent], reply: &[Json]) -> Result<(), Error> {
    for (index, result) in reply.iter().enumerate() {
        let Sent { op, table } = sent.get(index).copied().unwrap_or(COMMIT);
        let conflict = Error::Conflict { index, op, table };
        match result.get("error").and_then(Json::as_str) {
            Some("timed out") if op == "wait" => return Err(conflict),
            Some(error) => {
                let details = result.get("details").and_then(Json::as_str).unwrap_or_default();
                let (error, details) = (error.to_owned(), details.to_owned());
                return Err(Error::Rejected { index, op, table, error, details });
            }
            None if result.get("count").and_then(Json::as_u64) == Some(0) => return Err(conflict),
            None => {}
        }
    }
    match reply.len() < sent.len() {
        true => {
            let text = format!("{} results for {} operations", reply.len(), sent.len());
            Err(Error::Protocol(text))
        }
        false => Ok(()),
    }
}
