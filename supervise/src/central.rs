//! The pod `ovn-central`: northbound, southbound and northd, one standalone member.
//!
//! ```text
//!  ovsdb-server (NB) ◀── northd ──▶ ovsdb-server (SB)      kept running, each on its own
//!         ▲                ▲                ▲
//!         └───────── observe (1 s) ─────────┘──▶ readiness, metrics, leader labels (API server)
//! ```
//! The label of a database says that this member serves it, that of northd that it is active. Only the labels need the
//! API server; without it the data plane goes on.

mod label;
mod observe;

use std::net::IpAddr;
use std::path::Path;

use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::args::Central;
use crate::database::{Database, Remote};
use crate::folder;
use crate::keep::Kept;
use crate::metrics::Metrics;
use crate::program::{Program, RunDirs};

pub(crate) const NB: &str = "ovn-nb";
pub(crate) const SB: &str = "ovn-sb";
pub(crate) const NORTHD: &str = "ovn-northd";

/// Runs until a signal or a failure of its own, then ends the programs in order: northd before the databases.
///
/// # Errors
/// When the databases cannot be made or converted, the probes cannot be served, or a part of this process fails.
pub async fn run(config: Central) -> anyhow::Result<()> {
    let _claim = tokio::select! {
        claim = folder::claim(&config.run_dir, "central") => claim?,
        asked = run::signals() => return asked,
    };
    let dirs = RunDirs { ovs: config.run_dir.clone(), ovn: config.run_dir.clone() };
    let programs = ["ovnnb_db", "ovnsb_db", "ovn-northd"];
    folder::clear(&config.run_dir, |file| {
        programs.iter().any(|program| folder::belongs(file, program))
            || matches!(file, "ovnnb_db.sock" | "ovnsb_db.sock")
    })?;

    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry, "kube_ovn_ovn_status", &config.node_name);
    let nb = north(&config, &dirs).await?;
    let sb = south(&config, &dirs).await?;
    let nb = Kept::start(nb, metrics.clone());
    let sb = Kept::start(sb, metrics.clone());
    let northd = Kept::start(northd(&config, &dirs), metrics.clone());

    let health = run::Health::default();
    [NB, SB, NORTHD].into_iter().for_each(|part| health.expect(part));
    let (tell, leads) = watch::channel(observe::Leads::default());
    let mut parts = run::Parts::default();
    parts.add("probes", run::serve(config.listen, health.clone(), registry));
    let targets = observe::Targets {
        nb: nb.control(),
        sb: sb.control(),
        northd: northd.control(),
        data_dir: config.data_dir.clone(),
    };
    parts.add("observe", observe::run(targets, health, metrics, tell));
    if let Some((namespace, name)) = config.pod {
        parts.add("label", label::run(namespace, name, leads, config.leader_probe_interval));
    }
    let end = tokio::select! {
        asked = run::signals() => asked,
        error = parts.first_to_end() => Err(error),
    };
    northd.stop(&[]).await;
    sb.stop(&[]).await;
    nb.stop(&[]).await;
    end
}

async fn north(config: &Central, dirs: &RunDirs) -> anyhow::Result<Program> {
    server(config, dirs, NB, "ovnnb_db", "/usr/share/ovn/ovn-nb.ovsschema", config.nb_port).await
}

async fn south(config: &Central, dirs: &RunDirs) -> anyhow::Result<Program> {
    server(config, dirs, SB, "ovnsb_db", "/usr/share/ovn/ovn-sb.ovsschema", config.sb_port).await
}

async fn server(
    config: &Central,
    dirs: &RunDirs,
    role: &'static str,
    name: &str,
    schema: &'static str,
    port: u16,
) -> anyhow::Result<Program> {
    let database = Database { file: config.data_dir.join(format!("{name}.db")), schema };
    database.prepare().await?;
    let server = Program::named("ovsdb-server", role, &config.run_dir, name, dirs);
    database.served_by(
        server,
        &config.run_dir.join(format!("{name}.json")),
        &remotes(config, name, port),
    )
}

/// The socket that tools in the pod use by default, and the port for everyone else.
fn remotes(config: &Central, name: &str, port: u16) -> [Remote; 2] {
    let address = match config.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    [
        Remote { target: punix(&config.run_dir, name), probe: None },
        Remote { target: format!("ptcp:{port}:{address}"), probe: Some(config.probe_interval) },
    ]
}

fn punix(folder: &Path, name: &str) -> String {
    format!("punix:{}", folder.join(format!("{name}.sock")).display())
}

fn northd(config: &Central, dirs: &RunDirs) -> Program {
    let socket = |name: &str| config.run_dir.join(name).display().to_string();
    Program::new(NORTHD, NORTHD, &config.run_dir, dirs)
        .arg(format!("--ovnnb-db=unix:{}", socket("ovnnb_db.sock")))
        .arg(format!("--ovnsb-db=unix:{}", socket("ovnsb_db.sock")))
        .arg(format!("--n-threads={}", config.northd_threads))
}
