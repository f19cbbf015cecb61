//! From a process of the machine to the first process of a node.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use nix::{
    sched::{CloneFlags, setns, unshare},
    unistd::{sethostname, setsid},
};

use super::{cgroup, config, filesystem, programs, supervisor};
use crate::{args::NodeInit, layout::Layout, plan::Machine};

/// The line by which the first process says that its file system stands.
pub(super) const UP: &str = "up";

/// Where Debian puts CNI plugins, and where everybody else looks for them.
const DEBIAN_PLUGINS: &str = "/usr/lib/cni";
const PLUGINS: &str = "/opt/cni/bin";

/// Enters or makes all namespaces and starts the process that will be the first in them, because a process
/// number namespace begins with a child. Prints that child's number and ends.
///
/// # Errors
/// A namespace or cgroup cannot be made.
pub(super) fn enter_namespaces(init: &NodeInit) -> Result<()> {
    cgroup::join(init.machine)?;
    match init.machine {
        Machine::Images => unshare(CloneFlags::CLONE_NEWNET)?,
        machine => {
            let path = Path::new("/run/netns").join(machine.namespace());
            let namespace =
                File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
        }
    }
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWCGROUP,
    )
    .context("cannot make namespaces")?;
    let child = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .arg("--inner")
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start the first process")?;
    say(&child.id().to_string())
}

/// Makes the node's file system, says so, and runs its programs until told to stop.
///
/// # Errors
/// A mount, file or program could not be made.
pub(super) fn first_process(layout: &Layout, init: &NodeInit) -> Result<()> {
    setsid().context("cannot leave the terminal")?;
    filesystem::enter(&layout.machine(init.machine), &init.root, &init.sees)?;
    cgroup::delegate()?;
    sethostname(init.machine.to_string())?;
    furnish(init.machine)?;
    say(UP)?;
    supervisor::run(programs::of(init.machine), Path::new(filesystem::LOGS))
}

/// Files that a node has and the shared root does not.
fn furnish(machine: Machine) -> Result<()> {
    for folder in [PLUGINS, "/etc/cni/net.d", "/etc/lab", "/lib/modules", "/var/lib/etcd"] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
    }
    for (path, text) in config::files(machine) {
        fs::write(&path, text).with_context(|| format!("cannot write {path}"))?;
    }
    for entry in fs::read_dir(DEBIAN_PLUGINS)? {
        let entry = entry?;
        let link = Path::new(PLUGINS).join(entry.file_name());
        if !link.exists() {
            symlink(entry.path(), &link)
                .with_context(|| format!("cannot make {}", link.display()))?;
        }
    }
    if machine != Machine::Images {
        // What every Kubernetes node needs from its administrator; and a router is one by this.
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("cannot turn on forwarding")?;
    }
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
