//! One call at a time for each attachment: a DEL that overtakes an ADD that is being taken back would leave something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::plan::name::Tag;

type Queue = Arc<tokio::sync::Mutex<()>>;

/// Who is working on which attachment.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Tag, Queue>>);

/// The right to work on an attachment, until dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    tag: &'a Tag,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else works on the attachment. Safe to cancel.
    pub(super) async fn take<'a>(&'a self, tag: &'a Tag) -> Turn<'a> {
        let queue = self.queues().entry(tag.clone()).or_default().clone();
        // Made before waiting, so that one who gives up tidies as well.
        let mut turn = Turn { turns: self, tag, held: None };
        turn.held = Some(queue.lock_owned().await);
        turn
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Tag, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queues = self.turns.queues();
        self.held = None;
        if queues.get(self.tag).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(self.tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_second_waits_for_the_first_and_nothing_is_kept() {
        let turns = Turns::default();
        let tag = |container: &str| Tag {
            network: "n".into(),
            container: container.into(),
            interface: "eth0".into(),
        };
        let (a, b) = (tag("a"), tag("b"));
        let first = turns.take(&a).await;
        let second = tokio::time::timeout(Duration::from_secs(1), turns.take(&a)).await;
        assert!(second.is_err(), "the second should wait");
        drop(turns.take(&b).await);
        drop(first);
        drop(turns.take(&a).await);
        assert!(turns.queues().is_empty());
    }
}
