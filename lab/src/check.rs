//! `cargo lab check`: does every kind of path carry traffic, and would the check notice if it did not?
//!
//! The paths are data ([`cells`]); pods to try them from and to live in a namespace of their own, which is
//! removed at the end.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use nix::fcntl::Flock;

use crate::{
    cache,
    golang::Programs,
    kube::Kubectl,
    layout::Layout,
    node,
    plan::Machine,
    screen::{Screen, print},
};

mod cells;
mod cut;
mod probe;
mod stage;
mod table;

use cells::{Cell, cells};
use probe::Prober;
use stage::Stage;

/// How long paths may take to appear once the pods are ready: load balancers follow endpoints.
const SETTLE: Duration = Duration::from_secs(15);

/// Runs all cells; with `prove` also each with its path broken.
///
/// # Errors
/// The lab is down, or the test pods cannot be made. A path that does not work is no error but an exit code.
pub(crate) fn run(layout: &Layout, prove: bool) -> Result<ExitCode> {
    let _lock = one_at_a_time(layout)?;
    let kubectl = Kubectl::new(layout, &Programs::built()?);
    let nodes: Vec<_> = Machine::networked()
        .filter(|&machine| {
            matches!(machine, Machine::Node(_)) && node::running(layout, machine).is_some()
        })
        .collect();
    ensure!(!nodes.is_empty(), "no node runs: `cargo lab up` first");
    let screen = Screen::new();
    let checked = on_stage(layout, &kubectl, &nodes, &screen, prove);
    screen.step("Removing the test pods", |_| stage::remove(&kubectl)).and(checked)
}

fn one_at_a_time(layout: &Layout) -> Result<Flock<std::fs::File>> {
    cache::lock(&layout.state.join("check.lock"))
}

fn on_stage(
    layout: &Layout,
    kubectl: &Kubectl,
    nodes: &[Machine],
    screen: &Screen,
    prove: bool,
) -> Result<ExitCode> {
    let stage = screen.step("Test pods", |step| Stage::set(kubectl, nodes, step))?;
    let cells = cells(&stage);
    let prober = Prober::new(layout, kubectl, &stage);
    let results = screen
        .step(&format!("{} paths", cells.len()), |step| prober.settle(&cells, SETTLE, step))?;
    print(&table::render(&cells, &results))?;
    if nodes.len() == 1 {
        print("With a single node there are no paths between nodes.")?;
    }
    let failed = results.iter().filter(|result| result.is_err()).count();
    if failed > 0 {
        print(&format!("{failed} of {} paths do not work", cells.len()))?;
        return Ok(ExitCode::FAILURE);
    }
    print(&format!("All {} paths work", cells.len()))?;
    if prove { prove_all(&prober, &cells, screen) } else { Ok(ExitCode::SUCCESS) }
}

/// Breaks each path and demands that its cell, seen green a moment ago, turns red.
fn prove_all(prober: &Prober<'_>, cells: &[Cell], screen: &Screen) -> Result<ExitCode> {
    let unnoticed = screen.step("The same paths, each broken on purpose", |step| {
        step.length(cells.len() as u64);
        cut::prove(prober, cells, step)
    })?;
    let after = screen.step("All paths again", |step| prober.settle(cells, SETTLE, step))?;
    let broken = after.iter().filter(|result| result.is_err()).count();
    for cell in &unnoticed {
        print(&format!("✗ {} stayed green while its path was broken", cell.title()))?;
    }
    if broken > 0 {
        print(&table::render(cells, &after))?;
        print(&format!("{broken} paths did not come back"))?;
    }
    if unnoticed.is_empty() && broken == 0 {
        print(&format!(
            "All {} cells turned red while their path was broken, and green again",
            cells.len()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// Where a probe starts, and where a path can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Pod(stage::Pod),
    Machine(Machine),
}
