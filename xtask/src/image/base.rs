//! The layer of Debian packages: made by mmdebstrap once per list of packages, then kept in the cache folder.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use super::archive::{Layer, hex};
use crate::shell::{self, command, exists};

/// Debian release with OVN 25.03 and OVS 3.5.
const SUITE: &str = "trixie";

/// The daemons, and what people who exec into the pods expect: `ovn-nbctl`, `ovs-vsctl`, `tcpdump`, `ip`, `nft`.
/// systemd-standalone-sysusers satisfies a dependency that would otherwise bring all of systemd.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "conntrack",
    "containernetworking-plugins",
    "ethtool",
    "iproute2",
    "iputils-ping",
    "kmod",
    "nftables",
    "openvswitch-common",
    "openvswitch-switch",
    "ovn-central",
    "ovn-common",
    "ovn-host",
    "procps",
    "systemd-standalone-sysusers",
    "tcpdump",
];

/// Never unpacked.
const EXCLUDED: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/gconv/*",
    "/usr/lib/aarch64-linux-gnu/gconv/*",
    "/usr/share/bash-completion/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/zoneinfo/*",
];

/// Run in the new root after the packages are configured. Python and Perl serve scripts (ovs-tcpdump, ovn-detrace, debconf)
/// that none of our programs call; of the CNI plugins only loopback is needed by the container runtimes.
const TRIM: &str = r#"set -eu
cd "$1"
mkdir -p opt/kube-ovn/cni
mv usr/lib/cni/loopback opt/kube-ovn/cni/loopback
rm -f var/lib/dpkg/info/python3*.prerm var/lib/dpkg/info/python3*.postrm
chroot . dpkg --purge --force-depends containernetworking-plugins python3 python3-minimal python3.13 python3.13-minimal \
    libpython3-stdlib libpython3.13-stdlib libpython3.13-minimal media-types >/dev/null 2>&1
rm -rf usr/lib/python3* usr/share/python3 usr/share/perl5 usr/lib/cni
rm -f usr/bin/ovs-tcpdump usr/bin/ovs-tcpundump usr/bin/ovs-dpctl-top usr/bin/ovn-detrace usr/sbin/ovs-bugtool
rm -rf var/cache/debconf/* var/cache/ldconfig/* var/lib/apt/* var/lib/dpkg/*-old var/log/*.log var/log/apt
rm -f etc/machine-id etc/hostname etc/resolv.conf etc/openvswitch/conf.db etc/openvswitch/.conf.db*
"#;

/// The base layer, from the cache folder or made now (about a minute, 100 MB of downloads).
pub(super) fn layer(cache: &Path) -> anyhow::Result<Layer> {
    let tar = cache.join(format!("image-base-{}.tar", key()));
    if !tar.exists() {
        make(&tar)?;
    }
    let note = tar.with_extension("json");
    if let Ok(text) = std::fs::read_to_string(&note)
        && let Ok(layer) = Layer::recall(&tar, &text)
    {
        return Ok(layer);
    }
    let layer = Layer::measure(&tar)?;
    std::fs::write(&note, layer.note()).with_context(|| note.display().to_string())?;
    Ok(layer)
}

/// Changes whenever the layer would be made differently.
fn key() -> String {
    let mut hash = Sha256::new();
    hash.update(SUITE);
    for word in PACKAGES.iter().chain(EXCLUDED).chain([&TRIM]) {
        hash.update([0]);
        hash.update(word);
    }
    hex(&hash.finalize())[..16].to_owned()
}

fn make(tar: &Path) -> anyhow::Result<()> {
    if !exists("mmdebstrap", &["--version"]) {
        eprintln!("installing Debian packages: mmdebstrap debian-archive-keyring");
        let packages = [
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "mmdebstrap",
            "debian-archive-keyring",
        ];
        shell::run(&mut command("apt-get", &["update", "-qq"]))?;
        shell::run(&mut command("apt-get", &packages))?;
    }
    let part = tar.with_extension(format!("part{}", std::process::id()));
    eprintln!("making the image's layer of Debian packages (once, about a minute)");
    let output =
        command("mmdebstrap", &["--quiet", "--mode=root", "--variant=essential", "--format=tar"])
            .env("SOURCE_DATE_EPOCH", "0")
            .args([
                "--aptopt=Acquire::Languages \"none\"",
                "--aptopt=APT::Install-Recommends \"false\"",
            ])
            .args(EXCLUDED.iter().map(|path| format!("--dpkgopt=path-exclude={path}")))
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(format!("--customize-hook={TRIM}"))
            .arg(SUITE)
            .arg(&part)
            .stdin(Stdio::null())
            .output()
            .context("start mmdebstrap")?;
    if !output.status.success() {
        // Without a part there is nothing to remove, and the error below tells why.
        let _ = std::fs::remove_file(&part);
        bail!("mmdebstrap: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    std::fs::rename(&part, tar).with_context(|| tar.display().to_string())
}
