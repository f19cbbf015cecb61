//! A database as plain maps, and the server's account of its changes.

use super::*;
use crate::schema::AtomType::{Boolean, Integer, String, Uuid as UuidType};

pub(super) const TABLE: &str = "Switch";
type Kind = fn() -> ColumnType;

/// A column of each rule of `modify`.
pub(super) const COLUMNS: [(&str, Kind); 5] = [
    ("name", || ColumnType::scalar(String)),
    ("enabled", || ColumnType { max: 1, ..ColumnType::set(Boolean) }),
    ("tags", || ColumnType::set(Integer)),
    ("external_ids", || ColumnType::map(String, String)),
    ("ports", || ColumnType::set(UuidType)),
];

pub(super) type Row = BTreeMap<&'static str, Value>;
pub(super) type Model = BTreeMap<Uuid, Row>;

pub(super) fn schema() -> Database {
    let column = |kind| Column { kind, ephemeral: false, mutable: true };
    let columns = COLUMNS.map(|(name, kind)| (name.into(), column(kind())));
    let table =
        TableSchema { columns: columns.into(), is_root: true, indexes: vec![], max_rows: None };
    Database { name: "Test".into(), version: "1".into(), tables: [(TABLE.into(), table)].into() }
}

pub(super) fn models() -> impl Strategy<Value = Model> {
    let uuid = (0_u128..6).prop_map(Uuid::from_u128);
    prop::collection::btree_map(uuid, row(), 0..5)
}

fn row() -> impl Strategy<Value = Row> {
    let text = || prop::sample::select(vec!["", "a", "owner", "b"]);
    let ids = prop::collection::vec((text(), text()), 0..4).prop_map(Value::map);
    let tags = prop::collection::vec(0_i64..4, 0..4).prop_map(Value::set);
    let port = (0_u128..6).prop_map(Uuid::from_u128);
    let ports = prop::collection::vec(port, 0..5).prop_map(Value::set);
    let enabled = any::<Option<bool>>().prop_map(Value::from);
    (text(), enabled, tags, ids, ports).prop_map(|(name, enabled, tags, ids, ports)| {
        let values = [name.into(), enabled, tags, ids, ports];
        COLUMNS.iter().map(|(name, _)| *name).zip(values).collect()
    })
}

/// What ovsdb-server(7) sends when `old` became `new`.
pub(super) fn update(old: &Model, new: &Model) -> Json {
    let mut rows = serde_json::Map::new();
    for uuid in old.keys().chain(new.keys()) {
        let change = match (old.get(uuid), new.get(uuid)) {
            (None, Some(row)) => json!({ "insert": inserted(row) }),
            (Some(_), None) => json!({ "delete": null }),
            (Some(before), Some(after)) if before != after => {
                json!({ "modify": modified(before, after) })
            }
            _ => continue,
        };
        rows.insert(uuid.to_string(), change);
    }
    json!({ TABLE: rows })
}

/// Columns with their default are left out.
fn inserted(row: &Row) -> Json {
    let set = COLUMNS.iter().filter(|(name, kind)| row[name] != kind().default());
    set.map(|(name, _)| ((*name).to_owned(), row[name].to_json())).collect()
}

fn modified(before: &Row, after: &Row) -> Json {
    let differing = COLUMNS.iter().filter(|(name, _)| before[name] != after[name]);
    let diff = differing.map(|(name, kind)| {
        let (old, new) = (&before[name], &after[name]);
        let diff = match kind() {
            kind if kind.is_map() => {
                let went =
                    old.pairs().iter().filter(|(key, _)| new.pairs().iter().all(|p| p.0 != *key));
                let came = new.pairs().iter().filter(|pair| !old.pairs().contains(pair));
                Value::map(went.chain(came).map(|(key, value)| (key, value)))
            }
            kind if kind.is_set() => {
                let went = old.atoms().iter().filter(|atom| !new.contains(atom));
                Value::set(went.chain(new.atoms().iter().filter(|atom| !old.contains(atom))))
            }
            _ => new.clone(),
        };
        ((*name).to_owned(), diff.to_json())
    });
    diff.collect()
}
