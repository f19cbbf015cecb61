//! Asks the three programs every second whether they serve, through their control sockets: their main loop answers, so
//! an answer is proof of work.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{NB, NORTHD, SB};
use crate::control::Control;
use crate::metrics::Metrics;

const PERIOD: Duration = Duration::from_secs(1);

/// What this member leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Leads {
    pub(super) nb: bool,
    pub(super) sb: bool,
    pub(super) northd: bool,
}

/// The programs, and where the database files are.
pub(super) struct Targets {
    pub(super) nb: Control,
    pub(super) sb: Control,
    pub(super) northd: Control,
    pub(super) data_dir: PathBuf,
}

pub(super) async fn run(
    targets: Targets,
    health: run::Health,
    metrics: Metrics,
    tell: watch::Sender<Leads>,
) -> anyhow::Result<()> {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (nb, sb, northd) = tokio::join!(
            serves(&targets.nb, "OVN_Northbound"),
            serves(&targets.sb, "OVN_Southbound"),
            active(&targets.northd),
        );
        let leads = Leads { nb: nb.is_ok(), sb: sb.is_ok(), northd: northd.is_ok() };
        for (part, is) in [(NB, nb), (SB, sb), (NORTHD, northd)] {
            metrics.answers(part, is.is_ok());
            health.set(part, is);
        }
        for (name, file) in [("OVN_Northbound", "ovnnb_db.db"), ("OVN_Southbound", "ovnsb_db.db")] {
            if let Ok(meta) = std::fs::metadata(targets.data_dir.join(file)) {
                metrics.file_size(name, meta.len());
            }
        }
        tell.send_if_modified(|old| std::mem::replace(old, leads) != leads);
    }
}

/// Whether the server has the database and its storage works.
async fn serves(server: &Control, database: &str) -> Result<(), String> {
    let text = server.call("ovsdb-server/get-db-storage-status", &[database]).await?;
    if text.trim() == "status: ok" { Ok(()) } else { Err(text.trim().to_owned()) }
}

/// Whether northd is the one that writes, not a standby.
async fn active(northd: &Control) -> Result<(), String> {
    let text = northd.call("status", &[]).await?;
    if text.trim() == "Status: active" { Ok(()) } else { Err(text.trim().to_owned()) }
}
