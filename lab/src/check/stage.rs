//! The pods and services the check needs, and what the cluster gave them.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    images::AGNHOST,
    kube::{Kubectl, condition, items, last_line, name},
    plan::Machine,
    screen::Step,
    wait::{Look, until},
};

pub(super) const NAMESPACE: &str = "lab-check";
/// Ports of every test server.
pub(super) const TCP: u16 = 8080;
pub(super) const UDP: u16 = 8081;
/// Ports of the services, and of the servers on nodes and host ports.
pub(super) const SERVICE_TCP: u16 = 80;
pub(super) const SERVICE_UDP: u16 = 81;
pub(super) const NODE_TCP: u16 = 28080;
pub(super) const NODE_UDP: u16 = 28081;
pub(super) const HOST_TCP: u16 = 18080;
pub(super) const HOST_UDP: u16 = 18081;

/// From creation to an address: pulling is not part of it, the image is there.
const STARTED: Duration = Duration::from_secs(60);
/// From an address to ready; a probe that does not work is a red cell, not an error.
const READY: Duration = Duration::from_secs(15);

/// A test pod. All serve; the client has the host ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Pod {
    Client,
    /// On the client's node.
    Near,
    /// On another node.
    Far,
}

impl Pod {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Near => "near",
            Self::Far => "far",
        }
    }
}

/// What is there once the pods run.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// The client's node, and the other one's when there is one.
    pub(super) home: Machine,
    pub(super) away: Option<Machine>,
    pub(super) pods: BTreeMap<Pod, Ipv4Addr>,
    /// The service in front of each pod.
    pub(super) services: BTreeMap<Pod, Ipv4Addr>,
}

impl Stage {
    /// Makes pods and services and waits until they run.
    ///
    /// # Errors
    /// The API server refused, or a pod got no address: with what its events say.
    pub(super) fn set(kubectl: &Kubectl, nodes: &[Machine], step: &Step) -> Result<Self> {
        let &home = nodes.first().context("a node runs")?;
        let away = nodes.get(1).copied();
        step.message("the former test pods go");
        remove(kubectl)?;
        make_namespace(kubectl)?;
        kubectl.apply(&objects(home, away))?;
        let pods = wait_for_addresses(kubectl, places(home, away).len(), step)?;
        wait_for_readiness(kubectl, step)?;
        let services = kubectl.get(&["--namespace", NAMESPACE, "services"])?;
        let address =
            |pod: Pod| find(&services, pod, "/spec/clusterIP").map(|address| (pod, address));
        let services = pods.keys().map(|&pod| address(pod)).collect::<Result<_>>()?;
        Ok(Self { home, away, pods, services })
    }

    pub(super) fn node_of(&self, pod: Pod) -> Machine {
        match pod {
            Pod::Client | Pod::Near => self.home,
            Pod::Far => self.away.unwrap_or(self.home),
        }
    }
}

/// Removes everything and waits until it is gone.
///
/// # Errors
/// The API server refused.
pub(super) fn remove(kubectl: &Kubectl) -> Result<()> {
    kubectl
        .run(&["delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=60s"])
        .map(drop)
}

/// Pods need the namespace's service account and its copy of the authority, which controllers make.
fn make_namespace(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(&[
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
    ])?;
    let made =
        ["--namespace", NAMESPACE, "get", "serviceaccount/default", "configmap/kube-root-ca.crt"];
    until("the namespace's service account", Duration::from_secs(30), || {
        Ok(match kubectl.run(&made) {
            Ok(_) => Look::Done(()),
            Err(error) => Look::Not(last_line(&error)),
        })
    })
}

fn wait_for_addresses(
    kubectl: &Kubectl,
    wanted: usize,
    step: &Step,
) -> Result<BTreeMap<Pod, Ipv4Addr>> {
    let waited = until("test pods", STARTED, || {
        let list = kubectl.get(&["--namespace", NAMESPACE, "pods"])?;
        let waiting: Vec<_> = items(&list)
            .iter()
            .filter(|pod| pod["status"]["phase"] != "Running")
            .map(name)
            .collect();
        step.message(&waiting.join(", "));
        let running = waiting.is_empty() && items(&list).len() >= wanted;
        Ok(if running {
            Look::Done(list)
        } else {
            Look::Not(format!("{} not running", waiting.join(", ")))
        })
    });
    let list = waited.with_context(|| events(kubectl))?;
    let pods = [Pod::Client, Pod::Near, Pod::Far];
    let there =
        pods.into_iter().filter(|pod| items(&list).iter().any(|item| name(item) == pod.name()));
    there.map(|pod| Ok((pod, find(&list, pod, "/status/podIP")?))).collect()
}

