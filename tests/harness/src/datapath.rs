//! The whole of OVN on one node: databases, northd, OVS on its userspace datapath, ovn-controller, and
//! pods as network namespaces. All of it in one private network namespace.

use std::net::IpAddr;
use std::time::Duration;

use tempfile::TempDir;

use crate::db::{Db, Schema, folder};
use crate::netns::Netns;
use crate::northbound::Northbound;
use crate::running::Running;
use crate::wait::wait_for;

/// A node that carries packets.
pub struct Datapath {
    // Dropped in this order: who talks to a database goes before it.
    _controller: Running,
    _switch: Running,
    pub vswitch: Db,
    pub north: Northbound,
    pub net: Netns,
    dir: TempDir,
    pods: u32,
}

/// A network namespace behind a logical switch port.
pub struct Pod {
    pub net: Netns,
    /// Its logical switch port and its interface's `iface-id`.
    pub port: String,
    /// The host's end of its link.
    pub host_link: String,
}

const BOUND: Duration = Duration::from_secs(20);

impl Datapath {
    /// Up, with br-int and a chassis named `node`, when made.
    pub fn start() -> Self {
        let net = Netns::new();
        let north = Northbound::start_in(&net.place());
        let vswitch = Db::start_in(net.place(), Schema::Vswitch.path());
        let dir = folder();
        let place = net.place().with_rundir(dir.path());
        let at = |file: &str| dir.path().join(file).display().to_string();
        let controller = |program: &str, extra: &[&str]| {
            let own = [
                vswitch.remote(),
                format!("--unixctl={}", at(&format!("{program}.ctl"))),
                format!("--log-file={}", at(&format!("{program}.log"))),
                "-vconsole:off".to_owned(),
            ];
            let args: Vec<&str> =
                own.iter().map(String::as_str).chain(extra.iter().copied()).collect();
            place.spawn(program, &args, &dir.path().join(format!("{program}.output")))
        };
        let remote = format!("external_ids:ovn-remote={}", north.sb.remote());
        let init = [
            ["--no-wait", "--", "init", "--", "set", "Open_vSwitch", "."].as_slice(),
            &["external_ids:system-id=node", "external_ids:hostname=node", &remote],
            &["external_ids:ovn-encap-type=geneve", "external_ids:ovn-encap-ip=127.0.0.1"],
            &["external_ids:ovn-bridge-datapath-type=netdev"],
            &["--", "add-br", "br-int", "--", "set", "bridge", "br-int"],
            &["datapath_type=netdev", "fail-mode=secure"],
        ];
        vsctl(&vswitch, &init.concat());
        let switch = controller("ovs-vswitchd", &["--disable-system", "--no-chdir"]);
        let _controller = controller("ovn-controller", &["--no-chdir"]);
        let datapath = Self { _controller, _switch: switch, vswitch, north, net, dir, pods: 0 };
        wait_for("the chassis to register", BOUND, || {
            let chassis = datapath.north.sbctl(&["--bare", "--columns=name", "list", "chassis"]);
            if chassis.trim() == "node" { Ok(()) } else { Err(datapath.logs()) }
        });
        datapath
    }

    /// Makes a namespace with `mac` and `address` (as `10.0.0.2/24`) and plugs it into br-int as the
    /// logical switch port `port`. Returns when ovn-controller has bound the port.
    pub fn pod(&mut self, port: &str, mac: &str, address: &str, gateway: Option<IpAddr>) -> Pod {
        self.pods += 1;
        let host_link = format!("pod{}", self.pods);
        let pod = Pod { net: Netns::new(), port: port.to_owned(), host_link };
        let (link, netns) = (&*pod.host_link, pod.net.path().display().to_string());
        let ends = ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", &netns];
        self.net.run("ip", &ends);
        self.net.run("ip", &["link", "set", link, "up"]);
        self.net.run("ethtool", &["-K", link, "tx", "off"]);
        pod.net.run("ethtool", &["-K", "eth0", "tx", "off"]);
        pod.net.run("ip", &["link", "set", "eth0", "address", mac, "up"]);
        pod.net.run("ip", &["addr", "add", address, "dev", "eth0", "nodad"]);
        if let Some(gateway) = gateway {
            pod.net.run("ip", &["route", "add", "default", "via", &gateway.to_string()]);
        }
        self.plug(link, port);
        pod
    }

    /// Adds a link to br-int with an `iface-id`, and waits for `ovn-installed`.
    pub fn plug(&self, link: &str, iface_id: &str) {
        let iface_id = format!("external_ids:iface-id={iface_id}");
        self.vsctl(&[
            "--no-wait",
            "add-port",
            "br-int",
            link,
            "--",
            "set",
            "interface",
            link,
            &iface_id,
        ]);
        wait_for("ovn-installed", BOUND, || {
            let installed = ["--if-exists", "get", "interface", link, "external_ids:ovn-installed"];
            if self.vsctl(&installed).contains("true") { Ok(()) } else { Err(self.logs()) }
        });
    }

    /// Runs ovs-vsctl.
    #[track_caller]
    pub fn vsctl(&self, args: &[&str]) -> String {
        vsctl(&self.vswitch, args)
    }

    /// A control command to `ovs-vswitchd` or `ovn-controller`.
    #[track_caller]
    pub fn appctl(&self, program: &str, command: &[&str]) -> String {
        crate::appctl(&self.dir.path().join(format!("{program}.ctl")), command)
    }

    /// What OVS and ovn-controller logged so far.
    pub fn logs(&self) -> String {
        let log = |program: &str| {
            let path = self.dir.path().join(format!("{program}.log"));
            std::fs::read_to_string(path).unwrap_or_default()
        };
        log("ovs-vswitchd") + &log("ovn-controller")
    }
}

#[track_caller]
fn vsctl(db: &Db, args: &[&str]) -> String {
    let remote = format!("--db={}", db.remote());
    db.run("ovs-vsctl", &[&[&*remote, "--timeout=30"], args].concat())
}

impl Pod {
    /// Whether one echo request is answered within a second.
    pub fn pings(&self, to: IpAddr) -> bool {
        self.net.pings(to)
    }
}
