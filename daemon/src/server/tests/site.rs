//! A node of its own: OVN and OVS in a namespace, the daemon's parts inside it, and a controller that is the test.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::cni::{Error, Success};
use api::names::Provider;
use api::wire::{Answer, Attachment, Call, Pod, Request, Response};
use harness::{Datapath, Netns};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::args::Args;
use crate::kernel::reaper::Reaper;
use crate::metrics::Metrics;
use crate::node::{Node, rules, tunnel};
use crate::plan::encap::Tunnel;
use crate::report::{Failure, Reports};
use crate::server;
use crate::vswitch::Vswitch;
use crate::watch::follow::Change;
use crate::watch::{Pods, View};

/// Long enough for whatever must happen.
pub(super) const SOON: u64 = 20_000;

pub(super) struct Site {
    pub(super) datapath: Datapath,
    pub(super) node: Arc<Node>,
    socket: PathBuf,
    _folder: tempfile::TempDir,
    pub(super) failures: tokio::sync::mpsc::Receiver<Failure>,
    _tunnel: watch::Sender<Option<Tunnel>>,
}

/// Runs a test on a node of its own; every thread of the daemon is in the node's namespace.
pub(super) fn on_a_node(test: impl AsyncFnOnce(Site) + Send) {
    let datapath = Datapath::start();
    let net = datapath.net.fd().clone();
    std::thread::scope(|scope| {
        let there = scope.spawn(move || {
            nix::sched::setns(net, nix::sched::CloneFlags::CLONE_NEWNET)
                .expect("tests run as root");
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let site = Site::new(datapath);
                test(site).await;
            });
        });
        there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

impl Site {
    fn new(datapath: Datapath) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("daemon.sock");
        let line = [
            "kube-ovn-daemon",
            "--node-name=node",
            "--pod-ip=172.30.0.11",
            "--ovn-rundir=/nonexistent",
        ];
        let config = Args::parse(line).unwrap().args.resolve().unwrap();
        let (vswitch, database) = Vswitch::connect(datapath.vswitch.remote().parse().unwrap());
        tokio::spawn(database);
        let settings = tunnel::settings(&config, None, "");
        vswitch.want(|wanted| wanted.settings = settings);
        let tunnel =
            Tunnel { nic: "eth1".into(), address: "172.31.0.11".parse().unwrap(), mtu: 1400 };
        let (tell_tunnel, tunnel) = watch::channel(Some(tunnel));
        let (tell_applied, applied) = watch::channel(BTreeSet::new());
        let metrics = Metrics::new("node", &mut prometheus_client::registry::Registry::default());
        let (reports, failures) = Reports::new();
        let (pods, view, reaper) = (Pods::default(), View::default(), Reaper::default());
        tokio::spawn(reaper.clone().run());
        let node = Arc::new(Node {
            config,
            pods,
            view,
            vswitch,
            reaper,
            turns: Default::default(),
            metrics,
            reports,
            tunnel,
            applied,
        });
        tokio::spawn({
            let node = node.clone();
            async move {
                rules::run(&node.config, &node.view, &node.vswitch, &node.metrics, &tell_applied)
                    .await
            }
        });
        tokio::spawn(server::run(server::listen(&socket).unwrap(), node.clone()));
        Self { datapath, node, socket, _folder: folder, failures, _tunnel: tell_tunnel }
    }

    /// A switch with a router, as the controller would make them, and the subnet it stands for.
    pub(super) fn subnet(&self) {
        self.datapath.north.nbctl(&[
            "ls-add",
            "s",
            "--",
            "lr-add",
            "r",
            "--",
            "lrp-add",
            "r",
            "r-s",
            "0a:00:00:00:00:01",
            "10.16.0.1/16",
            "--",
            "lsp-add",
            "s",
            "s-r",
            "--",
            "lsp-set-type",
            "s-r",
            "router",
            "--",
            "lsp-set-addresses",
            "s-r",
            "router",
            "--",
            "lsp-set-options",
            "s-r",
            "router-port=r-s",
        ]);
        let subnet = json!({
            "metadata": { "name": "s" },
            "spec": { "cidrBlock": "10.16.0.0/16", "natOutgoing": true },
            "status": { "conditions": [{ "type": "Validated", "status": "True" }] },
        });
        let subnet = serde_json::from_value(subnet).unwrap();
        self.node.view.subnets("ovn-cluster", Change::Reset(vec![subnet]));
    }

    /// The logical switch port of a pod.
    pub(super) fn logical_port(&self, pod: &str, number: u8) {
        let (port, addresses) =
            (format!("{pod}.default"), format!("{} 10.16.0.{number}", mac(number)));
        let version = format!("options:iface-id-ver=uid-{pod}");
        self.datapath.north.nbctl(&[
            "lsp-add",
            "s",
            &port,
            "--",
            "lsp-set-addresses",
            &port,
            &addresses,
            "--",
            "set",
            "Logical_Switch_Port",
            &port,
            &version,
        ]);
    }

    /// The pod's object, with the controller's answer when `number` is given.
    pub(super) fn pod_object(&self, pod: &str, uid: &str, number: Option<u8>) {
        let addresses = number.map(|number| (mac(number), format!("10.16.0.{number}")));
        self.pod_object_with(pod, uid, addresses);
    }

    /// The pod's object, with its MAC and IP address when the controller has decided.
    pub(super) fn pod_object_with(
        &self,
        pod: &str,
        uid: &str,
        addresses: Option<(String, String)>,
    ) {
        let mut annotations = serde_json::Map::new();
        if let Some((mac, ip)) = addresses {
            let words = [
                ("allocated", "true".to_owned()),
                ("routed", "true".to_owned()),
                ("ip_address", ip),
                ("mac_address", mac),
                ("cidr", "10.16.0.0/16".to_owned()),
                ("gateway", "10.16.0.1".to_owned()),
                ("logical_switch", "s".to_owned()),
                ("logical_router", "ovn-cluster".to_owned()),
                ("pod_nic_type", "veth-pair".to_owned()),
            ];
            annotations.extend(
                words.map(|(word, value)| (format!("ovn.kubernetes.io/{word}"), value.into())),
            );
        }
        let object = json!({
            "metadata": { "name": pod, "namespace": "default", "uid": uid, "annotations": annotations },
        });
        self.node.pods.take(Change::Apply(serde_json::from_value(object).unwrap()));
    }

    /// Everything a pod needs before its ADD can succeed.
    pub(super) fn allocate(&self, pod: &str, number: u8) {
        self.logical_port(pod, number);
        self.pod_object(pod, &format!("uid-{pod}"), Some(number));
    }

    pub(super) async fn call(&self, call: Call, deadline_ms: u64) -> Result<Answer, Error> {
        let mut stream = self.send(&Request::new(call, deadline_ms).to_line()).await;
        let mut line = Vec::new();
        stream.read_to_end(&mut line).await.unwrap();
        match Response::parse(&line).unwrap().answer {
            Answer::Failed(error) => Err(error),
            answer => Ok(answer),
        }
    }

    pub(super) async fn add(&self, attachment: Attachment) -> Result<Success, Error> {
        match self.call(Call::Add(attachment), SOON).await? {
            Answer::Attached(success) => Ok(success),
            other => panic!("ADD was answered with {other:?}"),
        }
    }

    pub(super) async fn send(&self, line: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(line).await.unwrap();
        stream
    }

    /// Whether nothing of a container is left: no port, no link.
    pub(super) async fn nothing_left(&self, container: &str) {
        let link = crate::plan::name::host_link(container, "eth0");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let ports =
                self.datapath.vsctl(&["--no-heading", "--columns=name", "list", "Interface"]);
            let links = crate::kernel::node::pod_links().await.unwrap();
            if !ports.contains(&link) && links.iter().all(|(name, _)| *name != link) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "left of {container}: {links:?}\n{ports}"
            );
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn mac(number: u8) -> String {
    format!("0a:00:00:00:01:{number:02x}")
}

/// The request for a pod's first interface.
pub(super) fn attachment(pod: &str, netns: &Netns) -> Attachment {
    Attachment {
        network: "kube-ovn".into(),
        container_id: container(pod),
        netns: netns.path().display().to_string(),
        ifname: "eth0".into(),
        pod: Some(Pod {
            namespace: "default".into(),
            name: pod.into(),
            uid: Some(format!("uid-{pod}")),
        }),
        provider: Provider::Default,
        ipam: false,
        routes: vec![],
        device: Default::default(),
        port_mappings: vec![],
        mtu: None,
        previous: None,
    }
}

pub(super) fn container(pod: &str) -> String {
    format!("{pod}-{}", "0".repeat(20))
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
