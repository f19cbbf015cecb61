//! Cases one by one.

mod shared;
mod withheld;

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::op::{Columns, Mutator, Op};
use ovsdb::value::{Uuid, Value};

use crate::model::Model;
use crate::{Former, States, WATCH, built, full, pass};
use ovn::diff;
use ovn::diff::{Collision, Diff, Error, Have, Other};
use ovn::monitor::Watch;
use ovn::owner::Owner;
use ovn::state::State;
use ovn::{mark, nb};

fn subnet() -> Owner {
    Owner::cluster("subnet", "net1")
}

fn pod(name: &str) -> Owner {
    Owner::new("port", "default", name)
}

fn switch_of(name: &str, mtu: &str) -> (State, Uuid) {
    let mut state = State::default();
    let row = nb::LogicalSwitch::new().name(name).other_config([("mtu", mtu)]);
    let uuid = state.put(&subnet(), "s1", "switch", row);
    (state, uuid)
}

/// A port in the switch of [`switch_of`], of an object with this uid.
fn port(name: &str, uid: &str, address: &str) -> (State, Uuid) {
    let mut state = State::default();
    let row = nb::LogicalSwitchPort::new().name(name).addresses([address]);
    let uuid = state.put(&pod(name), uid, "port", row);
    state.join(nb::logical_switch::edge::ports(switch_of("net1", "1400").1, uuid));
    (state, uuid)
}

fn cluster() -> States {
    States::from([
        (subnet(), switch_of("net1", "1400").0),
        (pod("a"), port("a", "1", "10.0.0.2").0),
        (pod("b"), port("b", "2", "10.0.0.3").0),
    ])
}

fn insert(table: &'static str, uuid: u128, row: impl Into<Columns>) -> Op {
    Op::Insert { table, uuid: Uuid::from_u128(uuid), row: row.into() }
}

fn mark_pairs(owner: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![(mark::VENDOR, mark::VENDOR_NAME), (mark::OWNER, owner), (mark::ROLE, "switch")]
}

fn former() -> Former {
    Former::new()
}

#[test]
fn a_new_port_is_one_insert_and_one_member() {
    let mut all = cluster();
    let model = built(Model::northbound(), &all);
    let (state, uuid) = port("c", "3", "10.0.0.4");
    all.insert(pod("c"), state);
    let diff = pass(&model, &all, &BTreeSet::from([pod("c")]), &former()).unwrap();
    let [Op::Insert { table, uuid: new, row }, mutate] = &diff.ops[..] else { panic!("{diff:?}") };
    assert_eq!((*table, *new), ("Logical_Switch_Port", uuid));
    let ids = [
        ("vendor", "kube-ovn"),
        ("kube-ovn.io/owner", "port/default/c"),
        ("kube-ovn.io/role", "port"),
    ];
    assert_eq!(row["external_ids"], Value::map(ids));
    let switch = switch_of("net1", "1400").1;
    let (table, column, mutator) = ("Logical_Switch", "ports", Mutator::Insert);
    assert_eq!(*mutate, Op::Mutate { table, uuid: switch, column, mutator, value: uuid.into() });
}

#[test]
fn a_new_container_begins_with_its_members() {
    let diff = full(&Model::northbound(), &cluster()).unwrap();
    assert!(diff.ops.iter().all(|op| matches!(op, Op::Insert { .. })), "{:?}", diff.ops);
    assert_eq!(diff.ops.len(), 3);
}

#[test]
fn many_members_are_one_mutation_each_way() {
    let mut all = cluster();
    let mut model = built(Model::northbound(), &all);
    for name in ["a", "b"] {
        all.insert(pod(name), State::default());
    }
    for name in ["c", "d", "e"] {
        all.insert(pod(name), port(name, "9", "10.0.0.9").0);
    }
    let diff = full(&model, &all).unwrap();
    let mutations = diff.ops.iter().filter(|op| matches!(op, Op::Mutate { .. })).count();
    assert_eq!((mutations, diff.ops.len()), (2, 7), "{:?}", diff.ops);
    model.apply(&diff.ops).unwrap();
}

#[test]
fn only_columns_that_differ_are_written() {
    let mut all = cluster();
    let model = built(Model::northbound(), &all);
    let (state, uuid) = switch_of("net1", "9000");
    all.insert(subnet(), state);
    let row = Columns::from([("other_config", Value::map([("mtu", "9000")]))]);
    let update = Op::Update { table: "Logical_Switch", uuid, row };
    assert_eq!(full(&model, &all).unwrap().ops, [update]);
}

#[test]
fn a_column_nobody_asked_for_is_left_alone() {
    let all = cluster();
    let mut model = built(Model::northbound(), &all);
    let uuid = port("a", "1", "10.0.0.2").1;
    let row = Columns::from([("up", true.into()), ("tag", 7.into())]);
    model.apply(&[Op::Update { table: "Logical_Switch_Port", uuid, row }]).unwrap();
    assert_eq!(full(&model, &all).unwrap(), Diff::default());
}

#[test]
fn a_stray_key_in_our_external_ids_goes() {
    let all = cluster();
    let mut model = built(Model::northbound(), &all);
    let (table, column) = ("Logical_Switch", "external_ids");
    let (uuid, value) = (switch_of("net1", "1400").1, Value::map([("stray", "1")]));
    model.apply(&[Op::Mutate { table, uuid, column, mutator: Mutator::Insert, value }]).unwrap();
    model.apply(&full(&model, &all).unwrap().ops).unwrap();
    assert_eq!(model.rows, built(Model::northbound(), &all).rows);
}

