//! Network namespaces: a thread that enters one dies there, so that none of ours is ever lost in a pod.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sched::{CloneFlags, setns};

use super::{Error, on_thread};

/// A pod's network namespace, held open with the node's.
#[derive(Debug)]
pub(crate) struct Namespace {
    pod: File,
    node: File,
}

impl Namespace {
    /// Opens the namespace at `path`.
    ///
    /// # Errors
    /// When there is none, or when it is the node's own: a pod of the host network gets no interface.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let what = || format!("open network namespace {}", path.display());
        let open = |path: &Path| File::open(path).map_err(|source| Error::new(what(), source));
        let (pod, node) = (open(path)?, open(Path::new("/proc/thread-self/ns/net"))?);
        let at = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
        let same = at(&pod).and_then(|pod| Ok(pod == at(&node)?));
        match same.map_err(|source| Error::new(what(), source))? {
            true => Err(Error::new(what(), io::Error::other("it is the node's own"))),
            false => Ok(Self { pod, node }),
        }
    }

    /// Enters the namespace with the calling thread, which must not outlive its work there.
    fn enter(&self) -> Result<(), Error> {
        set(&self.pod).map_err(|source| Error::new("enter the network namespace", source))
    }

    /// Runs `work` in the node's namespace on a thread that is in the pod's.
    pub(crate) fn outside<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        set(&self.node)?;
        let done = work();
        set(&self.pod)?;
        done
    }
}

fn set(namespace: &File) -> io::Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(io::Error::from)
}

impl AsFd for Namespace {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pod.as_fd()
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
