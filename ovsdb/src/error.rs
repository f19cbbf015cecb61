//! What can go wrong between us and a database server, and whether trying again can help.

/// The outcome of a transaction or a connection that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A `wait` did not hold, or a row that was to change is gone: what we knew is out of date.
    #[error("the database changed meanwhile: operation {index} ({op} on {table}) did not hold")]
    Conflict { index: usize, op: &'static str, table: &'static str },
    /// The server refused an operation, or with `op` "commit" the transaction as a whole.
    #[error("{op} on {table} (operation {index}) was rejected: {error}: {details}")]
    Rejected { index: usize, op: &'static str, table: &'static str, error: String, details: String },
    /// The request needs a table or column that this server's schema lacks.
    #[error("the server's schema has no {table}.{column}")]
    Unsupported { table: String, column: String },
    /// No connection, or it broke: the outcome of a transaction in flight is unknown.
    #[error("no connection to the database: {0}")]
    Connection(String),
    /// The peer said something that is not OVSDB, or not what we asked for.
    #[error("not understood from the server: {0}")]
    Protocol(String),
}

impl Error {
    /// Whether the same intent can succeed later without anybody changing it: after reading again for
    /// a conflict, after reconnecting for a lost connection, by itself for a cluster without a leader.
    pub fn retry(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Connection(_) => true,
            Self::Rejected { error, .. } => TRANSIENT.contains(&error.as_str()),
            Self::Unsupported { .. } | Self::Protocol(_) => false,
        }
    }
}

/// Errors that pass: RFC 7047 section 5.1 `resources exhausted`, `I/O error` and `timed out`, and what
/// ovsdb-server(7) says while a cluster elects a leader or a member leaves it.
const TRANSIENT: [&str; 6] =
    ["cluster error", "not leader", "resources exhausted", "I/O error", "timed out", "canceled"];
