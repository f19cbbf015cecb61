//! What the tests against real servers share.

use std::time::Duration;

use harness::Db;
use ovsdb::client::{Config, Database, Endpoint, Event};
use ovsdb::op::{Columns, Op};
use ovsdb::replica::{Change, Spec, TableSpec};
use ovsdb::value::{Uuid, Value};
use tokio::time::timeout;

pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) fn config(endpoints: Vec<Endpoint>) -> Config {
    let named = |table: &'static str| {
        TableSpec::new(table).columns(["name", "external_ids"]).index("name", |row| {
            match row.get("name")?.as_atom()? {
                ovsdb::value::Atom::String(name) => Some(name.clone()),
                _ => None,
            }
        })
    };
    let spec = Spec::new()
        .table(named("Logical_Switch").columns(["copp"]).edges(["ports"]))
        .table(named("Logical_Switch_Port").columns(["addresses", "enabled", "type"]))
        .table(named("Port_Group").edges(["ports"]));
    Config {
        endpoints,
        database: "OVN_Northbound",
        spec,
        leader_only: true,
        probe: Duration::from_secs(5),
    }
}

/// A database that has delivered its first snapshot.
pub(crate) async fn connect(db: &Db) -> Database {
    let mut database =
        Database::connect(config(vec![db.remote().parse().expect("the harness names endpoints")]));
    snapshot(&mut database).await;
    database
}

/// The next event but for the server's role.
pub(crate) async fn event(database: &mut Database) -> Event {
    let next = async {
        loop {
            match database.event().await {
                Event::Server(_) => {}
                other => return other,
            }
        }
    };
    timeout(SOON, next).await.expect("an event should come")
}

/// The changes of the next snapshot, whatever comes before it.
pub(crate) async fn snapshot(database: &mut Database) -> Vec<Change> {
    loop {
        if let Event::Snapshot(changes) = event(database).await {
            return changes;
        }
    }
}

pub(crate) fn switch(uuid: Uuid, name: &str) -> Op {
    Op::Insert { table: "Logical_Switch", uuid, row: Columns::from([("name", name.into())]) }
}

pub(crate) fn port(uuid: Uuid, name: &str) -> Op {
    let row = Columns::from([
        ("name", Value::from(name)),
        ("addresses", Value::set(["00:00:00:00:00:01 10.0.0.1"])),
        ("external_ids", Value::map([("vendor", "kube-ovn"), ("pod", name)])),
    ]);
    Op::Insert { table: "Logical_Switch_Port", uuid, row }
}
