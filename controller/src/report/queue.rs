//! What is still to be told to the API server, as a machine without socket and clock.
//!
//! One place per target, so that the queue is as long as there are targets, never as there are events: a newer write
//! replaces an older one that was not sent. A target has one request in flight. The most urgent goes first, and among
//! equals the one that waits longest.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// A write that can say how much it hurries.
pub(super) trait Urgent {
    type Urgency: Ord + Copy;

    fn urgency(&self) -> Self::Urgency;
}

#[derive(Debug)]
struct Place<W> {
    /// Not yet sent.
    next: Option<W>,
    /// When `next` arrived; its rank among equals, and its key in `ready` or `later`.
    turn: u64,
    in_flight: Option<W>,
    /// Nothing is sent before.
    not_before: Option<Instant>,
    /// Requests that failed since the last that did not.
    failures: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue<T, W: Urgent> {
    places: HashMap<T, Place<W>>,
    ready: BTreeMap<(W::Urgency, u64), T>,
    later: BTreeMap<(Instant, u64), T>,
    turns: u64,
}

impl<T: Clone + Eq + Hash, W: Urgent> Default for Queue<T, W> {
    fn default() -> Self {
        Self { places: HashMap::new(), ready: BTreeMap::new(), later: BTreeMap::new(), turns: 0 }
    }
}

impl<T: Clone + Eq + Hash, W: Urgent + Clone + PartialEq> Queue<T, W> {
    /// How many targets have a write that was not sent.
    pub(super) fn waiting(&self) -> usize {
        self.places.values().filter(|place| place.next.is_some()).count()
    }

    /// Puts `write` in the place of `target`. Over an unsent one it keeps that one's turn. What is on its way already is
    /// not said again.
    pub(super) fn push(&mut self, target: T, write: W) {
        self.turns += 1;
        let turn = self.turns;
        let place = self.places.entry(target.clone()).or_insert(Place {
            next: None,
            turn,
            in_flight: None,
            not_before: None,
            failures: 0,
        });
        if place.in_flight.as_ref() == Some(&write) {
            place.next = None;
            return;
        }
        match place.next.take() {
            Some(old) => {
                self.ready.remove(&(old.urgency(), place.turn));
                if let Some(at) = place.not_before {
                    self.later.remove(&(at, place.turn));
                }
            }
            None => place.turn = turn,
        }
        place.next = Some(write);
        self.line_up(target);
    }

    /// The next write to send, which then counts as in flight.
    pub(super) fn take(&mut self, now: Instant) -> Option<(T, W)> {
        self.wake(now);
        let (_, target) = self.ready.pop_first()?;
        let place = self.places.get_mut(&target).expect("who is in line has a place");
        let write = place.next.take().expect("who is in line has a write");
        place.in_flight = Some(write.clone());
        Some((target, write))
    }

    /// The write in flight to `target` ended well; the next one may go at `not_before`.
    pub(super) fn sent(&mut self, target: &T, not_before: Option<Instant>) {
        self.landed(target, not_before, false);
    }

    /// The write in flight to `target` failed; the next one rests for what `backoff` says of the number of failures in
    /// a row.
    pub(super) fn failed(&mut self, target: &T, now: Instant, backoff: fn(u32) -> Duration) {
        let failures = self.places.get(target).map_or(0, |place| place.failures);
        self.landed(target, Some(now + backoff(failures + 1)), true);
    }

    /// The time at which [`Queue::take`] may have more to give; `None`: not by itself.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((at, _), _)| *at)
    }

