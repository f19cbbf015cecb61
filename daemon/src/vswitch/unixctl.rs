//! Asks ovn-controller, over its control socket, whether it is connected to the southbound database.
//!
//! The protocol is JSON-RPC as in ovs-appctl(8): one request, one answer of text.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// How long ovn-controller may take; it answers between two passes of its main loop.
const PATIENCE: Duration = Duration::from_secs(2);
const REQUEST: &[u8] = br#"{"id":0,"method":"connection-status","params":[]}"#;

#[derive(Deserialize)]
struct Reply {
    result: Option<String>,
    error: Option<serde_json::Value>,
}

/// `Ok` when ovn-controller is connected to the southbound database, else what is wrong.
pub(crate) async fn connection_status(rundir: &Path) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, ask(rundir)).await {
        Err(_) => Err("ovn-controller does not answer".to_owned()),
        Ok(Err(error)) => Err(format!("ovn-controller is out of reach: {error}")),
        Ok(Ok(status)) if status == "connected" => Ok(()),
        Ok(Ok(status)) => Err(format!("ovn-controller is {status}")),
    }
}

async fn ask(rundir: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket(rundir)?).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match serde_json::from_slice::<Reply>(&answer) {
            Ok(Reply { result: Some(text), .. }) => return Ok(text.trim().to_owned()),
            Ok(Reply { error, .. }) => return Err(io::Error::other(format!("{error:?}"))),
            Err(error) if error.is_eof() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// `<rundir>/ovn-controller.<pid>.ctl`, as OVN names it unless told otherwise; then without the pid.
fn socket(rundir: &Path) -> io::Result<PathBuf> {
    let fixed = rundir.join("ovn-controller.ctl");
    match std::fs::read_to_string(rundir.join("ovn-controller.pid")) {
        Ok(pid) => {
            let own = rundir.join(format!("ovn-controller.{}.ctl", pid.trim()));
            Ok(if own.exists() { own } else { fixed })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(fixed),
        Err(error) => Err(error),
    }
}
