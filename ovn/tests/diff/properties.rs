//! What holds for all clusters.

use std::collections::BTreeSet;

use proptest::prelude::*;

use ovsdb::op::Op;
use ovsdb::value::{Atom, Uuid, Value};

use crate::model::Model;
use crate::world::{World, balancer, worlds};
use crate::{Former, States, built, full, pass};
use ovn::diff::Diff;
use ovn::nb;
use ovn::owner::Owner;
use ovn::state::State;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn converges_in_one_step_and_then_rests(a in worlds(), b in worlds()) {
        let (a, b) = (a.sound().states(), b.sound().states());
        let mut model = built(Model::northbound(), &a);
        let diff = full(&model, &b).unwrap();
        prop_assert!(diff.withheld.is_empty(), "{:?}", diff.withheld);
        model.apply(&diff.ops).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&model.rows, &built(Model::northbound(), &b).rows);
        prop_assert_eq!(full(&model, &b).unwrap(), Diff::default());
    }

    #[test]
    fn passes_over_some_scopes_lead_to_the_same_database(
        a in worlds(),
        b in worlds(),
        order in Just((0..21usize).collect::<Vec<_>>()).prop_shuffle(),
        size in 1..6usize,
    ) {
        let (a, b) = (a.sound().states(), b.sound().states());
        let mut model = built(Model::northbound(), &a);
        let owners: Vec<&Owner> = b.keys().collect();
        let mut former: Former = a.iter().map(|(o, s)| (o.clone(), shares(s))).collect();
        // Scopes that had to wait, and scopes whose rows went with a container, come again.
        for _round in 0..3 {
            for some in order.chunks(size) {
                let scopes = some.iter().map(|at| owners[*at].clone()).collect();
                let diff = pass(&model, &b, &scopes, &former).unwrap();
                model.apply(&diff.ops).map_err(TestCaseError::fail)?;
                for owner in scopes.iter().filter(|owner| !diff.withheld.contains_key(*owner)) {
                    former.insert(owner.clone(), shares(&b[owner]));
                }
            }
        }
        prop_assert_eq!(&model.rows, &built(Model::northbound(), &b).rows);
    }

    #[test]
    fn foreign_rows_are_never_touched(a in worlds(), b in worlds(), marks in 0..3usize) {
        let (a, b) = (a.sound().states(), b.sound().states());
        let mut model = built(Model::northbound(), &a);
        let foreign = add_foreign(&mut model, marks);
        let before = model.clone();
        let diff = full(&model, &b).unwrap();
        for op in &diff.ops {
            prop_assert!(!foreign.contains(&uuid(op)), "{op:?}");
        }
        model.apply(&diff.ops).map_err(TestCaseError::fail)?;
        for ((table, id), row) in before.rows.iter().filter(|((_, id), _)| foreign.contains(id)) {
            for (column, value) in row {
                let now = model.column(table, *id, column);
                let survivors = alive(&model, value);
                prop_assert_eq!(now, Some(&survivors), "{} {} {}", table, id, column);
            }
        }
        // A foreign member stays in a container of ours that stays.
        for ((table, id), row) in before.rows.iter().filter(|((_, id), _)| !foreign.contains(id)) {
            for (column, value) in row {
                let theirs = value.atoms().iter().filter(|atom| is_in(&foreign, atom));
                let Some(now) = model.column(table, *id, column) else { continue };
                for member in theirs {
                    prop_assert!(now.contains(member), "{member:?} left {table}.{column}");
                }
            }
        }
        let rest = full(&model, &b).unwrap();
        prop_assert_eq!(rest.ops, vec![]);
    }

    #[test]
    fn nothing_refers_to_what_is_not_there(a in worlds(), b in worlds()) {
        let mut model = built(Model::northbound(), &a.sound().states());
        let b = b.states();
        let diff = full(&model, &b).unwrap();
        model.apply(&diff.ops).map_err(TestCaseError::fail)?;
        for (owner, state) in b.iter().filter(|(owner, _)| !diff.withheld.contains_key(*owner)) {
            for (table, id) in state.rows.keys() {
                prop_assert!(model.column(table, *id, "_").is_none());
                prop_assert!(model.rows.contains_key(&((*table).to_owned(), *id)), "{owner} {table}");
            }
            for edge in &state.edges {
                let members = model.column(edge.table, edge.container, edge.column);
                prop_assert!(members.is_some_and(|m| m.contains(&edge.member)), "{owner} {edge:?}");
            }
        }
        for withheld in diff.withheld.values() {
            prop_assert!(!withheld.missing.is_empty());
        }
        prop_assert_eq!(full(&model, &b).unwrap().ops, vec![]);
    }
}

