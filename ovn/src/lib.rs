//! What the project says to OVN's databases: their rows, who owns them, and how to get from the rows that
//! are to the rows that should be. Pure: no runtime, no clock, no randomness, no connection.

pub mod diff;
pub mod epoch;
pub mod identity;
pub mod keys;
pub mod mark;
pub mod monitor;
pub mod nb;
pub mod owner;
pub mod record;
pub mod sb;
pub mod shard;
pub mod state;
pub mod table;
pub mod vs;

pub use diff::diff;
pub use owner::{Owner, Role};
pub use state::{Edge, State};
