//! The only door to netlink, `nft`, kernel parameters, namespaces and ethtool; nothing here decides what should be.
//!
//! Netlink requests block on the kernel's own lock, so they run on short-lived threads of their own, never on those of
//! the runtime; a thread that enters a pod's namespace ends there. What "exists" and "not found" mean is decided in
//! [`Kernel::apply`](crate::plan::Kernel::apply) of [`pod::Links`] alone.

use std::io;

pub(crate) mod addr;
pub(crate) mod ethtool;
pub(crate) mod link;
pub(crate) mod monitor;
pub(crate) mod netlink;
pub(crate) mod netns;
pub(crate) mod nft;
pub(crate) mod node;
pub(crate) mod pod;
pub(crate) mod reaper;
pub(crate) mod route;
pub(crate) mod sysctl;

/// What the kernel refused, and why.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub(crate) struct Error {
    what: String,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), source }
    }
}

/// Whether the kernel says that a link, address, route or file is not there.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENODEV | libc::ESRCH | libc::ENOENT | libc::EADDRNOTAVAIL | libc::ENXIO)
    )
}

/// Runs `work` on a thread of its own and waits for its result without holding up the runtime. A caller that stops
/// waiting does not stop the work.
pub(crate) async fn on_thread<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name(what.to_owned())
        .spawn(move || {
            // Nobody waits any more: the work is done all the same.
            let _ = done.send(work());
        })
        .map_err(|source| Error::new("start a thread", source))?;
    result.await.unwrap_or_else(|_| Err(Error::new(what, io::Error::other("the thread panicked"))))
}

#[cfg(test)]
mod tests;
