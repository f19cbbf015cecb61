//! The node daemon: carries out small kernel plans for pods and keeps the node as it should be.
//!
//! It decides nothing about addresses or policy; the controller writes those to the pod's annotations and to OVN. What it
//! knows it can learn again from the kernel, the local Open vSwitch database and the API server, so it keeps no files.

mod args;
mod kernel;
mod metrics;
mod node;
mod plan;
mod report;
mod run;
mod server;
mod vswitch;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

/// Threads of the runtime: one that waits for the kernel or the database does not hold up another.
const THREADS: usize = 2;

/// The whole program, given its command line.
pub fn main(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let typed = match args::Args::parse(line) {
        Ok(typed) => typed,
        Err(error) => error.exit(),
    };
    ::run::logs(typed.args.log_json());
    if !typed.without_effect.is_empty() {
        tracing::warn!(flags = ?typed.without_effect, "flags without effect");
    }
    match start(typed.args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: args::Args) -> anyhow::Result<()> {
    let config = args.resolve()?;
    few_arenas();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    runtime.block_on(run::run(config))
}

/// Short-lived threads would each leave a heap of their own behind, which is most of a small program's memory.
fn few_arenas() {
    #[allow(
        unsafe_code,
        reason = "mallopt has no safe binding; it is called before other threads exist"
    )]
    // SAFETY: mallopt(3) takes two numbers and touches only the allocator's own settings.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
