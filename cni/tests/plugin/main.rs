//! The real plugin, run as a runtime runs it, against a daemon that follows a script.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

mod answers;
mod bad_input;
mod run;
mod silence;
