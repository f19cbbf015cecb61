//! The real ovsdb-server: it takes what the diff makes, and does with it what the model does.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::{Db, Schema};
use ovsdb::Error;
use ovsdb::client::{Config, Database};
use ovsdb::op::{Columns, Mutator, Op};
use ovsdb::replica::Replica;
use ovsdb::value::Value;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config as Cases, TestRunner};
use tokio::time::timeout;

use crate::model::Model;
use crate::world::{Port, Subnet, World, globals, port, worlds};
use crate::{Former, States, WATCH, built, full_of, pass_of};
use ovn::diff::Diff;
use ovn::monitor::Watch;
use ovn::state::State;
use ovn::table::Shape;
use ovn::{epoch, mark, nb};

const SOON: Duration = Duration::from_secs(10);

async fn connect(db: &Db) -> Database {
    let mut database = Database::connect(Config {
        endpoints: vec![db.remote().parse().unwrap()],
        database: "OVN_Northbound",
        spec: WATCH.spec(),
        leader_only: true,
        probe: Duration::from_secs(5),
    });
    timeout(SOON, database.ready()).await.expect("the server should answer");
    database
}

async fn transact(database: &mut Database, ops: &[Op]) -> Result<(), Error> {
    timeout(SOON, database.transact(ops)).await.expect("a reply should come").map(drop)
}

/// The differences of a full pass, brought to the server.
async fn settle(database: &mut Database, all: &States) -> Diff {
    let diff = full_of(database.replica(), all).unwrap();
    if !diff.ops.is_empty() {
        transact(database, &diff.ops).await.unwrap_or_else(|error| panic!("{error}: {diff:#?}"));
    }
    diff
}

fn node(subnets: usize, ports: usize) -> World {
    let mut world = World::default();
    let subnet = Subnet { uid: 0, mtu: 0, services: true, routed: true };
    world.subnets = (0..subnets).map(|name| (name as u8, subnet.clone())).collect();
    world.groups.insert(0, 0);
    world.services.insert(0, 1);
    for name in 0..ports as u8 {
        let groups = BTreeSet::from([0]);
        world.ports.insert(name, Port { uid: 0, subnet: 0, address: name, groups, external: true });
    }
    world
}

/// Every row the replica has, with its edges, in the model's form.
fn rows(replica: &Replica, watch: &Watch) -> Model {
    let mut model = Model::northbound();
    for table in nb::DATABASE.tables {
        for (uuid, row) in replica.rows(table.name) {
            let mut columns: std::collections::BTreeMap<String, Value> =
                row.columns().map(|(name, value)| (name.to_owned(), value.clone())).collect();
            for column in table.columns.iter().filter(|c| c.shared && c.shape == Shape::Set) {
                let members = replica.members(table.name, column.name, &uuid);
                let members = Value::set(members.into_iter().flatten());
                columns.insert(column.name.to_owned(), members);
            }
            model.rows.insert((table.name.to_owned(), uuid), columns);
        }
    }
    assert_eq!(watch.owners(replica), watch.owners(&model.replica(watch)));
    model
}

#[tokio::test]
async fn a_cluster_is_written_in_one_transaction_and_then_rests() {
    let db = Db::start(Schema::Nb);
    let mut database = connect(&db).await;
    let all = node(2, 3).states();
    let diff = settle(&mut database, &all).await;
    assert!(diff.withheld.is_empty(), "{diff:#?}");
    assert_eq!(settle(&mut database, &all).await, Diff::default());
    assert_eq!(rows(database.replica(), &WATCH).rows, built(Model::northbound(), &all).rows);

    let remote = format!("--db={}", db.remote());
    let nbctl = |args: &[&str]| db.run("ovn-nbctl", &[&[&*remote], args].concat());
    assert!(nbctl(&["lsp-list", "subnet0"]).contains("(port2)"));
    assert!(nbctl(&["lr-policy-list", "ovn-cluster"]).contains("ip4.dst == 10.1.0.0/16"));
    assert!(nbctl(&["lr-route-list", "ovn-cluster"]).contains("100.64.0.1"));
    assert!(nbctl(&["lb-list"]).contains("10.96.0.0:80"));
    assert!(nbctl(&["acl-list", "group0"]).contains("outport == @group0"));
}

#[tokio::test]
async fn a_change_costs_what_it_is() {
    let db = Db::start(Schema::Nb);
    let mut database = connect(&db).await;
    let mut world = node(1, 2);
    settle(&mut database, &world.states()).await;
    world.ports.get_mut(&0).unwrap().address = 77;
    world.ports.get_mut(&0).unwrap().external = false;
    let states = world.states();
    // Its address in the set of the group is taken back by the port's own scope.
    let former =
        Former::from([(port(0), node(1, 2).states()[&port(0)].shares().cloned().collect())]);
    let diff = pass_of(database.replica(), &states, &BTreeSet::from([port(0)]), &former).unwrap();
    let [Op::Update { row, .. }, Op::Mutate { column, mutator, .. }] = &diff.ops[..] else {
        panic!("{diff:#?}");
    };
    assert_eq!(row.keys().copied().collect::<Vec<_>>(), ["addresses"]);
    assert_eq!((*column, *mutator), ("addresses", Mutator::Delete));
    transact(&mut database, &diff.ops).await.unwrap();
    assert_eq!(settle(&mut database, &states).await, Diff::default());

    // An object of the same name, but another one: its port is another row.
    world.ports.get_mut(&1).unwrap().uid = 1;
    let diff = settle(&mut database, &world.states()).await;
    assert!(matches!(diff.ops[0], Op::Insert { .. }), "{diff:#?}");
    assert!(matches!(diff.ops[diff.ops.len() - 1], Op::Delete { .. }), "{diff:#?}");
    assert_eq!(settle(&mut database, &world.states()).await, Diff::default());

    // Groups lose a port that goes by themselves; only its switch has to let it go.
    let former = Former::from([(port(1), world.states()[&port(1)].shares().cloned().collect())]);
    world.ports.remove(&1);
    let states = world.states();
    let diff = pass_of(database.replica(), &states, &BTreeSet::from([port(1)]), &former).unwrap();
    let tables: Vec<_> = diff.ops.iter().map(Op::table).collect();
    assert_eq!(tables, ["Address_Set", "Logical_Switch", "Logical_Switch_Port"], "{diff:#?}");
    transact(&mut database, &diff.ops).await.unwrap();
    assert_eq!(settle(&mut database, &states).await, Diff::default());

    settle(&mut database, &States::new()).await;
    assert_eq!(rows(database.replica(), &WATCH).rows, Model::northbound().rows);
}

