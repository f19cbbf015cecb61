//! How a program of OVS or OVN is started: as our child, in the foreground, logging to our standard error.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use tokio::process::{Child, Command};

use crate::control::Socket;

/// Time, program, severity and text: lines of several programs share one stream.
const LOG_PATTERN: &str = "-vPATTERN:console:%D{%Y-%m-%dT%H:%M:%S.###Z} %A|%c|%p|%m";

/// Folders that OVS's and OVN's programs look for each other in.
#[derive(Clone, Debug)]
pub(crate) struct RunDirs {
    pub(crate) ovs: PathBuf,
    pub(crate) ovn: PathBuf,
}

impl RunDirs {
    fn env(&self) -> [(&'static str, &Path); 2] {
        [("OVS_RUNDIR", &self.ovs), ("OVN_RUNDIR", &self.ovn)]
    }

    /// Runs a short-lived tool of OVS to its end and returns what it printed.
    pub(crate) async fn tool<A: AsRef<str>>(
        &self,
        name: &str,
        args: &[A],
    ) -> anyhow::Result<String> {
        output(Command::new(name).envs(self.env()), name, args).await
    }
}

/// Runs `name` to its end and returns its standard output; its standard error is part of the error.
pub(crate) async fn tool<A: AsRef<str>>(name: &str, args: &[A]) -> anyhow::Result<String> {
    output(&mut Command::new(name), name, args).await
}

async fn output<A: AsRef<str>>(
    command: &mut Command,
    name: &str,
    args: &[A],
) -> anyhow::Result<String> {
    let words: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    let output = command.args(&words).stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} {}: {}: {}", words.join(" "), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A daemon of OVS or OVN: what to start, and where to talk to it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The executable, and the label of its metrics.
    pub(crate) name: &'static str,
    /// What health and logs call it; two servers are both `ovsdb-server`.
    pub(crate) role: &'static str,
    args: Vec<OsString>,
    /// Where it takes commands.
    pub(crate) socket: Socket,
    dirs: RunDirs,
}

impl Program {
    /// The program with its pid file and control socket where its tools look for them, in `folder`.
    pub(crate) fn new(
        name: &'static str,
        role: &'static str,
        folder: &Path,
        dirs: &RunDirs,
    ) -> Self {
        let mut pid = OsString::from("--pidfile=");
        pid.push(folder.join(format!("{name}.pid")));
        let socket = Socket::ByPid(folder.to_owned(), name);
        Self { name, role, args: common(pid), socket, dirs: dirs.clone() }
    }

    /// The same for one of several programs of a name: its files are called `file`.
    pub(crate) fn named(
        name: &'static str,
        role: &'static str,
        folder: &Path,
        file: &str,
        dirs: &RunDirs,
    ) -> Self {
        let ctl = folder.join(format!("{file}.ctl"));
        let mut pid = OsString::from("--pidfile=");
        pid.push(folder.join(format!("{file}.pid")));
        let mut option = OsString::from("--unixctl=");
        option.push(&ctl);
        Self { name, role, args: common(pid), socket: Socket::At(ctl), dirs: dirs.clone() }
            .arg(option)
    }

    #[must_use]
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Starts it. The kernel kills it when the thread that calls this ends, so that is the main thread.
    pub(crate) fn start(&self) -> std::io::Result<Child> {
        let mut command = Command::new(self.name);
        command.args(&self.args).envs(self.dirs.env()).stdin(Stdio::null()).kill_on_drop(true);
        #[allow(
            unsafe_code,
            reason = "the kernel's parent-death signal can only be asked for by the child itself"
        )]
        // SAFETY: between fork and exec the closure makes one system call and allocates nothing.
        unsafe {
            command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(Into::into));
        }
        command.spawn()
    }
}

/// In the foreground, with log lines on standard error only.
fn common(pid_file: OsString) -> Vec<OsString> {
    let options =
        ["--overwrite-pidfile", "--no-chdir", "-vconsole:info", "-vsyslog:off", LOG_PATTERN];
    options.into_iter().map(OsString::from).chain([pid_file]).collect()
}
