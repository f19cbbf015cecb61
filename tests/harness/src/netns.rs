//! Network namespaces that are gone when their guard is.

use std::fs::{self, File};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::room::Place;

/// A network namespace with its loopback up.
pub struct Netns {
    fd: Arc<OwnedFd>,
    named: Option<PathBuf>,
}

impl Netns {
    /// One that only this value refers to.
    pub fn new() -> Self {
        let made = within_thread(|| -> nix::Result<File> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net").map_err(|_| nix::Error::last())
        });
        let fd = made.expect("tests that make namespaces run as root");
        let netns = Self { fd: Arc::new(fd.into()), named: None };
        netns.place().run("ip", &["link", "set", "lo", "up"]);
        netns
    }

    /// One that `ip netns` and a runtime can find: `/run/netns/kot-NAME-PID`.
    pub fn named(name: &str) -> Self {
        let mut netns = Self::new();
        let path = PathBuf::from(format!("/run/netns/kot-{name}-{}", std::process::id()));
        fs::create_dir_all("/run/netns").expect("root can make /run/netns");
        File::create(&path).expect("root can write below /run/netns");
        let bound = mount(Some(&netns.path()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>);
        netns.named = Some(path);
        bound.expect("a namespace can be bound to a file");
        netns
    }

    /// A path that names the namespace, for programs of this mount and process namespace.
    pub fn path(&self) -> PathBuf {
        match &self.named {
            Some(path) => path.clone(),
            None => format!("/proc/{}/fd/{}", std::process::id(), self.fd.as_raw_fd()).into(),
        }
    }

    pub fn fd(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    /// Where programs of the node root run in this namespace.
    pub fn place(&self) -> Place {
        Place::root().in_net(&self.fd)
    }

    /// Runs a program of the node root in this namespace; fails if it does.
    #[track_caller]
    pub fn run<A: AsRef<str>>(&self, program: &str, args: &[A]) -> String {
        self.place().run(program, args)
    }

    /// Runs `f` on a thread that enters the namespace and ends in it.
    pub fn within<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        within_thread(|| {
            setns(&self.fd, CloneFlags::CLONE_NEWNET).expect("our own namespace can be entered");
            f()
        })
    }

    /// Whether one echo request to `to` is answered within a second.
    pub fn pings(&self, to: IpAddr) -> bool {
        let output = self.place().output("ping", &["-c1", "-W1", "-n", &to.to_string()]);
        output.status.success()
    }
}

impl Default for Netns {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if let Some(path) = &self.named {
            remove(path);
        }
    }
}

fn remove(path: &Path) {
    // Each can fail only because somebody removed it already.
    umount2(path, MntFlags::MNT_DETACH).ok();
    fs::remove_file(path).ok();
}

fn within_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(f).join().unwrap_or_else(|panic| resume_unwind(panic)))
}
