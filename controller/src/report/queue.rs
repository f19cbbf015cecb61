//! What is still to be told to the API server, as a machine without socket and clock.
//!
//! One place per target, so that the queue is as long as there are targets, never as there are events: a newer write
//! replaces an older one that was not sent. A target has one request in flight. The most urgent goes first, and among
//! equals the one that waits longest.
//!
//! Reports are made anew until the watch shows that they were heard, so what was said just now is not said again; whether
//! it was indeed heard is asked once, a little later ([`Queue::doubts`]).

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long the watch may take to show what was written.
const ECHO: Duration = Duration::from_secs(1);

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
    /// What was sent last, while the watch may not have shown it.
    said: Option<Said<W>>,
}

#[derive(Debug)]
struct Said<W> {
    write: W,
    /// Until when it is not said again.
    until: Instant,
    /// Somebody wanted to.
    again: bool,
}

impl<W> Place<W> {
    fn new(turn: u64) -> Self {
        Self { next: None, turn, in_flight: None, not_before: None, failures: 0, said: None }
    }

    fn is_idle(&self) -> bool {
        let quiet = self.next.is_none() && self.in_flight.is_none();
        quiet && self.not_before.is_none() && self.said.is_none()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue<T, W: Urgent> {
    places: HashMap<T, Place<W>>,
    ready: BTreeMap<(W::Urgency, u64), T>,
    later: BTreeMap<(Instant, u64), T>,
    echoes: BTreeMap<(Instant, u64), T>,
    turns: u64,
    waiting: usize,
}

impl<T, W: Urgent> Default for Queue<T, W> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            ready: BTreeMap::new(),
            later: BTreeMap::new(),
            echoes: BTreeMap::new(),
            turns: 0,
            waiting: 0,
        }
    }
}

impl<T: Clone + Eq + Hash, W: Urgent + Clone + PartialEq> Queue<T, W> {
    /// How many targets have a write that was not sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Puts `write` in the place of `target`. Over an unsent one it keeps that one's turn. What is on its way already, or
    /// was said a moment ago, is not said again.
    pub(super) fn push(&mut self, target: T, write: W) {
        self.turns += 1;
        let turn = self.turns;
        let place = self.places.entry(target.clone()).or_insert_with(|| Place::new(turn));
        match place.next.take() {
            Some(old) => {
                self.waiting -= 1;
                self.ready.remove(&(old.urgency(), place.turn));
                if let Some(at) = place.not_before {
                    self.later.remove(&(at, place.turn));
                }
            }
            None => place.turn = turn,
        }
        let said = place.said.as_mut().filter(|said| said.write == write);
        if let (Some(said), None) = (said, &place.in_flight) {
            said.again = true;
        } else if place.in_flight.as_ref() != Some(&write) {
            place.next = Some(write);
            self.waiting += 1;
        }
        self.line_up(target);
    }

    /// The next write to send, which then counts as in flight.
    pub(super) fn take(&mut self, now: Instant) -> Option<(T, W)> {
        self.wake(now);
        let (_, target) = self.ready.pop_first()?;
        let place = self.places.get_mut(&target).expect("who is in line has a place");
        let write = place.next.take().expect("who is in line has a write");
        self.waiting -= 1;
        place.in_flight = Some(write.clone());
        place.said = None;
        Some((target, write))
    }

    /// The write in flight to `target` ended well; the next one may go after `rest`.
    pub(super) fn sent(&mut self, target: &T, now: Instant, rest: Option<Duration>) {
        let until = now + ECHO;
        self.turns += 1;
        let turn = self.turns;
        let Some(place) = self.places.get_mut(target) else { return };
        place.said = place.in_flight.take().map(|write| Said { write, until, again: false });
        self.echoes.insert((until, turn), target.clone());
        place.failures = 0;
        place.not_before = rest.map(|rest| now + rest);
        self.line_up(target.clone());
    }

    /// The write in flight to `target` failed; the next one rests for what `backoff` says of the number of failures in
    /// a row.
    pub(super) fn failed(&mut self, target: &T, now: Instant, backoff: fn(u32) -> Duration) {
        let Some(place) = self.places.get_mut(target) else { return };
        place.in_flight = None;
        place.failures += 1;
        place.not_before = Some(now + backoff(place.failures));
        self.line_up(target.clone());
    }

