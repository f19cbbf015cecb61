use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::schema::{Column, ColumnType, Table as TableSchema};
use crate::value::Value;

mod model;

use model::{COLUMNS, Model, TABLE, schema, update};

fn replica() -> Replica {
    let owner: Key = |row| match row.get("external_ids")?.get_atom("owner")? {
        Atom::String(owner) => Some(owner.clone()),
        _ => None,
    };
    let columns = COLUMNS.iter().map(|(name, _)| *name).filter(|name| *name != "ports");
    let table = TableSpec::new(TABLE).columns(columns).edges(["ports"]).index("owner", owner);
    let mut replica = Replica::new(Spec::new().table(table));
    replica.follow(&schema());
    replica
}

/// Everything the replica can be asked, against the model.
fn compare(replica: &Replica, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(replica.rows(TABLE).len(), model.len());
    let mut owners: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
    let mut containers: BTreeMap<Atom, BTreeSet<Uuid>> = BTreeMap::new();
    for (uuid, row) in model {
        let held = replica.get(TABLE, uuid).unwrap();
        for (column, value) in row {
            if *column == "ports" {
                let members = replica.members(TABLE, "ports", uuid);
                let members: Vec<Atom> = members.into_iter().flatten().cloned().collect();
                prop_assert_eq!(&Value::set(members), value);
                for member in value.atoms() {
                    containers.entry(member.clone()).or_default().insert(*uuid);
                }
            } else {
                prop_assert_eq!(held.get(column), Some(value), "{}", column);
            }
        }
        if let Some(owner) = row["external_ids"].get("owner") {
            owners.entry(owner.to_owned()).or_default().insert(*uuid);
        }
    }
    let keys: BTreeSet<String> = replica.keys(TABLE, "owner").map(|key| key.to_string()).collect();
    prop_assert!(keys.iter().eq(owners.keys()), "{:?}", keys);
    for (owner, rows) in owners {
        prop_assert_eq!(replica.lookup(TABLE, "owner", &owner).collect::<BTreeSet<_>>(), rows);
    }
    for member in (0..6).map(|n| Atom::Uuid(Uuid::from_u128(n))) {
        let found: BTreeSet<Uuid> = replica.containers(TABLE, "ports", &member).collect();
        prop_assert_eq!(found, containers.remove(&member).unwrap_or_default());
    }
    Ok(())
}

/// The changes are exactly the differences of the two states, and carry what was before.
fn account(changes: &[Change], old: &Model, new: &Model) -> Result<(), TestCaseError> {
    let differs = |uuid: &&Uuid| old.get(uuid) != new.get(uuid);
    let all: BTreeSet<Uuid> = old.keys().chain(new.keys()).filter(differs).copied().collect();
    prop_assert_eq!(changes.iter().map(|change| change.uuid).collect::<BTreeSet<_>>(), all);
    for change in changes {
        let (before, after) = (old.get(&change.uuid), new.get(&change.uuid));
        let column = |row: Option<&model::Row>, column: &str| row.map(|row| row[column].clone());
        match &change.kind {
            Kind::Inserted => prop_assert!(before.is_none() && change.old.is_none()),
            Kind::Deleted => prop_assert!(after.is_none()),
            Kind::Modified { columns } => {
                let differing = COLUMNS.iter().map(|(name, _)| *name);
                let differing =
                    differing.filter(|name| column(before, name) != column(after, name));
                let columns: BTreeSet<_> = columns.iter().copied().collect();
                prop_assert_eq!(columns, differing.collect::<BTreeSet<_>>());
            }
        }
        for (name, value) in change.old.iter().flat_map(Row::columns) {
            prop_assert_eq!(Some(value.clone()), column(before, name));
        }
        let ports = |row| column(row, "ports").unwrap_or_default().atoms().to_vec();
        let (before, after): (BTreeSet<Atom>, BTreeSet<Atom>) =
            (ports(before).into_iter().collect(), ports(after).into_iter().collect());
        let edges = change.edges.first().cloned().unwrap_or_default();
        let set = |atoms: Vec<Atom>| atoms.into_iter().collect::<BTreeSet<_>>();
        prop_assert_eq!(
            set(edges.added),
            after.difference(&before).cloned().collect::<BTreeSet<_>>()
        );
        prop_assert_eq!(
            set(edges.removed),
            before.difference(&after).cloned().collect::<BTreeSet<_>>()
        );
    }
    Ok(())
}

#[derive(Clone, Debug)]
enum Step {
    /// The server tells of what changed.
    Update(Model),
    /// We reconnect, and it tells everything.
    Snapshot(Model),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => model::models().prop_map(Step::Update),
        1 => model::models().prop_map(Step::Snapshot),
    ];
    prop::collection::vec(step, 1..12)
}

