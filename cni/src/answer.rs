//! What the runtime hears: the daemon's answer, or what its silence means.
//!
//! | | daemon not running | died or late | refused |
//! | --- | --- | --- | --- |
//! | ADD, CHECK, GC | 11, try again | 11 | its code |
//! | DEL, namespace exists | 11 | 11 | its code |
//! | DEL, namespace gone | success | 11 | its code |
//! | STATUS | 50, not available | 50 | its code |
//!
//! DEL must not leak: port and addresses are the daemon's to remove, so the runtime keeps the sandbox and comes back, and the kubelet goes
//! on with other pods meanwhile. When the namespace is gone the kernel has removed the veth pair with it, as after a reboot; the record in
//! OVS that is left has no device, and the daemon removes those when it starts. Failing there would keep dead sandboxes for as long as the
//! node has no daemon, with nothing to gain.

use api::cni::{Command, Error, code};
use api::wire::{Answer, Response};

use crate::client::Trouble;
use crate::order::Order;

/// The text for standard output, empty where the specification asks for none.
pub(crate) fn judge(order: &Order, line: Result<Vec<u8>, Trouble>) -> Result<String, Error> {
    let line = match line {
        Ok(line) => line,
        Err(Trouble::Absent(_)) if order.command == Command::Del && order.netns_gone => {
            return Ok(String::new());
        }
        Err(trouble) => return Err(silence(order, &trouble)),
    };
    let response =
        Response::parse(&line).map_err(|malformed| for_command(order, malformed.to_error()))?;
    match (order.command, response.answer) {
        (_, Answer::Failed(error)) => Err(error),
        (Command::Add, Answer::Attached(mut result)) => {
            if result.dns.is_empty() {
                result.dns.clone_from(&order.dns);
            }
            let result = match &order.chain {
                _ if order.ipam => result.abbreviated(),
                Some(previous) => result.after(previous.clone()),
                None => result,
            };
            Ok(result.encode(order.version))
        }
        (Command::Add, Answer::Done) | (_, Answer::Attached(_)) => {
            Err(Error::new(code::ANSWER, "the daemon answered another question"))
        }
        (_, Answer::Done) => Ok(String::new()),
    }
}

fn silence(order: &Order, trouble: &Trouble) -> Error {
    let socket = &order.socket;
    let error = match trouble {
        Trouble::Absent(error) => Error::new(
            code::TRY_AGAIN,
            format!("kube-ovn-daemon is not running: nobody listens on {socket}"),
        )
        .with_details(error),
        Trouble::Closed(error) => {
            Error::new(code::IO, format!("connect to {socket}")).with_details(error)
        }
        Trouble::Lost(how) => Error::new(
            code::TRY_AGAIN,
            format!("kube-ovn-daemon went away while it worked on {}", order.command.as_str()),
        )
        .with_details(how),
        Trouble::Late(patience) => Error::new(
            code::TRY_AGAIN,
            format!(
                "kube-ovn-daemon did not answer {} within {} ms",
                order.command.as_str(),
                patience.as_millis()
            ),
        ),
    };
    for_command(order, error)
}

/// STATUS has a code of its own for what others should try again.
fn for_command(order: &Order, mut error: Error) -> Error {
    if order.command == Command::Status {
        error.code = code::UNAVAILABLE;
    }
    error
}
