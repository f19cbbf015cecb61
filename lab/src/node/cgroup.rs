//! A cgroup per machine, which is all the cgroups its inside sees: of version 1 or 2, as the kernel was set up.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    plan::Machine,
    wait::{Look, until},
};

const TOP: &str = "/sys/fs/cgroup";
/// Unmounted hierarchies aside, version 2 is what the machine uses when it is mounted right here.
const VERSION_2: &str = "/sys/fs/cgroup/cgroup.controllers";

/// A mounted version 1 hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    mounted_at: PathBuf,
    /// As `mount -o` takes them: controllers, or `none,name=…`.
    options: String,
}

/// Makes the machine's cgroup in every hierarchy and moves this process into it.
///
/// # Errors
/// The kernel refuses.
pub(super) fn join(machine: Machine) -> Result<()> {
    for top in tops()? {
        let group = top.join(machine.namespace());
        fs::create_dir_all(&group).with_context(|| format!("cannot make {}", group.display()))?;
        // A cpuset without processors takes no process.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let inherited = top.join(file);
            if !version_2() && inherited.exists() {
                fs::write(group.join(file), fs::read(&inherited)?)?;
            }
        }
        let procs = group.join("cgroup.procs");
        fs::write(&procs, std::process::id().to_string())
            .with_context(|| format!("cannot join {}", group.display()))?;
    }
    Ok(())
}

/// What to mount inside: kind, options, place.
///
/// # Errors
/// The kernel's list of mounts cannot be read.
pub(super) fn mounts() -> Result<Vec<(String, Option<String>, String)>> {
    if version_2() {
        return Ok(vec![("cgroup2".into(), None, TOP.into())]);
    }
    let mut mounts = vec![("tmpfs".into(), None, TOP.to_owned())];
    for hierarchy in hierarchies()? {
        let name = hierarchy
            .mounted_at
            .file_name()
            .context("a hierarchy has a name")?
            .to_string_lossy()
            .into_owned();
        mounts.push(("cgroup".into(), Some(hierarchy.options), format!("{TOP}/{name}")));
    }
    Ok(mounts)
}

/// Inside: with version 2, moves this process to a leaf and hands all controllers to its siblings, because
/// a cgroup has either processes or controlled children.
///
/// # Errors
/// The kernel refuses for more than a moment.
pub(super) fn delegate() -> Result<()> {
    if !version_2() {
        return Ok(());
    }
    let leaf = Path::new(TOP).join("init");
    fs::create_dir_all(&leaf)?;
    fs::write(leaf.join("cgroup.procs"), "1")?;
    let controllers = fs::read_to_string(VERSION_2)?;
    let wanted: Vec<_> = controllers.split_whitespace().map(|name| format!("+{name}")).collect();
    // The process that started this one still sits in the top for a moment.
    until("cgroup controllers", Duration::from_secs(5), || {
        match fs::write(Path::new(TOP).join("cgroup.subtree_control"), wanted.join(" ")) {
            Ok(()) => Ok(Look::Done(())),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                Ok(Look::Not(error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    })
}

/// Removes the cgroups of a machine that ended, innermost first.
///
/// # Errors
/// A process is still in one.
pub(super) fn remove(machine: Machine) -> Result<()> {
    for top in tops()? {
        let group = top.join(machine.namespace());
        if group.exists() {
            // The kernel forgets dead processes a little later than it ends them.
            until(&format!("removal of {}", group.display()), Duration::from_secs(10), || {
                match remove_below(&group) {
                    Ok(()) => Ok(Look::Done(())),
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        Ok(Look::Not(error.to_string()))
                    }
                    Err(error) => Err(error.into()),
                }
            })?;
        }
    }
    Ok(())
}

fn remove_below(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_below(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// Where the machine's own group would be made.
fn tops() -> Result<Vec<PathBuf>> {
    if version_2() {
        return Ok(vec![TOP.into()]);
    }
    Ok(hierarchies()?.into_iter().map(|hierarchy| hierarchy.mounted_at).collect())
}

fn version_2() -> bool {
    Path::new(VERSION_2).exists()
}

fn hierarchies() -> Result<Vec<Hierarchy>> {
    let mounts =
        fs::read_to_string("/proc/self/mountinfo").context("cannot read the list of mounts")?;
    Ok(mounts.lines().filter_map(hierarchy).collect())
}

/// One line of `/proc/PID/mountinfo`: proc_pid_mountinfo(5).
fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (before, after) = line.split_once(" - ")?;
    let mut after = after.split(' ');
    if after.next()? != "cgroup" {
        return None;
    }
    let options: Vec<_> =
        after.nth(1)?.split(',').filter(|&word| !matches!(word, "rw" | "ro" | "xattr")).collect();
    let named = options.iter().any(|word| word.starts_with("name="));
    let options = if named { format!("none,{}", options.join(",")) } else { options.join(",") };
    Some(Hierarchy { mounted_at: before.split(' ').nth(4)?.into(), options })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_read_from_the_list_of_mounts() {
        let cpu =
            "35 34 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct";
        let systemd =
            "36 34 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd";
        let found: Vec<_> = [cpu, systemd].into_iter().filter_map(hierarchy).collect();
        let options: Vec<_> = found.iter().map(|found| found.options.as_str()).collect();
        assert_eq!(options, ["cpu,cpuacct", "none,name=systemd"]);
        assert_eq!(found[0].mounted_at, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
    }

    #[test]
    fn other_mounts_are_no_hierarchies() {
        for line in [
            "30 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
            "37 34 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
            "",
        ] {
            assert_eq!(hierarchy(line), None, "{line}");
        }
    }
}
