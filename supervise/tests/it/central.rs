//! Northbound, southbound and northd under supervision.

use std::fs;

use harness::wait_for;
use nix::sys::signal::Signal;

use crate::{Pod, SOON, is_running};

const NB: &str = "--db=tcp:127.0.0.1:6641";
const SB: &str = "--db=tcp:127.0.0.1:6642";
const PROGRAMS: [&str; 3] = ["ovnnb_db", "ovnsb_db", "ovn-northd"];

fn start(pod: &Pod) -> harness::Running {
    let folders =
        [format!("--data-dir={}", pod.path("data")), format!("--run-dir={}", pod.path("run"))];
    let mut running = pod.start(&["central", &folders[0], &folders[1], "--node-name=n1"]);
    pod.wait_until_ready(&mut running);
    running
}

fn switches(pod: &Pod, of: &str) -> String {
    pod.run(
        of,
        &[
            if of == "ovn-nbctl" { NB } else { SB },
            "--bare",
            "--columns=external_ids",
            "list",
            "Datapath_Binding",
        ],
    )
}

#[test]
fn what_is_written_north_arrives_south_and_survives_an_orderly_restart() {
    let pod = Pod::new(10661);
    let mut running = start(&pod);
    pod.run("ovn-nbctl", &[NB, "--wait=sb", "ls-add", "ovn-default"]);
    assert!(switches(&pod, "ovn-sbctl").contains("name=ovn-default"));

    let pids = PROGRAMS.map(|name| pod.pid(name).unwrap());
    let status = running.end_by(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{}", running.log());
    assert!(
        !pids.iter().any(|pid| is_running(*pid)),
        "a program outlived its supervisor\n{}",
        running.log()
    );
    assert!(
        !running.log().contains("by a signal"),
        "programs should end by themselves\n{}",
        running.log()
    );

    let _running = start(&pod);
    assert_eq!(
        pod.run("ovn-nbctl", &[NB, "--bare", "--columns=name", "list", "Logical_Switch"]).trim(),
        "ovn-default"
    );
}

#[test]
fn a_program_that_dies_comes_back_and_the_others_stay() {
    let pod = Pod::new(10661);
    let mut running = start(&pod);
    let before = PROGRAMS.map(|name| pod.pid(name).unwrap());
    pod.crash("ovn-northd");
    wait_for("a new northd", SOON, || match pod.pid("ovn-northd") {
        Some(pid) if pid != before[2] && is_running(pid) => Ok(()),
        other => Err(format!("{other:?}\n{}", running.log())),
    });
    pod.wait_until_ready(&mut running);
    pod.run("ovn-nbctl", &[NB, "--wait=sb", "--timeout=10", "ls-add", "after"]);
    assert_eq!([pod.pid("ovnnb_db"), pod.pid("ovnsb_db")], [Some(before[0]), Some(before[1])]);
    let metrics = pod.get("/metrics").unwrap();
    let restarts = r#"kube_ovn_supervise_restarts_total{hostname="n1",component="ovn-northd"} 1"#;
    assert!(metrics.contains(restarts), "{metrics}");
}

#[test]
fn a_killed_supervisor_takes_its_programs_along_and_leaves_nothing_that_stops_the_next() {
    let pod = Pod::new(10661);
    let mut running = start(&pod);
    pod.run("ovn-nbctl", &[NB, "--wait=sb", "ls-add", "kept"]);
    let pids = PROGRAMS.map(|name| pod.pid(name).unwrap());
    running.kill();
    wait_for("the end of its programs", SOON, || !pids.iter().any(|pid| is_running(*pid)));
    let _running = start(&pod);
    assert!(switches(&pod, "ovn-sbctl").contains("name=kept"));
    assert!(
        !fs::exists(pod.path(&format!("run/ovn-northd.{}.ctl", pids[2]))).unwrap(),
        "a stale socket is left"
    );
}

#[test]
fn a_database_of_another_release_is_converted_and_its_old_file_kept() {
    let pod = Pod::new(10661);
    let schema = pod.run("cat", &["/usr/share/ovn/ovn-nb.ovsschema"]);
    let mut schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    schema["version"] = "6.0.0".into();
    schema["tables"]["Logical_Switch"]["columns"].as_object_mut().unwrap().remove("copp");
    schema["cksum"] = serde_json::Value::Null;
    schema.as_object_mut().unwrap().remove("cksum");
    fs::create_dir_all(pod.path("data")).unwrap();
    fs::write(pod.path("old.ovsschema"), schema.to_string()).unwrap();
    pod.run("ovsdb-tool", &["create", &pod.path("data/ovnnb_db.db"), &pod.path("old.ovsschema")]);

    let _running = start(&pod);
    pod.run(
        "ovn-nbctl",
        &[
            NB,
            "--",
            "--id=@c",
            "create",
            "Copp",
            "name=c",
            "--",
            "ls-add",
            "sw",
            "--",
            "set",
            "Logical_Switch",
            "sw",
            "copp=@c",
        ],
    );
    assert!(fs::exists(pod.path("data/ovnnb_db.db.backup-6.0.0")).unwrap());
}
