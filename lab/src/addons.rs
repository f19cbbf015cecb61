//! What the lab installs into its cluster: labels, DNS, and our chart.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    golang::Programs,
    kube::{self, Kubectl, condition, items, unready},
    layout::Layout,
    oci::Archive,
    plan::{API_PORT, API_SERVER, DNS_SERVICE, DOMAIN, Machine, POD_CIDR, SERVICE_CIDR},
    process::{command, run, stream},
    screen::{Screen, Step},
    wait::{Look, until},
};

const NAMESPACE: &str = "kube-system";
/// The chart's mark of what an `ovs-ovn` pod was made from.
const OVS_REVISION: &str = "kube-ovn.io/ovs-revision";
/// OVN elects and connects in seconds; a cold machine with two processors also starts a dozen pods.
const READY: Duration = Duration::from_secs(240);

/// Our image, as the chart needs to know it.
pub(crate) struct Ours {
    /// Under a tag that changes with its contents.
    pub(crate) archive: Archive,
    /// Changes exactly when OVS, OVN or their supervisor do.
    ovs_revision: String,
}

/// Builds our binaries and the image that holds them.
///
/// # Errors
/// The build failed.
pub(crate) fn build_image(layout: &Layout, screen: &Screen) -> Result<Ours> {
    screen.step("Our image, from source", |step| {
        let mut cargo = command("cargo", ["xtask", "image", "--profile", "lab"]);
        let said = stream(cargo.current_dir(&layout.repository), |line| step.message(line.trim()))?;
        let archive = Archive::open(&layout.repository.join("target/image/kube-ovn.tar"))?;
        let revision = said
            .lines()
            .find_map(|line| line.strip_prefix("ovs-ovn revision "))
            .unwrap_or_default();
        Ok(Ours { archive: archive.tagged_by_content(), ovs_revision: revision.trim().to_owned() })
    })
}

/// Labels the chart selects nodes by. A kubelet may not give itself most of these.
///
/// # Errors
/// The API server refused.
pub(crate) fn label_nodes(kubectl: &Kubectl, nodes: u8) -> Result<()> {
    let label = |node: Machine, labels: &[&str]| {
        let name = node.to_string();
        kubectl.run(&[&["label", "node", &name, "--overwrite"], labels].concat()).map(drop)
    };
    Machine::nodes(nodes)
        .try_for_each(|node| label(node, &["ovn.kubernetes.io/ovs_dp_type=userspace"]))?;
    label(Machine::Node(1), &["kube-ovn/role=master", "node-role.kubernetes.io/control-plane="])
}

/// CoreDNS, as every cluster has it.
///
/// # Errors
/// The API server refused.
pub(crate) fn install_dns(kubectl: &Kubectl, image: &Archive) -> Result<()> {
    kubectl.apply(&dns(&image.name))
}

/// Installs or upgrades our chart with the lab's values.
///
/// # Errors
/// The chart is wrong, or the API server refused it.
pub(crate) fn install_chart(
    layout: &Layout,
    programs: &Programs,
    image: &Ours,
    step: &Step,
) -> Result<()> {
    let chart = layout.repository.join("charts/kube-ovn");
    ensure!(chart.join("Chart.yaml").exists(), "there is no chart in {}", chart.display());
    let values = layout.state.join("values.json");
    fs::write(&values, format!("{:#}", values_of(image)))?;
    step.message("helm upgrade --install");
    helm(layout, &programs.helm, &chart, &values)
}

fn helm(layout: &Layout, folder: &Path, chart: &Path, values: &Path) -> Result<()> {
    let mut helm = command(folder.join("helm"), ["upgrade", "--install", "kube-ovn"]);
    helm.arg(chart).args(["--namespace", NAMESPACE, "--history-max", "3", "--values"]).arg(values);
    helm.arg("--kubeconfig").arg(layout.kubeconfig()).env("NO_PROXY", "172.30.0.0/24");
    run(&mut helm).context("the chart was not installed").map(drop)
}

/// What differs from the chart's defaults: addresses of this cluster, its tunnel NIC, and OVS without a
/// kernel module.
fn values_of(image: &Ours) -> Value {
    json!({
        "apiServer": {"host": API_SERVER.to_string(), "port": API_PORT},
        "global": {"images": {"kubeovn": {"tag": image.archive.tag(), "ovsRevision": image.ovs_revision}}},
        "image": {"pullPolicy": "Never"},
        "MASTER_NODES": API_SERVER.to_string(),
        "networking": {"IFACE": "eth1", "OVS_DP_TYPE": "userspace"},
        "ipv4": {"POD_CIDR": POD_CIDR, "SVC_CIDR": SERVICE_CIDR},
        "DISABLE_MODULES_MANAGEMENT": true,
    })
}

