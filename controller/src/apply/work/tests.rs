use std::sync::Arc;

use super::*;
use crate::index::Key;

fn port(number: usize) -> Scope {
    Scope::Port(Key::new("default", format!("pod-{number:05}")))
}

fn subnet(name: &str) -> Scope {
    Scope::Subnet(Arc::from(name))
}

fn ports(numbers: impl IntoIterator<Item = usize>) -> Dirty {
    numbers.into_iter().map(port).collect()
}

fn marked(scopes: Dirty) -> Work {
    let mut work = Work::default();
    work.mark(scopes, Instant::now(), |_| false);
    work
}

fn now() -> Instant {
    Instant::now()
}

#[test]
fn a_scope_marked_twice_is_computed_once() {
    let mut work = marked(ports([1]));
    work.mark(ports([1]), now(), |_| false);
    assert_eq!(work.next(now()).unwrap().scopes, ports([1]));
    assert_eq!(work.next(now()), None);
}

#[test]
fn a_batch_is_as_old_as_its_oldest_scope() {
    let (mut work, early) = (Work::default(), now());
    let late = early + Duration::from_secs(1);
    work.mark(ports([2]), late, |_| false);
    work.mark(ports([1]), early, |_| false);
    work.mark(ports([1]), late, |_| false);
    assert_eq!(work.next(late).unwrap().since, early);
}

#[test]
fn ports_somebody_waits_for_come_first_and_leave_room_for_others() {
    let mut work = marked(ports(0..1000));
    work.mark([subnet("a")].into(), now(), |_| false);
    work.mark(ports(2000..3000), now(), |_| true);
    let first = work.next(now()).unwrap().scopes;
    assert_eq!(first.len(), BATCH);
    assert_eq!(first.intersection(&ports(2000..3000)).count(), URGENT);
    assert!(first.contains(&subnet("a")), "the rest goes in the order of dependence");
    let mut rest = 0;
    while let Some(batch) = work.next(now()) {
        rest += batch.scopes.len();
    }
    assert_eq!(first.len() + rest, 2001);
}

#[test]
fn a_conflict_is_tried_three_times_at_once_and_then_rests() {
    let mut work = marked(ports([1]));
    let start = now();
    let mut batch = work.next(start).unwrap();
    for _ in 0..TRIES {
        work.conflicted(batch, start);
        batch = work.next(start).expect("a conflict is worth another try at once");
    }
    work.conflicted(batch, start);
    assert_eq!(work.next(start), None);
    assert_eq!(work.next_wake(), Some(start + REST));
    assert_eq!(work.next(start + REST).unwrap().scopes, ports([1]));
}

/// Commits every batch without a guilty scope, as the database would; answers the scopes that remain.
fn run(work: &mut Work, guilty: &Dirty) -> (Vec<Scope>, usize) {
    let (mut alone, mut transactions) = (Vec::new(), 0);
    while let Some(batch) = work.next(now()) {
        transactions += 1;
        if batch.scopes.is_disjoint(guilty) {
            continue;
        }
        if let Err(scope) = work.halve(batch) {
            work.park(scope.clone(), BTreeSet::new());
            alone.push(scope);
        }
    }
    (alone, transactions)
}

#[test]
fn halving_finds_the_guilty_scopes_and_commits_all_others() {
    let guilty = ports([3, 200, 201]);
    let mut work = marked(ports(0..400));
    let (alone, transactions) = run(&mut work, &guilty);
    assert_eq!(Dirty::from_iter(alone), guilty);
    assert_eq!(work.parked(), 3);
    assert!(transactions < 60, "{transactions} transactions for three guilty of 400");
}

#[test]
fn halves_go_in_the_order_of_dependence() {
    let mut work = marked([subnet("a"), port(1)].into());
    let batch = work.next(now()).unwrap();
    work.halve(batch).unwrap();
    assert_eq!(work.next(now()).unwrap().scopes, Dirty::from([subnet("a")]));
    assert_eq!(work.next(now()).unwrap().scopes, ports([1]));
}

#[test]
fn a_parked_scope_is_tried_again_when_its_input_changes() {
    let mut work = Work::default();
    work.park(port(1), BTreeSet::new());
    assert_eq!(work.next(now()), None);
    work.mark(ports([1]), now(), |_| false);
    assert_eq!(work.parked(), 0);
    assert_eq!(work.next(now()).unwrap().scopes, ports([1]));
}

#[test]
fn a_parked_scope_is_tried_again_when_the_row_it_collided_with_changes() {
    let (row, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut work = Work::default();
    work.park(port(1), [row].into());
    work.row_changed(&other, now());
    assert_eq!(work.next(now()), None);
    work.row_changed(&row, now());
    assert_eq!(work.next(now()).unwrap().scopes, ports([1]));
}

#[test]
fn both_rows_of_a_violated_index_are_found_in_the_servers_words() {
    let details = "Transaction causes multiple rows in \"Logical_Switch_Port\" table to have identical values (\"a\") \
                   for index on column \"name\".  First row, with UUID 6b2a1e58-9c5f-4a8d-8f0e-2d3c4b5a6978, existed \
                   in the database before this transaction.  Second row, with UUID \
                   00000000-0000-5000-8000-000000000001, was inserted by this transaction.";
    let rows: Vec<String> = rows_named(details).iter().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        ["00000000-0000-5000-8000-000000000001", "6b2a1e58-9c5f-4a8d-8f0e-2d3c4b5a6978"]
    );
}
