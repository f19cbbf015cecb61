//! What every long-running program of ours starts with: logs, health, metrics, and parts that end together.
//!
//! It knows nothing of Kubernetes or OVN; a program brings its parts, its metrics and the names of what must be ready.

mod health;
mod parts;
mod server;

use tracing_subscriber::EnvFilter;

pub use health::Health;
pub use parts::{Parts, signals};
pub use server::serve;

/// Writes logs to standard error, one line an event: plain text, or JSON objects when `json`.
///
/// `RUST_LOG` chooses what is written (default `info`). A second call in one process changes nothing.
pub fn logs(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = if json { lines.json().try_init() } else { lines.with_ansi(false).try_init() };
    if let Err(error) = done {
        tracing::debug!(%error, "logs were set up before");
    }
}
