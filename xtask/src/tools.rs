//! The tools the chores need beyond cargo itself: what is missing is installed, and said.

use crate::shell::{command, exists, root, run};

/// The test runner; a later one needs a newer toolchain than ours.
const NEXTEST: &str = "0.9.143";
/// The checker of licences, sources and duplicate versions.
const DENY: &str = "0.20.2";

/// Makes sure `cargo nextest` is there.
pub(crate) fn nextest() -> anyhow::Result<()> {
    cargo_tool("nextest", "cargo-nextest", NEXTEST)
}

/// Makes sure `cargo deny` is there.
pub(crate) fn deny() -> anyhow::Result<()> {
    cargo_tool("deny", "cargo-deny", DENY)
}

/// Makes sure the programs the kernel tests run are there.
pub(crate) fn system() -> anyhow::Result<()> {
    let needed =
        [("nft", "-v", "nftables"), ("ip", "-V", "iproute2"), ("ping", "-V", "iputils-ping")];
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(program, version, _)| !exists(program, &[version]))
        .map(|(_, _, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("installing Debian packages: {}", missing.join(" "));
    run(&mut command("apt-get", &["update", "-qq"]))?;
    run(command("apt-get", &["install", "-y", "-qq", "--no-install-recommends"]).args(missing))
}

fn cargo_tool(word: &str, package: &str, version: &str) -> anyhow::Result<()> {
    if exists("cargo", &[word, "--version"]) {
        return Ok(());
    }
    eprintln!("installing {package} {version} (once, several minutes)");
    let mut install = command("cargo", &["install", package, "--version", version, "--locked"]);
    install.env("CARGO_TARGET_DIR", root().join("target/tools"));
    run(&mut install)
}
