//! Keeps one program running: started again, with growing pauses, whenever it ends, until it is told to stop.
//!
//! ```text
//!          start            ended            pause over
//!  (new) ────────▶ running ───────▶ pausing ───────────▶ running
//!                     │ stop           │ stop
//!                     ▼                ▼
//!               ending ──ended──▶   stopped
//! ```

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::control::{Control, Socket};
use crate::metrics::Metrics;
use crate::program::Program;

/// How long a program may take to end by itself before it is sent a signal.
const GRACE: Duration = Duration::from_secs(6);

/// How many times the program was started, and its process id while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) starts: u64,
    pub(crate) running: Option<u32>,
}

/// A program and the task that keeps it running.
#[derive(Debug)]
pub(crate) struct Kept {
    role: &'static str,
    socket: Socket,
    seen: watch::Receiver<Seen>,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Kept {
    /// Starts `program` now, and again whenever it ends.
    pub(crate) fn start(program: Program, metrics: Metrics) -> Self {
        let (tell, seen) = watch::channel(Seen::default());
        let (stopping, stop) = watch::channel(false);
        let (role, socket) = (program.role, program.socket.clone());
        let task = tokio::spawn(keep(program, tell, stop, metrics));
        Self { role, socket, seen, stopping, task }
    }

    /// The way to the program's control socket.
    pub(crate) fn control(&self) -> Control {
        Control { socket: self.socket.clone(), seen: self.seen.clone() }
    }

    /// Asks the program to end by `exit` on its control socket and waits until it has, by force if it hangs.
    pub(crate) async fn stop(mut self, exit: &[&str]) {
        self.stopping.send_replace(true);
        let role = self.role;
        let running = self.seen.borrow().running.is_some();
        if running && let Err(error) = self.control().exit(exit).await {
            tracing::warn!(role, %error, "the program was asked to end and gave no answer");
        }
        // The task itself sends the signals: it alone knows that the process id is still the program's.
        if let Err(error) = (&mut self.task).await {
            tracing::error!(role, %error, "the keeper of the program ended early");
        }
        tracing::info!(role, "stopped");
    }
}

async fn keep(
    program: Program,
    tell: watch::Sender<Seen>,
    mut stop: watch::Receiver<bool>,
    metrics: Metrics,
) {
    let mut backoff = Backoff::default();
    let role = program.role;
    while !*stop.borrow() {
        let began = Instant::now();
        match program.start() {
            Ok(mut child) => {
                let running = child.id();
                tracing::info!(role, pid = running, "started");
                tell.send_modify(|seen| *seen = Seen { starts: seen.starts + 1, running });
                let end = ended(&mut child, &mut stop, role).await;
                tell.send_modify(|seen| seen.running = None);
                if *stop.borrow() {
                    return;
                }
                tracing::error!(role, %end, "the program ended by itself");
            }
            Err(error) => tracing::error!(role, %error, "the program does not start"),
        }
        metrics.restarted(role);
        let pause = backoff.after(began.elapsed());
        tokio::select! {
            () = sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Waits for the end of `child`: by itself, or after `stop` with growing force.
async fn ended(child: &mut Child, stop: &mut watch::Receiver<bool>, role: &'static str) -> String {
    tokio::select! {
        status = child.wait() => return described(status),
        _ = stop.wait_for(|stop| *stop) => {}
    }
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return described(status);
    }
    tracing::warn!(role, "the program is told to end by a signal");
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok())
        && let Err(error) = kill(Pid::from_raw(pid), Signal::SIGTERM)
    {
        tracing::warn!(role, %error, "SIGTERM");
    }
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return described(status);
    }
    tracing::error!(role, "the program hangs and is killed");
    match child.kill().await {
        Ok(()) => "killed".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn described(status: std::io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// The pause before the next start: short at first, doubling while the program keeps ending early.
#[derive(Debug)]
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LAST: Duration = Duration::from_secs(10);

    /// The pause after a program that ran for `ran`. One that ran longer than the longest pause starts anew.
    fn after(&mut self, ran: Duration) -> Duration {
        if ran > Self::LAST {
            self.0 = Self::FIRST;
        }
        let pause = self.0;
        self.0 = (self.0 * 2).min(Self::LAST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_a_long_run_resets_them() {
        let mut backoff = Backoff::default();
        let soon = Duration::from_millis(5);
        let pauses: Vec<_> = (0..9).map(|_| backoff.after(soon).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(backoff.after(Duration::from_secs(60)), Backoff::FIRST);
    }
}
