//! A cluster as tests write it: objects are JSON, as the API server has them; reports are written
//! back into them and come again as events, until nobody has anything to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use controller::desired::Config;
use controller::desired::report::{About, Report};
use controller::index::Key;
use controller::model::{Compiled, Model, PortRow, Scope};
use ovn::nb;
use ovn::state::State;
use serde_json::{Value, json};

pub(crate) use crate::objects::Watched;
use crate::objects::{event, gone, key, merge, time, watched};

/// The time tests begin at, seconds since 1970.
pub(crate) const START: i64 = 1_700_000_000;

pub(crate) struct Cluster {
    pub(crate) model: Model,
    pub(crate) objects: BTreeMap<(Watched, Key), Value>,
    /// What the database would hold: the last committed state of each scope.
    pub(crate) rows: BTreeMap<Scope, State>,
    pub(crate) dirty: BTreeSet<Scope>,
    pub(crate) now: i64,
    /// Reasons and messages of all events, in order.
    pub(crate) told: Vec<String>,
    born: i64,
}

impl Cluster {
    /// Only what an API server has before anybody installed anything.
    pub(crate) fn empty() -> Self {
        let mut cluster = Self {
            model: Model::new(Config::default()),
            objects: BTreeMap::new(),
            rows: BTreeMap::new(),
            dirty: BTreeSet::from([Scope::Globals]),
            now: START,
            told: Vec::new(),
            born: START - 1_000_000,
        };
        cluster.put(Watched::Namespace, json!({"metadata": {"name": "default"}}));
        cluster
    }

    /// The default objects are there, and these nodes: `n1` at 172.30.0.11 and so on.
    pub(crate) fn with_nodes(nodes: u8) -> Self {
        let mut cluster = Self::empty();
        for node in 1..=nodes {
            cluster.node(&format!("n{node}"), &format!("172.30.0.{}", 10 + node));
        }
        cluster.settle();
        cluster
    }

    pub(crate) fn node(&mut self, name: &str, address: &str) {
        self.put(
            Watched::Node,
            json!({
                "metadata": {"name": name},
                "status": {"addresses": [{"type": "InternalIP", "address": address}]},
            }),
        );
    }

    /// A pod of namespace `default`, bound to a node.
    pub(crate) fn pod(&mut self, name: &str, node: &str) {
        self.pod_with(name, node, json!({}));
    }

    pub(crate) fn pod_with(&mut self, name: &str, node: &str, annotations: Value) {
        self.put(
            Watched::Pod,
            json!({
                "metadata": {"name": name, "namespace": "default", "annotations": annotations},
                "spec": {"nodeName": node, "containers": []},
            }),
        );
    }

