//! One real ovsdb-server.

use std::time::Duration;

use crate::support::{SOON, config, connect, event, port, snapshot, switch};
use harness::{Db, Schema};
use ovsdb::Error;
use ovsdb::client::Event;
use ovsdb::op::{Columns, Condition, Mutator, Op, Until};
use ovsdb::replica::Kind;
use ovsdb::value::{Atom, Uuid, Value};

#[tokio::test]
async fn rows_get_the_uuids_we_choose_and_are_in_the_replica_when_the_reply_comes() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let (sw, a) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let token = nb.submit(&[switch(sw, "sw"), port(a, "a"), into(sw, a)]).unwrap();
    let Event::Changed(changes) = event(&mut nb).await else { panic!("the rows come first") };
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().all(|change| change.kind == Kind::Inserted));
    let reply = event(&mut nb).await;
    assert!(matches!(reply, Event::Reply { token: t, result: Ok(_) } if t == token), "{reply:?}");
    let replica = nb.replica();
    assert_eq!(replica.get("Logical_Switch_Port", &a).unwrap().get("name"), Some(&"a".into()));
    assert_eq!(replica.containers("Logical_Switch", "ports", &a.into()).collect::<Vec<_>>(), [sw]);
    assert_eq!(replica.lookup("Logical_Switch_Port", "name", "a").collect::<Vec<_>>(), [a]);
}

#[tokio::test]
async fn a_second_insert_of_one_uuid_is_rejected() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let sw = switch(Uuid::from_u128(1), "sw");
    nb.transact(std::slice::from_ref(&sw)).await.unwrap();
    let error = nb.transact(&[sw]).await.unwrap_err();
    let Error::Rejected { index: 0, op: "insert", error: name, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(name, "duplicate uuid");
    assert!(!error.retry());
}

#[tokio::test]
async fn an_error_of_the_commit_is_found_behind_the_results() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let (sw, a, b) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let twice = [switch(sw, "sw"), port(a, "a"), into(sw, a), port(b, "a"), into(sw, b)];
    let error = nb.transact(&twice).await.unwrap_err();
    let Error::Rejected { index: 5, op: "commit", error, details, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(error, "constraint violation");
    assert!(details.contains("Logical_Switch_Port"), "{details}");
    assert_eq!(nb.replica().rows("Logical_Switch").len(), 0, "all or nothing");
}

#[tokio::test]
async fn a_wait_that_does_not_hold_is_a_conflict_and_nothing_is_written() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    db.run("ovn-nbctl", &["--db", &db.remote(), "init"]);
    let epoch = |epoch: &str| Op::Wait {
        table: "NB_Global",
        conditions: vec![Condition::includes("external_ids", Value::map([("epoch", epoch)]))],
        columns: vec!["external_ids"],
        until: Until::NotEqual,
        rows: vec![],
        timeout_ms: 0,
    };
    let error = nb.transact(&[epoch("7"), switch(Uuid::from_u128(1), "sw")]).await.unwrap_err();
    assert_eq!(error, Error::Conflict { index: 0, op: "wait", table: "NB_Global" });
    assert!(error.retry());
    db.run("ovn-nbctl", &["--db", &db.remote(), "set", "NB_Global", ".", "external_ids:epoch=7"]);
    nb.transact(&[epoch("7"), switch(Uuid::from_u128(1), "sw")]).await.unwrap();
}

#[tokio::test]
async fn a_change_to_a_row_that_is_gone_is_a_conflict() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let gone = Uuid::from_u128(9);
    let row = Columns::from([("name", "new".into())]);
    for op in [
        Op::Update { table: "Logical_Switch", uuid: gone, row },
        Op::Delete { table: "Logical_Switch", uuid: gone },
        into(gone, gone),
    ] {
        let error = nb.transact(&[op]).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { index: 0, .. }), "{error}");
    }
}

