//! How long a watch waits before it is begun again.

use std::time::{Duration, Instant};

use kube::runtime::utils::Backoff;

/// An API server that is just starting answers a moment later.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(20);

/// Doubles with every error, and starts again when the last one was long ago.
///
/// Not when something worked in between: a watch says that it begins a list before it knows whether it may.
#[derive(Clone, Debug)]
pub(crate) struct Pauses {
    next: Duration,
    last: Option<Instant>,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: SHORTEST, last: None }
    }
}

impl Pauses {
    fn after(&mut self, now: Instant) -> Duration {
        if self.last.is_some_and(|last| now >= last + 2 * LONGEST) {
            self.next = SHORTEST;
        }
        self.last = Some(now);
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        pause
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.after(Instant::now()))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_errors_stop_for_a_while() {
        let (mut pauses, start) = (Pauses::default(), Instant::now());
        let ms: Vec<_> = (0..11).map(|_| pauses.after(start).as_millis()).collect();
        assert_eq!(ms, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000]);
        pauses.reset();
        assert_eq!(pauses.after(start + LONGEST), LONGEST, "one success does not end the trouble");
        assert_eq!(pauses.after(start + 3 * LONGEST), SHORTEST);
    }
}
