use super::*;

const TIMES: Times = Times {
    duration: Duration::from_secs(10),
    renew_deadline: Duration::from_secs(7),
    retry_period: Duration::from_secs(2),
};

/// A clock that tests move by hand.
struct Clock(Instant);

impl Clock {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn at(&self, seconds: u64) -> Instant {
        self.0 + Duration::from_secs(seconds)
    }
}

fn held_by(holder: &str, version: &str) -> View {
    View {
        version: version.to_owned(),
        holder: holder.to_owned(),
        duration: TIMES.duration,
        transitions: 3,
        since: Some(Timestamp::UNIX_EPOCH),
    }
}

fn me() -> Election {
    Election::new("me".to_owned(), TIMES)
}

fn leading(clock: &Clock) -> Election {
    let mut election = me();
    election.observe(None, clock.at(0));
    election.written(held_by("me", "1"), clock.at(0));
    election
}

fn write(next: Next) -> Record {
    match next {
        Next::Write(record) => record,
        other => panic!("a write should follow, not {other:?}"),
    }
}

#[test]
fn before_the_lease_was_read_nothing_is_written() {
    let clock = Clock::new();
    assert_eq!(me().next(clock.at(0)), Next::Wait(clock.at(2)));
}

#[test]
fn an_absent_lease_is_created() {
    let clock = Clock::new();
    let mut election = me();
    election.observe(None, clock.at(0));
    let record = write(election.next(clock.at(0)));
    assert_eq!(record.replaces, None);
    assert_eq!((record.holder.as_str(), record.transitions, record.since), ("me", 0, None));
}

#[test]
fn anothers_lease_is_taken_when_it_expired_and_not_before() {
    let clock = Clock::new();
    let mut election = me();
    election.observe(Some(held_by("other", "1")), clock.at(0));
    assert_eq!(election.next(clock.at(0)), Next::Wait(clock.at(10)));
    election.observe(Some(held_by("other", "2")), clock.at(9));
    assert_eq!(
        election.next(clock.at(10)),
        Next::Wait(clock.at(19)),
        "a renewal starts the time again"
    );
    let record = write(election.next(clock.at(19)));
    assert_eq!(record.replaces.as_deref(), Some("2"));
    assert_eq!((record.transitions, record.since), (4, None));
}

#[test]
fn hearing_the_same_version_again_does_not_prolong_it() {
    let clock = Clock::new();
    let mut election = me();
    election.observe(Some(held_by("other", "1")), clock.at(0));
    election.observe(Some(held_by("other", "1")), clock.at(8));
    write(election.next(clock.at(10)));
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let clock = Clock::new();
    let mut election = me();
    election.observe(Some(held_by("other", "1")), clock.at(0));
    election.observe(Some(held_by("", "2")), clock.at(1));
    assert_eq!(write(election.next(clock.at(1))).replaces.as_deref(), Some("2"));
}

#[test]
fn the_lease_of_an_earlier_life_under_our_name_is_taken_at_once() {
    let clock = Clock::new();
    let mut election = me();
    election.observe(Some(held_by("me", "1")), clock.at(0));
    let record = write(election.next(clock.at(0)));
    assert_eq!((record.transitions, record.since), (3, Some(Timestamp::UNIX_EPOCH)));
    assert!(!election.leads(), "only our own write makes us leader");
}

#[test]
fn a_leader_renews_every_retry_period() {
    let clock = Clock::new();
    let election = leading(&clock);
    assert_eq!(election.next(clock.at(1)), Next::Wait(clock.at(2)));
    let record = write(election.next(clock.at(2)));
    assert_eq!(
        (record.replaces.as_deref(), record.since),
        (Some("1"), Some(Timestamp::UNIX_EPOCH))
    );
}

#[test]
fn a_leader_that_cannot_renew_is_lost_at_the_deadline_and_not_before() {
    let clock = Clock::new();
    let mut election = leading(&clock);
    for second in [2, 4] {
        write(election.next(clock.at(second)));
        election.failed(clock.at(second));
    }
    write(election.next(clock.at(6)));
    election.failed(clock.at(6));
    assert_eq!(
        election.next(clock.at(6)),
        Next::Wait(clock.at(7)),
        "the deadline comes before the next try"
    );
    assert_eq!(election.next(clock.at(7)), Next::Lost("not renewed in time"));
}

#[test]
fn the_deadline_counts_from_the_sending_of_the_renewal() {
    let clock = Clock::new();
    let mut election = leading(&clock);
    election.written(held_by("me", "2"), clock.at(2));
    assert_eq!(election.next(clock.at(9)), Next::Lost("not renewed in time"));
}

#[test]
fn a_leader_whose_lease_another_took_is_lost() {
    let clock = Clock::new();
    let mut election = leading(&clock);
    election.outdated(Some(held_by("other", "9")), clock.at(2));
    assert_eq!(election.next(clock.at(2)), Next::Lost("another replica holds the lease"));
}

#[test]
fn a_leader_whose_lease_was_deleted_is_lost() {
    let clock = Clock::new();
    let mut election = leading(&clock);
    election.observe(None, clock.at(1));
    assert_eq!(election.next(clock.at(1)), Next::Lost("another replica holds the lease"));
}

#[test]
fn a_conflict_is_tried_again_at_once_with_the_new_version() {
    let clock = Clock::new();
    let mut election = me();
    election.observe(Some(held_by("", "1")), clock.at(0));
    election.failed(clock.at(0));
    assert_eq!(election.next(clock.at(0)), Next::Wait(clock.at(2)));
    election.outdated(Some(held_by("", "2")), clock.at(0));
    assert_eq!(write(election.next(clock.at(0))).replaces.as_deref(), Some("2"));
}

#[test]
fn only_a_leader_releases_and_it_keeps_the_count_of_transitions() {
    let clock = Clock::new();
    assert_eq!(me().release(), None);
    let record = leading(&clock).release().unwrap();
    assert_eq!(
        (record.holder.as_str(), record.replaces.as_deref(), record.transitions),
        ("", Some("1"), 3)
    );
}

#[test]
fn times_that_let_two_lead_are_refused() {
    assert!(TIMES.check().is_ok());
    assert!(Times { renew_deadline: TIMES.duration, ..TIMES }.check().is_err());
    assert!(Times { retry_period: TIMES.renew_deadline, ..TIMES }.check().is_err());
    assert!(Times { retry_period: Duration::ZERO, ..TIMES }.check().is_err());
}
