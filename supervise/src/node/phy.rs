//! On the userspace datapath the tunnel's NIC is a port of the bridge br-phy, which has its addresses and routes: OVS
//! sends tunnel packets by its own bridges only. The bridge's own link is a tap that each vswitchd makes anew, so all of
//! this is done after every start of it; what was moved is kept in the bridge's external_ids.

mod plan;

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep, sleep_until};

use self::plan::Saved;
use crate::args::Node;
use crate::control::Control;
use crate::kernel::{self, Link};
use crate::program::RunDirs;

const BRIDGE: &str = "br-phy";
/// How long vswitchd may take to make the bridge.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause before another try.
const PAUSE: Duration = Duration::from_secs(2);
/// Its name among the parts of this process that must be ready.
pub(super) const PART: &str = "br-phy";

/// Sets br-phy up after every start of vswitchd, as often as it takes.
pub(super) async fn follow(
    config: Node,
    dirs: RunDirs,
    vswitchd: Control,
    health: run::Health,
) -> anyhow::Result<()> {
    let mut seen = vswitchd.seen.clone();
    let mut done = 0;
    loop {
        seen.wait_for(|seen| seen.running.is_some() && seen.starts != done).await?;
        let start = seen.borrow_and_update().starts;
        health.set(PART, Err("being set up".to_owned()));
        match set_up(&config, &dirs).await {
            Ok(nic) => {
                tracing::info!(nic, "the tunnel NIC is a port of br-phy");
                health.set(PART, Ok(()));
                done = start;
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "br-phy is not set up, will retry");
                health.set(PART, Err(error));
                sleep_until(Instant::now() + PAUSE).await;
            }
        }
    }
}

async fn set_up(config: &Node, dirs: &RunDirs) -> anyhow::Result<String> {
    let saved = read(dirs).await?;
    let links = kernel::links().await?;
    let nic = plan::nic(&links, &config.iface, config.node_address, &saved)?;
    let saved = if nic.addresses.is_empty() && saved.nic == nic.name {
        saved
    } else {
        // Before anything moves: a crash from here on loses no address.
        let routes = kernel::routes(&nic.name).await?;
        Saved { nic: nic.name.clone(), addresses: nic.addresses.clone(), routes }
    };
    make_bridge(dirs, nic, &saved).await?;
    appears(BRIDGE).await?;
    kernel::drop_ingress(&nic.name).await?;
    kernel::ip(&plan::take(&saved, BRIDGE)).await?;
    Ok(nic.name.clone())
}

/// Waits for vswitchd to follow the database; the transaction itself is atomic.
async fn make_bridge(dirs: &RunDirs, nic: &Link, saved: &Saved) -> anyhow::Result<()> {
    let mut words: Vec<String> =
        ["--timeout=30", "--may-exist", "add-br", BRIDGE].map(Into::into).into();
    words.extend(
        ["--", "set", "Bridge", BRIDGE, "datapath_type=netdev", "fail_mode=standalone"]
            .map(Into::into),
    );
    words.push(format!("other_config:hwaddr=\"{}\"", nic.mac));
    words.extend(saved.columns());
    words.extend(["--", "--may-exist", "add-port", BRIDGE, &nic.name].map(Into::into));
    dirs.tool("ovs-vsctl", &words).await.map(drop)
}

async fn read(dirs: &RunDirs) -> anyhow::Result<Saved> {
    let words = [
        "--timeout=30",
        "--no-wait",
        "--format=json",
        "--if-exists",
        "--columns=external_ids",
        "list",
        "Bridge",
        BRIDGE,
    ];
    let text = dirs.tool("ovs-vsctl", &words).await?;
    Saved::parse(&text).context("external_ids of br-phy")
}

async fn appears(name: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !kernel::links().await?.iter().any(|link| link.name == name) {
        if Instant::now() > deadline {
            bail!("vswitchd made no link {name} within {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Moves addresses and routes back to the NIC, once vswitchd has ended in order: the node stays reachable by it.
pub(super) async fn give_back(dirs: &RunDirs) -> anyhow::Result<()> {
    let saved = read(dirs).await?;
    let mut commands = Vec::new();
    if kernel::links().await?.iter().any(|link| link.name == BRIDGE) {
        // The tap stays behind without carrier, and would keep the routes to itself.
        commands.push(format!("link delete {BRIDGE}"));
    }
    commands.extend(plan::give_back(&saved));
    kernel::restore_ingress().await?;
    kernel::ip(&commands).await
}
