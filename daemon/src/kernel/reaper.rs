//! Deletes condemned links together, behind the back of the request that condemned them.
//!
//! The kernel takes 20 ms to let go of a link and as long for a hundred of one group, so DEL only moves a link into the
//! group [`CONDEMNED`] and goes on. The list of what is to go is the kernel's own: a daemon that starts finds it there.

use std::io;
use std::sync::Arc;

use tokio::sync::Notify;

use super::netlink::Netlink;
use super::{Error, is_absent, on_thread};

/// The group of links that are to go ("ko" and a number nobody else uses).
pub(crate) const CONDEMNED: u32 = 0x6b6f_0001;

/// Wakes the reaper.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reaper(Arc<Notify>);

impl Reaper {
    /// Says that a link was condemned.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }

    /// Deletes what is condemned now and whenever woken; runs until the process ends.
    ///
    /// # Errors
    /// When the kernel refuses: links would pile up unseen.
    pub(crate) async fn run(self) -> Result<(), Error> {
        loop {
            on_thread("link-reaper", reap).await?;
            self.0.notified().await;
        }
    }
}

fn reap() -> Result<(), Error> {
    let done = Netlink::open().and_then(|mut netlink| netlink.delete_group(CONDEMNED));
    match done {
        Err(error) if is_absent(&error) || error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(|source| Error::new("delete condemned links", source)),
    }
}
