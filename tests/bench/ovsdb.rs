//! `bench ovsdb`: transactions and a snapshot against a real ovsdb-server with the northbound schema.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use harness::{Db, Schema};
use nix::sys::resource::{UsageWho, getrusage};
use ovn::monitor::Watch;
use ovn::nb;
use ovsdb::op::{Columns, Op};
use ovsdb::value::Value;

use crate::ports::{self, States};
use crate::stats::{HEAD, Samples};

const ROWS: usize = 50_000;

pub(crate) async fn run() -> anyhow::Result<()> {
    println!("{HEAD}");
    println!("| one row updated, 1,000 there | {} |", one_row().await?);
    println!("| one port and its place in the switch, 1,000 there | {} |", one_port().await?);
    println!("| 1,000 ports in one transaction | {} |", thousand_rows().await?);
    snapshot().await
}

/// The smallest transaction: one column of one row.
async fn one_row() -> anyhow::Result<Samples> {
    let server = Db::start(Schema::Nb);
    let watch = Watch::database(&nb::DATABASE);
    let mut database = ports::connect(&server.remote(), &watch).await?;
    ports::fill(&mut database, &watch, 1000).await?;
    let table = nb::logical_switch_port::TABLE;
    let (uuid, _) = database.replica().rows(table).next().context("no port is there")?;
    let mut samples = Samples::default();
    for i in 0..2000 {
        let row =
            Columns::from([(nb::logical_switch_port::column::ENABLED, Value::from(i % 2 == 0))]);
        let begun = Instant::now();
        database.transact(&[Op::Update { table, uuid, row }]).await?;
        samples.add(begun.elapsed());
    }
    Ok(samples)
}

/// A transaction per pod: a port, and its place in the switch.
async fn one_port() -> anyhow::Result<Samples> {
    let server = Db::start(Schema::Nb);
    let watch = Watch::database(&nb::DATABASE);
    let mut database = ports::connect(&server.remote(), &watch).await?;
    ports::fill(&mut database, &watch, 1000).await?;
    let (_, _, switch) = ports::switch();
    let mut samples = Samples::default();
    for i in 1000..3000 {
        let batch = ports::ops(&States::from([ports::port(i, switch)]), &watch, &database)?;
        let begun = Instant::now();
        database.transact(&batch).await?;
        samples.add(begun.elapsed());
    }
    Ok(samples)
}

async fn thousand_rows() -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..10 {
        let server = Db::start(Schema::Nb);
        let watch = Watch::database(&nb::DATABASE);
        let mut database = ports::connect(&server.remote(), &watch).await?;
        let batch = ports::ops(&ports::all(1000), &watch, &database)?;
        let begun = Instant::now();
        database.transact(&batch).await?;
        samples.add(begun.elapsed());
    }
    Ok(samples)
}

/// The snapshot is taken by a process of its own, so that its CPU time and memory are nobody else's.
async fn snapshot() -> anyhow::Result<()> {
    let server = Db::start(Schema::Nb);
    let watch = Watch::database(&nb::DATABASE);
    let mut database = ports::connect(&server.remote(), &watch).await?;
    ports::fill(&mut database, &watch, ROWS).await?;
    drop(database);
    println!(
        "\n| {ROWS} rows | wall s | client CPU s | client RSS MiB |\n| --- | --- | --- | --- |"
    );
    let us = std::env::current_exe()?;
    let status = Command::new(us).args(["snapshot", &server.remote()]).status()?;
    ensure!(status.success(), "the snapshot's process ended with {status}");
    Ok(())
}

/// The process that takes the snapshot: connects, reads all, says what it cost.
pub(crate) async fn take(endpoint: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let watch = Watch::database(&nb::DATABASE);
    let database = ports::connect(endpoint, &watch).await?;
    let wall = begun.elapsed();
    let rows = database.replica().rows(nb::logical_switch_port::TABLE).count();
    ensure!(rows == ROWS, "{rows} rows arrived");
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| {
        std::time::Duration::from_micros(
            u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0),
        )
    };
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    let status = fs::read_to_string("/proc/self/status")?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = rss.trim().trim_end_matches(" kB").parse()?;
    println!(
        "| snapshot | {:.3} | {:.3} | {} |",
        wall.as_secs_f64(),
        cpu.as_secs_f64(),
        kib / 1024
    );
    Ok(())
}
