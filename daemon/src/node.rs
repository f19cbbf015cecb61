//! The node's own place in the network, kept as it should be: the tunnel's end, `ovn0` and its routes, the packet rules,
//! the settings of ovn-controller, and the word to runtime and cluster that the node is ready.
//!
//! Each part compares what should be with what is whenever something it depends on changes, and once a minute for what
//! nobody announces.

pub(crate) mod conflist;
pub(crate) mod link;
pub(crate) mod ready;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
pub(crate) mod tunnel;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::args::Config;
use crate::kernel::monitor::{Event, Monitor};
use crate::kernel::reaper::Reaper;
use crate::metrics::Metrics;
use crate::plan::encap::Tunnel;
use crate::plan::rules::HostPort;
use crate::report::Reports;
use crate::server::Turns;
use crate::vswitch::Vswitch;
use crate::watch::{Pods, View};

/// How often everything is compared although nothing was announced.
pub(crate) const ROUND: Duration = Duration::from_secs(60);

/// What the parts of the daemon share.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) pods: Pods,
    pub(crate) view: View,
    pub(crate) vswitch: Vswitch,
    pub(crate) reaper: Reaper,
    pub(crate) turns: Turns,
    pub(crate) metrics: Metrics,
    pub(crate) reports: Reports,
    /// The tunnel's end, once found.
    pub(crate) tunnel: watch::Receiver<Option<Tunnel>>,
    /// The host ports that are in the kernel's table.
    pub(crate) applied: watch::Receiver<BTreeSet<HostPort>>,
}

impl Node {
    /// The MTU of pods whose subnet says none, once the tunnel's end is known.
    pub(crate) fn mtu(&self) -> Option<u32> {
        self.tunnel.borrow().as_ref().map(|tunnel| tunnel.mtu)
    }
}

/// Hands the kernel's announcements to everybody who subscribed.
///
/// # Errors
/// When the kernel ends the subscription.
pub(crate) async fn announce(
    mut monitor: Monitor,
    to: broadcast::Sender<Event>,
) -> anyhow::Result<()> {
    loop {
        let event = monitor.next().await?;
        // Nobody may be listening.
        let _ = to.send(event);
    }
}

/// Waits for an announcement that matters; too many at once matter all.
async fn announced(events: &mut broadcast::Receiver<Event>, matters: impl Fn(&Event) -> bool) {
    loop {
        match events.recv().await {
            Ok(event) if !matters(&event) => {}
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// A clock that ticks every [`ROUND`], beginning one from now.
fn rounds() -> tokio::time::Interval {
    let mut rounds = tokio::time::interval_at(tokio::time::Instant::now() + ROUND, ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    rounds
}
