//! An OVSDB client after RFC 7047 and the extensions of ovsdb-server(7). It knows nothing of OVN.
//!
//! The pure half (values, schema, operations, replica) has no runtime, no socket and no clock; the
//! feature `client` adds the connection that feeds a replica and carries transactions.

#[cfg(feature = "client")]
pub mod client;
pub mod error;
pub mod framer;
mod intern;
pub mod op;
pub mod replica;
pub mod schema;
#[cfg(feature = "client")]
pub mod unixctl;
pub mod value;

pub use error::Error;
