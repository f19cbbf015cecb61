//! A daemon that is not there, dies, or takes too long.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::run::Stage;

#[test]
fn version_needs_no_daemon() {
    let stage = Stage::new();
    let answer = stage.call("VERSION", "0.4.0").run().succeeds();
    assert_eq!(answer["cniVersion"], "0.4.0");
    let supported = answer["supportedVersions"].as_array().unwrap();
    for version in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        assert!(supported.contains(&json!(version)), "{answer}");
    }
    assert_eq!(stage.call("VERSION", "").run_with(b"garbage").succeeds()["cniVersion"], "1.1.0");
}

#[test]
fn with_the_daemon_down_the_runtime_is_asked_to_try_again() {
    let stage = Stage::new();
    for command in ["ADD", "DEL", "GC"] {
        let said = stage.call(command, "1.1.0").run().fails(11, "1.1.0");
        assert!(said.contains("not running") && said.contains("daemon.sock"), "{command}: {said}");
    }
    // The same when a daemon of before has left its socket.
    drop(UnixListener::bind(stage.socket()).unwrap());
    stage.call("ADD", "1.1.0").run().fails(11, "1.1.0");
}

#[test]
fn with_the_daemon_down_status_says_not_available() {
    Stage::new().call("STATUS", "1.1.0").run().fails(50, "1.1.0");
}

#[test]
fn with_the_daemon_down_and_the_namespace_gone_there_is_nothing_to_delete() {
    let stage = Stage::new();
    stage.call("DEL", "1.0.0").with("CNI_NETNS", "").run().is_silent();
    stage.call("DEL", "1.0.0").with("CNI_NETNS", "/run/netns/no-such").run().is_silent();
}

#[test]
fn a_socket_that_is_none_is_not_worth_another_try() {
    let stage = Stage::new();
    let long = format!("/{}", "x".repeat(200));
    stage.call("ADD", "1.0.0").conf("server_socket", json!(long)).run().fails(5, "1.0.0");
    // Nothing listens on a file.
    stage.call("ADD", "1.0.0").conf("server_socket", json!(stage.netns())).run().fails(11, "1.0.0");
}

/// How long `call` took, and that it ended by its deadline and not by the plugin's own, which is far longer.
fn in_time(started: Instant) {
    assert!(started.elapsed() < Duration::from_secs(4), "took {:?}", started.elapsed());
}

#[test]
fn a_daemon_that_never_answers_is_given_up_at_the_deadline() {
    for (command, code) in [("ADD", 11), ("DEL", 11), ("STATUS", 50)] {
        let stage = Stage::new();
        // Holds the connection until the plugin lets go of it.
        let daemon = stage.daemon(|mut stream| assert_eq!(stream.read(&mut [0]).unwrap(), 0));
        let started = Instant::now();
        let said =
            stage.call(command, "1.1.0").conf("deadline_ms", json!(80)).run().fails(code, "1.1.0");
        in_time(started);
        assert!(said.contains("did not answer"), "{said}");
        assert_eq!(daemon.join().unwrap().deadline_ms, 80);
    }
}

#[test]
fn a_daemon_that_answers_byte_by_byte_does_not_stretch_the_deadline() {
    let stage = Stage::new();
    // A byte every few milliseconds until the plugin is gone: each read succeeds in time, the answer never ends.
    let daemon = stage.daemon(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        while stream.write_all(b" ").is_ok() && stream.read(&mut [0]).is_err() {}
    });
    let started = Instant::now();
    let outcome = stage.call("ADD", "1.1.0").conf("deadline_ms", json!(80)).run();
    in_time(started);
    assert!(outcome.fails(11, "1.1.0").contains("did not answer"), "{}", outcome.stdout);
    daemon.join().unwrap();
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let stage = Stage::new();
    let daemon = stage.daemon(|mut stream| while stream.write_all(&[b' '; 4096]).is_ok() {});
    let said = stage.call("ADD", "1.1.0").run().fails(11, "1.1.0");
    daemon.join().unwrap();
    assert!(said.contains("breaks off"), "{said}");
}

#[test]
fn a_listener_that_accepts_nobody_is_given_up_at_the_deadline() {
    let stage = Stage::new();
    let _listener = UnixListener::bind(stage.socket()).unwrap();
    let started = Instant::now();
    stage.call("ADD", "1.1.0").conf("deadline_ms", json!(80)).run().fails(11, "1.1.0");
    in_time(started);
}

#[test]
fn a_daemon_that_dies_is_asked_again() {
    for half in [&b""[..], b"{\"version\":1,\"answer\":{\"attached\":{\"ips\":[{\"addr"] {
        let stage = Stage::new();
        let daemon = stage.daemon(move |mut stream| stream.write_all(half).unwrap());
        let said = stage.call("ADD", "1.1.0").run().fails(11, "1.1.0");
        daemon.join().unwrap();
        assert!(said.contains("went away"), "{said}");
    }
}

#[test]
fn a_daemon_that_dies_over_del_is_asked_again_even_without_a_namespace() {
    let stage = Stage::new();
    let daemon = stage.daemon(drop);
    // It had begun: what is left is not known, so this is no success.
    stage.call("DEL", "1.1.0").with("CNI_NETNS", "").run().fails(11, "1.1.0");
    daemon.join().unwrap();
}
