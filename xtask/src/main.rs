//! The chores of the repository: `cargo xtask check | test | lint | gen | bench | fix | image`.
//!
//! Nothing here ships; each chore installs what it needs and says so.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a tool for people at a terminal")]

mod gen_crds;
mod gen_ovn;
mod image;
mod shell;
mod test;
mod tidy;
mod tools;

use clap::{Parser, Subcommand};

use crate::shell::{command, run};

/// The chores of the repository.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Compiles everything, tests included, without running it
    Check,
    /// Runs all tests, from pure functions to the real cluster
    Test(test::Args),
    /// Format, clippy, licences, generated files, and the invariants of the design
    Lint,
    /// Only the invariants of the design
    Tidy,
    /// Writes what is generated: rows from OVN's schemas, the chart's CRDs
    Gen {
        /// Changes nothing; fails when the tree differs
        #[arg(long)]
        check: bool,
    },
    /// Measures: `cni` and `pods` against a running lab, `ovsdb` and `diff` by themselves
    Bench {
        /// Words for the benchmark program
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Builds the container image without Docker
    Image(image::Args),
    /// Repairs what the formatter and clippy can repair by themselves
    Fix,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Check => run(&mut command("cargo", &["check", "--workspace", "--all-targets"])),
        Chore::Test(args) => test::run_all(&args),
        Chore::Lint => lint(),
        Chore::Tidy => tidy::run(),
        Chore::Gen { check } => generate(check),
        Chore::Bench { words } => bench(&words),
        Chore::Image(args) => image::run(&args),
        Chore::Fix => fix(),
    }
}

fn lint() -> anyhow::Result<()> {
    run(&mut command("cargo", &["fmt", "--all", "--check"]))?;
    run(&mut command(
        "cargo",
        &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
    ))?;
    tools::deny()?;
    run(&mut command(
        "cargo",
        &["deny", "--log-level", "error", "check", "licenses", "bans", "sources"],
    ))?;
    generate(true)?;
    tidy::run()
}

fn generate(check: bool) -> anyhow::Result<()> {
    gen_ovn::run(check)?;
    gen_crds::run(check)
}

/// Figures are taken by an optimised program of its own, on the profile of what the lab runs.
fn bench(words: &[String]) -> anyhow::Result<()> {
    let mut bench = command(
        "cargo",
        &["run", "--quiet", "--profile", "lab", "--package", "tests", "--bin", "bench", "--"],
    );
    bench.args(words);
    if words.first().is_some_and(|word| word == "ovsdb" || word == "diff") {
        bench.env("NODE_ROOT", test::node_root()?);
    }
    run(&mut bench)
}

fn fix() -> anyhow::Result<()> {
    run(&mut command(
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"],
    ))?;
    run(&mut command("cargo", &["fmt", "--all"]))
}
