//! Starts the node daemon.

fn main() -> std::process::ExitCode {
    daemon::main(std::env::args_os())
}
