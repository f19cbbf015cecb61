//! Columns that several scopes write.

use super::*;

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
