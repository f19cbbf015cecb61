//! What runs on each machine and with which arguments. Pure.

use std::path::PathBuf;

use super::{AGNHOST, KEYS, KUBERNETES};
use crate::plan::{API_PORT, Machine, OUTSIDE, OUTSIDE_TCP, OUTSIDE_UDP, SERVICE_CIDR};

pub(super) const PATH: &str = "/opt/lab/kubernetes:/opt/lab/agnhost:/usr/sbin:/usr/bin:/sbin:/bin";

const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// A program that runs as long as its machine, and again when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) command: Vec<String>,
    /// A file without which it would only fail.
    pub(super) after: Option<PathBuf>,
    /// Told to stop, and waited for, before all else: it would restart what the shutdown ends.
    pub(super) stops_first: bool,
}

/// The machine's programs, in the order of their start.
pub(super) fn of(machine: Machine) -> Vec<Program> {
    match machine {
        Machine::Images => vec![containerd()],
        Machine::Router => vec![outside()],
        Machine::Node(_) => {
            let mut programs =
                if machine.is_control_plane() { control_plane(machine) } else { Vec::new() };
            programs.extend([containerd(), kubelet(machine), kube_proxy()]);
            programs
        }
    }
}

fn program(name: &'static str, path: &str, arguments: &[String]) -> Program {
    let command = std::iter::once(path.to_owned()).chain(arguments.iter().cloned()).collect();
    Program { name, command, after: None, stops_first: false }
}

fn kubernetes(name: &'static str, arguments: &[String]) -> Program {
    program(name, &format!("{KUBERNETES}/{name}"), arguments)
}

fn flags<const N: usize>(flags: [(&str, &str); N]) -> Vec<String> {
    flags.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

fn control_plane(machine: Machine) -> Vec<Program> {
    let user = |name: &str| format!("{KEYS}/{name}.kubeconfig");
    vec![
        etcd(),
        api_server(machine),
        kubernetes(
            "kube-controller-manager",
            &flags([
                ("kubeconfig", &user("kube-controller-manager")),
                ("service-account-private-key-file", &format!("{KEYS}/sa.key")),
                ("root-ca-file", &format!("{KEYS}/ca.crt")),
                ("use-service-account-credentials", "true"),
                ("leader-elect", "false"),
                ("allocate-node-cidrs", "false"),
            ]),
        ),
        kubernetes(
            "kube-scheduler",
            &flags([("kubeconfig", &user("kube-scheduler")), ("leader-elect", "false")]),
        ),
    ]
}

/// Without fsync: a lab's data does not outlive the machine's crash, `up` starts anew then.
fn etcd() -> Program {
    let url = "http://127.0.0.1:2379";
    let peers = "http://127.0.0.1:2380";
    program(
        "etcd",
        "/usr/bin/etcd",
        &flags([
            ("name", "lab"),
            ("data-dir", "/var/lib/etcd"),
            ("unsafe-no-fsync", "true"),
            ("listen-client-urls", url),
            ("advertise-client-urls", url),
            ("listen-peer-urls", peers),
            ("initial-advertise-peer-urls", peers),
            ("initial-cluster", &format!("lab={peers}")),
            ("log-level", "warn"),
        ]),
    )
}

fn api_server(machine: Machine) -> Program {
    let key = |name: &str| format!("{KEYS}/{name}");
    kubernetes(
        "kube-apiserver",
        &flags([
            ("etcd-servers", "http://127.0.0.1:2379"),
            ("secure-port", &API_PORT.to_string()),
            ("advertise-address", &machine.management().to_string()),
            ("tls-cert-file", &key("apiserver.crt")),
            ("tls-private-key-file", &key("apiserver.key")),
            ("client-ca-file", &key("ca.crt")),
            ("kubelet-certificate-authority", &key("ca.crt")),
            ("kubelet-client-certificate", &key("apiserver-kubelet-client.crt")),
            ("kubelet-client-key", &key("apiserver-kubelet-client.key")),
            ("kubelet-preferred-address-types", "InternalIP"),
            ("service-account-issuer", "https://kubernetes.default.svc"),
            ("service-account-key-file", &key("sa.pub")),
            ("service-account-signing-key-file", &key("sa.key")),
            ("service-cluster-ip-range", SERVICE_CIDR),
            ("authorization-mode", "Node,RBAC"),
            ("enable-admission-plugins", "NodeRestriction"),
            ("allow-privileged", "true"),
        ]),
    )
}

fn containerd() -> Program {
    program("containerd", "/usr/bin/containerd", &flags([("config", "/etc/lab/containerd.toml")]))
}

fn kubelet(machine: Machine) -> Program {
    let arguments = flags([
        ("config", "/etc/lab/kubelet.yaml"),
        ("kubeconfig", &format!("{KEYS}/kubelet-{machine}.kubeconfig")),
        ("hostname-override", &machine.to_string()),
        ("node-ip", &machine.management().to_string()),
    ]);
    Program {
        after: Some(CONTAINERD.into()),
        stops_first: true,
        ..kubernetes("kubelet", &arguments)
    }
}

fn kube_proxy() -> Program {
    kubernetes("kube-proxy", &flags([("config", "/etc/lab/kube-proxy.yaml")]))
}

/// Listens on one address, because a datagram's answer must come from the address it was sent to.
fn outside() -> Program {
    let serve = [
        "serve",
        "-name",
        "outside",
        "-tcp",
        &format!("{OUTSIDE}:{OUTSIDE_TCP}"),
        "-udp",
        &format!("{OUTSIDE}:{OUTSIDE_UDP}"),
    ]
    .map(str::to_owned);
    program("outside", &format!("{AGNHOST}/agnhost"), &serve)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(machine: Machine) -> Vec<&'static str> {
        of(machine).iter().map(|program| program.name).collect()
    }

    #[test]
    fn only_the_first_node_carries_the_control_plane() {
        let first = names(Machine::Node(1));
        assert_eq!(
            first[..4],
            ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
        );
        assert_eq!(first[4..], ["containerd", "kubelet", "kube-proxy"]);
        assert_eq!(names(Machine::Node(2)), first[4..]);
    }

    #[test]
    fn each_kubelet_is_itself() {
        let kubelet =
            of(Machine::Node(3)).into_iter().find(|program| program.name == "kubelet").unwrap();
        assert!(kubelet.command.contains(&"--node-ip=172.30.0.13".to_owned()), "{kubelet:?}");
        assert!(
            kubelet.command.iter().any(|word| word.ends_with("kubelet-n3.kubeconfig")),
            "{kubelet:?}"
        );
        assert!(kubelet.stops_first && kubelet.after.is_some());
    }

    #[test]
    fn the_world_outside_listens_on_its_own_address_only() {
        let [outside] = of(Machine::Router).try_into().unwrap();
        assert!(outside.command.contains(&"198.51.100.1:8081".to_owned()), "{outside:?}");
    }
}
