//! Control commands to OVS's and OVN's daemons, as `ovs-appctl` sends them: one JSON-RPC call on the
//! daemon's `.ctl` socket (unixctl, ovs-appctl(8)).

use std::path::Path;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::error::Error;
use crate::framer::Framer;

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// Calls `method` and answers with what the daemon printed. It has no deadline of its own.
///
/// # Errors
/// [`Error::Connection`] when nobody listens, [`Error::Rejected`] when the daemon refuses.
pub async fn call<A: AsRef<str>>(socket: &Path, method: &str, args: &[A]) -> Result<String, Error> {
    let lost = |error: std::io::Error| Error::Connection(format!("{}: {error}", socket.display()));
    let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    let request = serde_json::json!({ "id": 0, "method": method, "params": args }).to_string();
    let mut stream = UnixStream::connect(socket).await.map_err(lost)?;
    stream.write_all(request.as_bytes()).await.map_err(lost)?;
    let mut framer = Framer::default();
    let frame = loop {
        if let Some(frame) = framer.next_frame()? {
            break frame;
        }
        if stream.read_buf(framer.space()).await.map_err(lost)? == 0 {
            return Err(Error::Connection(format!("{}: closed", socket.display())));
        }
    };
    let reply: Reply =
        serde_json::from_slice(&frame).map_err(|error| Error::Protocol(error.to_string()))?;
    match reply {
        Reply { error: Some(error), .. } => Err(Error::Rejected {
            index: 0,
            op: "unixctl",
            table: "daemon",
            error: method.to_owned(),
            details: error,
        }),
        Reply { result, .. } => Ok(result.unwrap_or_default()),
    }
}
