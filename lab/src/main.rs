//! A real Kubernetes cluster on one machine, without Docker: `cargo lab up`.
//!
//! Nodes are sets of namespaces over one shared Debian root, each with its own containerd and kubelet; bridges
//! in a namespace are the networks between them. Nothing outside those namespaces is touched, one interface
//! to reach the API server aside. The lab is for development and tests: it protects nobody from anybody.

mod addons;
mod args;
mod cache;
mod check;
mod cluster;
mod golang;
mod images;
mod kube;
mod layout;
mod net;
mod node;
mod oci;
mod pki;
mod plan;
mod process;
mod root;
mod screen;
mod status;
mod wait;

use std::{os::unix::process::CommandExt, process::ExitCode};

use anyhow::{Context, Result};
use clap::Parser;
use nix::sys::signal::Signal;

use crate::{
    args::{Action, Arguments, Command},
    golang::Programs,
    kube::Kubectl,
    layout::Layout,
    screen::{Screen, print},
};

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            Screen::new().note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let layout = Layout::open()?;
    match command {
        Command::Up(up) => cluster::up(&layout, &up)?,
        Command::Down => cluster::down(&layout)?,
        Command::Status => status::show(&layout)?,
        Command::Kubectl { arguments } => kubectl(&layout, &arguments)?,
        Command::Exec { machine, command } => {
            let words: Vec<_> = command.iter().map(String::as_str).collect();
            let words = if words.is_empty() { &["bash"][..] } else { &words };
            Err(node::enter(&layout, machine, words)?.exec()).context("cannot run nsenter")?;
        }
        Command::Load { archives } => cluster::load(&layout, &archives)?,
        Command::Node { action: Action::Start, node } => cluster::start(&layout, node)?,
        Command::Node { action, node } => {
            let _claim = cluster::claim(&layout)?;
            let signal = if action == Action::Stop { Signal::SIGTERM } else { Signal::SIGKILL };
            node::end(&layout, node, signal)?;
        }
        Command::Cut { node } => net::set_cables(node, false)?,
        Command::Heal { node } => net::set_cables(node, true)?,
        Command::Logs { machine, program, follow } => {
            status::logs(&layout, machine, program.as_deref(), follow)?
        }
        Command::Check { prove } => return check::run(&layout, prove),
        Command::Root => print(&root::ensure_made(&Screen::new())?.to_string_lossy())?,
        Command::NodeInit(init) => node::init(&layout, &init)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn kubectl(layout: &Layout, arguments: &[String]) -> Result<()> {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut kubectl = Kubectl::new(layout, &Programs::built()?).command(&words);
    Err(kubectl.exec()).context("cannot run kubectl")
}
