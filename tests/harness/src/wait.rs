//! Waiting for a condition instead of for some time.

use std::fmt::Display;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a condition may answer: reached (with what was waited for) or not (with what is there instead).
pub trait Progress {
    type Reached;
    type State: Display;

    fn progress(self) -> Result<Self::Reached, Self::State>;
}

impl Progress for bool {
    type Reached = ();
    type State = &'static str;

    fn progress(self) -> Result<(), &'static str> {
        if self { Ok(()) } else { Err("the condition does not hold") }
    }
}

impl<T> Progress for Option<T> {
    type Reached = T;
    type State = &'static str;

    fn progress(self) -> Result<T, &'static str> {
        self.ok_or("there is none yet")
    }
}

impl<T, S: Display> Progress for Result<T, S> {
    type Reached = T;
    type State = S;

    fn progress(self) -> Self {
        self
    }
}

/// Asks `condition` every millisecond, later every ten, until it holds. Fails with the last state
/// after `deadline`.
pub fn wait_for<P: Progress>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> P,
) -> P::Reached {
    let start = Instant::now();
    loop {
        let state = match condition().progress() {
            Ok(reached) => return reached,
            Err(state) => state,
        };
        let waited = start.elapsed();
        assert!(waited < deadline, "waited {deadline:?} for {what}; now: {state}");
        sleep(Duration::from_millis(if waited < Duration::from_millis(100) { 1 } else { 10 }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_ends_the_wait_with_its_value() {
        let mut asked = 0;
        let third = wait_for("the third question", Duration::from_secs(5), || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(third, 3);
    }

    #[test]
    #[should_panic(expected = "waited 5ms for rain; now: sunshine")]
    fn a_condition_that_stays_false_fails_with_the_state_it_saw() {
        wait_for("rain", Duration::from_millis(5), || Err::<(), _>("sunshine"));
    }
}