    /// Forgets rests that are over; call it now and then.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let target = entry.remove();
            let place = self.places.get_mut(&target).expect("who rests has a place");
            place.not_before = None;
            match &place.next {
                Some(write) => {
                    self.ready.insert((write.urgency(), place.turn), target);
                }
                None => {
                    self.places.remove(&target);
                }
            }
        }
    }

    fn landed(&mut self, target: &T, not_before: Option<Instant>, failed: bool) {
        let Some(place) = self.places.get_mut(target) else { return };
        place.in_flight = None;
        place.not_before = not_before;
        place.failures = if failed { place.failures + 1 } else { 0 };
        self.line_up(target.clone());
    }

    fn line_up(&mut self, target: T) {
        let Some(place) = self.places.get(&target) else { return };
        if place.in_flight.is_some() {
            return;
        }
        match (place.not_before, &place.next) {
            (Some(at), _) => {
                self.later.insert((at, place.turn), target);
            }
            (None, Some(write)) => {
                self.ready.insert((write.urgency(), place.turn), target);
            }
            (None, None) => {
                self.places.remove(&target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Word(u8, &'static str);

    impl Urgent for Word {
        type Urgency = u8;

        fn urgency(&self) -> u8 {
            self.0
        }
    }

    fn queue(words: &[(&'static str, Word)]) -> Queue<&'static str, Word> {
        let mut queue = Queue::default();
        for (target, Word(urgency, text)) in words {
            queue.push(*target, Word(*urgency, text));
        }
        queue
    }

    fn drain(queue: &mut Queue<&'static str, Word>, now: Instant) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.take(now)).map(|(_, Word(_, text))| text).collect()
    }

    #[test]
    fn the_most_urgent_goes_first_and_equals_in_turn() {
        let mut queue =
            queue(&[("s", Word(2, "status")), ("b", Word(0, "second")), ("c", Word(0, "third"))]);
        queue.push("s2", Word(2, "later status"));
        assert_eq!(
            drain(&mut queue, Instant::now()),
            ["second", "third", "status", "later status"]
        );
    }

    #[test]
    fn a_newer_write_replaces_an_unsent_one_in_its_turn() {
        let mut queue =
            queue(&[("a", Word(1, "old")), ("b", Word(1, "other")), ("a", Word(1, "new"))]);
        assert_eq!(queue.waiting(), 2);
        assert_eq!(drain(&mut queue, Instant::now()), ["new", "other"]);
    }

    #[test]
    fn a_target_has_one_write_in_flight() {
        let now = Instant::now();
        let mut queue = queue(&[("a", Word(0, "first"))]);
        assert_eq!(drain(&mut queue, now), ["first"]);
        queue.push("a", Word(0, "second"));
        assert_eq!(drain(&mut queue, now), [""; 0]);
        queue.sent(&"a", None);
        assert_eq!(drain(&mut queue, now), ["second"]);
    }

    #[test]
    fn what_is_on_its_way_is_not_said_again() {
        let now = Instant::now();
        let mut queue = queue(&[("a", Word(0, "same"))]);
        drain(&mut queue, now);
        queue.push("a", Word(0, "other"));
        queue.push("a", Word(0, "same"));
        queue.sent(&"a", None);
        assert_eq!(drain(&mut queue, now), [""; 0]);
    }

    #[test]
    fn a_place_is_given_up_when_nothing_is_left_to_say() {
        let mut queue = queue(&[("a", Word(0, "only"))]);
        drain(&mut queue, Instant::now());
        queue.sent(&"a", None);
        assert!(queue.places.is_empty());
    }

    #[test]
    fn a_target_that_rests_keeps_its_newest_write_until_then() {
        let now = Instant::now();
        let after = now + Duration::from_secs(1);
        let mut queue = queue(&[("a", Word(0, "first"))]);
        drain(&mut queue, now);
        queue.sent(&"a", Some(after));
        queue.push("a", Word(0, "second"));
        queue.push("a", Word(0, "third"));
        assert_eq!(drain(&mut queue, now), [""; 0]);
        assert_eq!(queue.next_wake(), Some(after));
        assert_eq!(drain(&mut queue, after), ["third"]);
        queue.sent(&"a", Some(after));
        queue.wake(after);
        assert!(queue.places.is_empty() && queue.later.is_empty());
    }

    #[test]
    fn every_failure_rests_longer_until_a_write_ends_well() {
        let backoff = |failures: u32| Duration::from_secs(failures.into());
        let mut now = Instant::now();
        let mut queue = queue(&[("a", Word(0, "first"))]);
        for seconds in [1, 2, 3] {
            assert_eq!(drain(&mut queue, now).len(), 1);
            queue.failed(&"a", now, backoff);
            queue.push("a", Word(0, "again"));
            let rested = now + Duration::from_secs(seconds);
            assert_eq!(queue.next_wake(), Some(rested));
            now = rested;
        }
        drain(&mut queue, now);
        queue.sent(&"a", None);
        queue.push("a", Word(0, "more"));
        drain(&mut queue, now);
        queue.failed(&"a", now, backoff);
        assert_eq!(queue.next_wake(), Some(now + Duration::from_secs(1)));
    }
}
