//! The node root: a Debian with everything a node runs that is not ours, made once and shared read-only
//! by all nodes. Tests enter it too, so that they meet the same OVN and OVS as the product.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};

use crate::{
    cache::Entry,
    process::{command, run, stream},
    screen::{Screen, Step},
};

const SUITE: &str = "trixie";

/// What nodes run, then what people and tests want at hand there.
const PACKAGES: &[&str] = &[
    "ovn-central",
    "ovn-host",
    "openvswitch-switch",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "etcd-server",
    "etcd-client",
    "iproute2",
    "nftables",
    "iptables",
    "ipset",
    "conntrack",
    "ethtool",
    "procps",
    "ca-certificates",
    "curl",
    "iperf3",
    "iputils-ping",
    "tcpdump",
];

/// Documentation is a fifth of the root and read by nobody there.
const OPTIONS: &[&str] = &[
    "--variant=apt",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
];

/// Programs that make the root, and the Debian package of each.
const MAKERS: [(&str, &str); 2] = [
    ("/usr/bin/mmdebstrap", "mmdebstrap"),
    ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
];

/// The folder, made first when it is missing.
///
/// # Errors
/// A package cannot be had, or the folder not be written.
pub(crate) fn ensure_made(screen: &Screen) -> Result<PathBuf> {
    entry().get(|folder| {
        install_makers(screen)?;
        screen.step("Node root: Debian with OVN, OVS and containerd, about a minute", |step| {
            debootstrap(folder, step)
        })
    })
}

/// Its place in the cache.
pub(crate) fn entry() -> Entry {
    Entry::new("node-root", &[SUITE, &PACKAGES.join(" "), &OPTIONS.join(" ")])
}

fn install_makers(screen: &Screen) -> Result<()> {
    let missing: Vec<_> = MAKERS
        .iter()
        .filter(|(file, _)| !Path::new(file).exists())
        .map(|&(_, name)| name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    screen.step(&format!("Installing {} with apt-get", missing.join(" and ")), |step| {
        let apt = |words: &[&str]| {
            let mut apt = command("apt-get", ["-q", "-y", "--no-install-recommends"]);
            stream(apt.args(words).env("DEBIAN_FRONTEND", "noninteractive"), |line| {
                step.message(line)
            })
        };
        apt(&["update"])?;
        apt(&[&["install"], missing.as_slice()].concat()).map(drop)
    })
}

fn debootstrap(folder: &Path, step: &Step) -> Result<()> {
    let mut mmdebstrap = command("mmdebstrap", OPTIONS);
    mmdebstrap.arg(format!("--include={}", PACKAGES.join(","))).arg(SUITE).arg(folder);
    stream(&mut mmdebstrap, |line| step.message(line.trim_start_matches("I: ")))?;
    // The machine's own resolver and name are no business of the nodes.
    for own in ["etc/resolv.conf", "etc/hostname"] {
        fs::write(folder.join(own), "")?;
    }
    // What the tests build on, said now rather than in the middle of one.
    let version = run(&mut command(
        "chroot",
        [folder.as_os_str(), "ovn-nbctl".as_ref(), "--version".as_ref()],
    ))?;
    ensure!(version.starts_with("ovn-nbctl "), "the node root's OVN says {version:?}");
    Ok(())
}
