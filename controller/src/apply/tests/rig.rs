//! An engine, its database, and somebody who speaks for the API server.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use harness::{Db, Schema, wait_for};
use k8s_openapi::api::core::v1 as core;
use ovsdb::client::{Config, Database, Endpoint};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::super::{Engine, Inputs, Outputs, tables};
use crate::index::{self, Change, Key};
use crate::lease::Claim;
use crate::metrics::Metrics;
use crate::model::Event;
use crate::report::{Aspect, Kind, Reporter, Verb, Words};
use crate::scope::Scope;
use crate::watch::Seen;

/// How long anything may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) struct Rig {
    db: Arc<Mutex<Db>>,
    /// What the database held before anybody wrote.
    pub(super) empty: String,
    seen: mpsc::Sender<Seen>,
    claim: watch::Sender<Claim>,
    stop: watch::Sender<bool>,
    metrics: Metrics,
    reporter: Reporter<Scope>,
    engine: JoinHandle<anyhow::Result<()>>,
    /// Ends the engine listens to, kept open.
    _open: (mpsc::Sender<Scope>, watch::Sender<Vec<Endpoint>>),
}

impl Rig {
    /// Follows; nothing was listed.
    pub(super) async fn following() -> Self {
        Self::on(Arc::new(Mutex::new(Db::start(Schema::Nb)))).await
    }

    /// Leads a cluster of one node, without pods.
    pub(super) async fn leading() -> Self {
        Self::following().await.led(vec![]).await
    }

    /// The same with a server that takes no longer name of a port.
    pub(super) async fn with_names_up_to(length: usize) -> Self {
        let mut schema: Value = serde_json::from_str(&Schema::Nb.text()).unwrap();
        schema["tables"]["Logical_Switch_Port"]["columns"]["name"]["type"] =
            json!({ "key": { "type": "string", "maxLength": length } });
        let db = Db::with_schema(&schema.to_string());
        Self::on(Arc::new(Mutex::new(db))).await.led(vec![]).await
    }

    /// Another engine on the same database that believes to lead as well.
    pub(super) async fn rival(&self) -> Self {
        Self::on(self.db.clone()).await.led(vec![]).await
    }

    /// Stops the engine and starts another one in a cluster with these pods.
    pub(super) async fn again(self, pods: Vec<index::Pod>) -> Self {
        let db = self.db.clone();
        self.stop().await.expect("an orderly end");
        Self::on(db).await.led(pods).await
    }

    async fn led(self, pods: Vec<index::Pod>) -> Self {
        self.say_all(kubernetes(pods)).await;
        self.lead();
        self.compared();
        self
    }

    async fn on(db: Arc<Mutex<Db>>) -> Self {
        let remote = lock(&db).remote();
        let (mut engine, reporter) = engine(&remote);
        let metrics = engine.out.metrics.clone();
        tokio::time::timeout(SOON, engine.database.ready()).await.expect("the server is there");
        let (seen, seen_out) = mpsc::channel(4096);
        let (again, again_out) = mpsc::channel(16);
        let (claim, claim_out) = watch::channel(Claim::Following);
        let (endpoints, endpoints_out) = watch::channel(vec![]);
        let (stop, stop_out) = watch::channel(false);
        let inputs = Inputs {
            seen: seen_out,
            again: again_out,
            claim: claim_out,
            endpoints: endpoints_out,
            stop: stop_out,
        };
        let engine = tokio::spawn(engine.run(inputs));
        let _open = (again, endpoints);
        let mut rig =
            Self { db, empty: String::new(), seen, claim, stop, metrics, reporter, engine, _open };
        rig.empty = rig.dump();
        rig
    }

    pub(super) fn lead(&self) {
        self.claim.send_replace(Claim::Leading);
    }

    pub(super) async fn say(&self, pod: index::Pod) {
        self.say_all(vec![Seen::Event(Event::Pod(Change::Apply(pod)))]).await;
    }

