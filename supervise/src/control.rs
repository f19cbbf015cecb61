//! Commands to a running program through its control socket, as ovs-appctl(8) sends them.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::keep::Seen;

/// A program that answers nothing for this long hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a program listens for commands, as its own tools look for it.
#[derive(Clone, Debug)]
pub(crate) enum Socket {
    /// Always here: the database servers of OVN.
    At(PathBuf),
    /// In this folder, named by program and process id: everything else, found by ovs-appctl through the pid file.
    ByPid(PathBuf, &'static str),
}

/// The way to one program, over all its restarts.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) socket: Socket,
    pub(crate) seen: watch::Receiver<Seen>,
}

impl Control {
    /// The program's answer, or in a person's words why there is none.
    pub(crate) async fn call(&self, command: &str, args: &[&str]) -> Result<String, String> {
        let pid = self.seen.borrow().running.ok_or("not running")?;
        let socket = match &self.socket {
            Socket::At(path) => path.clone(),
            Socket::ByPid(folder, name) => folder.join(format!("{name}.{pid}.ctl")),
        };
        match timeout(PATIENCE, ovsdb::unixctl::call(&socket, command, args)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("{command}: no answer in {} s", PATIENCE.as_secs())),
        }
    }

    /// Asks the program to end by itself.
    pub(crate) async fn exit(&self, args: &[&str]) -> Result<(), String> {
        match self.call("exit", args).await {
            // It may be gone before its answer is.
            Err(error) if self.seen.borrow().running.is_some() => Err(error),
            _ => Ok(()),
        }
    }
}