/// Replaces, node by node, the pods of Open vSwitch that the chart would have otherwise: it leaves that to the
/// administrator, because a node's traffic pauses meanwhile.
///
/// # Errors
/// The API server refused, or a new pod does not become ready.
pub(crate) fn replace_vswitches(kubectl: &Kubectl, step: &Step) -> Result<()> {
    let wanted = kubectl.get(&["--namespace", NAMESPACE, "daemonset", "ovs-ovn"])?;
    let wanted = &wanted["spec"]["template"]["metadata"]["annotations"][OVS_REVISION];
    let pods = || kubectl.get(&["--namespace", NAMESPACE, "pods", "--selector=app=ovs"]);
    let current = |pod: &Value| pod["metadata"]["annotations"][OVS_REVISION] == *wanted;
    for old in items(&pods()?).iter().filter(|pod| !current(pod)) {
        let node = &old["spec"]["nodeName"];
        step.message(&format!("{node} gets a new one"));
        kubectl.run(&["--namespace", NAMESPACE, "delete", "pod", kube::name(old)])?;
        until("the new Open vSwitch", READY, || {
            let list = pods()?;
            let new =
                items(&list).iter().find(|pod| pod["spec"]["nodeName"] == *node && current(pod));
            let ready = new.is_some_and(|pod| condition(pod, "Ready"));
            Ok(if ready { Look::Done(()) } else { Look::Not(format!("not ready on {node}")) })
        })?;
    }
    Ok(())
}

/// Until every node is Ready and every workload of `kube-system` has all its pods.
///
/// # Errors
/// Not within the time: with what is missing.
pub(crate) fn wait_for_all(kubectl: &Kubectl, nodes: u8, step: &Step) -> Result<()> {
    until("the cluster", READY, || {
        let missing = missing(kubectl, nodes)?;
        if missing.is_empty() {
            return Ok(Look::Done(()));
        }
        step.message(&missing.join(", "));
        Ok(Look::Not(missing.join(", ")))
    })
}

fn missing(kubectl: &Kubectl, nodes: u8) -> Result<Vec<String>> {
    let list = kubectl.get(&["nodes"])?;
    let ready = items(&list).iter().filter(|node| condition(node, "Ready")).count();
    let workloads = kubectl.get(&["--namespace", NAMESPACE, "daemonsets,deployments"])?;
    let mut missing: Vec<_> = items(&workloads).iter().filter_map(unready).collect();
    if ready < usize::from(nodes) {
        missing.push(format!("nodes {ready}/{nodes}"));
    }
    Ok(missing)
}

/// Objects of the DNS service, the kube-dns of the Kubernetes documentation with the lab's own image.
fn dns(image: &str) -> Vec<Value> {
    let meta = |name: &str| json!({"name": name, "namespace": NAMESPACE, "labels": {"k8s-app": "kube-dns"}});
    let corefile = format!(
        ".:53 {{
    errors
    health
    ready
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }}
    forward . /etc/resolv.conf
    cache 30
}}
"
    );
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("coredns")}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:coredns"},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "system:coredns"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"},
            "subjects": [{"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}]}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("coredns"), "data": {"Corefile": corefile}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("kube-dns"), "spec": {
            "clusterIP": DNS_SERVICE.to_string(), "selector": {"k8s-app": "kube-dns"},
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("coredns"), "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "template": {"metadata": {"labels": {"k8s-app": "kube-dns"}}, "spec": dns_pod(image)}}}),
    ]
}

fn dns_pod(image: &str) -> Value {
    json!({
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1,
            "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}}]}},
        "containers": [{
            "name": "coredns",
            "image": image,
            "imagePullPolicy": "Never",
            "args": ["-conf", "/etc/coredns/Corefile"],
            "ports": [
                {"containerPort": 53, "name": "dns", "protocol": "UDP"},
                {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"}],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 2},
            "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": true}]}],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_gets_the_image_that_was_built() {
        let digest = format!("sha256:{:0>64}", "7");
        let archive =
            Archive { path: "".into(), name: "docker.io/kubeovn/kube-ovn:v0.1.0".into(), digest };
        let ours = Ours { archive: archive.tagged_by_content(), ovs_revision: "abc".into() };
        let values = values_of(&ours);
        assert_eq!(values["global"]["images"]["kubeovn"]["tag"], "v0.1.0-000000000000");
    }

    #[test]
    fn dns_has_the_address_that_kubelets_tell_pods() {
        let objects = dns("coredns:1");
        let service = objects.iter().find(|object| object["kind"] == "Service").unwrap();
        assert_eq!(service["spec"]["clusterIP"], "10.96.0.10");
        let kinds: Vec<_> = objects.iter().map(kube::name).collect();
        assert_eq!(kinds.iter().filter(|&&name| name == "coredns").count(), 3);
    }
}
