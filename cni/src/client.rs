//! One line to the daemon, one line back, within a time.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use api::wire::LINE_LIMIT;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nobody listens: the daemon is not running.
    Absent(std::io::Error),
    /// There is no getting through, and waiting will not help.
    Closed(std::io::Error),
    /// The daemon took the request and went away; what it did is unknown.
    Lost(String),
    /// It did not answer in time; what it does is unknown.
    Late(Duration),
}

/// Sends `line` and returns the answer without its newline.
///
/// A thread does the work and dies with the process: that is one limit for all of it, also for `connect`, which waits without one while
/// the listener's queue is full, and for an answer that comes byte by byte.
pub(crate) fn exchange(
    socket: &str,
    line: Vec<u8>,
    patience: Duration,
) -> Result<Vec<u8>, Trouble> {
    let (done, outcome) = mpsc::sync_channel(1);
    let socket = socket.to_owned();
    // The send fails only when nobody waits any more.
    thread::spawn(move || drop(done.send(converse(&socket, &line))));
    outcome.recv_timeout(patience).unwrap_or(Err(Trouble::Late(patience)))
}

fn converse(socket: &str, line: &[u8]) -> Result<Vec<u8>, Trouble> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => Trouble::Absent(error),
        _ => Trouble::Closed(error),
    })?;
    let lost = |error: std::io::Error| Trouble::Lost(error.to_string());
    stream.write_all(line).map_err(lost)?;
    let limit = u64::try_from(LINE_LIMIT).expect("the limit is a few megabytes");
    let mut answer = Vec::new();
    BufReader::new(stream.take(limit)).read_until(b'\n', &mut answer).map_err(lost)?;
    match answer.pop() {
        Some(b'\n') => Ok(answer),
        Some(_) => {
            Err(Trouble::Lost(format!("the answer breaks off after {} bytes", answer.len() + 1)))
        }
        None => Err(Trouble::Lost("the connection ended without an answer".to_owned())),
    }
}
