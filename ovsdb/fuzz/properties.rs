//! What must hold for any input: shared by the fuzz targets and the test that replays their corpus.
#![allow(dead_code, reason = "each fuzz target checks one of them")]

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::framer::Framer;
use ovsdb::replica::{Replica, Row, Spec, TableSpec};
use ovsdb::schema::{AtomType, Base, Column, ColumnType, Database, Table};
use ovsdb::value::{Atom, Uuid, Value};

/// The first byte is the length of the pieces. However a stream is cut, the same frames come.
pub(crate) fn framer(data: &[u8]) {
    let Some((length, stream)) = data.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    let pieces = frames(stream, usize::from(*length).max(1));
    assert_eq!(whole, pieces);
    let length: usize = whole.iter().flatten().map(Vec::len).sum();
    assert!(length <= stream.len(), "frames are parts of the stream");
}

/// The frames, and `None` at the end if the stream was refused.
fn frames(stream: &[u8], length: usize) -> Vec<Option<Vec<u8>>> {
    let (mut framer, mut frames) = (Framer::default(), Vec::new());
    for piece in stream.chunks(length) {
        framer.space().extend_from_slice(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(Some(frame.to_vec())),
                Ok(None) => break,
                Err(_) => {
                    frames.push(None);
                    return frames;
                }
            }
        }
    }
    frames
}

/// Whatever is decoded at all is decoded to the same again.
pub(crate) fn decoder(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A schema: must not panic.
    drop(Database::parse(text));
    let mut replica = replica();
    if replica.apply_snapshot(text).is_ok() {
        let first = state(&replica);
        replica.apply_snapshot(text).expect("the same text again");
        assert_eq!(state(&replica), first, "a snapshot does not depend on what was there");
        // A difference: must not panic.
        drop(replica.apply_update3(text));
    }
    let Ok(json) = text.parse::<serde_json::Value>() else { return };
    for kind in kinds() {
        if let Ok(value) = Value::from_json(&json, &kind) {
            let again = Value::from_json(&value.to_json(), &kind);
            assert!(value.is_empty() || again.as_ref() == Ok(&value), "{value:?} {again:?}");
        }
    }
}

/// Rows and members, in an order of their own.
fn state(replica: &Replica) -> BTreeMap<Uuid, (Vec<Value>, BTreeSet<Atom>)> {
    let members =
        |uuid: &Uuid| replica.members("T", "u", uuid).into_iter().flatten().cloned().collect();
    let values = |row: &Row| row.columns().map(|(_, value)| value.clone()).collect();
    replica.rows("T").map(|(uuid, row)| (uuid, (values(row), members(&uuid)))).collect()
}

fn kinds() -> [ColumnType; 5] {
    use AtomType::{Boolean, Integer, Real, String, Uuid};
    let optional = ColumnType { max: 1, ..ColumnType::set(Boolean) };
    let numbers = ColumnType { key: Base::from(Real), ..ColumnType::set(Integer) };
    let strings = ColumnType::map(String, String);
    [ColumnType::scalar(String), optional, numbers, strings, ColumnType::set(Uuid)]
}

fn replica() -> Replica {
    let names = ["s", "o", "n", "m", "u"];
    let column = |kind| Column { kind, ephemeral: false, mutable: true };
    let columns = names.map(Into::into).into_iter().zip(kinds().map(column)).collect();
    let table = Table { columns, is_root: true, indexes: Vec::new(), max_rows: None };
    let tables = [("T".into(), table)].into();
    let spec = TableSpec::new("T").columns(["s", "o", "n", "m"]).edges(["u"]);
    let mut replica = Replica::new(Spec::new().table(spec));
    replica.follow(&Database { name: "D".into(), version: "".into(), tables });
    replica
}
