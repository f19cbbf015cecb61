//! Cases one by one.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::op::{Columns, Mutator, Op};
use ovsdb::value::{Uuid, Value};

use crate::model::Model;
use crate::{Former, States, WATCH, built, full, pass};
use ovn::diff;
use ovn::diff::{Collision, Diff, Error, Have, Other};
use ovn::identity::uuid_v5;
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
fn a_scope_that_refers_to_a_missing_row_waits_and_others_do_not() {
    let mut all = cluster();
    all.remove(&subnet());
    let group = {
        let mut state = State::default();
        state.put(&Owner::cluster("group", "g"), "", "group", nb::PortGroup::new().name("g"));
        state
    };
    all.insert(Owner::cluster("group", "g"), group);
    let diff = full(&Model::northbound(), &all).unwrap();
    let switch = ("Logical_Switch", switch_of("net1", "1400").1);
    for name in ["a", "b"] {
        let waits = &diff.withheld[&pod(name)];
        assert!(waits.missing.contains(&switch), "{waits:?}");
        assert!(waits.collisions.is_empty());
    }
    assert_eq!((diff.withheld.len(), diff.ops.len()), (2, 1), "{diff:?}");
}

#[test]
fn waiting_spreads_to_those_who_refer_to_the_one_that_waits() {
    let mut all = cluster();
    all.remove(&subnet());
    let (_, a) = port("a", "1", "10.0.0.2");
    let owner = Owner::cluster("group", "g");
    let mut state = State::default();
    let group = state.put(&owner, "", "group", nb::PortGroup::new().name("g"));
    state.join(nb::port_group::edge::ports(group, a));
    all.insert(owner.clone(), state);
    let diff = full(&Model::northbound(), &all).unwrap();
    assert_eq!(diff.withheld[&owner].missing, BTreeSet::from([("Logical_Switch_Port", a)]));
    assert_eq!(diff.ops, []);
}

#[test]
fn a_row_that_goes_in_the_same_batch_counts_as_missing() {
    let mut all = cluster();
    let model = built(Model::northbound(), &all);
    all.insert(subnet(), State::default());
    let diff = full(&model, &all).unwrap();
    assert_eq!(diff.withheld.keys().cloned().collect::<Vec<_>>(), [pod("a"), pod("b")]);
    let switch = switch_of("net1", "1400").1;
    assert_eq!(diff.ops, [Op::Delete { table: "Logical_Switch", uuid: switch }]);
}

#[test]
fn a_row_that_nothing_would_keep_is_not_written() {
    let mut state = State::default();
    let row = nb::Acl::new().action("drop").direction("to-lport");
    let uuid = state.put(&subnet(), "s1", "lonely", row);
    let diff = full(&Model::northbound(), &States::from([(subnet(), state)])).unwrap();
    assert_eq!(diff.withheld[&subnet()].unreferenced, BTreeSet::from([("ACL", uuid)]));
    assert_eq!(diff.ops, []);
}

#[test]
fn a_row_that_lost_its_marks_is_somebody_elses() {
    let mut all = cluster();
    let mut model = built(Model::northbound(), &all);
    let uuid = switch_of("net1", "1400").1;
    let row = Columns::from([("external_ids", Value::map([("vendor", "kube-ovn")]))]);
    model.apply(&[Op::Update { table: "Logical_Switch", uuid, row }]).unwrap();
    all.insert(subnet(), switch_of("net1", "9000").0);
    let diff = full(&model, &all).unwrap();
    assert_eq!(diff.ops, []);
    let (table, name, of) = ("Logical_Switch", None, Other::KubeOvn);
    let collisions = BTreeSet::from([Collision { table, uuid, name, of }]);
    assert_eq!(diff.withheld[&subnet()].collisions, collisions);
}