    pub(super) async fn say_pods(&self, pods: Vec<index::Pod>) {
        let seen = pods.into_iter().map(|pod| Seen::Event(Event::Pod(Change::Apply(pod))));
        self.say_all(seen.collect()).await;
    }

    pub(super) async fn say_gone(&self, namespace: &str, name: &str) {
        let key = Key::new(namespace, name);
        self.say_all(vec![Seen::Event(Event::Pod(Change::Delete(key)))]).await;
    }

    pub(super) async fn say_all(&self, all: Vec<Seen>) {
        for seen in all {
            self.seen.send(seen).await.expect("the engine listens");
        }
    }

    /// Returns when the engine has taken in what was said.
    pub(super) fn settle(&self) {
        wait_for("the engine to take in what was said", SOON, || {
            self.seen.capacity() == self.seen.max_capacity()
        });
    }

    /// Returns when the engine has compared everything.
    pub(super) fn compared(&self) {
        wait_for("the whole comparison", SOON, || self.metrics.comparisons.get() > 0);
    }

    /// Transactions answered so far.
    pub(super) fn transactions(&self) -> u64 {
        self.metrics.answered.get()
    }

    /// Scopes whose rows others changed, as the engine sees it.
    pub(super) fn foreign(&self) -> u64 {
        self.metrics.foreign.get()
    }

    /// Operations sent so far.
    pub(super) fn operations(&self) -> u64 {
        self.metrics.operations.get()
    }

    /// A port's row once it is there.
    pub(super) fn port(&self, name: &str) -> String {
        self.wait_port(name, |_| true)
    }

    /// A port's row once it is so.
    pub(super) fn wait_port(&self, name: &str, good: impl Fn(&str) -> bool) -> String {
        wait_for(&format!("port {name}"), SOON, || {
            let rows = self.find(name);
            if !rows.is_empty() && good(&rows) { Ok(rows) } else { Err(self.state(&rows)) }
        })
    }

    /// Returns once there is no such port.
    pub(super) fn no_port(&self, name: &str) {
        wait_for(&format!("no port {name}"), SOON, || {
            let rows = self.find(name);
            if rows.is_empty() { Ok(()) } else { Err(self.state(&rows)) }
        });
    }

    /// Returns once pods have so many ports.
    pub(super) fn wait_count(&self, ports: usize) {
        wait_for(&format!("{ports} ports of pods"), SOON, || {
            let rows = self.nbctl(&[
                "--bare",
                "--columns=name",
                "find",
                "Logical_Switch_Port",
                "type=\"\"",
            ]);
            let count = rows.lines().filter(|line| line.ends_with(".default")).count();
            if count == ports { Ok(()) } else { Err(format!("{count}")) }
        });
    }

    /// The body of the next write about an object; others are passed over.
    pub(super) fn write_about(&self, kind: Kind, name: &str, aspect: Aspect) -> String {
        wait_for(&format!("a write about {name}"), SOON, || {
            let (target, write) = self.reporter.take(Instant::now()).ok_or("nothing is in line")?;
            let is_it = target.kind == kind && target.aspect == aspect;
            let about = target.name == name || target.name.starts_with(&format!("{name}."));
            match write.verb {
                Verb::Create(body) | Verb::Merge(body) if is_it && about => {
                    Ok(String::from_utf8(body).expect("JSON is text"))
                }
                _ => Err("others are in line"),
            }
        })
    }

    /// Every row of the database, a line each.
    pub(super) fn dump(&self) -> String {
        let db = lock(&self.db);
        db.run("ovsdb-client", &["dump", &db.remote(), "OVN_Northbound"])
    }

    pub(super) fn nbctl(&self, args: &[&str]) -> String {
        let db = lock(&self.db);
        let remote = format!("--db={}", db.remote());
        db.run("ovn-nbctl", &[&[&*remote, "--timeout=20"], args].concat())
    }

