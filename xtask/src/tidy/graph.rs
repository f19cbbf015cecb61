//! Who may use whom: lints every crate inherits, and what must not be in a crate's dependency tree.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::Finding;
use crate::shell::{command, output};

/// A crate built with these features contains none of these crates.
struct Free {
    package: &'static str,
    args: &'static [&'static str],
    of: &'static [&'static str],
}

const CLIENTS: &[&str] = &["tokio", "kube-client", "rustls", "hyper"];

const FREE: &[Free] = &[
    Free { package: "api", args: &["--features", "kinds"], of: CLIENTS },
    Free {
        package: "api",
        args: &[],
        of: &["schemars", "kube", "kube-core", "k8s-openapi", "ipnet"],
    },
    Free { package: "ovsdb", args: &[], of: CLIENTS },
    Free { package: "ovn", args: &[], of: CLIENTS },
    Free { package: "cni", args: &[], of: &["tokio", "schemars", "kube-core", "clap", "anyhow"] },
    Free { package: "controller", args: &[], of: &["openssl-sys", "rtnetlink", "nftables"] },
    Free { package: "daemon", args: &[], of: &["openssl-sys"] },
];

/// Programs; none of them may appear in another's tree.
const BINARIES: &[&str] = &["controller", "daemon", "cni", "supervise", "lab", "xtask"];

pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let members = members(root)?;
    for member in &members {
        let path = format!("{member}/Cargo.toml");
        let text = fs::read_to_string(root.join(&path)).with_context(|| format!("read {path}"))?;
        if !text.contains("[lints]\nworkspace = true") {
            findings.push(Finding::new(&path, 1, "does not inherit the workspace's lints"));
        }
    }
    for free in FREE {
        let tree = tree(free.package, free.args)?;
        let bad = free.of.iter().filter(|name| tree.iter().any(|line| line == **name));
        findings.extend(bad.map(|name| {
            let what = format!("must be free of {name} (features: {:?})", free.args);
            Finding::new(&format!("{}/Cargo.toml", free.package), 1, what)
        }));
    }
    for program in BINARIES {
        let tree = tree(program, &[])?;
        let others = BINARIES.iter().filter(|other| *other != program);
        let bad = others.filter(|other| tree.iter().any(|line| line == **other));
        findings.extend(bad.map(|other| {
            Finding::new(
                &format!("{program}/Cargo.toml"),
                1,
                format!("imports the program {other}"),
            )
        }));
    }
    Ok(findings)
}

/// The folders of the workspace's members.
fn members(root: &Path) -> anyhow::Result<Vec<String>> {
    let said = output(&mut command("cargo", &["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&said).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let folder = |package: &serde_json::Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some(manifest.parent()?.strip_prefix(root).ok()?.to_string_lossy().into_owned())
    };
    Ok(packages.iter().filter_map(folder).collect())
}

/// The names of all crates `package` is built from.
fn tree(package: &str, args: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut tree = command("cargo", &["tree", "--edges", "normal", "--prefix", "none"]);
    tree.args(["--format", "{p}", "--package", package]).args(args);
    let said = output(&mut tree)?;
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    Ok(said.lines().map(name).collect())
}
