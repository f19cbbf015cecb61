//! The node's row in Open_vSwitch and its integration bridge. Remote, encapsulation and ports are the daemon's.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::args::{DatapathType, Node};
use crate::program::RunDirs;

/// How long vswitchd may take to make br-int before ovn-controller is started all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bridge that ovn-controller programs.
const INTEGRATION: &str = "br-int";

/// Writes, in one transaction, who this node is and what br-int must be; vswitchd follows when it starts.
pub(super) async fn configure(
    config: &Node,
    dirs: &RunDirs,
    datapath: DatapathType,
    system_id: &str,
) -> anyhow::Result<()> {
    let words = commands(config, datapath, system_id);
    dirs.tool("ovs-vsctl", &words).await.map(drop)
}

/// Waits until br-int takes flows: an ovn-controller that comes sooner tries again only after a second.
pub(super) async fn managed(folder: &Path) {
    let socket = folder.join(format!("{INTEGRATION}.mgmt"));
    let deadline = Instant::now() + PATIENCE;
    while !socket.exists() && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
}

fn commands(config: &Node, datapath: DatapathType, system_id: &str) -> Vec<String> {
    let kind = match datapath {
        DatapathType::Kernel => "system",
        DatapathType::Userspace => "netdev",
    };
    let external = |key: &str, value: &str| format!("external_ids:{key}={value}");
    let mut words: Vec<String> =
        ["--no-wait", "--timeout=30", "--", "init", "--", "set", "Open_vSwitch", "."]
            .map(Into::into)
            .into();
    words.extend([
        external("system-id", system_id),
        external("hostname", &config.node_name),
        external("ovn-bridge-datapath-type", kind),
        external("ovn-match-northd-version", "true"),
        external(
            "ovn-remote-probe-interval",
            &config.ovn_remote_probe_interval.as_millis().to_string(),
        ),
        external(
            "ovn-openflow-probe-interval",
            &config.ovn_openflow_probe_interval.as_secs().to_string(),
        ),
    ]);
    // The kernel forwards by the flows of before until the new vswitchd has all of its own.
    let waits = match datapath {
        DatapathType::Kernel => {
            ["--", "set", "Open_vSwitch", ".", "other_config:flow-restore-wait=true"].as_slice()
        }
        DatapathType::Userspace => {
            &["--", "remove", "Open_vSwitch", ".", "other_config", "flow-restore-wait"]
        }
    };
    words.extend(waits.iter().map(ToString::to_string));
    let bridge = ["--", "--may-exist", "add-br", INTEGRATION, "--", "set", "Bridge", INTEGRATION];
    words.extend(bridge.map(Into::into));
    words.extend([
        format!("datapath_type={kind}"),
        "fail_mode=secure".into(),
        "other_config:disable-in-band=true".into(),
    ]);
    words
}