fn wait_for_readiness(kubectl: &Kubectl, step: &Step) -> Result<()> {
    let ready = until("readiness", READY, || {
        let list = kubectl.get(&["--namespace", NAMESPACE, "pods"])?;
        let waiting: Vec<_> =
            items(&list).iter().filter(|pod| !condition(pod, "Ready")).map(name).collect();
        step.message(&waiting.join(", "));
        Ok(if waiting.is_empty() { Look::Done(()) } else { Look::Not(waiting.join(", ")) })
    });
    // The cell for probes says it better, next to the paths that do work.
    ready.or_else(
        |error| if error.to_string().starts_with("readiness") { Ok(()) } else { Err(error) },
    )
}

/// The last warnings of the namespace, for an error.
fn events(kubectl: &Kubectl) -> String {
    let words = ["--namespace", NAMESPACE, "events", "--types=Warning", "--no-headers"];
    let text = kubectl.run(&words).unwrap_or_else(|error| last_line(&error));
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

fn find(list: &Value, pod: Pod, pointer: &str) -> Result<Ipv4Addr> {
    let object = items(list).iter().find(|object| name(object) == pod.name());
    let text = object.and_then(|object| object.pointer(pointer)).and_then(Value::as_str);
    text.with_context(|| format!("{} has no address", pod.name()))?
        .parse()
        .context("not an IPv4 address")
}

/// Name, node, and whether it shares the node's network.
fn places(home: Machine, away: Option<Machine>) -> Vec<(String, Machine, bool)> {
    let mut places: Vec<_> =
        [Pod::Client, Pod::Near].map(|pod| (pod.name().to_owned(), home, false)).into();
    places.extend(away.map(|away| (Pod::Far.name().to_owned(), away, false)));
    places.extend(
        [Some(home), away].into_iter().flatten().map(|node| (format!("on-{node}"), node, true)),
    );
    places
}

fn objects(home: Machine, away: Option<Machine>) -> Vec<Value> {
    let places = places(home, away);
    let pods = places
        .iter()
        .map(|(name, node, shares)| if *shares { server_on(*node) } else { pod(name, *node) });
    let services = places.iter().filter(|(_, _, shares)| !shares).map(|(name, _, _)| service(name));
    pods.chain(services).collect()
}

fn pod(name: &str, node: Machine) -> Value {
    let host_port = |port: u16| if name == Pod::Client.name() { json!(port) } else { json!(null) };
    let ports = [(TCP, "TCP", host_port(HOST_TCP)), (UDP, "UDP", host_port(HOST_UDP))];
    let ports = ports.map(|(port, protocol, host)| match host {
        Value::Null => json!({"containerPort": port, "protocol": protocol}),
        host => json!({"containerPort": port, "protocol": protocol, "hostPort": host}),
    });
    let container = json!({"name": "server", "image": AGNHOST, "imagePullPolicy": "Never", "args": ["serve"],
        "ports": ports,
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": TCP}, "periodSeconds": 1, "failureThreshold": 1}});
    manifest(name, node, &json!({"containers": [container]}))
}

/// A server in the node's own network. It listens on one address, because a datagram's answer must come from
/// the address it was sent to.
fn server_on(node: Machine) -> Value {
    let name = format!("on-{node}");
    let (tcp, udp) =
        (format!("{}:{NODE_TCP}", node.management()), format!("{}:{NODE_UDP}", node.management()));
    let container = json!({"name": "server", "image": AGNHOST, "imagePullPolicy": "Never",
        "args": ["serve", "-name", name, "-tcp", tcp, "-udp", udp]});
    manifest(&name, node, &json!({"hostNetwork": true, "containers": [container]}))
}

fn manifest(name: &str, node: Machine, spec: &Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}}, "spec": spec});
    pod["spec"]["nodeName"] = json!(node.to_string());
    pod["spec"]["terminationGracePeriodSeconds"] = json!(1);
    pod["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    pod
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": name}, "ports": [
            {"name": "tcp", "port": SERVICE_TCP, "targetPort": TCP, "protocol": "TCP"},
            {"name": "udp", "port": SERVICE_UDP, "targetPort": UDP, "protocol": "UDP"}]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_client_has_host_ports() {
        let text = |name| pod(name, Machine::Node(1)).to_string();
        assert!(text("client").contains("\"hostPort\":18080"));
        assert!(!text("near").contains("hostPort"));
    }

    #[test]
    fn a_single_node_has_no_far_pod() {
        let names = |away| {
            places(Machine::Node(1), away).into_iter().map(|place| place.0).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["client", "near", "on-n1"]);
        assert_eq!(names(Some(Machine::Node(2))), ["client", "near", "far", "on-n1", "on-n2"]);
    }
}
