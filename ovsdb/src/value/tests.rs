use std::collections::hash_map::DefaultHasher;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::{AtomType, ColumnType};

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_value_is_three_words() {
    assert_eq!(size_of::<Atom>(), 24);
    assert_eq!(size_of::<Value>(), 24);
    assert_eq!(size_of::<Option<Value>>(), 24);
}

#[test]
fn a_set_is_sorted_without_duplicates_and_one_member_is_a_scalar() {
    assert_eq!(Value::set(["b", "a", "b"]).atoms(), ["a".into(), "b".into()]);
    assert!(matches!(Value::set(["a", "a"]), Value::One(_)));
    assert!(Value::set(Vec::<i64>::new()).is_empty());
}

#[test]
fn of_two_pairs_with_one_key_the_later_counts() {
    let map = Value::map([("k", "1"), ("a", "x"), ("k", "2"), ("k", "3")]);
    assert_eq!(
        (map.len(), map.get("k"), map.get("a"), map.get("b")),
        (2, Some("3"), Some("x"), None)
    );
}

#[test]
fn nothing_is_nothing_whether_set_or_map() {
    let map = Value::map(Vec::<(&str, &str)>::new());
    assert_eq!(map, Value::empty());
    assert_eq!(hash(&map), hash(&Value::empty()));
    assert_ne!(map, "".into());
    assert_eq!(Value::from(None::<bool>), Value::empty());
}

#[test]
fn the_wire_forms_are_those_of_the_rfc() {
    let uuid = Uuid::from_u128(1);
    let id = "00000000-0000-0000-0000-000000000001";
    for (value, wire) in [
        (Value::from("a"), json!("a")),
        (Value::from(true), json!(true)),
        (Value::from(7), json!(7)),
        (Value::from(0.5), json!(0.5)),
        (Value::from(uuid), json!(["uuid", id])),
        (Value::empty(), json!(["set", []])),
        (Value::set([2, 1]), json!(["set", [1, 2]])),
        (Value::map([("k", uuid)]), json!(["map", [["k", ["uuid", id]]]])),
    ] {
        assert_eq!(value.to_json(), wire);
    }
}

#[test]
fn what_does_not_fit_the_column_is_refused() {
    let strings = ColumnType::set(AtomType::String);
    let map = ColumnType::map(AtomType::String, AtomType::Integer);
    let uuids = ColumnType::set(AtomType::Uuid);
    for (wire, kind) in [
        (json!(1), &strings),
        (json!(null), &strings),
        (json!({}), &strings),
        (json!([]), &strings),
        (json!(["set"]), &strings),
        (json!(["set", [1]]), &strings),
        (json!(["set", ["a"], "b"]), &strings),
        (json!(["map", [["a", "b"]]]), &strings),
        (json!(["uuid", "00000000-0000-0000-0000-000000000001"]), &strings),
        (json!(["bag", []]), &strings),
        (json!(["map", [["a", "b"]]]), &map),
        (json!(["map", [["a"]]]), &map),
        (json!(["map", [["a", 1, 2]]]), &map),
        (json!(["uuid", "no"]), &uuids),
        (json!(["named-uuid", "row"]), &uuids),
        (json!(9_223_372_036_854_775_808_u64), &ColumnType::scalar(AtomType::Integer)),
    ] {
        assert!(Value::from_json(&wire, kind).is_err(), "{wire} should not be {kind:?}");
    }
}

#[test]
fn a_real_may_be_written_as_an_integer() {
    let real = ColumnType::scalar(AtomType::Real);
    assert_eq!(Value::from_json(&json!(3), &real).unwrap(), 3.0.into());
}

fn atom(kind: AtomType) -> BoxedStrategy<Atom> {
    match kind {
        AtomType::Integer => any::<i64>().prop_map(Atom::from).boxed(),
        AtomType::Real => (-1e9..1e9).prop_map(Atom::from).boxed(),
        AtomType::Boolean => any::<bool>().prop_map(Atom::from).boxed(),
        AtomType::String => any::<String>().prop_map(Atom::from).boxed(),
        AtomType::Uuid => any::<u128>().prop_map(|n| Uuid::from_u128(n).into()).boxed(),
    }
}

fn kind() -> impl Strategy<Value = AtomType> {
    use AtomType::{Boolean, Integer, Real, String, Uuid};
    prop::sample::select(vec![Integer, Real, Boolean, String, Uuid])
}

fn typed() -> impl Strategy<Value = (ColumnType, Value)> {
    let scalar =
        kind().prop_flat_map(|k| (Just(ColumnType::scalar(k)), atom(k).prop_map(Value::from)));
    let set = kind().prop_flat_map(|k| {
        let atoms = prop::collection::vec(atom(k), 0..6);
        (Just(ColumnType::set(k)), atoms.prop_map(Value::set))
    });
    let map = (kind(), kind()).prop_flat_map(|(k, v)| {
        let pairs = prop::collection::vec((atom(k), atom(v)), 0..6);
        (Just(ColumnType::map(k, v)), pairs.prop_map(Value::map))
    });
    prop_oneof![scalar, set, map]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again((kind, value) in typed()) {
        prop_assert_eq!(Value::from_json(&value.to_json(), &kind).unwrap(), value);
    }

    #[test]
    fn members_and_keys_are_found((_, value) in typed(), other in any::<String>()) {
        for atom in value.atoms() {
            prop_assert!(value.contains(atom));
        }
        for (key, held) in value.pairs() {
            if let Some(key) = key.as_str() {
                prop_assert_eq!(value.get_atom(key), Some(held));
            }
        }
        let known = value.pairs().iter().any(|(key, _)| key.as_str() == Some(&other));
        prop_assert_eq!(value.get_atom(&other).is_some(), known);
    }
}
