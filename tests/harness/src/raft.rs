//! A northbound cluster of three servers.

use tempfile::TempDir;

use crate::db::{SOON, Schema, at, folder, serve, wait_ctl};
use crate::room::Place;
use crate::running::Running;
use crate::unixctl;
use crate::wait::wait_for;

/// Three members of one cluster, on unix sockets.
pub struct Raft {
    members: Vec<Member>,
}

struct Member {
    server: Option<Running>,
    place: Place,
    dir: TempDir,
}

const NAME: &str = "OVN_Northbound";

impl Raft {
    /// Up and with a leader when made.
    pub fn start() -> Self {
        let first = Member::new();
        let local = first.address();
        first
            .place
            .run("ovsdb-tool", &["create-cluster", &first.at("db"), Schema::Nb.path(), &local]);
        let mut members = vec![first];
        members[0].start();
        for _ in 1..3 {
            let mut member = Member::new();
            let join = ["join-cluster", &member.at("db"), NAME, &member.address(), &local];
            member.place.run("ovsdb-tool", &join);
            member.start();
            members.push(member);
        }
        let raft = Self { members };
        for member in &raft.members {
            let joined = |status: &str| status.contains("Status: cluster member");
            let ctl = member.dir.path().join("ctl");
            wait_ctl("a member to join", &ctl, &["cluster/status", NAME], joined);
        }
        raft.leader();
        raft
    }

    /// The addresses of all members, up or not.
    pub fn remotes(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("unix:{}", member.at("sock"))).collect()
    }

    /// The member that leads, once there is one.
    pub fn leader(&self) -> usize {
        wait_for("a leader", SOON, || {
            let statuses: Vec<_> = self.members.iter().map(Member::status).collect();
            let leads = |status: &String| status.contains("Role: leader");
            statuses.iter().position(leads).ok_or(statuses.join("\n"))
        })
    }

    /// SIGKILL.
    pub fn kill(&mut self, member: usize) {
        self.members[member].server = None;
    }

    /// Starts a member that was killed.
    pub fn start_member(&mut self, member: usize) {
        self.members[member].start();
    }

    /// Hands leadership to another member in good order.
    pub fn step_down(&self, member: usize) {
        // The member to follow is chosen by the cluster.
        let ctl = self.members[member].dir.path().join("ctl");
        crate::appctl(&ctl, &["cluster/failure-test", "transfer-leadership"]);
    }

    /// A control command to one member.
    #[track_caller]
    pub fn appctl(&self, member: usize, command: &[&str]) -> String {
        crate::appctl(&self.members[member].dir.path().join("ctl"), command)
    }
}

impl Member {
    fn new() -> Self {
        let dir = folder();
        Self { server: None, place: Place::root().with_rundir(dir.path()), dir }
    }

    fn at(&self, file: &str) -> String {
        at(&self.dir, file)
    }

    fn address(&self) -> String {
        format!("unix:{}", self.at("raft"))
    }

    fn start(&mut self) {
        self.server = Some(serve(&self.place, &self.dir, "db"));
    }

    fn status(&self) -> String {
        match self.server {
            None => "killed".to_owned(),
            Some(_) => unixctl::call(&self.dir.path().join("ctl"), "cluster/status", &[NAME])
                .unwrap_or_else(|error| error),
        }
    }
}
