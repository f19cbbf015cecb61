//! A cluster of three servers.

use crate::support::{config, event, snapshot, switch};
use harness::Raft;
use ovsdb::client::{Database, Event};
use ovsdb::replica::Kind;
use ovsdb::value::Uuid;

/// The leader is the last endpoint.
fn connect(raft: &Raft) -> Database {
    let mut remotes = raft.remotes();
    remotes.rotate_left(raft.leader() + 1);
    let parse = |remote: &String| remote.parse().expect("the harness names endpoints");
    Database::connect(config(remotes.iter().map(parse).collect()))
}

fn leader(raft: &Raft) -> String {
    raft.remotes()[raft.leader()].clone()
}

#[tokio::test]
async fn the_leader_is_found_among_the_endpoints_and_followed_when_it_is_killed() {
    let mut raft = Raft::start();
    let mut nb = connect(&raft);
    snapshot(&mut nb).await;
    assert_eq!(nb.endpoint().to_string(), leader(&raft));
    nb.transact(&[switch(Uuid::from_u128(1), "before")]).await.unwrap();

    let first = raft.leader();
    raft.kill(first);
    assert!(matches!(next_but_rows(&mut nb).await, Event::Lost(_)));
    let changes = snapshot(&mut nb).await;
    assert_eq!(changes, [], "the new leader has what the old one had");
    assert_ne!(nb.endpoint().to_string(), raft.remotes()[first]);
    assert!(nb.server().is_some_and(|server| server.leader));
    nb.transact(&[switch(Uuid::from_u128(2), "after")]).await.unwrap();
    assert_eq!(nb.replica().rows("Logical_Switch").len(), 2);
}

#[tokio::test]
async fn a_leader_that_steps_down_is_left() {
    let raft = Raft::start();
    let mut nb = connect(&raft);
    snapshot(&mut nb).await;
    let first = nb.endpoint().clone();
    raft.step_down(raft.leader());
    assert!(matches!(next_but_rows(&mut nb).await, Event::Lost(_)));
    snapshot(&mut nb).await;
    assert_ne!(*nb.endpoint(), first);
}

#[tokio::test]
async fn without_leader_only_a_follower_will_do_and_tells_its_role() {
    let raft = Raft::start();
    let follower = (raft.leader() + 1) % 3;
    let mut config = config(vec![raft.remotes()[follower].parse().unwrap()]);
    config.leader_only = false;
    let mut nb = Database::connect(config);
    snapshot(&mut nb).await;
    let server = nb.server().unwrap();
    assert!(!server.leader && server.connected && server.member.is_some(), "{server:?}");
    nb.transact(&[switch(Uuid::from_u128(1), "forwarded")]).await.unwrap();
    assert_eq!(nb.replica().rows("Logical_Switch").len(), 1);
}

#[tokio::test]
async fn a_broken_connection_resumes_where_it_was() {
    let raft = Raft::start();
    let mut nb = connect(&raft);
    snapshot(&mut nb).await;
    for n in 1..20 {
        nb.transact(&[switch(Uuid::from_u128(n), &format!("sw{n}"))]).await.unwrap();
    }
    let mut other = connect(&raft);
    snapshot(&mut other).await;
    raft.appctl(raft.leader(), &["ovsdb-server/reconnect"]);
    assert!(matches!(next_but_rows(&mut nb).await, Event::Lost(_)));
    snapshot(&mut other).await;
    other.transact(&[switch(Uuid::from_u128(99), "meanwhile")]).await.unwrap();
    let mut inserted = snapshot(&mut nb).await;
    if inserted.is_empty() {
        let Event::Changed(changes) = event(&mut nb).await else { panic!("the row comes") };
        inserted = changes;
    }
    let uuids: Vec<_> = inserted.iter().map(|change| (change.uuid, &change.kind)).collect();
    assert_eq!(uuids, [(Uuid::from_u128(99), &Kind::Inserted)]);
    assert!(nb.resumed(), "the server knows our last transaction");
}

async fn next_but_rows(nb: &mut Database) -> Event {
    loop {
        match event(nb).await {
            Event::Changed(_) => {}
            other => return other,
        }
    }
}