#[tokio::test]
async fn every_kind_of_column_follows_its_changes() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let (sw, a) = (Uuid::from_u128(1), Uuid::from_u128(2));
    nb.transact(&[switch(sw, "sw"), port(a, "a"), into(sw, a)]).await.unwrap();
    let states = [
        ["addresses", "set"],
        ["external_ids", "map"],
        ["enabled", "optional"],
        ["type", "scalar"],
    ];
    let value = |column: &str, step: i64| -> Value {
        match (column, step) {
            ("addresses", step) => Value::set((0..step).map(|n| format!("00:00:00:00:00:0{n}"))),
            ("external_ids", 0) => Value::map::<&str, &str>([]),
            ("external_ids", step) => Value::map(
                [("k", format!("{step}")), (&*format!("k{step}"), "v".into())]
                    .map(|(k, v)| (k.to_owned(), v)),
            ),
            ("enabled", 0) => Value::empty(),
            ("enabled", step) => (step % 2 == 0).into(),
            (_, 0) => "".into(),
            (_, step) => format!("type{step}").into(),
        }
    };
    for step in [1, 2, 3, 1, 0, 2] {
        let row: Columns =
            states.iter().map(|[column, _]| (*column, value(column, step))).collect();
        nb.transact(&[Op::Update { table: "Logical_Switch_Port", uuid: a, row: row.clone() }])
            .await
            .unwrap();
        let held = nb.replica().get("Logical_Switch_Port", &a).unwrap();
        for (column, value) in &row {
            assert_eq!(held.get(column), Some(value), "{column} at step {step}");
        }
    }
    nb.transact(&[Op::Mutate {
        table: "Logical_Switch",
        uuid: sw,
        column: "ports",
        mutator: Mutator::Delete,
        value: a.into(),
    }])
    .await
    .unwrap();
    assert_eq!(nb.replica().members("Logical_Switch", "ports", &sw), None);
    assert!(
        nb.replica().get("Logical_Switch_Port", &a).is_none(),
        "a port of no switch is collected"
    );
}

#[tokio::test]
async fn after_a_restart_of_the_server_only_what_changed_meanwhile_is_reported() {
    let mut db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let (sw, a, b) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    nb.transact(&[switch(sw, "sw"), port(a, "a"), into(sw, a), switch(b, "b")]).await.unwrap();
    while nb.replica().rows("Logical_Switch").len() < 2 {
        event(&mut nb).await;
    }
    db.restart();
    let remote = db.remote();
    db.run(
        "ovn-nbctl",
        &["--db", &remote, "ls-del", "b", "--", "ls-add", "c", "--", "lsp-add", "sw", "d"],
    );
    let changes = snapshot(&mut nb).await;
    let of =
        |kind: fn(&Kind) -> bool| changes.iter().filter(move |change| kind(&change.kind)).count();
    assert_eq!(of(|kind| *kind == Kind::Deleted), 1, "{changes:?}");
    assert_eq!(of(|kind| *kind == Kind::Inserted), 2, "{changes:?}");
    let modified = changes.iter().find(|change| change.uuid == sw).expect("sw has another port");
    assert_eq!(modified.kind, Kind::Modified { columns: vec!["ports"] });
    assert_eq!(modified.edges[0].added.len(), 1);
    assert_eq!(changes.len(), 4, "{changes:?}");
}

#[tokio::test]
async fn rows_that_a_restored_database_lacks_are_deleted() {
    let mut db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let (sw, a) = (Uuid::from_u128(1), Uuid::from_u128(2));
    nb.transact(&[switch(sw, "sw"), port(a, "a"), into(sw, a)]).await.unwrap();
    db.restart_empty(Schema::Nb);
    let changes = snapshot(&mut nb).await;
    let deleted = |change: &ovsdb::replica::Change| change.kind == Kind::Deleted;
    assert!(changes.len() == 2 && changes.iter().all(deleted), "{changes:?}");
    assert!(changes.iter().all(|change| change.old.is_some()), "with what they were");
    assert_eq!(nb.replica().containers("Logical_Switch", "ports", &a.into()).count(), 0);
    assert_eq!(nb.replica().lookup("Logical_Switch_Port", "name", "a").count(), 0);
}

#[tokio::test]
async fn an_endpoint_that_is_taken_away_is_left_for_another() {
    let (old, new) = (Db::start(Schema::Nb), Db::start(Schema::Nb));
    let mut nb = connect(&old).await;
    nb.transact(&[switch(Uuid::from_u128(1), "old")]).await.unwrap();
    let of = |db: &Db| db.remote().parse().unwrap();
    nb.set_endpoints(vec![of(&new), of(&old)]);
    assert!(nb.connected(), "the server in use is still among them");
    nb.set_endpoints(vec![of(&new)]);
    let changes = snapshot(&mut nb).await;
    assert_eq!(*nb.endpoint(), of(&new));
    assert_eq!(changes.len(), 1, "the other database lacks the row: {changes:?}");
}