#[tokio::test]
async fn the_server_does_what_the_model_does() {
    let db = Db::start(Schema::Nb);
    let mut database = connect(&db).await;
    let mut runner = TestRunner::new(Cases::default());
    let mut model = Model::northbound();
    let mut former = Former::new();
    for round in 0..40 {
        let world = worlds().new_tree(&mut runner).unwrap().current();
        // Every other cluster has ports that refer to what is not there.
        let all = if round % 2 == 0 { world.sound() } else { world }.states();
        let owners: Vec<_> = all.keys().cloned().collect();
        for scopes in owners.chunks(1 + round % 5) {
            let scopes: BTreeSet<_> = scopes.iter().cloned().collect();
            let diff = pass_of(database.replica(), &all, &scopes, &former).unwrap();
            if diff.ops.is_empty() {
                continue;
            }
            model.apply(&diff.ops).unwrap();
            transact(&mut database, &diff.ops).await.unwrap_or_else(|e| panic!("{e}: {diff:#?}"));
            assert_eq!(rows(database.replica(), &WATCH).rows, model.rows, "{diff:#?}");
            for owner in scopes.iter().filter(|owner| !diff.withheld.contains_key(*owner)) {
                former.insert(owner.clone(), all[owner].shares().cloned().collect());
            }
        }
    }
}

#[tokio::test]
async fn columns_and_tables_that_the_server_lacks_are_left_out() {
    let mut schema: serde_json::Value = serde_json::from_str(&Schema::Nb.text()).unwrap();
    let tables = schema["tables"].as_object_mut().unwrap();
    for (table, column) in [
        ("Logical_Switch_Port", "dhcpv4_options"),
        ("Logical_Switch", "load_balancer"),
        ("Logical_Switch", "load_balancer_group"),
        ("Logical_Router", "load_balancer_group"),
    ] {
        tables[table]["columns"].as_object_mut().unwrap().remove(column).unwrap();
    }
    tables.remove("Load_Balancer_Group").unwrap();
    let db = Db::with_schema(&schema.to_string());
    let mut database = connect(&db).await;
    let all = node(2, 3).states();
    let diff = settle(&mut database, &all).await;
    assert!(diff.withheld.is_empty(), "{diff:#?}");
    assert_eq!(settle(&mut database, &all).await, Diff::default());
    assert_eq!(database.replica().rows("Logical_Switch_Port").len(), 3);
}

#[tokio::test]
async fn only_the_newest_leader_writes() {
    let db = Db::start(Schema::Nb);
    let (mut first, mut second) = (connect(&db).await, connect(&db).await);
    let (ops, old) = epoch::raise(first.replica()).unwrap();
    transact(&mut first, &ops).await.unwrap();
    assert_eq!((old, epoch::current(first.replica()).unwrap()), (1, Some(1)));
    let write = |epoch, name: &str| {
        let mut state = State::default();
        state.put(&globals(), name, "group", nb::PortGroup::new().name(name));
        let row = state.rows.pop_first().unwrap();
        let insert = Op::Insert { table: row.0.0, uuid: row.0.1, row: row.1.columns };
        [epoch::guard(epoch), insert]
    };
    transact(&mut first, &write(old, "a")).await.unwrap();

    // The second leader learns of the row and the epoch, and begins its own.
    let new = loop {
        let (ops, epoch) = epoch::raise(second.replica()).unwrap();
        match transact(&mut second, &ops).await {
            Ok(()) => break epoch,
            Err(Error::Conflict { .. } | Error::Rejected { .. }) => {
                timeout(SOON, second.event()).await.expect("the news should come");
            }
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(new, 2);
    let refused = transact(&mut first, &write(old, "b")).await;
    assert!(matches!(refused, Err(Error::Conflict { index: 0, .. })), "{refused:?}");
    transact(&mut second, &write(new, "c")).await.unwrap();
}

#[tokio::test]
async fn an_epoch_is_raised_beside_what_others_keep_there() {
    let db = Db::start(Schema::Nb);
    let mut database = connect(&db).await;
    let ids = |epoch: &str| Value::map([("theirs", "1"), (mark::EPOCH, epoch)]);
    let row = Columns::from([("external_ids", ids("41"))]);
    let insert = Op::Insert { table: "NB_Global", uuid: ovsdb::value::Uuid::from_u128(1), row };
    transact(&mut database, &[insert]).await.unwrap();
    let (ops, epoch) = epoch::raise(database.replica()).unwrap();
    transact(&mut database, &ops).await.unwrap();
    assert_eq!(epoch, 42);
    let (_, row) = database.replica().rows("NB_Global").next().unwrap();
    assert_eq!(row.get("external_ids"), Some(&ids("42")));
    // The same transaction again, as of a leader that saw nothing of this, changes nothing.
    let again = transact(&mut database, &ops).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
}
