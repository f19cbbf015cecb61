//! Our binaries: built by cargo, then laid out as the image's last layer.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::archive::{Layer, digest, header};
use crate::shell::{self, command};

/// Package, binary, place in the image. The plugin leaves the image for the node's own file system, so it is static.
const DAEMONS: &[(&str, &str, &str)] = &[
    ("controller", "kube-ovn-controller", "usr/bin/kube-ovn-controller"),
    ("daemon", "kube-ovn-daemon", "usr/bin/kube-ovn-daemon"),
    ("supervise", SUPERVISE, "usr/bin/kube-ovn-supervise"),
];
const PLUGIN: (&str, &str, &str) = ("cni", "kube-ovn", "opt/kube-ovn/cni/kube-ovn");
const SUPERVISE: &str = "kube-ovn-supervise";

/// What cargo made, by name of the binary.
pub(super) struct Built {
    pub(super) target: PathBuf,
    binaries: BTreeMap<String, PathBuf>,
}

impl Built {
    /// Name and bytes of each binary.
    pub(super) fn sizes(&self) -> anyhow::Result<Vec<(&str, u64)>> {
        let mut sizes = Vec::new();
        for (name, path) in &self.binaries {
            sizes.push((name.as_str(), std::fs::metadata(path)?.len()));
        }
        Ok(sizes)
    }

    fn get(&self, binary: &str) -> anyhow::Result<&Path> {
        let path = self.binaries.get(binary);
        Ok(path.with_context(|| format!("cargo built no {binary}"))?)
    }
}

/// Two runs of cargo, because only the plugin is linked statically.
pub(super) fn build(profile: &str) -> anyhow::Result<Built> {
    let mut daemons = cargo("build", profile);
    for (package, binary, _) in DAEMONS {
        daemons.args(["--package", package, "--bin", binary]);
    }
    // Small enough to be built as published whatever the daemons are.
    let mut plugin = cargo("rustc", "release");
    plugin.args([
        "--package",
        PLUGIN.0,
        "--bin",
        PLUGIN.1,
        "--",
        "-C",
        "target-feature=+crt-static",
        // A fixed address saves the relocations: the plugin lives for milliseconds.
        "-C",
        "relocation-model=static",
    ]);
    let mut binaries = executables(daemons)?;
    binaries.extend(executables(plugin)?);
    let built = Built { target: target()?, binaries };
    for (_, binary, _) in DAEMONS.iter().chain([&PLUGIN]) {
        built.get(binary)?;
    }
    ensure_static(built.get(PLUGIN.1)?)?;
    Ok(built)
}

fn cargo(verb: &str, profile: &str) -> Command {
    let mut cargo = command("cargo", &[verb, "--profile", profile]);
    cargo.arg("--message-format=json-render-diagnostics");
    cargo
}

/// Runs cargo and reads from its messages which executables it made.
fn executables(mut cargo: Command) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for line in shell::output(&mut cargo)?.lines() {
        let message: serde_json::Value =
            serde_json::from_str(line).context("a message of cargo")?;
        if let (Some(name), Some(path)) =
            (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            found.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(found)
}

fn target() -> anyhow::Result<PathBuf> {
    let text = shell::output(&mut command(
        "cargo",
        &["metadata", "--no-deps", "--offline", "--format-version=1"],
    ))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}

/// A static executable names no interpreter. Debian's `PT_INTERP` text is in the first page of any dynamic one.
fn ensure_static(binary: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(binary).with_context(|| binary.display().to_string())?;
    let page = &bytes[..bytes.len().min(4096)];
    let interpreter = page.windows(5).any(|window| window == b"/ld-l");
    ensure!(
        !interpreter,
        "{} is linked dynamically: nodes may lack its libraries",
        binary.display()
    );
    Ok(())
}

/// The layer as a tar in `folder`: files in order of their names, no times, no owners.
pub(super) fn layer(built: &Built, folder: &Path) -> anyhow::Result<Layer> {
    let places: BTreeMap<_, _> =
        DAEMONS.iter().chain([&PLUGIN]).map(|(_, binary, place)| (*place, *binary)).collect();
    let tar = folder.join("binaries.tar");
    let file = File::create(&tar).with_context(|| tar.display().to_string())?;
    let mut archive = tar::Builder::new(file);
    for (place, binary) in places {
        let file = File::open(built.get(binary)?)?;
        let size = file.metadata()?.len();
        archive.append_data(&mut header(size, 0o755), place, file)?;
    }
    archive.into_inner()?;
    Layer::measure(&tar)
}

/// Changes exactly when OVS, OVN or `supervise` do: what decides whether a node's `ovs-ovn` pod must be replaced.
pub(super) fn vswitch_revision(base: &Layer, built: &Built) -> anyhow::Result<String> {
    let (supervise, _) = digest(File::open(built.get(SUPERVISE)?)?)?;
    let (both, _) = digest(format!("{} {supervise}", base.digest).as_bytes())?;
    Ok(both.trim_start_matches("sha256:")[..16].to_owned())
}
