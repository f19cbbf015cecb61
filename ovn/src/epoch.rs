//! Fencing: only the leader of the newest epoch writes. The epoch stands in `NB_Global.external_ids`,
//! which northd ignores; it is raised by one at each change of leader, never taken from the Lease, whose
//! transitions start again when somebody re-creates it.

use ovsdb::op::{Columns, Condition, Op, Until};
use ovsdb::replica::Replica;
use ovsdb::value::{Uuid, Value};

use crate::identity::uuid_v5;
use crate::keys::set_keys;
use crate::mark::EPOCH;
use crate::nb::nb_global::{TABLE, column};
use crate::owner::Owner;

/// The epoch in the database is no number, so nobody can tell who leads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("NB_Global external_ids:{EPOCH} is {0:?}, not a number")]
pub struct BadEpoch(pub String);

/// The first operation of every transaction: fails it at once unless `epoch` is still the newest.
pub fn guard(epoch: u64) -> Op {
    Op::Wait {
        table: TABLE,
        conditions: vec![Condition::includes(
            column::EXTERNAL_IDS,
            Value::map([(EPOCH, epoch.to_string())]),
        )],
        columns: vec![column::EXTERNAL_IDS],
        until: Until::NotEqual,
        rows: vec![],
        timeout_ms: 0,
    }
}

/// The epoch that the database has; nothing before the first leader.
pub fn current(replica: &Replica) -> Result<Option<u64>, BadEpoch> {
    let Some((_, row)) = replica.rows(TABLE).next() else { return Ok(None) };
    let text = row.get(column::EXTERNAL_IDS).and_then(|ids| ids.get(EPOCH));
    text.map(|text| text.parse().map_err(|_| BadEpoch(text.to_owned()))).transpose()
}

/// The transaction by which a new leader begins its reign, and the epoch it then has. It conflicts when
/// somebody changed `external_ids` meanwhile: then the replica has the news, and it is made again.
pub fn raise(replica: &Replica) -> Result<(Vec<Op>, u64), BadEpoch> {
    let epoch = current(replica)?.map_or(1, |epoch| epoch + 1);
    let Some((uuid, row)) = replica.rows(TABLE).next() else {
        return Ok((vec![create(epoch)], epoch));
    };
    let ids = row.get(column::EXTERNAL_IDS).cloned().unwrap_or_default();
    let unchanged = Op::Wait {
        table: TABLE,
        conditions: vec![Condition::uuid(uuid)],
        columns: vec![column::EXTERNAL_IDS],
        until: Until::Equal,
        rows: vec![Columns::from([(column::EXTERNAL_IDS, ids.clone())])],
        timeout_ms: 0,
    };
    let text = epoch.to_string();
    let mut ops = vec![unchanged];
    ops.extend(set_keys(TABLE, uuid, column::EXTERNAL_IDS, &ids, [(EPOCH, Some(text.as_str()))]));
    Ok((ops, epoch))
}

/// The only row of NB_Global, when nobody has made it. A second one is refused by the schema.
fn create(epoch: u64) -> Op {
    let owner = Owner::cluster("globals", "northbound");
    let uuid: Uuid = uuid_v5(TABLE, &owner, "", &"globals".into());
    let ids = Value::map([(EPOCH, epoch.to_string())]);
    Op::Insert { table: TABLE, uuid, row: Columns::from([(column::EXTERNAL_IDS, ids)]) }
}

#[cfg(test)]
mod tests {
    use ovsdb::schema::Database;

    use super::*;
    use crate::monitor::Watch;
    use crate::nb;

    fn replica(external_ids: &[(&str, &str)]) -> Replica {
        let watch = Watch::database(&nb::DATABASE);
        let mut replica = Replica::new(watch.spec());
        let schema = Database::parse(include_str!("../schema/ovn-nb.ovsschema")).unwrap();
        replica.follow(&schema);
        let ids = Value::map(external_ids.iter().copied()).to_json();
        let rows = serde_json::json!({ TABLE: { Uuid::nil().to_string(): {
            "initial": { column::EXTERNAL_IDS: ids } } } });
        replica.apply_snapshot(&rows.to_string()).unwrap();
        replica
    }

    #[test]
    fn the_guard_is_the_wait_that_the_server_was_seen_to_take() {
        let wait = serde_json::json!({
            "op": "wait", "table": "NB_Global", "timeout": 0,
            "where": [["external_ids", "includes", ["map", [["kube-ovn.io/epoch", "7"]]]]],
            "columns": ["external_ids"], "until": "!=", "rows": [],
        });
        assert_eq!(guard(7).to_json(), wait);
    }

    #[test]
    fn an_epoch_follows_the_one_that_is_there() {
        assert_eq!(raise(&replica(&[(EPOCH, "7"), ("other", "x")])).unwrap().1, 8);
        assert_eq!(raise(&replica(&[("other", "x")])).unwrap().1, 1);
    }

    #[test]
    fn an_epoch_that_is_no_number_stops_everybody() {
        let replica = replica(&[(EPOCH, "seven")]);
        assert_eq!(raise(&replica), Err(BadEpoch("seven".to_owned())));
        assert_eq!(current(&replica), Err(BadEpoch("seven".to_owned())));
    }
}
