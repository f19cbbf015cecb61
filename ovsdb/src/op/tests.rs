use harness::Schema;
use serde_json::json;

use super::*;
use crate::schema::Database;
use crate::value::Atom;

const SWITCH: &str = "Logical_Switch";

fn uuid() -> Uuid {
    Uuid::from_u128(1)
}

fn wait() -> Op {
    Op::Wait {
        table: SWITCH,
        conditions: vec![Condition::uuid(uuid())],
        columns: vec!["name"],
        until: Until::Equal,
        rows: vec![Columns::from([("name", "sw".into())])],
        timeout_ms: 0,
    }
}

#[test]
fn operations_have_the_wire_form_of_the_rfc() {
    let id = "00000000-0000-0000-0000-000000000001";
    let by_uuid = json!([["_uuid", "==", ["uuid", id]]]);
    let row = Columns::from([("name", "sw".into())]);
    let mutate = Op::Mutate {
        table: SWITCH,
        uuid: uuid(),
        column: "ports",
        mutator: Mutator::Delete,
        value: Atom::Uuid(uuid()).into(),
    };
    for (op, wire) in [
        (
            Op::Insert { table: SWITCH, uuid: uuid(), row: row.clone() },
            json!({"op": "insert", "table": SWITCH, "uuid": id, "row": {"name": "sw"}}),
        ),
        (
            Op::Update { table: SWITCH, uuid: uuid(), row },
            json!({"op": "update", "table": SWITCH, "where": by_uuid, "row": {"name": "sw"}}),
        ),
        (
            mutate,
            json!({"op": "mutate", "table": SWITCH, "where": by_uuid,
                "mutations": [["ports", "delete", ["uuid", id]]]}),
        ),
        (
            Op::Delete { table: SWITCH, uuid: uuid() },
            json!({"op": "delete", "table": SWITCH, "where": by_uuid}),
        ),
        (
            wait(),
            json!({"op": "wait", "table": SWITCH, "timeout": 0, "where": by_uuid,
                "columns": ["name"], "until": "==", "rows": [{"name": "sw"}]}),
        ),
        (Op::Comment("why".into()), json!({"op": "comment", "comment": "why"})),
    ] {
        assert_eq!(op.to_json(), wire);
    }
}

#[test]
fn an_empty_map_is_written_as_a_map_where_the_column_is_one() {
    let nb = Database::parse(&Schema::Nb.text()).unwrap();
    let row = Columns::from([
        ("external_ids", Value::empty()),
        ("ports", Value::map(Vec::<(Atom, Atom)>::new())),
        ("no_such_column", 1.into()),
    ]);
    let ops = [Op::Insert { table: SWITCH, uuid: uuid(), row }];
    let request = Encoder { schema: &nb }.request(3, &ops).unwrap();
    let request: serde_json::Value = serde_json::from_slice(&request).unwrap();
    assert_eq!((&request["id"], &request["method"]), (&json!(3), &json!("transact")));
    assert_eq!(request["params"][0], "OVN_Northbound");
    let row = json!({"external_ids": ["map", []], "ports": ["set", []]});
    assert_eq!(request["params"][1]["row"], row);
}

#[test]
fn a_reply_is_read_to_the_end() {
    let sent = [wait(), Op::Delete { table: SWITCH, uuid: uuid() }];
    let conflict = |index, op| Err(Error::Conflict { index, op, table: SWITCH });
    let rejected = |index, op, table, error: &str| {
        let (error, details) = (error.to_owned(), "why".to_owned());
        Err(Error::Rejected { index, op, table, error, details })
    };
    let failed = |error: &str| json!({"error": error, "details": "why"});
    for (reply, expected) in [
        (json!([{}, {"count": 1}]), Ok(())),
        (json!([failed("timed out"), null]), conflict(0, "wait")),
        (json!([{}, {"count": 0}]), conflict(1, "delete")),
        (
            json!([{}, failed("constraint violation"), null]),
            rejected(1, "delete", SWITCH, "constraint violation"),
        ),
        (
            json!([{}, {"count": 1}, failed("timed out")]),
            rejected(2, "commit", "the database", "timed out"),
        ),
    ] {
        assert_eq!(check(&sent, reply.as_array().unwrap()), expected, "{reply}");
    }
    assert!(matches!(check(&sent, &[json!({})]), Err(Error::Protocol(_))), "a result is missing");
}

#[test]
fn only_what_time_can_heal_is_tried_again() {
    let rejected = |error: &str| Error::Rejected {
        index: 0,
        op: "commit",
        table: "",
        error: error.into(),
        details: String::new(),
    };
    assert!(rejected("cluster error").retry() && rejected("timed out").retry());
    assert!(!rejected("constraint violation").retry());
    assert!(!rejected("referential integrity violation").retry());
    assert!(Error::Connection(String::new()).retry());
}
