//! Against the real ovsdb-server; vswitchd and ovn-controller are played by the test.

use std::collections::BTreeMap;
use std::net::IpAddr;

use harness::{Db, Schema};

use super::*;
use crate::plan::pod::Datapath;

/// A database with `br-int`, and the task that owns the connection.
struct Lab {
    db: Db,
    vswitch: Vswitch,
}

impl Lab {
    async fn start() -> Self {
        let db = Db::start(Schema::Vswitch);
        let lab = Self { vswitch: connect(&db), db };
        lab.vsctl(&[
            "--",
            "init",
            "--",
            "add-br",
            "br-int",
            "--",
            "set",
            "bridge",
            "br-int",
            "datapath_type=netdev",
        ]);
        lab.until(|facts| facts.integration.is_some()).await;
        lab
    }

    fn vsctl(&self, args: &[&str]) -> String {
        let db = format!("--db={}", self.db.remote());
        self.db.run("ovs-vsctl", &[&[db.as_str(), "--no-wait", "--timeout=10"], args].concat())
    }

    fn get(&self, link: &str, column: &str) -> String {
        self.vsctl(&["--if-exists", "get", "Interface", link, column]).trim().to_owned()
    }

    async fn until_true(&self, holds: impl Fn() -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while !holds() {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{}",
                self.vsctl(&["list", "Open_vSwitch"])
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn until(&self, holds: impl FnMut(&Facts) -> bool) -> Facts {
        let mut facts = self.vswitch.facts();
        let waited = tokio::time::timeout(Duration::from_secs(10), facts.wait_for(holds));
        let waited = waited.await.map(|facts| facts.unwrap().clone());
        waited.unwrap_or_else(|_| panic!("facts stay {:?}", self.vswitch.facts().borrow()))
    }
}

fn connect(db: &Db) -> Vswitch {
    let (vswitch, task) = Vswitch::connect(db.remote().parse().unwrap());
    tokio::spawn(task);
    vswitch
}

fn port(link: &str, iface_id: &str) -> Port {
    let ids =
        BTreeMap::from([(key::POD_NAME, "a".to_owned()), (key::IFACE_ID_VER, "uid-a".to_owned())]);
    Port { link: link.into(), iface_id: iface_id.into(), ids }
}

#[tokio::test]
async fn a_port_comes_tells_what_becomes_of_it_and_goes() {
    let lab = Lab::start().await;
    lab.vswitch.add(port("l1", "a.default")).await.unwrap();
    assert_eq!(lab.vsctl(&["list-ports", "br-int"]).trim(), "l1");
    assert_eq!(lab.vswitch.look("l1").await.unwrap(), State::NoOfport);
    let ready = lab.vswitch.ready("l1");
    let play = async {
        lab.vsctl(&["set", "Interface", "l1", "ofport=5"]);
        while lab.vswitch.look("l1").await.unwrap() != State::NotInstalled {
            tokio::task::yield_now().await;
        }
        lab.vsctl(&["set", "Interface", "l1", "external_ids:ovn-installed=true"]);
    };
    assert_eq!(tokio::join!(ready, play).0.unwrap(), State::Ready);
    // The same port again has still to be installed.
    lab.vswitch.add(port("l1", "a.default")).await.unwrap();
    assert_eq!(lab.vswitch.look("l1").await.unwrap(), State::NotInstalled);
    for _ in 0..2 {
        lab.vswitch.remove(vec!["l1".into(), "nonesuch".into()]).await.unwrap();
    }
    assert_eq!(lab.vswitch.look("l1").await.unwrap(), State::Absent);
    assert_eq!(lab.vsctl(&["list-ports", "br-int"]).trim(), "");
}

#[tokio::test]
async fn vswitchd_s_complaint_ends_the_wait() {
    let lab = Lab::start().await;
    lab.vswitch.add(port("l1", "a.default")).await.unwrap();
    let play =
        async { lab.vsctl(&["set", "Interface", "l1", "ofport=-1", "error=\"no such device\""]) };
    let (state, _) = tokio::join!(lab.vswitch.ready("l1"), play);
    assert_eq!(state.unwrap(), State::Failed("no such device".into()));
}

#[tokio::test]
async fn only_one_port_claims_a_logical_port() {
    let lab = Lab::start().await;
    lab.vswitch.add(port("l1", "a.default")).await.unwrap();
    lab.vswitch.add(port("l2", "a.default")).await.unwrap();
    assert_eq!(lab.vsctl(&["list-ports", "br-int"]).trim(), "l2");
    let rivals =
        [port("l3", "b.default"), port("l4", "b.default")].map(|port| lab.vswitch.add(port));
    assert!(futures::future::join_all(rivals).await.iter().all(Result::is_ok));
    let claims = lab.vsctl(&[
        "--bare",
        "--columns=name",
        "find",
        "Interface",
        "external_ids:iface-id=b.default",
    ]);
    assert_eq!(claims.split_whitespace().count(), 1, "{claims}");
}

#[tokio::test]
async fn changes_that_come_together_share_a_transaction_and_a_bad_one_stands_alone() {
    let lab = Lab::start().await;
    lab.vsctl(&["add-br", "br-other", "--", "add-port", "br-other", "taken"]);
    let many = (0..40).map(|n| lab.vswitch.add(port(&format!("l{n}"), &format!("p{n}.default"))));
    assert!(futures::future::join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(lab.vsctl(&["list-ports", "br-int"]).split_whitespace().count(), 40);
    // A second Port row of that name is refused by the server; the port beside it must not suffer.
    let long = "x".repeat(10);
    let beside = tokio::join!(
        lab.vswitch.add(port("", "bad.default")),
        lab.vswitch.add(port(&long, "good.default"))
    );
    assert!(beside.1.is_ok(), "{beside:?}");
}

#[tokio::test]
async fn settings_and_the_node_s_port_are_kept() {
    let lab = Lab::start().await;
    lab.vsctl(&[
        "set",
        "Open_vSwitch",
        ".",
        "external_ids:foreign=stays",
        "external_ids:ovn-encap-ip=9.9.9.9",
    ]);
    let node_port = NodePort {
        link: "ovn0",
        iface_id: "node-n1".into(),
        mac: "0a:00:00:00:00:01".into(),
        mtu: 1400,
        ips: "100.64.0.2".into(),
    };
    lab.vswitch.want(|wanted| {
        wanted.settings = BTreeMap::from([("ovn-encap-ip", "172.31.0.11".to_owned())]);
        wanted.node_port = Some(node_port);
    });
    lab.until(|facts| facts.node_port.is_some()).await;
    let settled = || {
        let ids = lab.vsctl(&["get", "Open_vSwitch", ".", "external_ids"]);
        ids.contains("172.31.0.11")
            && ids.contains("foreign=stays")
            && lab.get("ovn0", "mac").contains("0a:00:00:00:00:01")
    };
    lab.until_true(settled).await;
    assert_eq!(
        (lab.get("ovn0", "type").as_str(), lab.get("ovn0", "mtu_request").as_str()),
        ("internal", "1400")
    );
    // Whoever takes it away sees it come back.
    lab.vsctl(&[
        "del-port",
        "br-int",
        "ovn0",
        "--",
        "set",
        "Open_vSwitch",
        ".",
        "external_ids:ovn-encap-ip=8.8.8.8",
    ]);
    lab.until_true(settled).await;
    assert!(lab.vsctl(&["list-ports", "br-int"]).contains("ovn0"));
}

#[tokio::test]
async fn facts_say_what_the_database_says() {
    let lab = Lab::start().await;
    lab.vsctl(&[
        "add-br",
        "br-phy",
        "--",
        "add-port",
        "br-phy",
        "eth1",
        "--",
        "set",
        "Open_vSwitch",
        ".",
        "external_ids:system-id=chassis-1",
    ]);
    let facts =
        lab.until(|facts| facts.system_id.is_some() && facts.bridges.contains_key("eth1")).await;
    assert_eq!(
        (facts.integration, facts.bridges["eth1"].as_str()),
        (Some(Datapath::Userspace), "br-phy")
    );
    let mut with_ports = port("l1", "a.default");
    with_ports.ids.insert(key::IP, "10.16.0.7,fd00::7".into());
    let address: IpAddr = "172.30.0.11".parse().unwrap();
    let text = host_ports_text([(crate::plan::rules::Transport::Udp, Some(address), 53, 5353)]);
    with_ports.ids.insert(key::HOST_PORTS, text);
    lab.vswitch.add(with_ports).await.unwrap();
    let facts = lab.until(|facts| !facts.host_ports.is_empty()).await;
    let first = facts.host_ports.first().unwrap();
    assert_eq!(
        (first.address, first.port, first.pod, first.pod_port),
        (Some(address), 53, "10.16.0.7".parse().unwrap(), 5353)
    );
    // A daemon that starts anew learns it from the database.
    let again = Lab { vswitch: connect(&lab.db), db: lab.db };
    assert_eq!(again.until(|facts| facts.connected).await.host_ports, facts.host_ports);
    again.vswitch.remove(vec!["l1".into()]).await.unwrap();
    again.until(|facts| facts.host_ports.is_empty()).await;
}
