//! The benchmarks: `cargo xtask bench cni | pods | ovsdb | diff`. Results go to standard output as Markdown tables,
//! the form `docs/benchmarks.md` keeps them in.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tables for people at a terminal")]

mod cluster;
mod cni;
mod diff;
mod node;
mod ovsdb;
mod pods;
mod ports;
mod procs;
mod restart;
mod stats;

use clap::{Parser, Subcommand};

/// The project's benchmarks; `cni` and `pods` need a running lab.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// ADD and DEL of the plugin on a node of the lab
    Cni {
        /// The node whose kubelet rests meanwhile
        #[arg(long, default_value = "n2")]
        node: String,
    },
    /// Pods allocated per second, beside a plain client, and a restart of the controller
    Pods {
        /// How many
        #[arg(long, default_value_t = 2000)]
        count: usize,
        /// The cluster's kubeconfig
        #[arg(long, default_value = "target/lab/kubeconfig")]
        kubeconfig: String,
        /// Its northbound database
        #[arg(long, default_value = "tcp:172.30.0.11:6641")]
        northbound: String,
    },
    /// Transactions and snapshots against a real ovsdb-server
    Ovsdb,
    /// The difference of desired rows and a replica
    Diff,
    /// The process of `ovsdb` that takes a snapshot
    #[command(hide = true)]
    Snapshot { endpoint: String },
    /// The half of `cni` that runs inside a node
    #[command(hide = true)]
    Node {
        #[arg(long)]
        node: String,
        #[arg(long)]
        kubeconfig: String,
    },
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match Args::parse().what {
        What::Cni { node } => cni::run(&node),
        What::Pods { count, kubeconfig, northbound } => runtime.block_on(async {
            let client = cluster::client(&kubeconfig).await?;
            pods::run(client, count, &northbound).await
        }),
        What::Ovsdb => runtime.block_on(ovsdb::run()),
        What::Diff => runtime.block_on(diff::run()),
        What::Snapshot { endpoint } => runtime.block_on(ovsdb::take(&endpoint)),
        What::Node { node, kubeconfig } => {
            let client = runtime.block_on(cluster::client(&kubeconfig))?;
            runtime.block_on(cluster::namespace(&client))?;
            let _inside = runtime.enter();
            node::Inside::new(client, node)?.all()
        }
    }
}