fn shares(state: &State) -> BTreeSet<ovn::state::Edge> {
    state.shares().cloned().collect()
}

fn uuid(op: &Op) -> Uuid {
    match op {
        Op::Insert { uuid, .. }
        | Op::Update { uuid, .. }
        | Op::Mutate { uuid, .. }
        | Op::Delete { uuid, .. } => *uuid,
        other => panic!("a diff has no {other:?}"),
    }
}

/// Rows of somebody else: a switch with a port and ACL, which also has our ports and balancer; a group
/// with our ports; a balancer in each of our switches; a port in each of our groups.
fn add_foreign(model: &mut Model, marks: usize) -> BTreeSet<Uuid> {
    let ids = Value::map(
        [("vendor", "kube-ovn"), ("kube-ovn.io/owner", "port//x")].into_iter().take(marks),
    );
    let row = |table: &str, at: u128, columns: Vec<(&'static str, Value)>| {
        let mut row: ovsdb::op::Columns = columns.into_iter().collect();
        row.insert("external_ids", ids.clone());
        let table = nb::DATABASE.table(table).unwrap().name;
        (table, Uuid::from_u128(at), row)
    };
    let all = |table: &str| -> Vec<Uuid> {
        model.rows.keys().filter(|(of, _)| of == table).map(|(_, id)| *id).collect()
    };
    let (ports, switches, groups) =
        (all("Logical_Switch_Port"), all("Logical_Switch"), all("Port_Group"));
    let acls = all("ACL");
    let id = Uuid::from_u128;
    let mut ops: Vec<Op> = vec![
        row("ACL", 1, vec![("action", "drop".into()), ("direction", "to-lport".into())]),
        row("Logical_Switch_Port", 2, vec![("name", "theirs".into())]),
        row("Load_Balancer", 3, vec![("name", "theirs".into())]),
        row(
            "Logical_Switch",
            4,
            vec![
                ("name", "theirs".into()),
                ("ports", Value::set(ports.iter().copied().take(1).chain([id(2)]))),
                ("acls", Value::set(acls.iter().copied().take(1).chain([id(1)]))),
                ("load_balancer", Value::set([balancer(), id(3)])),
            ],
        ),
        row(
            "Port_Group",
            5,
            vec![
                ("name", "theirs".into()),
                ("ports", Value::set(ports.iter().copied().chain([id(2)]))),
            ],
        ),
    ]
    .into_iter()
    .map(|(table, uuid, row)| Op::Insert { table, uuid, row })
    .collect();
    let join = |table, column, container: &Uuid, member: u128| Op::Mutate {
        table,
        uuid: *container,
        column,
        mutator: ovsdb::op::Mutator::Insert,
        value: id(member).into(),
    };
    ops.extend(switches.iter().map(|switch| join("Logical_Switch", "load_balancer", switch, 3)));
    ops.extend(groups.iter().map(|group| join("Port_Group", "ports", group, 2)));
    model.apply(&ops).unwrap();
    (1..=5).map(id).collect()
}

/// The value without references to rows that are gone.
fn alive(model: &Model, value: &Value) -> Value {
    let is_alive = |atom: &&Atom| {
        atom.as_uuid().is_none_or(|uuid| model.rows.keys().any(|(_, id)| *id == uuid))
    };
    match value {
        Value::Map(_) => value.clone(),
        _ => Value::set(value.atoms().iter().filter(is_alive)),
    }
}

fn is_in(rows: &BTreeSet<Uuid>, atom: &Atom) -> bool {
    atom.as_uuid().is_some_and(|uuid| rows.contains(&uuid))
}

#[test]
fn the_worlds_reach_every_kind_of_share() {
    let mut world = World::default();
    world.subnets.insert(0, crate::world::Subnet { uid: 0, mtu: 0, services: true, routed: true });
    let groups = BTreeSet::from([0]);
    let port = crate::world::Port { uid: 0, subnet: 0, address: 0, groups, external: true };
    world.ports.insert(0, port);
    world.groups.insert(0, 0);
    world.services.insert(0, 0);
    let states: States = world.states();
    let model = built(Model::northbound(), &states);
    for table in [
        "Logical_Switch_Port",
        "Static_MAC_Binding",
        "ACL",
        "Load_Balancer_Group",
        "Logical_Router_Static_Route",
    ] {
        assert_eq!(model.rows.keys().filter(|(of, _)| of == table).count(), 1, "{table}");
    }
    assert_eq!(model.column("Load_Balancer", balancer(), "vips").map(Value::len), Some(1));
}