proptest! {
    #[test]
    fn it_is_what_the_server_has_after_any_updates_and_reconnects(steps in steps()) {
        let (mut replica, mut model) = (replica(), Model::new());
        for step in steps {
            let (changes, new) = match step {
                Step::Update(new) => (replica.apply_update3(&update(&model, &new).to_string()), new),
                Step::Snapshot(new) => {
                    let all = update(&Model::new(), &new).to_string().replace("insert", "initial");
                    (replica.apply_snapshot(&all), new)
                }
            };
            account(&changes.unwrap(), &model, &new)?;
            compare(&replica, &new)?;
            model = new;
        }
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in "[\\[\\]{}\",:a-c0-1]{0,40}") {
        let _: Result<_, _> = replica().apply_update3(&text);
    }
}

const ROW: &str = "00000000-0000-0000-0000-000000000001";

#[test]
fn a_change_to_a_row_that_is_not_there_is_an_error_and_changes_nothing() {
    let mut replica = replica();
    let other = "00000000-0000-0000-0000-000000000002";
    let updates = json!({TABLE: {
        ROW: {"insert": {"name": "a"}},
        other: {"modify": {"name": "b"}},
    }});
    let error = replica.apply_update3(&updates.to_string()).unwrap_err();
    assert!(matches!(&error, Error::Protocol(text) if text.contains(other)), "{error}");
    assert_eq!(replica.rows(TABLE).len(), 0);
}

#[test]
fn updates_that_are_none_are_errors() {
    let replica = &mut replica();
    for updates in [
        json!([]),
        json!({TABLE: []}),
        json!({TABLE: {"no uuid": {"insert": {}}}}),
        json!({TABLE: {ROW: {}}}),
        json!({TABLE: {ROW: {"replace": {}}}}),
        json!({TABLE: {ROW: {"insert": {}, "delete": null}}}),
        json!({TABLE: {ROW: {"insert": {"name": 1}}}}),
        json!({TABLE: {ROW: {"insert": {"ports": ["set", ["a"]]}}}}),
    ] {
        let applied = replica.apply_update3(&updates.to_string());
        assert!(matches!(applied, Err(Error::Protocol(_))), "{updates}: {applied:?}");
    }
    let cut = format!("{{\"{TABLE}\":{{");
    assert!(replica.apply_update3(&cut).is_err());
    assert_eq!(replica.rows(TABLE).len(), 0);
}

#[test]
fn tables_and_columns_that_nobody_asked_for_are_passed_over() {
    let replica = &mut replica();
    let updates = json!({
        "Other": {ROW: {"insert": {"deep": [[[{"x": []}]]]}}},
        TABLE: {ROW: {"insert": {"name": "a", "other": ["map", [[1, 2]]]}}},
    });
    assert_eq!(replica.apply_update3(&updates.to_string()).unwrap().len(), 1);
}

#[test]
fn a_server_with_another_schema_keeps_what_both_have() {
    let mut replica = replica();
    let ports = json!(["set", [["uuid", ROW]]]);
    let row = json!({TABLE: {ROW: {"insert": {"name": "a", "external_ids": ["map", [["owner", "o"]]], "ports": ports}}}});
    replica.apply_snapshot(&row.to_string()).unwrap();
    assert!(!replica.follow(&schema()), "the same schema is no difference");
    let mut older = schema();
    let columns = &mut older.tables.get_mut(TABLE).unwrap().columns;
    columns.remove("external_ids");
    columns.remove("ports");
    assert!(replica.follow(&older));
    let requests = replica.monitor_requests(&older).unwrap();
    assert_eq!(requests[TABLE][0]["columns"], json!(["enabled", "name", "tags"]));
    let row = json!({TABLE: {ROW: {"initial": {"name": "a"}}}});
    let changes = replica.apply_snapshot(&row.to_string()).unwrap();
    assert_eq!(changes.len(), 1, "its members are gone: {changes:?}");
    assert_eq!(changes[0].kind, Kind::Modified { columns: vec!["ports"] });
    let held = replica.get(TABLE, &ROW.parse().unwrap()).unwrap();
    assert_eq!((held.get("name"), held.get("external_ids")), (Some(&"a".into()), None));
    assert_eq!(replica.keys(TABLE, "owner").count(), 0, "no row has an owner any more");
}

#[test]
fn a_condition_on_a_column_that_is_missing_is_not_left_out() {
    let condition = crate::op::Condition::equal("gone", true);
    let spec = Spec::new().table(TableSpec::new(TABLE).columns(["name"]).only(condition));
    let refused = Replica::new(spec).monitor_requests(&schema());
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
}
