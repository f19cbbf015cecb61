//! What the tests of the whole cluster share: a client of the lab, namespaces of their own, objects as sentences.
//!
//! The lab must be up (`cargo lab up`); `KUBECONFIG` names another cluster.

#![allow(clippy::print_stderr, reason = "a failing test tells what was there")]

mod objects;
mod space;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

pub use objects::{SubnetBuilder, annotated, pod, service, stateful_set, subnet};
pub use space::Space;

/// How long a cluster may take for anything a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("tests lie below the root").to_path_buf()
}

/// A client of the lab's API server.
///
/// # Errors
/// When there is no kubeconfig: the lab is not up.
pub async fn client() -> anyhow::Result<Client> {
    let path = env::var_os("KUBECONFIG")
        .map_or_else(|| root().join("target/lab/kubeconfig"), PathBuf::from);
    let kubeconfig = Kubeconfig::read_from(&path)
        .with_context(|| format!("{}: start the lab with `cargo lab up`", path.display()))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Asks the northbound database through the pod of `ovn-central`, as an operator would.
///
/// # Errors
/// When `ovn-nbctl` fails.
pub fn nbctl(words: &[&str]) -> anyhow::Result<String> {
    let exec = ["kubectl", "exec", "-n", "kube-system", "deploy/ovn-central", "-c"];
    // Not through cargo, which would wait for other builds.
    let mut command = Command::new(root().join("target/lab/lab"));
    command.args(exec).args(["ovn-central", "--", "ovn-nbctl"]).args(words).current_dir(root());
    let done = command.output()?;
    let errors = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "ovn-nbctl {}: {errors}", words.join(" "));
    Ok(String::from_utf8(done.stdout)?)
}

/// Tries `check` until it holds; past the deadline the last reason is the error.
///
/// # Errors
/// What `check` said last.
pub async fn eventually<T, F>(what: &str, mut check: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        match check().await {
            Ok(value) => return Ok(value),
            Err(error) if tokio::time::Instant::now() >= deadline => {
                return Err(error.context(format!("still not so after {DEADLINE:?}: {what}")));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
