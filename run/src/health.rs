//! What the probes answer: readiness is the sum of named parts, liveness only of those that never recover.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The state of a process by part, shared by whoever reports and whoever answers the probes.
///
/// A part that was declared with [`Health::expect`] and has not yet reported is not ready.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<&'static str, Result<(), String>>,
    dead: Option<String>,
}

impl Health {
    /// Names a part that must report before the process counts as ready.
    pub fn expect(&self, part: &'static str) {
        self.with(|state| {
            state.parts.entry(part).or_insert_with(|| Err("not reported yet".to_owned()));
        });
    }

    /// Reports a part: ready, or why not.
    pub fn set(&self, part: &'static str, is: Result<(), String>) {
        self.with(|state| {
            state.parts.insert(part, is);
        });
    }

    /// Says that only a restart can help; the liveness probe fails from here on.
    pub fn dead(&self, why: impl Into<String>) {
        self.with(|state| state.dead = Some(why.into()));
    }

    /// `Ok` when every part is ready, else the parts that are not, a line each.
    ///
    /// # Errors
    /// The text a person reads to learn what is missing.
    pub fn ready(&self) -> Result<(), String> {
        self.with(|state| {
            let lines: Vec<String> = state
                .parts
                .iter()
                .filter_map(|(part, is)| is.as_ref().err().map(|why| format!("{part}: {why}")))
                .collect();
            if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
        })
    }

    /// `Ok` unless [`Health::dead`] was called.
    ///
    /// # Errors
    /// The reason given there.
    pub fn alive(&self) -> Result<(), String> {
        self.with(|state| state.dead.clone().map_or(Ok(()), Err))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_part_is_not_ready_until_it_says_so() {
        let health = Health::default();
        assert_eq!(health.ready(), Ok(()));
        health.expect("northbound");
        assert_eq!(health.ready(), Err("northbound: not reported yet".to_owned()));
        health.set("northbound", Ok(()));
        health.expect("northbound");
        assert_eq!(health.ready(), Ok(()));
    }

    #[test]
    fn a_part_that_is_not_ready_leaves_the_process_alive() {
        let health = Health::default();
        health.set("watch", Err("forbidden".to_owned()));
        assert_eq!(health.alive(), Ok(()));
        health.dead("wedged");
        assert_eq!(health.alive(), Err("wedged".to_owned()));
    }
}
