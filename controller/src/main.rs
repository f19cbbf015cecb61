//! The controller's process.

use std::process::ExitCode;

use controller::args::Args;

fn main() -> ExitCode {
    let typed = match Args::parse(std::env::args_os()) {
        Ok(typed) => typed,
        Err(error) => error.exit(),
    };
    run::logs(typed.args.log_json());
    if !typed.without_effect.is_empty() {
        tracing::warn!(flags = typed.without_effect.join(" "), "flags without effect");
    }
    match start(typed.args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ended");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> anyhow::Result<()> {
    let config = args.resolve()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(controller::run::run(config));
    // What still runs has nothing left to do that anybody waits for.
    runtime.shutdown_background();
    ended
}
