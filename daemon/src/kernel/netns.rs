//! Network namespaces: a thread that enters one dies there, so that none of ours is ever lost in a pod.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sched::{CloneFlags, setns};

use super::{Error, on_thread};

/// A pod's network namespace, held open.
#[derive(Debug)]
pub(crate) struct Namespace(File);

impl Namespace {
    /// Opens the namespace at `path`.
    ///
    /// # Errors
    /// When there is none, or when it is the node's own: a pod of the host network gets no interface.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let what = || format!("open network namespace {}", path.display());
        let file = File::open(path).map_err(|source| Error::new(what(), source))?;
        let at = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
        let own = File::open("/proc/thread-self/ns/net").and_then(|file| at(&file));
        let same = at(&file).and_then(|there| own.map(|own| own == there));
        match same.map_err(|source| Error::new(what(), source))? {
            true => Err(Error::new(what(), io::Error::other("it is the node's own"))),
            false => Ok(Self(file)),
        }
    }

    /// Enters the namespace with the calling thread, which must not outlive its work there.
    fn enter(&self) -> Result<(), Error> {
        setns(self.0.as_fd(), CloneFlags::CLONE_NEWNET)
            .map_err(|errno| Error::new("enter the network namespace", errno.into()))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Runs `outside` on a thread still in the node's namespace, enters the pod's, and runs `inside` there with what
/// `outside` made: sockets of the node's namespace, say.
pub(crate) async fn within<A, T: Send + 'static>(
    namespace: Namespace,
    outside: impl FnOnce() -> Result<A, Error> + Send + 'static,
    inside: impl FnOnce(A, Namespace) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    on_thread("pod-namespace", move || {
        let made = outside()?;
        namespace.enter()?;
        inside(made, namespace)
    })
    .await
}
