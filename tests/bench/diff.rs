//! `bench diff`: what it costs to compare desired rows with the replica, by the number of rows.

use std::time::Instant;

use harness::{Db, Schema};
use ovn::monitor::Watch;
use ovn::nb;

use crate::ports::{self, States};
use crate::stats::{HEAD, Samples};

pub(crate) async fn run() -> anyhow::Result<()> {
    println!("{HEAD}");
    for rows in [2_000, 50_000] {
        let server = Db::start(Schema::Nb);
        let watch = Watch::database(&nb::DATABASE);
        let mut database = ports::connect(&server.remote(), &watch).await?;
        ports::fill(&mut database, &watch, rows).await?;
        let (_, _, switch) = ports::switch();
        let new = States::from([ports::port(rows, switch)]);
        let one = sample(200, || ports::ops(&new, &watch, &database).map(|ops| ops.len()))?;
        println!("| one new port beside {rows} | {one} |");
        let all = ports::all(rows);
        let same = sample(5, || ports::ops(&all, &watch, &database).map(|ops| ops.len()))?;
        println!("| all {rows} ports, equal | {same} |");
    }
    Ok(())
}

fn sample(
    times: usize,
    mut work: impl FnMut() -> anyhow::Result<usize>,
) -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..times {
        let begun = Instant::now();
        std::hint::black_box(work()?);
        samples.add(begun.elapsed());
    }
    Ok(samples)
}
