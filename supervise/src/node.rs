//! The pod `ovs-ovn`: ovsdb-server, ovs-vswitchd and ovn-controller of one node.
//!
//! ```text
//!  conf.db ──▶ ovsdb-server ◀── ovs-vswitchd ──(userspace)──▶ br-phy takes the tunnel NIC's addresses, after every start
//!                    ▲
//!              ovn-controller     waits for the daemon to write ovn-remote and the encapsulation
//! ```
//! Needs neither API server nor databases of the cluster. Stop order: ovn-controller keeps chassis and bindings
//! (`exit --restart`), vswitchd leaves the datapath as it is, the database goes last.

mod bridge;
mod datapath;
mod flows;
mod identity;
mod observe;
mod phy;

use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep};

use crate::args::{DatapathType, Node};
use crate::control::Control;
use crate::database::{Database, Remote};
use crate::folder;
use crate::keep::Kept;
use crate::metrics::Metrics;
use crate::program::{Program, RunDirs};

pub(crate) const OVSDB: &str = "ovsdb-server";
pub(crate) const VSWITCHD: &str = "ovs-vswitchd";
pub(crate) const CONTROLLER: &str = "ovn-controller";

/// How long a fresh ovsdb-server may take to read its file.
const START: Duration = Duration::from_secs(60);

/// Runs until a signal or a failure of its own, then ends the programs in order.
///
/// # Errors
/// When the configuration database cannot be made, no datapath is available, or a part of this process fails.
pub async fn run(config: Node) -> anyhow::Result<()> {
    let _claim = tokio::select! {
        claim = folder::claim(&config.ovs_run_dir, "node") => claim?,
        asked = run::signals() => return asked,
    };
    clear(&config)?;
    let dirs = RunDirs { ovs: config.ovs_run_dir.clone(), ovn: config.ovn_run_dir.clone() };
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry, "kube_ovn_ovs_status", &config.node_name);
    let health = run::Health::default();
    [OVSDB, VSWITCHD, CONTROLLER].into_iter().for_each(|part| health.expect(part));
    let mut parts = run::Parts::default();
    parts.add("probes", run::serve(config.listen, health.clone(), registry));

    let ovsdb = Kept::start(database(&config, &dirs).await?, metrics.clone());
    let started = tokio::select! {
        started = start(&config, &dirs, &ovsdb, &health, &metrics, &mut parts) => started,
        asked = run::signals() => asked.and_then(|()| anyhow::bail!("asked to stop while starting")),
    };
    let node = match started {
        Ok(node) => node,
        Err(error) => {
            ovsdb.stop(&[]).await;
            return Err(error);
        }
    };
    let end = tokio::select! {
        asked = run::signals() => asked,
        error = parts.first_to_end() => Err(error),
    };
    node.controller.stop(&["--restart"]).await;
    node.vswitchd.stop(&[]).await;
    // The parts that follow vswitchd must not undo what comes now.
    drop(parts);
    if node.datapath == DatapathType::Userspace
        && let Err(error) = phy::give_back(&dirs).await
    {
        tracing::error!(
            error = format!("{error:#}"),
            "the tunnel NIC did not get its addresses back"
        );
    }
    ovsdb.stop(&[]).await;
    end
}

/// The programs above the database.
struct Started {
    vswitchd: Kept,
    controller: Kept,
    datapath: DatapathType,
}

async fn start(
    config: &Node,
    dirs: &RunDirs,
    ovsdb: &Kept,
    health: &run::Health,
    metrics: &Metrics,
    parts: &mut run::Parts,
) -> anyhow::Result<Started> {
    answering(&ovsdb.control()).await?;
    let datapath = datapath::choose(config.datapath, config.load_module).await?;
    let identity = identity::system_id(&config.config_dir)?;
    bridge::configure(config, dirs, datapath, &identity).await?;
    let vswitchd = Kept::start(vswitchd(config, dirs, datapath), metrics.clone());
    bridge::managed(&config.ovs_run_dir).await;
    let controller = Kept::start(controller(config, dirs), metrics.clone());
    match datapath {
        DatapathType::Userspace => {
            health.expect(phy::PART);
            let phy = phy::follow(config.clone(), dirs.clone(), vswitchd.control(), health.clone());
            parts.add("phy", phy);
        }
        DatapathType::Kernel => {
            let flows = flows::follow(dirs.clone(), vswitchd.control(), controller.control());
            parts.add("flows", flows);
        }
    }
    let targets = observe::Targets {
        ovsdb: ovsdb.control(),
        vswitchd: vswitchd.control(),
        controller: controller.control(),
        file: config.config_dir.join("conf.db"),
    };
    parts.add("observe", observe::run(targets, health.clone(), metrics.clone()));
    Ok(Started { vswitchd, controller, datapath })
}

/// Removes what processes of a pod before us left, and nothing of others: the daemon's socket is in the same folder.
fn clear(config: &Node) -> anyhow::Result<()> {
    let programs = [OVSDB, VSWITCHD];
    folder::clear(&config.ovs_run_dir, |file| {
        let bridge = file.ends_with(".mgmt") || file.ends_with(".snoop");
        programs.iter().any(|program| folder::belongs(file, program)) || bridge || file == "db.sock"
    })?;
    std::fs::create_dir_all(&config.ovn_run_dir)
        .with_context(|| config.ovn_run_dir.display().to_string())?;
    folder::clear(&config.ovn_run_dir, |file| folder::belongs(file, CONTROLLER))
}

async fn database(config: &Node, dirs: &RunDirs) -> anyhow::Result<Program> {
    let schema = "/usr/share/openvswitch/vswitch.ovsschema";
    let database = Database { file: config.config_dir.join("conf.db"), schema };
    database.prepare().await?;
    let socket = config.ovs_run_dir.join("db.sock");
    let remotes = [
        Remote { target: format!("punix:{}", socket.display()), probe: None },
        Remote { target: "db:Open_vSwitch,Open_vSwitch,manager_options".to_owned(), probe: None },
    ];
    let program = Program::new(OVSDB, OVSDB, &config.ovs_run_dir, dirs);
    database.served_by(program, &config.ovs_run_dir.join("ovsdb-server.json"), &remotes)
}

fn vswitchd(config: &Node, dirs: &RunDirs, datapath: DatapathType) -> Program {
    let program = Program::new(VSWITCHD, VSWITCHD, &config.ovs_run_dir, dirs).arg(remote(config));
    match datapath {
        DatapathType::Kernel => program,
        DatapathType::Userspace => program.arg("--disable-system"),
    }
}

fn controller(config: &Node, dirs: &RunDirs) -> Program {
    Program::new(CONTROLLER, CONTROLLER, &config.ovn_run_dir, dirs).arg(remote(config))
}

fn remote(config: &Node) -> String {
    format!("unix:{}", config.ovs_run_dir.join("db.sock").display())
}

/// Waits until the server has read its file and answers.
async fn answering(server: &Control) -> anyhow::Result<()> {
    let deadline = Instant::now() + START;
    loop {
        let answer = server.call("ovsdb-server/list-dbs", &[]).await;
        match answer {
            Ok(list) if list.contains("Open_vSwitch") => return Ok(()),
            other if Instant::now() > deadline => {
                anyhow::bail!(
                    "{OVSDB} does not serve its database: {}",
                    other.unwrap_or_else(|error| error)
                );
            }
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
}
