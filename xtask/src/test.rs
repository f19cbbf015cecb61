//! `cargo xtask test`: every level of test, with what it needs made first.

use std::path::PathBuf;

use anyhow::Context;

use crate::shell::{command, output, run};
use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leaves out the level that starts a whole cluster
    #[arg(long)]
    no_cluster: bool,
    /// Keeps the cluster running afterwards
    #[arg(long)]
    keep: bool,
    /// Passed on to the test runner: names of tests to run
    filter: Vec<String>,
}

/// Runs all levels; the cluster last, since the others say sooner and more clearly what is wrong.
pub(crate) fn run_all(args: &Args) -> anyhow::Result<()> {
    tools::system()?;
    tools::nextest()?;
    let root = node_root()?;
    let mut tests = command("cargo", &["nextest", "run", "--workspace", "--no-fail-fast"]);
    tests.args(["--no-tests", "pass"]).args(&args.filter).env("NODE_ROOT", &root);
    run(&mut tests)?;
    if args.no_cluster || !args.filter.is_empty() {
        return Ok(());
    }
    let tested = cluster();
    if !args.keep {
        run(&mut command("cargo", &["lab", "down"]))?;
    }
    tested
}

/// The Debian root with the OVN and OVS all levels run, made by the lab when it is not there yet.
pub(crate) fn node_root() -> anyhow::Result<PathBuf> {
    let said = output(&mut command("cargo", &["lab", "root"]))?;
    let path = said.lines().last().context("`cargo lab root` names no folder")?;
    Ok(PathBuf::from(path))
}

fn cluster() -> anyhow::Result<()> {
    run(&mut command("cargo", &["lab", "up"]))?;
    run(&mut command("cargo", &["lab", "check", "--prove"]))?;
    run(&mut command("cargo", &["nextest", "run", "--profile", "cluster", "--package", "tests"]))
}
