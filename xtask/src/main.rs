//! The chores of the repository: `cargo xtask check | test | lint | gen | bench | fix | image`.
//!
//! Nothing here ships; each chore installs what it needs and says so.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a tool for people at a terminal")]

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
    /// Repairs what the formatter and clippy can repair by themselves
    Fix,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Check => run(&mut command("cargo", &["check", "--workspace", "--all-targets"])),
        Chore::Test(args) => test::run_all(&args),
        Chore::Lint => lint(),
        Chore::Tidy => tidy::run(),
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
    tidy::run()
}

fn fix() -> anyhow::Result<()> {
    run(&mut command(
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"],
    ))?;
    run(&mut command("cargo", &["fmt", "--all"]))
}
