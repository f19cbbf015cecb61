//! Where the lab keeps what: state below `target/lab`, downloads in the user's cache folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::plan::Machine;

/// The folders of one checkout's lab. Cargo's `lab` profile shares `target/lab`: nothing here is
/// named `build`, `deps`, `examples` or `incremental`, and nothing removes the folder itself.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The checkout.
    pub(crate) repository: PathBuf,
    /// `target/lab`.
    pub(crate) state: PathBuf,
}

impl Layout {
    /// Of the checkout this program was built from.
    ///
    /// # Errors
    /// The state folder cannot be made.
    pub(crate) fn open() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let repository =
            manifest.parent().context("the lab crate is a folder of the repository")?;
        let state = repository.join("target/lab");
        fs::create_dir_all(&state).with_context(|| format!("cannot make {}", state.display()))?;
        Ok(Self { repository: repository.to_owned(), state })
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// Keys, certificates and the kubeconfigs of the cluster's own programs; `/etc/kubernetes` in a node.
    pub(crate) fn pki(&self) -> PathBuf {
        self.state.join("pki")
    }

    /// Archives built by the lab, and the containerd folder they were imported into.
    pub(crate) fn images(&self) -> PathBuf {
        self.state.join("images")
    }

    pub(crate) fn nodes(&self) -> PathBuf {
        self.state.join("nodes")
    }

    pub(crate) fn machine(&self, machine: Machine) -> MachineFiles {
        MachineFiles(match machine {
            Machine::Images => self.images().join("machine"),
            _ => self.nodes().join(machine.to_string()),
        })
    }
}

/// The files of one machine.
#[derive(Clone, Debug)]
pub(crate) struct MachineFiles(pub(crate) PathBuf);

impl MachineFiles {
    /// The machine's first process, as the machine outside knows it.
    pub(crate) fn pid(&self) -> PathBuf {
        self.0.join("pid")
    }

    /// What its programs wrote, a file each.
    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Its `/var/lib/containerd`: on the machine's file system, because overlay cannot sit on overlay.
    pub(crate) fn containerd(&self) -> PathBuf {
        self.0.join("containerd")
    }

    /// Its `/var/lib/kubelet`: here, so that volumes stay off the overlay.
    pub(crate) fn kubelet(&self) -> PathBuf {
        self.0.join("kubelet")
    }

    /// Which images were imported, by name and digest.
    pub(crate) fn imported(&self) -> PathBuf {
        self.0.join("imported.json")
    }
}

/// `$XDG_CACHE_HOME/kube-ovn-rs` or `~/.cache/kube-ovn-rs`.
///
/// # Errors
/// Neither variable is set.
pub(crate) fn cache() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set: no place for downloads")?;
    Ok(base.join("kube-ovn-rs"))
}
