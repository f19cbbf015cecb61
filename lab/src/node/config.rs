//! Configuration files of a node's programs. Pure.

use super::KEYS;
use crate::{
    images::PAUSE,
    plan::{DNS_SERVICE, DOMAIN, MAX_NODES, Machine, OUTSIDE, POD_CIDR},
};

/// Path inside the machine, and text.
pub(super) fn files(machine: Machine) -> Vec<(String, String)> {
    let mut files = vec![
        ("/etc/hostname".to_owned(), format!("{machine}\n")),
        ("/etc/hosts".to_owned(), hosts()),
        ("/etc/resolv.conf".to_owned(), format!("nameserver {OUTSIDE}\n")),
        ("/etc/lab/containerd.toml".to_owned(), containerd()),
    ];
    if matches!(machine, Machine::Node(_)) {
        files.push(("/etc/lab/kubelet.yaml".to_owned(), kubelet(machine)));
        files.push(("/etc/lab/kube-proxy.yaml".to_owned(), kube_proxy(machine)));
    }
    files
}

fn hosts() -> String {
    let machines = Machine::nodes(MAX_NODES).chain([Machine::Router]);
    let lines = machines.map(|machine| format!("{} {machine}\n", machine.management()));
    std::iter::once("127.0.0.1 localhost\n".to_owned()).chain(lines).collect()
}

/// Debian's default places of plugins are others; the out-of-memory score needs rights a container lacks.
fn containerd() -> String {
    format!(
        r#"version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
"#
    )
}

/// The machine is shared: nothing is evicted for its disk, images are never collected (there is no registry
/// to fetch them from again), and no cgroups for classes of service.
fn kubelet(machine: Machine) -> String {
    format!(
        r#"apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: {KEYS}/ca.crt}}
authorization: {{mode: Webhook}}
tlsCertFile: {KEYS}/kubelet-{machine}.crt
tlsPrivateKeyFile: {KEYS}/kubelet-{machine}.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
cgroupsPerQOS: false
enforceNodeAllocatable: []
resolvConf: /etc/resolv.conf
clusterDomain: {DOMAIN}
clusterDNS: [{DNS_SERVICE}]
nodeStatusUpdateFrequency: 4s
maxPods: 250
imageGCHighThresholdPercent: 100
evictionHard: {{memory.available: 50Mi, nodefs.available: "0%", imagefs.available: "0%"}}
registryPullQPS: 0
serializeImagePulls: false
"#
    )
}

/// The limits on connection tracking belong to the machine: a network namespace may not set them.
fn kube_proxy(machine: Machine) -> String {
    format!(
        r"apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: {machine}
clusterCIDR: {POD_CIDR}
clientConnection: {{kubeconfig: {KEYS}/kube-proxy.kubeconfig}}
conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_knows_every_name() {
        let files = files(Machine::Node(2));
        let hosts = &files.iter().find(|(path, _)| path == "/etc/hosts").unwrap().1;
        assert!(
            hosts.contains("172.30.0.11 n1\n") && hosts.contains("172.30.0.1 router\n"),
            "{hosts}"
        );
    }

    #[test]
    fn a_kubelet_serves_with_its_own_certificate() {
        let text = kubelet(Machine::Node(2));
        assert!(text.contains("tlsCertFile: /etc/kubernetes/kubelet-n2.crt"), "{text}");
        assert!(!text.contains("{{") && !text.contains("}}"), "{text}");
    }
}
