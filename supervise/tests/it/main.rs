//! `kube-ovn-supervise` as a process, over the real programs of the node root, in a network namespace of its own.

#![allow(clippy::unwrap_used, reason = "a test reports by failing")]

mod central;
mod node;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use harness::{Netns, Place, Running, wait_for};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);

/// Folders and namespace of one pod, over its restarts.
struct Pod {
    dir: TempDir,
    net: Netns,
    program: PathBuf,
    port: u16,
}

impl Pod {
    /// Our program is copied to where the node root has the same path.
    fn new(port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("kube-ovn-supervise");
        fs::copy(env!("CARGO_BIN_EXE_kube-ovn-supervise"), &program).unwrap();
        Self { dir, net: Netns::new(), program, port }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Tools of OVS and OVN find the pod's programs.
    fn place(&self) -> Place {
        self.net.place().with_rundir(&self.dir.path().join("run"))
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        self.place().run(program, args)
    }

    fn start(&self, args: &[&str]) -> Running {
        let log = self.dir.path().join("log");
        self.net.place().spawn(self.program.to_str().unwrap(), args, &log)
    }

    fn get(&self, path: &str) -> io::Result<String> {
        self.net.within(|| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text).map(|_| text)
        })
    }

    fn wait_until_ready(&self, running: &mut Running) {
        wait_for("readiness", SOON, || {
            running.expect_alive();
            match self.get("/readyz") {
                Ok(text) if text.starts_with("HTTP/1.1 200") => Ok(()),
                Ok(text) => Err(format!("{text}\n{}", running.log())),
                Err(error) => Err(format!("{error}\n{}", running.log())),
            }
        });
    }

    fn pid(&self, name: &str) -> Option<i32> {
        fs::read_to_string(self.dir.path().join("run").join(format!("{name}.pid")))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Kills a program by its pid file, as a crash would.
    fn crash(&self, name: &str) -> i32 {
        let pid = self.pid(name).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
            .unwrap();
        pid
    }
}

fn is_running(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
