//! Child processes that cannot outlive the test: killed by their guard, or by the kernel when the test
//! process is gone.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::{fs, io, thread};

use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, chdir, chroot};

/// A program that runs until this drops.
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(crate) fn new(name: &str, child: Child, log: &Path) -> Self {
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails with its output if it ended by itself.
    #[track_caller]
    pub fn expect_alive(&mut self) {
        let ended = self.child.try_wait().expect("a child of ours can be asked");
        assert!(ended.is_none(), "{} ended with {ended:?}:\n{}", self.name, self.log());
    }

    /// SIGKILL, and it is gone when this returns.
    pub fn kill(&mut self) {
        // It may have ended by itself, which is all we want.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Sends a signal and waits for the end it brings.
    pub fn end_by(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().expect("a child of ours can be waited for")
    }

    /// Sends a signal, such as SIGSTOP, and goes on.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("process ids are positive i32");
        kill(Pid::from_raw(pid), signal).expect("a child of ours can be signalled");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

type Order = (Command, SyncSender<io::Result<Child>>);

/// Starts `command` inside `namespaces` and `root`.
///
/// The kernel's parent-death signal is sent when the *thread* that forked ends, so that one thread
/// which lives as long as the process starts everything.
pub(crate) fn start(
    mut command: Command,
    namespaces: Vec<Arc<OwnedFd>>,
    root: Option<&'static Path>,
) -> io::Result<Child> {
    let enter = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        for namespace in &namespaces {
            setns(namespace, CloneFlags::empty())?;
        }
        if let Some(root) = root {
            chroot(root)?;
            chdir("/")?;
        }
        Ok(())
    };
    #[allow(unsafe_code, reason = "only system calls without allocation between fork and exec")]
    // SAFETY: the closure makes async-signal-safe system calls on descriptors and a path it owns.
    unsafe {
        command.pre_exec(enter);
    }
    static STARTER: OnceLock<SyncSender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, incoming) = sync_channel::<Order>(1);
        thread::spawn(move || {
            for (mut command, reply) in incoming {
                reply.send(command.spawn()).ok();
            }
        });
        orders
    });
    let (reply, child) = sync_channel(1);
    starter.send((command, reply)).expect("the starter thread never ends");
    child.recv().expect("the starter thread answers every order")
}
