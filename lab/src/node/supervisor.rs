//! The first process of a machine: starts its programs, starts them again when they end, reaps what is left
//! to it, and ends everything when told to.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{
    log_file,
    programs::{PATH, Program},
};

/// Between a program's end and its next start.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a file that a program waits for is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// What programs get to end by themselves: first the one that stops first, then all.
const GRACE: Duration = Duration::from_secs(10);

struct Child {
    program: Program,
    pid: Option<Pid>,
    not_before: Instant,
}

/// Runs until `SIGTERM`; when it returns nothing else runs, or has had its time.
///
/// # Errors
/// Signals cannot be received.
pub(super) fn run(programs: Vec<Program>, logs: &Path) -> Result<()> {
    let signals = signals()?;
    let now = Instant::now();
    let start = |program| Child { program, pid: None, not_before: now };
    let mut children: Vec<_> = programs.into_iter().map(start).collect();
    loop {
        children.iter_mut().for_each(|child| child.start_if_due(logs));
        match signals.recv_timeout(next_look(&children)) {
            Ok(Signal::SIGCHLD) => {
                while let Reaped::One(pid, how) = reap()? {
                    note_end(&mut children, pid, &how);
                }
            }
            Ok(_) => return shut_down(&children, &signals),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("no more signals"),
        }
    }
}

impl Child {
    fn start_if_due(&mut self, logs: &Path) {
        let ready = self.program.after.as_ref().is_none_or(|file| file.exists());
        if self.pid.is_some() || !ready || Instant::now() < self.not_before {
            return;
        }
        match spawn(&self.program, logs) {
            Ok(pid) => self.pid = Some(pid),
            Err(error) => {
                log(&format!("{}: {error:#}", self.program.name));
                self.not_before = Instant::now() + PAUSE;
            }
        }
    }
}

/// Until the earliest start that is due, or for ever.
fn next_look(children: &[Child]) -> Duration {
    let waiting = children.iter().filter(|child| child.pid.is_none());
    let wait =
        waiting.map(|child| child.not_before.saturating_duration_since(Instant::now()).max(LOOK));
    wait.min().unwrap_or(Duration::from_secs(3600))
}

fn spawn(program: &Program, logs: &Path) -> Result<Pid> {
    let log = log_file(logs, program.name)?;
    let (path, arguments) = program.command.split_first().context("a program has a path")?;
    let child = Command::new(path)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {path}"))?;
    Ok(Pid::from_raw(i32::try_from(child.id())?))
}

fn note_end(children: &mut [Child], pid: Pid, how: &str) {
    // Others were left to the first process by a parent that ended.
    if let Some(child) = children.iter_mut().find(|child| child.pid == Some(pid)) {
        log(&format!("{} ended: {how}", child.program.name));
        child.pid = None;
        child.not_before = Instant::now() + PAUSE;
    }
}

fn shut_down(children: &[Child], signals: &Receiver<Signal>) -> Result<()> {
    log("shutting down");
    for pid in
        children.iter().filter(|child| child.program.stops_first).filter_map(|child| child.pid)
    {
        signal(pid, Signal::SIGTERM)?;
        reap_until(signals, |reaped| matches!(reaped, Reaped::One(one, _) if *one == pid))?;
    }
    signal(Pid::from_raw(-1), Signal::SIGTERM)?;
    reap_until(signals, |reaped| matches!(reaped, Reaped::NobodyLeft))
}

/// Reaps until `done`, or until the grace is over.
fn reap_until(signals: &Receiver<Signal>, done: impl Fn(&Reaped) -> bool) -> Result<()> {
    let deadline = Instant::now() + GRACE;
    loop {
        let reaped = reap()?;
        if done(&reaped) || matches!(reaped, Reaped::NobodyLeft) {
            return Ok(());
        }
        if matches!(reaped, Reaped::Nobody) {
            let left = deadline.saturating_duration_since(Instant::now());
            if signals.recv_timeout(left).is_err() {
                return Ok(());
            }
        }
    }
}

fn signal(pid: Pid, signal: Signal) -> Result<()> {
    match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

enum Reaped {
    One(Pid, String),
    /// Processes are there and none of them has ended.
    Nobody,
    /// This is the only process.
    NobodyLeft,
}

fn reap() -> Result<Reaped> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(pid, code)) => Ok(Reaped::One(pid, format!("exit code {code}"))),
        Ok(WaitStatus::Signaled(pid, signal, _)) => {
            Ok(Reaped::One(pid, format!("signal {signal}")))
        }
        Ok(_) => Ok(Reaped::Nobody),
        Err(Errno::ECHILD) => Ok(Reaped::NobodyLeft),
        Err(Errno::EINTR) => Ok(Reaped::Nobody),
        Err(error) => Err(error.into()),
    }
}

/// The signals that matter, one after the other. Blocked in all threads, so that the kernel keeps them for
/// the one that asks, and so that it delivers them to a first process at all.
fn signals() -> Result<Receiver<Signal>> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT] {
        set.add(signal);
    }
    set.thread_block()?;
    let (send, receive) = sync_channel(1);
    thread::spawn(move || {
        // An end that was announced while the channel was full is reaped with the one that filled it.
        while let Ok(signal) = set.wait() {
            if send.send(signal).is_err() {
                break;
            }
        }
    });
    Ok(receive)
}

/// Standard error is the machine's `init.log`.
fn log(text: &str) {
    use std::io::Write;
    let seconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    // With its log gone the first process still has to go on.
    let _ = writeln!(std::io::stderr(), "{seconds} {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_waits_for_a_file_is_looked_at_soon_and_running_ones_are_not() {
        let program =
            Program { name: "p", command: vec!["p".into()], after: None, stops_first: false };
        let child = |pid| Child { program: program.clone(), pid, not_before: Instant::now() };
        assert_eq!(next_look(&[child(Some(Pid::from_raw(1))), child(None)]), LOOK);
        assert!(next_look(&[child(Some(Pid::from_raw(1)))]) > Duration::from_secs(60));
    }
}
