//! The engine against a real northbound database. The cluster's side is canned: what watches would say goes in, what
//! would be written to the API server is read from the queue.

mod rig;

use std::collections::BTreeSet;
use std::time::Instant;

use harness::wait_for;
use rig::{Rig, SOON, kubernetes, pod};
use tokio::time::timeout;

use crate::report::{Aspect, Kind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_becomes_a_port_and_then_is_told_its_addresses() {
    let rig = Rig::leading().await;
    rig.say(pod("web", "n1")).await;
    let row = rig.port("web.default");
    assert!(row.contains("10.16.0."), "the port should have an address of the subnet: {row}");
    let write = rig.write_about(Kind::Pod, "web", Aspect::Annotations);
    assert!(write.contains("ovn.kubernetes.io/allocated"), "{write}");
    assert!(
        write.contains("uid-of-web"),
        "the patch is for this pod and no other of its name: {write}"
    );
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_goes_takes_its_port_with_it() {
    let rig = Rig::leading().await;
    rig.say(pod("web", "n1")).await;
    rig.port("web.default");
    rig.say_gone("default", "web").await;
    rig.no_port("web.default");
    rig.settle();
    assert_eq!(rig.foreign(), 0, "groups a deleted port leaves by itself are changed by us");
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_writes_nothing_and_takes_over_warm() {
    let rig = Rig::following().await;
    rig.say_all(kubernetes(vec![])).await;
    rig.say(pod("web", "n1")).await;
    rig.settle();
    assert_eq!(rig.dump(), rig.empty, "a follower must not write");
    rig.lead();
    rig.port("web.default");
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_sleeps_though_a_comparison_would_be_due() {
    let (engine, _) = rig::engine("unix:/nowhere/nb.sock");
    let later = Instant::now() + 10 * SOON;
    assert!(engine.next_wake(later) > later, "what it cannot do must not keep it awake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_computed_before_every_kind_was_listed() {
    let rig = Rig::following().await;
    rig.lead();
    let mut objects = kubernetes(vec![]);
    let last = objects.pop().unwrap();
    rig.say_all(objects).await;
    rig.settle();
    assert_eq!(rig.dump(), rig.empty, "the list of one kind is missing");
    rig.say_all(vec![last]).await;
    wait_for("the first rows", SOON, || rig.dump() != rig.empty);
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_writes_the_epoch_and_nothing_else() {
    let rig = Rig::leading().await;
    for name in ["a", "b", "c"] {
        rig.say(pod(name, "n1")).await;
        rig.port(&format!("{name}.default"));
    }
    let before = rig.dump();
    let rig = rig.again(["a", "b", "c"].map(|name| pod(name, "n1")).into()).await;
    rig.compared();
    let after = rig.dump();
    let differ: BTreeSet<_> = before.lines().filter(|line| !after.contains(*line)).collect();
    assert!(
        differ.iter().all(|line| line.contains("kube-ovn.io/epoch")),
        "only the epoch may differ: {differ:#?}"
    );
    assert_eq!(differ.len(), 1, "the epoch is raised: {after}");
    assert!(
        rig.operations() <= 3,
        "the epoch is all that was sent, not {} operations",
        rig.operations()
    );
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_transactions_of_a_leader_of_yesterday_fail() {
    let mut old = Rig::leading().await;
    let new = old.rival().await;
    new.compared();
    old.say(pod("late", "n1")).await;
    let ended = timeout(SOON, old.ended()).await.expect("a leader of yesterday ends");
    let error = format!("{:#}", ended.unwrap_err());
    assert!(error.contains("another replica leads"), "{error}");
    new.say(pod("new", "n1")).await;
    new.port("new.default");
    new.no_port("late.default");
    new.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_the_database_refuses_holds_up_no_other() {
    // The server takes no name longer than this.
    let rig = Rig::with_names_up_to(24).await;
    let long = "a-name-that-is-too-long-by-far";
    let mut pods: Vec<_> = (0..20).map(|number| pod(&format!("pod-{number}"), "n1")).collect();
    pods.insert(7, pod(long, "n1"));
    rig.say_pods(pods).await;
    for number in 0..20 {
        rig.port(&format!("pod-{number}.default"));
    }
    rig.no_port(&format!("{long}.default"));
    let event = rig.write_about(Kind::Event, long, Aspect::Whole);
    assert!(event.contains("CreateOVNPortFailed"), "{event}");
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_made_good() {
    let rig = Rig::leading().await;
    rig.say(pod("a", "n1")).await;
    rig.port("a.default");
    rig.db().kill();
    rig.say(pod("b", "n1")).await;
    rig.say_gone("default", "a").await;
    rig.db().restart();
    rig.port("b.default");
    rig.no_port("a.default");
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_another_epoch_ends_the_leader() {
    let mut rig = Rig::leading().await;
    rig.db().restart_empty(harness::Schema::Nb);
    let ended = timeout(SOON, rig.ended()).await.expect("it cannot lead there");
    assert!(format!("{:#}", ended.unwrap_err()).contains("is in epoch None"), "the reason");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_spoil_is_repaired() {
    let rig = Rig::leading().await;
    rig.say(pod("web", "n1")).await;
    rig.port("web.default");
    let said = rig.port("web.default");
    rig.nbctl(&["lsp-set-addresses", "web.default", "0a:00:00:00:00:01 10.99.0.1"]);
    rig.wait_port("web.default", |row| row == said);
    rig.nbctl(&["lsp-del", "web.default"]);
    rig.wait_port("web.default", |row| row == said);
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_nobody_go_and_rows_of_others_stay() {
    let rig = Rig::leading().await;
    rig.say(pod("web", "n1")).await;
    rig.port("web.default");
    rig.nbctl(&["ls-add", "theirs"]);
    // The pod goes while nobody leads.
    let rig = rig.again(vec![]).await;
    rig.compared();
    rig.no_port("web.default");
    assert!(
        rig.nbctl(&["ls-list"]).contains("(theirs)"),
        "a switch that lacks our marks is not ours"
    );
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_pods_at_once_are_few_transactions() {
    let rig = Rig::leading().await;
    let pods: Vec<_> = (0..2000).map(|number| pod(&format!("pod-{number}"), "n1")).collect();
    rig.say_pods(pods).await;
    rig.wait_count(2000);
    let (transactions, batch) = (rig.transactions(), 512);
    assert!(transactions < 2000 / batch + 40, "{transactions} transactions for 2,000 pods");
    rig.stop().await.unwrap();
}
