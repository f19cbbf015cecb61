//! On the kernel datapath vswitchd starts with `flow-restore-wait`: the kernel forwards by the flows it has, and
//! nothing is flushed, until ovn-controller has put its own on br-int (ovs-vswitchd.conf.db(5)).

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::control::Control;
use crate::program::RunDirs;

/// After this long new connections matter more than old ones: vswitchd goes on with the flows it has.
const PATIENCE: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_millis(250);

/// Ends the wait after every start of vswitchd.
pub(super) async fn follow(
    dirs: RunDirs,
    vswitchd: Control,
    controller: Control,
) -> anyhow::Result<()> {
    let mut seen = vswitchd.seen.clone();
    loop {
        seen.wait_for(|seen| seen.running.is_some()).await?;
        let start = seen.borrow_and_update().starts;
        let deadline = Instant::now() + PATIENCE;
        let mut before = 0;
        while Instant::now() < deadline {
            let flows = installed(&dirs, &controller).await;
            if flows > 0 && flows == before {
                break;
            }
            before = flows;
            sleep_until(Instant::now() + PERIOD).await;
        }
        let words = [
            "--no-wait",
            "--timeout=30",
            "remove",
            "Open_vSwitch",
            ".",
            "other_config",
            "flow-restore-wait",
        ];
        dirs.tool("ovs-vsctl", &words).await?;
        tracing::info!(flows = before, "vswitchd takes over from the kernel's flows");
        seen.wait_for(|seen| seen.starts != start).await?;
    }
}

/// How many flows br-int has, once ovn-controller has something to compute them from; zero before.
async fn installed(dirs: &RunDirs, controller: &Control) -> u64 {
    let connected = controller.call("connection-status", &[]).await;
    if connected.is_ok_and(|text| text.trim() == "connected") {
        let reply = dirs.tool("ovs-ofctl", &["dump-aggregate", "br-int"]).await;
        return reply.ok().and_then(|text| flow_count(&text)).unwrap_or_default();
    }
    0
}

fn flow_count(reply: &str) -> Option<u64> {
    let (_, rest) = reply.split_once("flow_count=")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_flows_is_read_from_an_aggregate_reply() {
        let reply = "NXST_AGGREGATE reply (xid=0x4): packet_count=0 byte_count=0 flow_count=812\n";
        assert_eq!(flow_count(reply), Some(812));
        assert_eq!(flow_count("br-int is not a bridge or a socket"), None);
    }
}