    /// A pod as the stateful set `name` makes it.
    pub(crate) fn replica(&mut self, set: &str, ordinal: u32, node: &str, annotations: Value) {
        self.put(Watched::Pod, json!({
            "metadata": {
                "name": format!("{set}-{ordinal}"), "namespace": "default", "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "StatefulSet", "name": set, "uid": "set", "controller": true,
                }],
            },
            "spec": {"nodeName": node, "containers": []},
        }));
    }

    pub(crate) fn statefulset(&mut self, name: &str, replicas: u32) {
        self.put(
            Watched::StatefulSet,
            json!({
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"replicas": replicas, "selector": {}, "serviceName": name, "template": {}},
            }),
        );
    }

    pub(crate) fn subnet(&mut self, name: &str, spec: Value) {
        self.put(
            Watched::Subnet,
            json!({"metadata": {"name": name, "generation": 1}, "spec": spec}),
        );
    }

    /// A TCP service on port 80 whose endpoints listen on 8080.
    pub(crate) fn service(&mut self, name: &str, address: &str, endpoints: &[&str]) {
        self.put(Watched::Service, json!({
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"clusterIP": address, "clusterIPs": [address], "ports": [{"port": 80, "protocol": "TCP"}]},
        }));
        self.endpoints(name, endpoints);
    }

    pub(crate) fn endpoints(&mut self, service: &str, endpoints: &[&str]) {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|at| json!({"addresses": [at], "conditions": {"ready": true}}))
            .collect();
        self.put(
            Watched::EndpointSlice,
            json!({
                "metadata": {
                    "name": format!("{service}-x"), "namespace": "default",
                    "labels": {"kubernetes.io/service-name": service},
                },
                "addressType": "IPv4",
                "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
                "endpoints": endpoints,
            }),
        );
    }

    /// Creates or replaces an object; a new one gets a uid and is younger than all before.
    pub(crate) fn put(&mut self, kind: Watched, mut object: Value) {
        let key = key(&object);
        match self.objects.get(&(kind, key.clone())) {
            Some(old) => {
                for field in ["uid", "creationTimestamp"] {
                    object["metadata"][field] = old["metadata"][field].clone();
                }
                if old["spec"] != object["spec"] && !old["metadata"]["generation"].is_null() {
                    let generation = old["metadata"]["generation"].as_i64().unwrap() + 1;
                    object["metadata"]["generation"] = json!(generation);
                }
            }
            None => {
                self.born += 1;
                let uid = format!("{:?}-{}-{}", kind, key.name, self.born - (START - 1_000_000));
                object["metadata"]["uid"] = json!(uid.to_lowercase());
                object["metadata"]["creationTimestamp"] = json!(time(self.born));
            }
        }
        let event = event(kind, &object);
        self.objects.insert((kind, key), object);
        self.dirty.extend(self.model.apply(event));
    }

    /// Removes an object, or marks it if it has finalizers.
    pub(crate) fn delete(&mut self, kind: Watched, name: &str) {
        let namespaced = !self.objects.contains_key(&(kind, Key::cluster(name)));
        let key = if namespaced { Key::new("default", name) } else { Key::cluster(name) };
        let object =
            self.objects.get_mut(&(kind, key.clone())).expect("the object should be there");
        let finalizers = object["metadata"]["finalizers"].as_array().map_or(0, Vec::len);
        if finalizers > 0 {
            object["metadata"]["deletionTimestamp"] = json!(time(self.now));
            let event = event(kind, &object.clone());
            self.dirty.extend(self.model.apply(event));
            return;
        }
        self.objects.remove(&(kind, key.clone()));
        self.dirty.extend(self.model.apply(gone(kind, key)));
    }

    /// Changes an object in place.
    pub(crate) fn edit(&mut self, kind: Watched, name: &str, change: impl FnOnce(&mut Value)) {
        let found = self.objects.iter().find(|((of, key), _)| *of == kind && *key.name == *name);
        let mut object = found.expect("the object should be there").1.clone();
        change(&mut object);
        self.put(kind, object);
    }

    pub(crate) fn get(&self, kind: Watched, name: &str) -> Option<&Value> {
        let found = self.objects.iter().find(|((of, key), _)| *of == kind && *key.name == *name);
        found.map(|(_, object)| object)
    }

    /// One pass over what is dirty: compiled, committed, not yet told.
    pub(crate) fn pass(&mut self) -> Compiled {
        let scopes = std::mem::take(&mut self.dirty);
        self.compile(&scopes)
    }

    pub(crate) fn compile(&mut self, scopes: &BTreeSet<Scope>) -> Compiled {
        let compiled = self.model.compile(scopes, self.now);
        for (scope, state) in &compiled.states {
            if state.is_empty() {
                self.rows.remove(scope)
            } else {
                self.rows.insert(scope.clone(), state.clone())
            };
        }
        compiled
    }

    /// Passes and reports until nothing is dirty.
    pub(crate) fn settle(&mut self) {
        for _ in 0..30 {
            if self.dirty.is_empty() {
                return;
            }
            let compiled = self.pass();
            self.reports(compiled).into_iter().for_each(|report| self.write(report));
        }
        panic!("reports never end: {:?}", self.dirty);
    }

    /// All that a pass has to tell.
    fn reports(&self, compiled: Compiled) -> Vec<Report> {
        let mut about: BTreeSet<Scope> = compiled.states.into_keys().chain(compiled.held).collect();
        about.extend(compiled.usage.into_iter().map(Scope::Subnet));
        let reports = about.iter().flat_map(|scope| self.model.reports(scope, self.now));
        compiled.events.into_iter().chain(reports).collect()
    }

    /// A pass that ends early: 0 before its commit, n after its commit and n - 1 reports. Another
    /// process takes over.
    pub(crate) fn crash(&mut self, after: usize) {
        if after == 0 {
            self.model.compile(&std::mem::take(&mut self.dirty), self.now);
        } else {
            let compiled = self.pass();
            let reports = self.reports(compiled);
            reports.into_iter().take(after - 1).for_each(|report| self.write(report));
        }
        self.restart();
    }

    /// What the API server makes of a report.
    pub(crate) fn write(&mut self, report: Report) {
        match report {
            Report::Annotate { about, annotations } => {
                self.merge(&about, &json!({"metadata": {"annotations": annotations}}), "");
            }
            Report::CreateIp(ip) => self.create(Watched::Ip, &*ip),
            Report::CreateSubnet(subnet) => self.create(Watched::Subnet, &*subnet),
            Report::CreateVpc(vpc) => self.create(Watched::Vpc, &*vpc),
            Report::UpdateIp { about, labels, spec } => {
                self.merge(&about, &json!({"metadata": {"labels": labels}, "spec": *spec}), "spec");
            }
            Report::SubnetSpec { about, spec } => {
                self.merge(&about, &json!({"spec": *spec}), "spec")
            }
            Report::SubnetStatus { about, status } => {
                self.merge(&about, &json!({"status": *status}), "status")
            }
            Report::VpcStatus { about, status } => {
                self.merge(&about, &json!({"status": *status}), "status")
            }
            Report::Finalizers { about, finalizers } => {
                self.merge(&about, &json!({"metadata": {"finalizers": finalizers}}), "");
                let at = (watched(about.kind), about.key.clone());
                let object = &self.objects[&at];
                if finalizers.is_empty() && !object["metadata"]["deletionTimestamp"].is_null() {
                    self.objects.remove(&at);
                    self.dirty.extend(self.model.apply(gone(at.0, at.1)));
                }
            }
            Report::Delete(about) => self.delete(watched(about.kind), &about.key.name.clone()),
            Report::Event { about, reason, message, .. } => {
                self.told.push(format!("{} {reason}: {message}", about.key));
            }
        }
    }

    fn create(&mut self, kind: Watched, object: &impl serde::Serialize) {
        let mut object = serde_json::to_value(object).unwrap();
        object["metadata"]["generation"] = json!(1);
        assert!(!self.objects.contains_key(&(kind, key(&object))), "made twice: {object}");
        self.put(kind, object);
    }

    /// A merge patch (RFC 7396); what stands at `whole` is replaced.
    fn merge(&mut self, about: &About, patch: &Value, whole: &str) {
        let kind = watched(about.kind);
        let mut object =
            self.objects.get(&(kind, about.key.clone())).expect("it should be there").clone();
        assert_eq!(
            object["metadata"]["uid"], *about.uid,
            "told another object of the name: {about:?}"
        );
        if !whole.is_empty() {
            object[whole] = Value::Null;
        }
        let before = object.clone();
        merge(&mut object, patch);
        assert_ne!(object, before, "a report that says nothing new: {about:?} {patch}");
        self.put(kind, object);
    }

    /// The ports as a new leader finds them in the database.
    pub(crate) fn port_rows(&self) -> Vec<PortRow> {
        let rows = self.rows.values().flat_map(|state| &state.rows);
        let ports = rows.filter(|((table, _), _)| *table == nb::logical_switch_port::TABLE);
        let text = |value: Option<&ovsdb::value::Value>, key: &str| -> Arc<str> {
            value.and_then(|value| value.get(key)).unwrap_or_default().into()
        };
        let row = |columns: &ovsdb::op::Columns| PortRow {
            name: columns["name"].as_str().unwrap().into(),
            subnet: text(columns.get("external_ids"), "ls"),
            uid: text(columns.get("options"), "iface-id-ver"),
            addresses: columns["addresses"].as_str().unwrap_or_default().into(),
        };
        ports.map(|(_, desired)| row(&desired.columns)).collect()
    }

    /// Another process takes over: it knows the objects and the database, nothing else.
    pub(crate) fn restart(&mut self) {
        self.model = Model::new(Config::default());
        for ((kind, _), object) in &self.objects {
            self.model.apply(event(*kind, object));
        }
        self.dirty = self.model.recover(self.port_rows());
        self.dirty.extend(self.rows.keys().cloned());
    }
}