    /// Writes that were wanted again after they were said, and whose time is over: what they came from is to be looked at
    /// again.
    pub(super) fn doubts(&mut self, now: Instant) -> Vec<W> {
        let mut doubts = Vec::new();
        while let Some(entry) = self.echoes.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let target = entry.remove();
            let Some(place) = self.places.get_mut(&target) else { continue };
            if let Some(said) = place.said.take_if(|said| said.until <= now) {
                doubts.extend(said.again.then_some(said.write));
            }
            if place.is_idle() {
                self.places.remove(&target);
            }
        }
        doubts
    }

    /// The time at which [`Queue::take`] or [`Queue::doubts`] may have more to give; `None`: not by itself.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let first = |of: &BTreeMap<(Instant, u64), T>| of.first_key_value().map(|((at, _), _)| *at);
        [first(&self.later), first(&self.echoes)].into_iter().flatten().min()
    }

    /// Ends rests that are over.
    fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let target = entry.remove();
            let place = self.places.get_mut(&target).expect("who rests has a place");
            place.not_before = None;
            self.line_up(target);
        }
    }

    fn line_up(&mut self, target: T) {
        let Some(place) = self.places.get(&target) else { return };
        match (&place.in_flight, place.not_before, &place.next) {
            (Some(_), _, _) => {}
            (None, Some(at), _) => {
                self.later.insert((at, place.turn), target);
            }
            (None, None, Some(write)) => {
                self.ready.insert((write.urgency(), place.turn), target);
            }
            (None, None, None) if place.is_idle() => {
                self.places.remove(&target);
            }
            (None, None, None) => {}
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
        queue.sent(&"a", now, None);
        assert_eq!(drain(&mut queue, now), ["second"]);
    }

    #[test]
    fn what_is_on_its_way_is_not_said_again() {
        let now = Instant::now();
        let mut queue = queue(&[("a", Word(0, "same"))]);
        drain(&mut queue, now);
        queue.push("a", Word(0, "other"));
        queue.push("a", Word(0, "same"));
        queue.sent(&"a", now, None);
        assert_eq!(drain(&mut queue, now), [""; 0]);
    }

    #[test]
    fn a_place_is_given_up_when_nothing_is_left_to_say() {
        let now = Instant::now();
        let mut queue = queue(&[("a", Word(0, "only"))]);
        drain(&mut queue, now);
        queue.sent(&"a", now, None);
        assert_eq!(queue.doubts(now + ECHO), []);
        assert!(queue.places.is_empty() && queue.echoes.is_empty());
    }

    #[test]
    fn what_was_said_a_moment_ago_is_doubted_once_instead_of_said_again() {
        let now = Instant::now();
        let mut queue = queue(&[("a", Word(0, "same"))]);
        drain(&mut queue, now);
        queue.sent(&"a", now, None);
        queue.push("a", Word(0, "same"));
        queue.push("a", Word(0, "same"));
        assert_eq!(drain(&mut queue, now), [""; 0]);
        assert_eq!(queue.doubts(now), []);
        assert_eq!(queue.next_wake(), Some(now + ECHO));
        assert_eq!(queue.doubts(now + ECHO), [Word(0, "same")]);
        queue.push("a", Word(0, "same"));
        assert_eq!(drain(&mut queue, now), ["same"], "the watch did not show it");
    }

    #[test]
    fn something_else_is_said_at_once() {
        let now = Instant::now();
        let mut queue = queue(&[("a", Word(0, "first"))]);
        drain(&mut queue, now);
        queue.sent(&"a", now, None);
        queue.push("a", Word(0, "second"));
        assert_eq!(drain(&mut queue, now), ["second"]);
        queue.sent(&"a", now, None);
        queue.push("a", Word(0, "first"));
        assert_eq!(
            drain(&mut queue, now),
            ["first"],
            "what was said before the last is news again"
        );
    }

    #[test]
    fn a_target_that_rests_keeps_its_newest_write_until_then() {
        let now = Instant::now();
        let after = now + Duration::from_secs(1);
        let mut queue = queue(&[("a", Word(0, "first"))]);
        drain(&mut queue, now);
        queue.sent(&"a", now, Some(Duration::from_secs(1)));
        queue.push("a", Word(0, "second"));
        queue.push("a", Word(0, "third"));
        assert_eq!((drain(&mut queue, now), queue.waiting()), (vec![], 1));
        assert_eq!(queue.next_wake(), Some(after));
        assert_eq!((drain(&mut queue, after), queue.waiting()), (vec!["third"], 0));
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
        queue.sent(&"a", now, None);
        queue.push("a", Word(0, "more"));
        drain(&mut queue, now);
        queue.failed(&"a", now, backoff);
        assert_eq!(queue.next_wake(), Some(now + Duration::from_secs(1)));
    }
}
