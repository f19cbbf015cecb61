//! How long a call may still wait: to its deadline, or until its caller is gone.

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Ends the waiting of one call.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    deadline: Instant,
    gone: watch::Receiver<bool>,
}

/// Why a wait ended without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Deadline,
    /// Nobody reads the answer.
    Gone,
}

impl Limit {
    /// A limit, and what to set when the caller is gone.
    pub(super) fn new(deadline: Instant) -> (Self, watch::Sender<bool>) {
        let (hang_up, gone) = watch::channel(false);
        (Self { deadline, gone }, hang_up)
    }

    /// Whether nobody reads the answer any more.
    pub(super) fn caller_is_gone(&self) -> bool {
        *self.gone.borrow() || self.gone.has_changed().is_err()
    }

    /// Waits for `what`, as long as the call may. What it was waiting for must bear being dropped.
    pub(super) async fn hold<T>(&self, what: impl Future<Output = T>) -> Result<T, Over> {
        let mut gone = self.gone.clone();
        tokio::select! {
            biased;
            done = what => Ok(done),
            () = sleep_until(self.deadline) => Err(Over::Deadline),
            // A sender that is dropped with its connection means the same.
            _ = gone.wait_for(|gone| *gone) => Err(Over::Gone),
        }
    }
}
