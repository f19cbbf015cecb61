//! The CNI plugin `kube-ovn`: environment and standard input, one round trip to the daemon, standard output.
//!
//! It decides nothing about networks and keeps no state. What it does decide is what the runtime hears when something is wrong, above all
//! when the daemon is not there: see [`answer`].

mod answer;
mod client;
mod order;

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use api::cni::{Command, Error, NetConf, Version, code, supported};
use api::wire::LINE_LIMIT;

use crate::order::{Environment, Order};

const ABOUT: &str = "kube-ovn is a CNI plugin: a container runtime runs it with CNI_COMMAND set and the network configuration on \
                     standard input.";

fn main() -> ExitCode {
    let environment = Environment::read();
    let (outcome, version) = match environment.command() {
        Ok(Command::Version) => (Ok(supported(&stdin_unless_terminal())), Version::default()),
        Ok(command) => obey(command, &environment),
        Err(error) => (Err(error), Version::default()),
    };
    if environment.is_bare() {
        // A person tries what this is; the error on standard output stays as runtimes expect it.
        drop(writeln!(std::io::stderr(), "{ABOUT}"));
    }
    let (text, status) = match outcome {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (error.encode(version), ExitCode::FAILURE),
    };
    // Nobody hears of a broken standard output but by the status; after ADD the runtime then calls DEL.
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => status,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Everything but VERSION. The version is the one the runtime speaks, if it could be read: errors are printed in it.
fn obey(command: Command, environment: &Environment) -> (Result<String, Error>, Version) {
    let stdin = match stdin() {
        Ok(stdin) => stdin,
        Err(error) => return (Err(error), Version::default()),
    };
    let version = NetConf::version(&stdin);
    let spoken = version.as_ref().copied().unwrap_or_default();
    let outcome = Order::new(command, environment, version, &stdin).and_then(|order| {
        let line = client::exchange(&order.socket, order.request.to_line(), order.patience());
        answer::judge(&order, line)
    });
    (outcome, spoken)
}

/// The configuration, as long as it is one: a list of attachments makes the longest.
fn stdin() -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(LINE_LIMIT).expect("the limit is a few megabytes");
    let read = std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::new(code::IO, "read standard input").with_details(error))?;
    if bytes.len() > LINE_LIMIT {
        return Err(Error::new(
            code::DECODE,
            format!("the network configuration is longer than {LINE_LIMIT} bytes"),
        ));
    }
    Ok(bytes)
}

/// VERSION needs no configuration, and a person at a terminal will not type one.
fn stdin_unless_terminal() -> Vec<u8> {
    if std::io::stdin().is_terminal() { Vec::new() } else { stdin().unwrap_or_default() }
}
