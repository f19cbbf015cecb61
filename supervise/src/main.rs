//! `kube-ovn-supervise`: first process of the pods `ovn-central` and `ovs-ovn`, and installer of the CNI plugins.

use clap::Parser;
use supervise::args::{Args, Command};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    run::logs(args.log_json);
    // One thread: children ask the kernel to end with the thread that started them, and this one ends last.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match args.command {
            Command::Central(args) => supervise::central::run(args.resolve()?).await,
            Command::Node(args) => supervise::node::run(args.resolve()?).await,
            Command::InstallCni(args) => supervise::install::run(&args.from, &args.to),
        }
    })
}
