//! Asks the node's programs every second whether they answer. Readiness follows; liveness does not: a program that ends
//! is started again by us, and the node's traffic must not end because a pod is restarted.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{CONTROLLER, OVSDB, VSWITCHD};
use crate::control::Control;
use crate::metrics::Metrics;

const PERIOD: Duration = Duration::from_secs(1);

/// The programs, and the file of the configuration database.
pub(super) struct Targets {
    pub(super) ovsdb: Control,
    pub(super) vswitchd: Control,
    pub(super) controller: Control,
    pub(super) file: PathBuf,
}

pub(super) async fn run(
    targets: Targets,
    health: run::Health,
    metrics: Metrics,
) -> anyhow::Result<()> {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (ovsdb, vswitchd, controller) = tokio::join!(
            targets.ovsdb.call("version", &[]),
            targets.vswitchd.call("version", &[]),
            targets.controller.call("version", &[]),
        );
        for (part, is) in [(OVSDB, ovsdb), (VSWITCHD, vswitchd), (CONTROLLER, controller)] {
            metrics.answers(part, is.is_ok());
            health.set(part, is.map(drop));
        }
        if let Ok(meta) = std::fs::metadata(&targets.file) {
            metrics.file_size("Open_vSwitch", meta.len());
        }
    }
}