#[tokio::test]
async fn transactions_in_flight_when_the_server_dies_have_an_unknown_outcome() {
    let mut db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    db.freeze();
    let tokens: Vec<_> =
        (1..4).map(|n| nb.submit(&[switch(Uuid::from_u128(n), "sw")]).unwrap()).collect();
    db.kill();
    for expected in tokens {
        let Event::Reply { token, result } = event(&mut nb).await else { panic!("a reply") };
        assert_eq!(token, expected);
        assert!(matches!(result, Err(Error::Connection(_))), "{result:?}");
    }
    assert!(matches!(event(&mut nb).await, Event::Lost(Error::Connection(_))));
    assert!(matches!(nb.submit(&[]), Err(Error::Connection(_))), "nothing is taken meanwhile");
    db.restart();
    snapshot(&mut nb).await;
}

#[tokio::test]
async fn columns_and_tables_that_the_server_lacks_are_left_out() {
    let mut schema: serde_json::Value = serde_json::from_str(&Schema::Nb.text()).unwrap();
    let tables = schema["tables"].as_object_mut().unwrap();
    tables.remove("Port_Group");
    for table in ["Logical_Switch_Port", "Logical_Switch"] {
        tables[table]["columns"].as_object_mut().unwrap().remove("external_ids");
    }
    tables["Logical_Switch"]["columns"].as_object_mut().unwrap().remove("copp");
    let db = Db::with_schema(&schema.to_string());
    let mut nb = connect(&db).await;
    let (sw, a, group) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let row = Columns::from([("name", "group".into()), ("ports", a.into())]);
    let marked = Op::Update {
        table: "Logical_Switch",
        uuid: sw,
        row: Columns::from([("external_ids", Value::map([("k", "v")])), ("name", "new".into())]),
    };
    let ops = [
        Op::Insert { table: "Port_Group", uuid: group, row },
        switch(sw, "sw"),
        port(a, "a"),
        into(sw, a),
        marked,
    ];
    let results = nb.transact(&ops).await.unwrap();
    assert_eq!(results.len(), ops.len(), "results keep their places");
    let replica = nb.replica();
    assert_eq!(replica.get("Logical_Switch", &sw).unwrap().get("name"), Some(&"new".into()));
    assert_eq!(replica.get("Logical_Switch", &sw).unwrap().get("external_ids"), None);
    assert_eq!(replica.rows("Port_Group").len(), 0);
    let select = Op::Select {
        table: "Logical_Switch",
        conditions: vec![Condition::includes("external_ids", Value::map([("k", "v")]))],
        columns: vec!["name"],
    };
    let error = nb.submit(&[select]).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[tokio::test]
async fn a_thousand_transactions_at_once_do_not_deadlock() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let long = "x".repeat(2000);
    let tokens: Vec<_> = (0..1000)
        .map(|n| {
            let row = Columns::from([("name", format!("{n}{long}").into())]);
            let uuid = Uuid::from_u128(n + 1);
            let select = Op::Select {
                table: "Logical_Switch",
                conditions: vec![Condition::uuid(uuid)],
                columns: vec!["name"],
            };
            nb.submit(&[Op::Insert { table: "Logical_Switch", uuid, row }, select]).unwrap()
        })
        .collect();
    let mut answered = Vec::new();
    while answered.len() < tokens.len() {
        if let Event::Reply { token, result } = event(&mut nb).await {
            result.unwrap();
            answered.push(token);
        }
    }
    assert_eq!(answered, tokens, "replies come in the order of the requests");
    assert_eq!(nb.replica().rows("Logical_Switch").len(), 1000);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_probes_of_the_server() {
    let db = Db::start(Schema::Nb);
    let port = db.listen_tcp_probing(Duration::from_secs(1));
    let mut config = config(vec![format!("tcp:127.0.0.1:{port}").parse().unwrap()]);
    // Longer than the test, so that only the server asks.
    config.probe = Duration::from_secs(60);
    let mut nb = ovsdb::client::Database::connect(config);
    snapshot(&mut nb).await;
    // The server asks after one second of silence and hangs up after two.
    let quiet = tokio::time::timeout(Duration::from_secs(3), event(&mut nb)).await;
    assert!(quiet.is_err(), "nothing should happen: {quiet:?}");
    nb.transact(&[switch(Uuid::from_u128(1), "sw")]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_two_probes() {
    let db = Db::start(Schema::Nb);
    let mut config = config(vec![db.remote().parse().unwrap()]);
    config.probe = Duration::from_millis(200);
    let mut nb = ovsdb::client::Database::connect(config);
    snapshot(&mut nb).await;
    db.freeze();
    let start = std::time::Instant::now();
    let Event::Lost(Error::Connection(why)) = event(&mut nb).await else { panic!("it is lost") };
    assert!(why.contains("silent"), "{why}");
    assert!(start.elapsed() >= Duration::from_millis(390), "{:?}", start.elapsed());
    db.thaw();
    let again = tokio::time::timeout(SOON, async {
        while !matches!(nb.event().await, Event::Snapshot(_)) {}
    });
    again.await.expect("connected again");
}

#[tokio::test]
async fn a_restarted_monitor_reports_nothing_when_nothing_differs() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let sw = Uuid::from_u128(1);
    nb.transact(&[switch(sw, "sw")]).await.unwrap();
    nb.restart_monitor().unwrap();
    assert_eq!(snapshot(&mut nb).await, []);
    nb.transact(&[switch(Uuid::from_u128(2), "sw2")]).await.unwrap();
    assert_eq!(nb.replica().rows("Logical_Switch").len(), 2, "and goes on following");
}

#[tokio::test]
async fn a_database_that_the_server_does_not_have_is_reported_lost() {
    let db = Db::start(Schema::Sb);
    let mut nb = ovsdb::client::Database::connect(config(vec![db.remote().parse().unwrap()]));
    let lost = event(&mut nb).await;
    assert!(
        matches!(&lost, Event::Lost(error) if error.to_string().contains("does not serve")),
        "{lost:?}"
    );
}

#[tokio::test]
async fn a_converted_database_is_followed_with_its_new_schema() {
    let db = Db::start(Schema::Nb);
    let mut nb = connect(&db).await;
    let sw = Uuid::from_u128(1);
    nb.transact(&[switch(sw, "sw")]).await.unwrap();
    let mut schema: serde_json::Value = serde_json::from_str(&Schema::Nb.text()).unwrap();
    let columns = &mut schema["tables"]["Logical_Switch"]["columns"];
    columns.as_object_mut().unwrap().remove("external_ids");
    schema.as_object_mut().unwrap().remove("cksum");
    schema["version"] = "99.0.0".into();
    let file = db.dir().join("schema");
    std::fs::write(&file, schema.to_string()).unwrap();
    db.run("ovsdb-client", &["convert", &db.remote(), &file.display().to_string()]);
    snapshot(&mut nb).await;
    assert_eq!(&*nb.schema().unwrap().version, "99.0.0");
    let row = nb.replica().get("Logical_Switch", &sw).unwrap();
    assert_eq!((row.get("name"), row.get("external_ids")), (Some(&"sw".into()), None));
}

#[tokio::test]
async fn a_daemon_answers_control_commands() {
    let db = Db::start(Schema::Nb);
    let ctl = db.dir().join("ctl");
    let answer = ovsdb::unixctl::call(&ctl, "ovsdb-server/list-dbs", &[""; 0]).await.unwrap();
    assert!(answer.contains("OVN_Northbound"), "{answer}");
    let refused = ovsdb::unixctl::call(&ctl, "no/such-command", &[""; 0]).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected { .. }), "{refused}");
    let nobody = ovsdb::unixctl::call(&db.dir().join("none"), "list-commands", &[""; 0]).await;
    assert!(matches!(nobody, Err(Error::Connection(_))), "{nobody:?}");
}

fn into(switch: Uuid, port: Uuid) -> Op {
    let (table, column, mutator) = ("Logical_Switch", "ports", Mutator::Insert);
    Op::Mutate { table, uuid: switch, column, mutator, value: Atom::Uuid(port).into() }
}