    pub(super) fn db(&self) -> MutexGuard<'_, Db> {
        lock(&self.db)
    }

    /// How the engine ended by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        (&mut self.engine).await.expect("the engine does not panic")
    }

    /// Stops the engine in an orderly way.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        tokio::time::timeout(SOON, self.ended()).await.expect("an engine stops when asked")
    }

    fn find(&self, name: &str) -> String {
        let name = format!("name={name}");
        self.nbctl(&[
            "--columns=_uuid,name,addresses,external_ids",
            "find",
            "Logical_Switch_Port",
            &name,
        ])
    }

    fn state(&self, rows: &str) -> String {
        format!(
            "{rows:?}; dirty {}, parked {}, ended {}",
            self.metrics.dirty.get(),
            self.metrics.refused.get(),
            self.engine.is_finished()
        )
    }
}

/// An engine on the database at `remote`.
pub(super) fn engine(remote: &str) -> (Engine, Reporter<Scope>) {
    let database = Database::connect(Config {
        endpoints: vec![remote.parse().expect("an endpoint")],
        database: "OVN_Northbound",
        spec: tables().spec(),
        leader_only: true,
        probe: Duration::from_secs(5),
    });
    let reporter = Reporter::default();
    let out = Outputs {
        reporter: reporter.clone(),
        words: Words::new("test".into()),
        health: run::Health::default(),
        metrics: Metrics::default(),
    };
    (Engine::new(Default::default(), database, SOON, out), reporter)
}

fn lock(db: &Arc<Mutex<Db>>) -> MutexGuard<'_, Db> {
    db.lock().expect("no test panicked while it had the database")
}

/// The first list of each kind: a cluster of one node with the default objects and these pods.
pub(super) fn kubernetes(pods: Vec<index::Pod>) -> Vec<Seen> {
    let node: core::Node = from(json!({
        "metadata": { "name": "n1", "uid": "uid-of-n1" },
        "status": { "addresses": [{ "type": "InternalIP", "address": "172.30.0.11" }] },
    }));
    let namespace: core::Namespace =
        from(json!({ "metadata": { "name": "default", "uid": "uid-of-default" } }));
    let vpc: api::kinds::Vpc = from(object("Vpc", "ovn-cluster", &json!({})));
    let subnet = |name: &str, cidr: &str, gateway: &str| -> api::kinds::Subnet {
        from(object(
            "Subnet",
            name,
            &json!({
                "vpc": "ovn-cluster", "protocol": "IPv4", "provider": "ovn", "cidrBlock": cidr, "gateway": gateway,
                "gatewayType": "distributed", "excludeIps": [gateway], "natOutgoing": name == "ovn-default",
                "default": name == "ovn-default",
            }),
        ))
    };
    let subnets = [
        subnet("ovn-default", "10.16.0.0/16", "10.16.0.1"),
        subnet("join", "100.64.0.0/16", "100.64.0.1"),
    ];
    let events = [
        Event::Node(Change::Reset(vec![(&node).into()])),
        Event::Namespace(Change::Reset(vec![(&namespace).into()])),
        Event::Vpc(Change::Reset(vec![(&vpc).into()])),
        Event::Subnet(Change::Reset(subnets.iter().map(Into::into).collect())),
        Event::Ip(Change::Reset(vec![])),
        Event::Service(Change::Reset(vec![])),
        Event::EndpointSlice(Change::Reset(vec![])),
        Event::StatefulSet(Change::Reset(vec![])),
        Event::Pod(Change::Reset(pods)),
    ];
    events.into_iter().map(Seen::Event).collect()
}

/// A pod in `default`, bound to `node`.
pub(super) fn pod(name: &str, node: &str) -> index::Pod {
    let pod: core::Pod = from(json!({
        "metadata": { "name": name, "namespace": "default", "uid": format!("uid-of-{name}") },
        "spec": { "nodeName": node, "containers": [] },
        "status": { "phase": "Pending" },
    }));
    (&pod).into()
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "kubeovn.io/v1", "kind": kind,
        "metadata": {
            "name": name, "uid": format!("uid-of-{name}"), "finalizers": ["kubeovn.io/kube-ovn-controller"],
        },
        "spec": spec,
    })
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a canned object fits its kind")
}
