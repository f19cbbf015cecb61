//! The meaning of rows: both databases and northd, and `ovn-trace` to ask what becomes of a packet.

use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;

use crate::db::{Db, SOON, Schema, folder};
use crate::room::Place;
use crate::running::Running;
use crate::trace::TraceOutput;
use crate::unixctl::{self, appctl};
use crate::wait::wait_for;

/// NB, SB and ovn-northd.
pub struct Northbound {
    // Dropped in this order: northd goes before its databases.
    northd: Running,
    place: Place,
    pub nb: Db,
    pub sb: Db,
    dir: TempDir,
}

impl Northbound {
    pub fn start() -> Self {
        Self::start_in(&Place::root())
    }

    pub(crate) fn start_in(place: &Place) -> Self {
        let db = |schema: Schema| {
            let place = place.clone();
            thread::spawn(move || Db::start_in(place, schema.path()))
        };
        let join = |db: thread::JoinHandle<Db>| {
            db.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let (nb, sb) = (db(Schema::Nb), db(Schema::Sb));
        let (nb, sb) = (join(nb), join(sb));
        let dir = folder();
        let place = place.clone().with_rundir(dir.path());
        let args = [
            format!("--ovnnb-db={}", nb.remote()),
            format!("--ovnsb-db={}", sb.remote()),
            format!("--unixctl={}", dir.path().join("ctl").display()),
            format!("--log-file={}", dir.path().join("log").display()),
            "-vconsole:off".to_owned(),
        ];
        let mut northd = place.spawn("ovn-northd", &args, &dir.path().join("output"));
        let ctl = dir.path().join("ctl");
        wait_for("northd to be active", SOON, || {
            northd.expect_alive();
            match unixctl::call(&ctl, "status", &[]) {
                Ok(status) if status.contains("active") => Ok(()),
                Ok(other) | Err(other) => Err(other),
            }
        });
        Self { northd, place, nb, sb, dir }
    }

    /// Runs ovn-nbctl.
    #[track_caller]
    pub fn nbctl(&self, args: &[&str]) -> String {
        self.tool("ovn-nbctl", &self.nb, &[&["--timeout=30"], args].concat())
    }

    /// Runs ovn-sbctl.
    #[track_caller]
    pub fn sbctl(&self, args: &[&str]) -> String {
        self.tool("ovn-sbctl", &self.sb, &[&["--timeout=30"], args].concat())
    }

    /// Returns when northd has carried every change of NB so far to SB.
    #[track_caller]
    pub fn sync(&self) {
        self.nbctl(&["--wait=sb", "sync"]);
    }

    /// What becomes of a packet on `datapath`, a logical switch or router, after a [`Self::sync`] that
    /// the caller made. `microflow` is an expression such as `inport == "a" && ip4.dst == 10.0.0.2`.
    #[track_caller]
    pub fn trace(&self, datapath: &str, microflow: &str) -> TraceOutput {
        self.trace_with(&[], datapath, microflow)
    }

    /// The same with options of ovn-trace, such as `--ct=est` or `--lb-dst=10.0.0.2:80`.
    #[track_caller]
    pub fn trace_with(&self, options: &[&str], datapath: &str, microflow: &str) -> TraceOutput {
        let args = [options, &[datapath, microflow]].concat();
        TraceOutput::parse(self.tool("ovn-trace", &self.sb, &args))
    }

    /// A control command to northd, such as `inc-engine/show-stats`.
    #[track_caller]
    pub fn appctl(&self, command: &[&str]) -> String {
        appctl(&self.ctl(), command)
    }

    /// How often the engine node `node` of northd computed everything anew.
    #[track_caller]
    pub fn recomputes(&self, node: &str) -> u64 {
        let count = self.appctl(&["inc-engine/show-stats", node, "recompute"]);
        count.trim().parse().unwrap_or_else(|_| panic!("recomputes of {node}: {count:?}"))
    }

    /// northd's control socket.
    pub fn ctl(&self) -> PathBuf {
        self.dir.path().join("ctl")
    }

    pub fn northd_pid(&self) -> u32 {
        self.northd.pid()
    }

    #[track_caller]
    fn tool(&self, program: &str, db: &Db, args: &[&str]) -> String {
        let db = format!("--db={}", db.remote());
        self.place.run(program, &[&[&*db], args].concat())
    }
}
