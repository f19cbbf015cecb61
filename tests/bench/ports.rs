//! A logical switch with many ports as our controller would want it: input of the database benchmarks.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use ovn::diff::Have;
use ovn::monitor::Watch;
use ovn::nb;
use ovn::{Edge, Owner, State, diff};
use ovsdb::client::{Config, Database, Endpoint, Event};
use ovsdb::op::Op;
use ovsdb::value::Uuid;

/// What each scope wants, as `ovn::diff` takes it.
pub(crate) type States = BTreeMap<Owner, State>;

/// The switch's scope, and its row.
pub(crate) fn switch() -> (Owner, State, Uuid) {
    let owner = Owner::cluster("subnet", "bench");
    let mut state = State::default();
    let row = nb::LogicalSwitch::new().name("bench").other_config([("subnet", "10.0.0.0/8")]);
    let uuid = state.put(&owner, "uid", "switch", row);
    (owner, state, uuid)
}

/// The scope of the `i`th port.
pub(crate) fn port(i: usize, switch: Uuid) -> (Owner, State) {
    let owner = Owner::new("pod", "bench", format!("pod-{i}"));
    let mut state = State::default();
    let (high, low) = (i / 250, i % 250 + 2);
    let address =
        format!("02:00:00:00:{:02x}:{low:02x} 10.{}.{}.{low}", high % 256, high / 256, high % 256);
    let row = nb::LogicalSwitchPort::new()
        .name(format!("pod-{i}.bench"))
        .addresses([address])
        .external_ids([("pod", format!("bench/pod-{i}")), ("ls", "bench".to_owned())]);
    let uuid = state.put(&owner, "uid", "port", row);
    state.join(Edge {
        table: nb::logical_switch::TABLE,
        column: nb::logical_switch::column::PORTS,
        container: switch,
        member: uuid.into(),
    });
    (owner, state)
}

/// The switch and ports `0..count`.
pub(crate) fn all(count: usize) -> States {
    let (owner, state, uuid) = switch();
    let mut states: States = (0..count).map(|i| port(i, uuid)).collect();
    states.insert(owner, state);
    states
}

/// A connection to the northbound database at `endpoint`, with its first snapshot.
pub(crate) async fn connect(endpoint: &str, watch: &Watch) -> anyhow::Result<Database> {
    let endpoint: Endpoint = endpoint.parse().context("the server's endpoint")?;
    let mut database = Database::connect(Config {
        endpoints: vec![endpoint],
        database: "OVN_Northbound",
        spec: watch.spec(),
        leader_only: false,
        probe: Duration::from_secs(30),
    });
    loop {
        if let Event::Snapshot(_) = database.event().await {
            return Ok(database);
        }
    }
}

/// The operations that make the database what `want` says.
pub(crate) fn ops(want: &States, watch: &Watch, database: &Database) -> anyhow::Result<Vec<Op>> {
    let have = Have {
        watch,
        replica: database.replica(),
        still_wanted: &|_| false,
        former: &BTreeMap::new(),
    };
    let outcome = diff(want, &have)?;
    anyhow::ensure!(outcome.withheld.is_empty(), "withheld: {:?}", outcome.withheld);
    Ok(outcome.ops)
}

/// Writes `count` ports, a thousand in a transaction.
pub(crate) async fn fill(
    database: &mut Database,
    watch: &Watch,
    count: usize,
) -> anyhow::Result<()> {
    let (owner, state, uuid) = switch();
    let first = ops(&States::from([(owner, state)]), watch, database)?;
    database.transact(&first).await?;
    for from in (0..count).step_by(1000) {
        let states: States = (from..count.min(from + 1000)).map(|i| port(i, uuid)).collect();
        let batch = ops(&states, watch, database)?;
        database.transact(&batch).await?;
    }
    Ok(())
}
