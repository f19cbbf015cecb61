//! What `ovs-appctl` does, without starting it: one JSON-RPC call on a daemon's control socket.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Deserializer, Value, json};

/// The daemon's answer; fails with its error.
#[track_caller]
pub fn appctl(socket: &Path, command: &[&str]) -> String {
    let (method, args) = command.split_first().expect("a command has a name");
    call(socket, method, args).unwrap_or_else(|error| panic!("{command:?} on {socket:?}: {error}"))
}

pub(crate) fn call(socket: &Path, method: &str, args: &[&str]) -> Result<String, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut stream = UnixStream::connect(socket).map_err(text)?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(text)?;
    let request = json!({"id": 0, "method": method, "params": args});
    stream.write_all(request.to_string().as_bytes()).map_err(text)?;
    let reply = Value::deserialize(&mut Deserializer::from_reader(&stream));
    let reply = reply.map_err(|error| error.to_string())?;
    match (&reply["result"], &reply["error"]) {
        (Value::String(result), Value::Null) => Ok(result.clone()),
        (_, Value::String(error)) => Err(error.clone()),
        _ => Err(format!("an answer that is none: {reply}")),
    }
}
