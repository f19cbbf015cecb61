//! Whether this node's packets are switched by the kernel or by ovs-vswitchd.

use std::time::Duration;

use crate::args::DatapathType;
use crate::program::tool;

/// How long loading a module may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was asked for, or the kernel if it can: its Generic Netlink family `ovs_datapath` answers, after loading the
/// module if `load` says so.
///
/// # Errors
/// When the kernel was asked for and cannot.
pub(super) async fn choose(
    asked: Option<DatapathType>,
    load: bool,
) -> anyhow::Result<DatapathType> {
    let chosen = match asked {
        Some(DatapathType::Userspace) => DatapathType::Userspace,
        Some(DatapathType::Kernel) => {
            kernel(load).await?;
            DatapathType::Kernel
        }
        None => match kernel(load).await {
            Ok(()) => DatapathType::Kernel,
            Err(error) => {
                tracing::info!(reason = format!("{error:#}"), "no kernel datapath on this node");
                DatapathType::Userspace
            }
        },
    };
    tracing::info!(datapath = ?chosen, "packets are switched here");
    Ok(chosen)
}

async fn kernel(load: bool) -> anyhow::Result<()> {
    let Err(missing) = tool("ovs-dpctl", &["dump-dps"]).await else { return Ok(()) };
    if !load {
        return Err(
            missing.context("the kernel module openvswitch is not there, and not to be loaded")
        );
    }
    match tokio::time::timeout(PATIENCE, tool("modprobe", &["openvswitch"])).await {
        Ok(loaded) => loaded?,
        Err(_) => anyhow::bail!("modprobe openvswitch hangs"),
    };
    tool("ovs-dpctl", &["dump-dps"]).await.map(drop)
}