#[test]
fn a_name_that_another_row_has_is_not_taken_twice() {
    for (ids, of) in [
        (vec![], Other::Stranger),
        (vec![("vendor", "kube-ovn")], Other::KubeOvn),
        (mark_pairs("subnet//other"), Other::Scope),
    ] {
        let mut model = Model::northbound();
        let theirs = nb::LogicalSwitch::new().name("net1").external_ids(ids);
        model.apply(&[insert("Logical_Switch", 7, theirs)]).unwrap();
        // The other scope is not in the pass.
        let scopes = BTreeSet::from([subnet()]);
        let diff = pass(&model, &cluster(), &scopes, &former()).unwrap();
        let (table, uuid) = ("Logical_Switch", Uuid::from_u128(7));
        let collision = Collision { table, uuid, name: Some("net1".into()), of };
        assert_eq!(diff.withheld[&subnet()].collisions, BTreeSet::from([collision]));
        assert_eq!(diff.ops, []);
    }
}

fn mark_pairs(owner: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![(mark::VENDOR, mark::VENDOR_NAME), (mark::OWNER, owner), (mark::ROLE, "switch")]
}

#[test]
fn a_name_passes_from_row_to_row_within_a_scope() {
    let two = |first: &str, second: Option<&str>| {
        let mut state = State::default();
        state.put(&subnet(), "", "first", nb::PortGroup::new().name(first));
        if let Some(second) = second {
            state.put(&subnet(), "", "second", nb::PortGroup::new().name(second));
        }
        States::from([(subnet(), state)])
    };
    let mut model = built(Model::northbound(), &two("x", None));
    let diff = full(&model, &two("y", Some("x"))).unwrap();
    assert!(diff.withheld.is_empty(), "{diff:?}");
    model.apply(&diff.ops).unwrap();
}

#[test]
fn rows_of_a_running_kube_ovn_are_reported_and_kept() {
    let mut model = Model::northbound();
    let theirs = nb::LogicalSwitch::new().name("join").external_ids([("vendor", "kube-ovn")]);
    model.apply(&[insert("Logical_Switch", 7, theirs)]).unwrap();
    let replica = model.replica(&WATCH);
    assert_eq!(WATCH.kube_ovns(&replica), [("Logical_Switch", Uuid::from_u128(7))]);
    assert_eq!(full(&model, &States::new()).unwrap(), Diff::default());
}

#[test]
fn a_foreign_row_that_refers_to_ours_keeps_it_and_is_named() {
    let mut all = cluster();
    let mut model = built(Model::northbound(), &all);
    let (_, a) = port("a", "1", "10.0.0.2");
    let row = Columns::from([("name", "theirs".into()), ("ports", a.into())]);
    model.apply(&[insert("Logical_Switch", 7, row)]).unwrap();
    all.insert(pod("a"), State::default());
    let diff = full(&model, &all).unwrap();
    let holder = ("Logical_Switch", Uuid::from_u128(7));
    assert_eq!(diff.held, BTreeMap::from([(("Logical_Switch_Port", a), holder)]));
    model.apply(&diff.ops).unwrap();
    let ours = model.column("Logical_Switch", switch_of("net1", "1400").1, "ports").unwrap();
    assert!(!ours.contains(&a.into()));
    assert_eq!(full(&model, &all).unwrap().ops, []);
}

#[test]
fn an_address_goes_with_the_last_scope_that_wants_it() {
    let group = Owner::cluster("group", "g");
    let mut state = State::default();
    let set = state.put(&group, "", "set", nb::AddressSet::new().name("g"));
    let wanting = || {
        let mut state = State::default();
        state.join(nb::address_set::edge::addresses(set, "192.0.2.1"));
        state
    };
    let mut all = States::from([(group, state), (pod("a"), wanting()), (pod("b"), wanting())]);
    let mut model = built(Model::northbound(), &all);
    for (name, left) in [("a", 1), ("b", 0)] {
        let was = std::mem::take(all.get_mut(&pod(name)).unwrap());
        let former = Former::from([(pod(name), was.shares().cloned().collect())]);
        let diff = pass(&model, &all, &BTreeSet::from([pod(name)]), &former).unwrap();
        model.apply(&diff.ops).unwrap();
        assert_eq!(model.column("Address_Set", set, "addresses").unwrap().len(), left);
    }
}

