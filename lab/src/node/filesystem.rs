//! A node's file system: a layer of its own over the shared root, and what Linux expects in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    unistd::{chdir, pivot_root},
};

use super::cgroup;
use crate::layout::MachineFiles;

/// Where a node sees its logs.
pub(super) const LOGS: &str = "/var/log/lab";

const NONE: Option<&str> = None;

/// Builds it and makes it this process's root. Mounts made inside stay inside.
///
/// # Errors
/// A folder or mount cannot be made.
pub(super) fn enter(files: &MachineFiles, lower: &Path, sees: &[(PathBuf, PathBuf)]) -> Result<()> {
    // pivot_root refuses while a parent mount is shared.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .context("cannot make mounts private")?;
    let root = overlay(&files.0, lower)?;
    kernel(&root)?;
    // Overlay cannot sit on overlay, and containerd's snapshots are overlays.
    bind(&files.containerd(), &below(&root, "/var/lib/containerd"), false)?;
    bind(&files.kubelet(), &below(&root, "/var/lib/kubelet"), false)?;
    bind(&files.logs(), &below(&root, LOGS), false)?;
    for (outside, inside) in sees {
        bind(outside, &below(&root, &inside.to_string_lossy()), true)?;
    }
    pivot(&root)?;
    // Kubelet and runc pass mounts on to containers.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SHARED, NONE)
        .context("cannot share mounts")
}

fn overlay(folder: &Path, lower: &Path) -> Result<PathBuf> {
    let [upper, work, root] = ["upper", "work", "root"].map(|name| folder.join(name));
    for folder in [&upper, &work, &root] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .with_context(|| {
            format!("cannot mount an overlay of {} at {}", lower.display(), root.display())
        })?;
    Ok(root)
}

fn kernel(root: &Path) -> Result<()> {
    for (kind, place) in
        [("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run"), ("tmpfs", "/tmp")]
    {
        mount_kind(kind, &below(root, place), NONE)?;
    }
    let dev = below(root, "/dev");
    fs::create_dir_all(&dev)?;
    mount(Some("/dev"), &dev, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
        .context("cannot bind /dev")?;
    for (kind, options, place) in cgroup::mounts()? {
        let place = below(root, &place);
        if kind == "tmpfs" {
            mount_kind(&kind, &place, NONE)?;
        } else {
            mount_kind(&kind, &place, options.as_deref())?;
        }
    }
    for folder in ["/run/netns", "/run/lock", "/run/openvswitch", "/run/ovn"] {
        fs::create_dir_all(below(root, folder))?;
    }
    Ok(())
}

fn mount_kind(kind: &str, place: &Path, options: Option<&str>) -> Result<()> {
    fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
    mount(Some(kind), place, Some(kind), MsFlags::empty(), options)
        .with_context(|| format!("cannot mount {kind} at {}", place.display()))
}

fn bind(from: &Path, to: &Path, read_only: bool) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    mount(Some(from), to, NONE, MsFlags::MS_BIND, NONE)
        .with_context(|| format!("cannot bind {} at {}", from.display(), to.display()))?;
    if read_only {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(NONE, to, NONE, flags, NONE)
            .with_context(|| format!("cannot protect {}", to.display()))?;
    }
    Ok(())
}

fn pivot(root: &Path) -> Result<()> {
    let old = root.join("old");
    fs::create_dir_all(&old)?;
    chdir(root)?;
    pivot_root(".", "old").context("cannot change the root")?;
    chdir("/")?;
    umount2("/old", MntFlags::MNT_DETACH).context("cannot leave the machine's file system")?;
    Ok(fs::remove_dir("/old")?)
}

fn below(root: &Path, place: &str) -> PathBuf {
    root.join(place.trim_start_matches('/'))
}
