//! What is not written, and what it is because of.

use super::*;

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