#[test]
fn entries_of_a_shared_map_change_one_by_one() {
    let owner = Owner::cluster("globals", "g");
    let mut state = State::default();
    let lb = state.put(&owner, "", "lb", nb::LoadBalancer::new().name("lb"));
    let entered = |vips: &[(&str, &str)]| {
        let mut state = State::default();
        for (vip, backends) in vips {
            state.enter(nb::load_balancer::edge::vips(lb, *vip), *backends);
        }
        state
    };
    let service = pod("service");
    let before = entered(&[("10.96.0.1:80", "10.16.0.1:80"), ("10.96.0.1:443", "10.16.0.1:443")]);
    let mut all = States::from([(owner, state), (service.clone(), before.clone())]);
    let mut model = built(Model::northbound(), &all);
    all.insert(service.clone(), entered(&[("10.96.0.1:80", "10.16.0.2:80")]));
    let former = Former::from([(service.clone(), before.shares().cloned().collect())]);
    let diff = pass(&model, &all, &BTreeSet::from([service]), &former).unwrap();
    let mutate = |mutator, value| Op::Mutate {
        table: "Load_Balancer",
        uuid: lb,
        column: "vips",
        mutator,
        value,
    };
    assert_eq!(
        diff.ops,
        [
            mutate(Mutator::Delete, Value::set(["10.96.0.1:80", "10.96.0.1:443"])),
            mutate(Mutator::Insert, Value::map([("10.96.0.1:80", "10.16.0.2:80")])),
        ]
    );
    model.apply(&diff.ops).unwrap();
    assert_eq!(model.rows, built(Model::northbound(), &all).rows);
}

#[test]
fn a_map_written_whole_has_no_entries_of_others() {
    let mut state = State::default();
    let row = nb::LoadBalancer::new().name("lb").vips([("10.96.0.1:80", "10.16.0.1:80")]);
    let lb = state.put(&subnet(), "", "lb", row);
    let alone = States::from([(subnet(), state.clone())]);
    let mut model = built(Model::northbound(), &alone);
    assert_eq!(full(&model, &alone).unwrap(), Diff::default());
    let (column, value) = ("vips", Value::map([("10.96.0.9:80", "")]));
    let stray =
        Op::Mutate { table: "Load_Balancer", uuid: lb, column, mutator: Mutator::Insert, value };
    model.apply(&[stray]).unwrap();
    model.apply(&full(&model, &alone).unwrap().ops).unwrap();
    assert_eq!(model.rows, built(Model::northbound(), &alone).rows);
    state.enter(nb::load_balancer::edge::vips(lb, "10.96.0.2:80"), "");
    let both = States::from([(subnet(), state)]);
    let error = Error::Column { owner: subnet(), table: "Load_Balancer", column };
    assert_eq!(full(&model, &both).unwrap_err(), error);
}

#[test]
fn scopes_that_disagree_on_an_entry_are_a_mistake() {
    let lb = Uuid::from_u128(1);
    let entry = |value: &str| {
        let mut state = State::default();
        state.enter(nb::load_balancer::edge::vips(lb, "10.96.0.1:80"), value);
        state
    };
    let all = States::from([(pod("a"), entry("x")), (pod("b"), entry("y"))]);
    let (table, column) = ("Load_Balancer", "vips");
    let error = Error::Entry { owner: pod("b"), table, column, container: lb };
    assert_eq!(full(&Model::northbound(), &all).unwrap_err(), error);
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

#[test]
fn uuids_are_those_of_the_identity() {
    let (_, uuid) = switch_of("net1", "1400");
    assert_eq!(uuid, uuid_v5("Logical_Switch", &subnet(), "s1", &"switch".into()));
}
