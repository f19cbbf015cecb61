//! Single keys of a map in a row that is not ours: NB_Global, Open_vSwitch.

use ovsdb::op::{Mutator, Op};
use ovsdb::value::{Uuid, Value};

/// The operations that give `keys` their values in a map column that is `now`, and take away keys whose
/// value is `None`. Other keys stay as they are; nothing if nothing differs.
pub fn set_keys<'k>(
    table: &'static str,
    uuid: Uuid,
    column: &'static str,
    now: &Value,
    keys: impl IntoIterator<Item = (&'k str, Option<&'k str>)>,
) -> Vec<Op> {
    let differs = |&(key, value): &(&str, Option<&str>)| now.get(key) != value;
    let keys: Vec<_> = keys.into_iter().filter(differs).collect();
    // Inserting under a key that is there changes nothing (ovsdb-server(7)): the old pair goes first.
    let gone = keys.iter().filter(|(key, _)| now.get(key).is_some()).map(|(key, _)| *key);
    let gone = Value::set(gone);
    let new = Value::map(keys.iter().filter_map(|(key, value)| Some((*key, (*value)?))));
    let mutate = |mutator, value| Op::Mutate { table, uuid, column, mutator, value };
    let mut ops = Vec::new();
    if !gone.is_empty() {
        ops.push(mutate(Mutator::Delete, gone));
    }
    if !new.is_empty() {
        ops.push(mutate(Mutator::Insert, new));
    }
    ops
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ops(now: &[(&str, &str)], keys: &[(&str, Option<&str>)]) -> Vec<(Mutator, Value)> {
        let now = Value::map(now.iter().copied());
        set_keys("NB_Global", Uuid::nil(), "options", &now, keys.iter().copied())
            .into_iter()
            .map(|op| match op {
                Op::Mutate { mutator, value, .. } => (mutator, value),
                other => panic!("{other:?} is no mutation"),
            })
            .collect()
    }

    #[test]
    fn a_changed_key_goes_before_it_comes() {
        assert_eq!(
            ops(&[("a", "1"), ("mine", "2")], &[("mine", Some("3"))]),
            [
                (Mutator::Delete, Value::set(["mine"])),
                (Mutator::Insert, Value::map([("mine", "3")]))
            ]
        );
    }

    #[test]
    fn a_key_without_value_goes() {
        let gone = [(Mutator::Delete, Value::set(["mine"]))];
        assert_eq!(ops(&[("mine", "2")], &[("mine", None), ("other", None)]), gone);
    }

    #[test]
    fn what_is_so_already_costs_nothing() {
        assert_eq!(ops(&[("mine", "2")], &[("mine", Some("2")), ("other", None)]), []);
    }
}
