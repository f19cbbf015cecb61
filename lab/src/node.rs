//! A machine from outside: booted, asked to stop, killed, entered.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use crate::{
    args::NodeInit,
    layout::{Layout, MachineFiles},
    net,
    plan::Machine,
    process::command,
    wait::{Look, until},
};

mod cgroup;
mod config;
mod filesystem;
mod inside;
mod programs;
mod supervisor;

/// Longer than the supervisor gives its programs.
const SHUTDOWN: Duration = Duration::from_secs(30);
const DEATH: Duration = Duration::from_secs(20);

/// Folders of the machine that nodes see, read-only, and where.
pub(crate) type Sees = Vec<(PathBuf, PathBuf)>;

/// Where nodes see the folders with Kubernetes, the test program, and the keys.
pub(crate) const KUBERNETES: &str = "/opt/lab/kubernetes";
pub(crate) const AGNHOST: &str = "/opt/lab/agnhost";
pub(crate) const KEYS: &str = "/etc/kubernetes";

/// The first process of a machine that was booted. Its start time tells it from another process that got
/// the same number later.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct First {
    pid: i32,
    /// In clock ticks since the kernel's start: field 22 of `/proc/PID/stat`.
    started: u64,
}

/// The process number of a machine that runs.
pub(crate) fn running(layout: &Layout, machine: Machine) -> Option<i32> {
    let text = fs::read_to_string(layout.machine(machine).pid()).ok()?;
    let first: First = serde_json::from_str(&text).ok()?;
    (started(first.pid) == Some(first.started)).then_some(first.pid)
}

/// Boots a machine that does not run; its disk is what its last life left, or new.
///
/// # Errors
/// A namespace or mount could not be made; what its first process said is in the error.
pub(crate) fn boot(
    layout: &Layout,
    machine: Machine,
    root: &std::path::Path,
    sees: &Sees,
) -> Result<()> {
    let files = layout.machine(machine);
    for folder in [files.logs(), files.containerd(), files.kubelet()] {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    if machine != Machine::Images {
        net::plug_in(machine)?;
    }
    let booted = start_first(&files, machine, root, sees);
    if booted.is_err() {
        remove_traces(&files, machine)?;
    }
    booted.with_context(|| format!("{machine} did not boot"))
}

fn start_first(
    files: &MachineFiles,
    machine: Machine,
    root: &std::path::Path,
    sees: &Sees,
) -> Result<()> {
    let log = files.logs().join("init.log");
    let file = OpenOptions::new().create(true).append(true).open(&log)?;
    let before = file.metadata()?.len();
    let mut outer = Command::new("/proc/self/exe");
    outer.args(["node-init", &machine.to_string(), "--root"]).arg(root);
    for (outside, inside) in sees {
        outer.arg("--see").arg(format!("{}:{}", outside.display(), inside.display()));
    }
    outer.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
    let mut outer = outer.spawn().context("cannot start its first process")?;
    let mut said = BufReader::new(outer.stdout.take().expect("standard output is piped")).lines();
    let pid = said.next().transpose()?.and_then(|line| line.parse().ok());
    outer.wait()?;
    if let Some(pid) = pid {
        let started = started(pid).unwrap_or_default();
        fs::write(files.pid(), serde_json::to_string(&First { pid, started })?)?;
        if said.next().transpose()?.as_deref() == Some(inside::UP) {
            return Ok(());
        }
    }
    let text = fs::read(&log)?;
    let news = text.get(usize::try_from(before)?..).unwrap_or_default();
    bail!("{}", String::from_utf8_lossy(news).trim())
}

/// Ends a machine: `Signal::SIGTERM` as a shutdown does, `Signal::SIGKILL` as a power cut does. Its disk stays.
/// One that does not run only loses what it may have left.
///
/// # Errors
/// It cannot be ended, or its remains not be removed.
pub(crate) fn end(layout: &Layout, machine: Machine, signal: Signal) -> Result<()> {
    if let Some(pid) = running(layout, machine) {
        let gone = |patience| {
            until(&format!("end of {machine}"), patience, || match running(layout, machine) {
                None => Ok(Look::Done(())),
                Some(pid) => Ok(Look::Not(format!("process {pid} is there"))),
            })
        };
        send(pid, signal)?;
        let patience = if signal == Signal::SIGKILL { DEATH } else { SHUTDOWN };
        if gone(patience).is_err() {
            send(pid, Signal::SIGKILL)?;
            gone(DEATH)?;
        }
    }
    remove_traces(&layout.machine(machine), machine)
}

fn send(pid: i32, signal: Signal) -> Result<()> {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot signal process {pid}")),
    }
}

fn remove_traces(files: &MachineFiles, machine: Machine) -> Result<()> {
    // Of a machine whose record was lost, the first process is among these and takes the others with it.
    for pid in net::processes(machine)? {
        send(pid, Signal::SIGKILL)?;
    }
    net::unplug(machine)?;
    cgroup::remove(machine)?;
    match fs::remove_file(files.pid()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// A command that will run inside the machine.
///
/// # Errors
/// The machine does not run.
pub(crate) fn enter(layout: &Layout, machine: Machine, words: &[&str]) -> Result<Command> {
    let pid = running(layout, machine).with_context(|| format!("{machine} does not run"))?;
    ensure!(!words.is_empty(), "no command");
    let mut nsenter = command("nsenter", ["--target", &pid.to_string()]);
    nsenter
        .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd=/", "--"])
        .args(words);
    nsenter.env_clear().env("PATH", programs::PATH).env("HOME", "/root");
    if let Some(terminal) = std::env::var_os("TERM") {
        nsenter.env("TERM", terminal);
    }
    Ok(nsenter)
}

/// The `node-init` command: the machine's first process, before and after it entered its namespaces.
///
/// # Errors
/// A namespace, mount or program could not be made.
pub(crate) fn init(layout: &Layout, init: &NodeInit) -> Result<()> {
    if init.inner { inside::first_process(layout, init) } else { inside::enter_namespaces(init) }
}

/// When the process began, unless it is gone or only waits to be reaped.
fn started(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    start_time(&text)
}

/// Field 22; the second field is a name that may contain anything, so fields count from the last `)`.
fn start_time(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18)?.parse().ok())?
}

/// Opens the file a program's output goes to.
fn log_file(folder: &std::path::Path, program: &str) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(folder.join(format!("{program}.log")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_brackets_does_not_shift_the_fields() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 0 0";
        assert_eq!(start_time(stat), Some(98765));
        assert_eq!(start_time(&stat.replace(" S ", " Z ")), None, "a zombie runs nothing");
    }

    #[test]
    fn our_own_process_has_started() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(started(own).is_some());
        assert_eq!(started(i32::MAX), None);
    }
}
