//! Every contract of the project: kinds, annotations, names, CNI types and the words plugin and daemon exchange.
//!
//! Nothing here does anything: no I/O, no clock, no randomness, no `async`. Text from outside is parsed here once, into types
//! whose errors name the field and the fault, so that the rest of the project never asks what a string means.

#[cfg(feature = "net")]
pub mod annotation;
pub mod cni;
#[cfg(feature = "kinds")]
pub mod kinds;
pub mod names;
#[cfg(feature = "net")]
pub mod net;
pub mod wire;