#[test]
fn a_pod_made_again_under_its_name_is_one_transaction() {
    let mut all = cluster();
    let mut model = built(Model::northbound(), &all);
    all.insert(pod("a"), port("a", "another", "10.0.0.2").0);
    let diff = pass(&model, &all, &BTreeSet::from([pod("a")]), &former()).unwrap();
    assert!(diff.withheld.is_empty(), "{diff:?}");
    model.apply(&diff.ops).unwrap();
    assert_eq!(model.rows, built(Model::northbound(), &all).rows);
}

#[test]
fn states_that_no_database_could_hold_are_mistakes() {
    let model = Model::northbound();
    let (mut twice, uuid) = switch_of("net1", "1400");
    twice.put(&subnet(), "s1", "switch", nb::LogicalSwitch::new().name("net2"));
    let error = full(&model, &States::from([(subnet(), twice)])).unwrap_err();
    assert_eq!(error, Error::Duplicate { owner: subnet(), table: "Logical_Switch", uuid });

    let stray = States::from([(pod("a"), switch_of("net1", "1400").0)]);
    let (scope, owner) = (pod("a"), subnet());
    let error = Error::Stray { scope, owner, table: "Logical_Switch" };
    assert_eq!(full(&model, &stray).unwrap_err(), error);

    let mut state = switch_of("net1", "1400").0;
    state.rows.values_mut().for_each(|row| drop(row.columns.insert("ports", uuid.into())));
    let error = Error::Column { owner: subnet(), table: "Logical_Switch", column: "ports" };
    assert_eq!(full(&model, &States::from([(subnet(), state)])).unwrap_err(), error);
}

#[test]
fn a_table_that_is_not_watched_cannot_be_written() {
    let watch = Watch::default().table(&nb::acl::SCHEMA, nb::acl::COLUMNS.iter().copied());
    let replica = Model::northbound().replica(&watch);
    let (want, former) = (cluster(), former());
    let have = Have { watch: &watch, replica: &replica, still_wanted: &|_| false, former: &former };
    let error = diff(&want, &have).unwrap_err();
    assert!(matches!(error, Error::Unwatched { .. }), "{error}");
}

#[test]
fn rows_without_external_ids_are_found_by_name_and_by_parent() {
    let owner = Owner::cluster("vpc", "v");
    let mut state = State::default();
    let group = state.put(&owner, "", "lbs", nb::LoadBalancerGroup::new());
    let router = state.put(&owner, "", "router", nb::LogicalRouter::new().name("v"));
    let port = nb::LogicalRouterPort::new().name("v-net1").mac("02:00:00:00:00:01");
    let port = state.put(&owner, "", "port", port);
    state.join(nb::logical_router::edge::ports(router, port));
    let binding =
        nb::StaticMacBinding::new().logical_port("v-net1").ip("10.0.0.1").mac("02:00:00:00:00:02");
    state.put(&owner, "", "binding", binding);
    let sample = state.put(&owner, "", "sample", nb::Sample::new().metadata(1));
    let acl = nb::Acl::new().action("drop").direction("to-lport").sample_new(sample);
    let acl = state.put(&owner, "", "acl", acl);
    let ports = state.put(&owner, "", "ports", nb::PortGroup::new().name("v"));
    state.join(nb::port_group::edge::acls(ports, acl));
    let all = States::from([(owner.clone(), state)]);

    let mut model = built(Model::northbound(), &all);
    let name = model.column("Load_Balancer_Group", group, "name").and_then(Value::as_str);
    assert_eq!(name, Some("kube-ovn.io/lbs/vpc//v"));
    assert_eq!(full(&model, &all).unwrap(), Diff::default());
    assert_eq!(WATCH.owners(&model.replica(&WATCH)), BTreeSet::from([owner]));

    model.apply(&full(&model, &States::new()).unwrap().ops).unwrap();
    assert!(model.rows.is_empty(), "{:?}", model.rows);
}

#[test]
fn what_the_server_lacks_is_left_out_and_the_diff_rests() {
    let mut all = cluster();
    let mut model = built(Model::northbound().without("Logical_Switch", "other_config"), &all);
    assert_eq!(full(&model, &all).unwrap(), Diff::default());

    let group = Owner::cluster("group", "g");
    let mut state = State::default();
    let balancers = state.put(&group, "", "group", nb::LoadBalancerGroup::new());
    let switch = switch_of("net1", "1400").1;
    state.join(nb::logical_switch::edge::load_balancer_group(switch, balancers));
    all.insert(group, state);
    model = model.without("Logical_Switch", "load_balancer_group");
    let diff = full(&model, &all).unwrap();
    assert!(matches!(diff.ops[..], [Op::Insert { .. }]), "{diff:?}");
    model.apply(&diff.ops).unwrap();
    assert_eq!(full(&model, &all).unwrap(), Diff::default());
    model = model.without_table("Load_Balancer_Group");
    assert_eq!(full(&model, &all).unwrap(), Diff::default());
}

#[test]
fn a_row_keeps_its_identity_when_the_owner_mark_was_changed_by_hand() {
    let all = cluster();
    let mut model = built(Model::northbound(), &all);
    let (_, uuid) = switch_of("net1", "1400");
    let ids = Value::map(mark_pairs("subnet//net2"));
    let row = Columns::from([("external_ids", ids)]);
    model.apply(&[Op::Update { table: "Logical_Switch", uuid, row }]).unwrap();
    model.apply(&full(&model, &all).unwrap().ops).unwrap();
    assert_eq!(model.rows, built(Model::northbound(), &all).rows);
}
