//! Asks ovn-controller, over its control socket, whether it is connected to the southbound database.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ovsdb::unixctl::call;

/// How long ovn-controller may take; it answers between two passes of its main loop.
const PATIENCE: Duration = Duration::from_secs(2);

/// `Ok` when ovn-controller is connected to the southbound database, else what is wrong.
pub(crate) async fn connection_status(rundir: &Path) -> Result<(), String> {
    let socket = socket(rundir)
        .map_err(|error| format!("ovn-controller's socket cannot be found: {error}"))?;
    match tokio::time::timeout(PATIENCE, call::<&str>(&socket, "connection-status", &[])).await {
        Err(_) => Err("ovn-controller does not answer".to_owned()),
        Ok(Err(error)) => Err(format!("ovn-controller is out of reach: {error}")),
        Ok(Ok(status)) if status.trim() == "connected" => Ok(()),
        Ok(Ok(status)) => Err(format!("ovn-controller is {}", status.trim())),
    }
}

/// `<rundir>/ovn-controller.<pid>.ctl`, as OVN names it unless told otherwise; else without the pid.
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
