//! One real ovsdb-server on a database of its own.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::room::{Place, node_root};
use crate::running::Running;
use crate::unixctl::{self, appctl};
use crate::wait::wait_for;

/// The databases of OVN and OVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    Nb,
    Sb,
    Vswitch,
}

impl Schema {
    /// The database's name on the wire.
    pub fn database(self) -> &'static str {
        match self {
            Self::Nb => "OVN_Northbound",
            Self::Sb => "OVN_Southbound",
            Self::Vswitch => "Open_vSwitch",
        }
    }

    /// The schema file inside the node root.
    pub fn path(self) -> &'static str {
        match self {
            Self::Nb => "/usr/share/ovn/ovn-nb.ovsschema",
            Self::Sb => "/usr/share/ovn/ovn-sb.ovsschema",
            Self::Vswitch => "/usr/share/openvswitch/vswitch.ovsschema",
        }
    }

    /// The schema's text.
    pub fn text(self) -> String {
        let path = node_root().join(self.path().trim_start_matches('/'));
        fs::read_to_string(path).expect("the node root has the schemas of OVN and OVS")
    }
}

/// A standalone database server: up when made, gone when dropped, its folder with it.
pub struct Db {
    server: Running,
    place: Place,
    dir: TempDir,
}

pub(crate) const SOON: Duration = Duration::from_secs(10);

impl Db {
    pub fn start(schema: Schema) -> Self {
        Self::start_in(Place::root(), schema.path())
    }

    /// A database with a schema of your own, given as text.
    pub fn with_schema(schema: &str) -> Self {
        let file =
            tempfile::NamedTempFile::with_prefix("kot-").expect("a temporary file can be made");
        fs::write(&file, schema).expect("our own file can be written");
        Self::start_in(Place::root(), &file.path().display().to_string())
    }

    pub(crate) fn start_in(place: Place, schema_path: &str) -> Self {
        let dir = folder();
        let place = place.with_rundir(dir.path());
        place.run("ovsdb-tool", &["create", &at(&dir, "db"), schema_path]);
        let server = serve(&place, &dir, "db");
        Self { server, place, dir }
    }

    /// The folder with the database `db`, the socket `sock`, the control socket `ctl` and `log`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn sock(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// The server's address as OVSDB writes it: `unix:PATH`.
    pub fn remote(&self) -> String {
        format!("unix:{}", self.sock().display())
    }

    /// A control command, as `ovs-appctl` would send it.
    #[track_caller]
    pub fn appctl(&self, command: &[&str]) -> String {
        appctl(&self.dir.path().join("ctl"), command)
    }

    /// Runs a client program, such as ovn-nbctl, with the arguments given.
    #[track_caller]
    pub fn run<A: AsRef<str>>(&self, program: &str, args: &[A]) -> String {
        self.place.run(program, args)
    }

    /// Listens on a TCP port of 127.0.0.1 too, and answers with the port.
    pub fn listen_tcp(&self) -> u16 {
        self.appctl(&["ovsdb-server/add-remote", "ptcp:0:127.0.0.1"]);
        self.port()
    }

    /// The same for a northbound database that asks after `probe` of silence (at least a second, by
    /// itself five) whether the client is there, and hangs up after two.
    pub fn listen_tcp_probing(&self, probe: Duration) -> u16 {
        let probe = format!("inactivity_probe={}", probe.as_millis());
        let db = format!("--db={}", self.remote());
        self.run(
            "ovn-nbctl",
            &[&db, "set-connection", "ptcp:0:127.0.0.1", "--", "set", "connection", ".", &probe],
        );
        self.appctl(&["ovsdb-server/add-remote", "db:OVN_Northbound,NB_Global,connections"]);
        self.port()
    }

    fn port(&self) -> u16 {
        wait_for("the server to name its port", SOON, || {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let (_, after) = log.rsplit_once("listening on port ").ok_or(log.clone())?;
            after.split_whitespace().next().and_then(|port| port.parse().ok()).ok_or(log)
        })
    }

    /// SIGKILL. The database and its folder stay.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Stops the server's clock, as a hung machine would; the sockets stay open.
    pub fn freeze(&self) {
        self.server.signal(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.server.signal(Signal::SIGCONT);
    }

    /// Serves the same database again.
    pub fn restart(&mut self) {
        self.kill();
        self.server = serve(&self.place, &self.dir, "db");
    }

    /// Serves another database file of the same folder, as a restored backup would be.
    pub fn restart_empty(&mut self, schema: Schema) {
        self.kill();
        fs::remove_file(self.dir.path().join("db")).expect("the database is a file of ours");
        self.place.run("ovsdb-tool", &["create", &at(&self.dir, "db"), schema.path()]);
        self.server = serve(&self.place, &self.dir, "db");
    }

    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("kot-").tempdir().expect("a temporary folder can be made")
}

pub(crate) fn at(dir: &TempDir, file: &str) -> String {
    dir.path().join(file).display().to_string()
}

/// Serves `database` from `dir` and returns when the socket answers.
pub(crate) fn serve(place: &Place, dir: &TempDir, database: &str) -> Running {
    let args = [
        at(dir, database),
        format!("--remote=punix:{}", at(dir, "sock")),
        format!("--unixctl={}", at(dir, "ctl")),
        format!("--log-file={}", at(dir, "log")),
        "-vconsole:off".to_owned(),
        "--no-chdir".to_owned(),
    ];
    let mut server = place.spawn("ovsdb-server", &args, &dir.path().join("output"));
    wait_for("ovsdb-server to listen", SOON, || {
        server.expect_alive();
        let answers = |socket: &str| UnixStream::connect(dir.path().join(socket)).is_ok();
        answers("sock") && answers("ctl")
    });
    server
}

/// Waits until the control socket answers `command` with something `good`.
pub(crate) fn wait_ctl(what: &str, socket: &Path, command: &[&str], good: impl Fn(&str) -> bool) {
    let (method, args) = command.split_first().expect("a command has a name");
    wait_for(what, SOON, || match unixctl::call(socket, method, args) {
        Ok(answer) if good(&answer) => Ok(()),
        Ok(other) | Err(other) => Err(other),
    });
}
