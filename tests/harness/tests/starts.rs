//! Everything the harness starts is real, and gone afterwards.

use std::path::Path;
use std::time::Duration;

use harness::{Datapath, Db, Netns, Northbound, Raft, Schema, wait_for};

#[test]
fn a_database_answers_and_is_gone_with_its_guard() {
    let db = Db::start(Schema::Nb);
    let names = db.run("ovsdb-client", &["list-dbs", &db.remote()]);
    assert!(names.contains("OVN_Northbound"), "{names}");
    let (dir, pid) = (db.dir().to_owned(), db.pid());
    drop(db);
    assert!(!dir.exists());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

/// Started by the test below in a process of its own, which is killed; does nothing by itself.
#[test]
fn a_process_that_is_killed_while_it_has_a_database() {
    if std::env::var_os("KOT_KILLED").is_some() {
        let db = Db::start(Schema::Nb);
        let report = std::env::var_os("KOT_KILLED").unwrap();
        std::fs::write(report, format!("{} {}", db.pid(), db.dir().display())).unwrap();
        std::thread::park_timeout(Duration::from_secs(60));
    }
}

#[test]
fn a_killed_test_leaves_no_server() {
    let report = tempfile::NamedTempFile::with_prefix("kot-").unwrap();
    let mut killed = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_is_killed_while_it_has_a_database"])
        .env("KOT_KILLED", report.path())
        .spawn()
        .unwrap();
    let (server, dir) = wait_for("the server", Duration::from_secs(10), || {
        let text = std::fs::read_to_string(report.path()).unwrap();
        let (pid, dir) = text.split_once(' ')?;
        Some((format!("/proc/{pid}/exe"), dir.to_owned()))
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let gone = || std::fs::read_link(&server).is_err();
    wait_for("the server to go with its test", Duration::from_secs(10), gone);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_cluster_elects_another_leader_when_its_leader_is_killed() {
    let mut raft = Raft::start();
    let first = raft.leader();
    raft.kill(first);
    wait_for("another leader", Duration::from_secs(10), || {
        let leader = raft.leader();
        if leader == first { Err(leader) } else { Ok(()) }
    });
}

#[test]
fn a_trace_says_who_gets_a_packet() {
    let north = Northbound::start();
    north.nbctl(&["ls-add", "sw", "--", "lsp-add", "sw", "a", "--", "lsp-add", "sw", "b"]);
    north.nbctl(&["lsp-set-addresses", "a", "00:00:00:00:00:0a 10.0.0.10"]);
    north.nbctl(&["lsp-set-addresses", "b", "00:00:00:00:00:0b 10.0.0.11"]);
    north.sync();
    let to =
        |mac: &str| format!("inport == \"a\" && eth.src == 00:00:00:00:00:0a && eth.dst == {mac}");
    north.trace("sw", &to("00:00:00:00:00:0b")).expect_delivered(&["b"]);
    north.trace("sw", &to("00:00:00:00:00:0c")).expect_dropped();
    assert!(north.recomputes("northd") > 0);
}

#[test]
fn two_pods_of_one_switch_ping_each_other() {
    let mut node = Datapath::start();
    let north = &node.north;
    north.nbctl(&["ls-add", "sw", "--", "lsp-add", "sw", "a", "--", "lsp-add", "sw", "b"]);
    north.nbctl(&["lsp-set-addresses", "a", "00:00:00:00:00:0a 10.0.0.10"]);
    north.nbctl(&["lsp-set-addresses", "b", "00:00:00:00:00:0b 10.0.0.11"]);
    let a = node.pod("a", "00:00:00:00:00:0a", "10.0.0.10/24", None);
    let _b = node.pod("b", "00:00:00:00:00:0b", "10.0.0.11/24", None);
    assert!(a.pings("10.0.0.11".parse().unwrap()), "{}", node.logs());
    assert!(!a.pings("10.0.0.12".parse().unwrap()), "nobody has that address");
}

#[test]
fn a_named_namespace_is_a_file_until_its_guard_drops() {
    let netns = Netns::named("named");
    let path = netns.path();
    assert!(path.starts_with("/run/netns") && path.exists());
    let links = netns.within(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap());
    assert_eq!(links.lines().count(), 3, "two lines of heading and the loopback:\n{links}");
    drop(netns);
    assert!(!path.exists());
}
