//! Waiting for a state of the world that nothing announces: asked again and again until a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// What one look found.
pub(crate) enum Look<T> {
    Done(T),
    /// Not yet, and what is there instead.
    Not(String),
}

/// Looks until it is done.
///
/// # Errors
/// Those of `look` at once; or the deadline passed: with what was missing.
pub(crate) fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<Look<T>>,
) -> Result<T> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let missing = match look()? {
            Look::Done(value) => return Ok(value),
            Look::Not(missing) => missing,
        };
        if start.elapsed() >= patience {
            bail!("{what}: not after {} s: {missing}", patience.as_secs());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(400));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_says_what_is_missing() {
        let look = || Ok(Look::<()>::Not("2 of 3 ready".into()));
        let error = until("nodes", Duration::ZERO, look).unwrap_err().to_string();
        assert_eq!(error, "nodes: not after 0 s: 2 of 3 ready");
    }

    #[test]
    fn a_look_is_repeated_until_it_is_done() {
        let mut looks = 0;
        let look = || {
            looks += 1;
            Ok(if looks == 3 { Look::Done(looks) } else { Look::Not(String::new()) })
        };
        assert_eq!(until("", Duration::from_secs(5), look).unwrap(), 3);
    }
}
