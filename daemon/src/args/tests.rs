use super::*;

const ENVIRONMENT: [&str; 2] = ["--node-name=n1", "--pod-ip=172.30.0.11"];

fn config(flags: &[&str]) -> anyhow::Result<Config> {
    let line = ["kube-ovn-daemon"].iter().chain(&ENVIRONMENT).chain(flags);
    Args::parse(line)?.args.resolve()
}

#[test]
fn the_defaults_are_kube_ovn_s() {
    let config = config(&[]).unwrap();
    assert_eq!(config.socket.display().to_string(), "/run/openvswitch/kube-ovn-daemon.sock");
    assert_eq!(config.listen.to_string(), "0.0.0.0:10665");
    assert_eq!(config.conflist.unwrap().name, "01-kube-ovn.conflist");
    assert_eq!(
        (config.vpc.as_str(), config.join.as_str(), config.primary),
        ("ovn-cluster", "join", true)
    );
    assert_eq!(config.mtu, None);
}

#[test]
fn kube_ovn_s_flags_without_effect_are_taken_and_named() {
    let line = [
        "kube-ovn-daemon",
        "--enable-mirror=true",
        "--log_file=/x",
        "--ovs-vsctl-concurrency=9",
        "-v=3",
    ];
    let typed = Args::parse(line).unwrap();
    assert_eq!(typed.without_effect, ["enable-mirror", "log_file", "ovs-vsctl-concurrency", "v"]);
}

#[test]
fn an_unknown_flag_is_an_error() {
    assert!(Args::parse(["kube-ovn-daemon", "--enable-everything"]).is_err());
}

#[test]
fn what_cannot_be_is_named() {
    for (flags, named) in [
        (&["--network-type=vxlan"] as &[&str], "network-type"),
        (&["--pod-ips=172.30.0.11,x"], "POD_IPS"),
        (&["--ovn-db-ips=central"], "OVN_DB_IPS"),
        (&["--cni-conf-name=../x"], "cni-conf-name"),
    ] {
        let error = config(flags).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    let missing =
        Args::parse(["kube-ovn-daemon", "--node-name=", "--pod-ip=::1"]).unwrap().args.resolve();
    assert!(missing.unwrap_err().to_string().contains("NODE_NAME"));
}

#[test]
fn both_addresses_of_a_node_are_known_the_first_once() {
    let config = config(&["--pod-ips=172.30.0.11,fd00::11"]).unwrap();
    assert_eq!(
        config.node_ips.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["172.30.0.11", "fd00::11"]
    );
}

#[test]
fn southbound_remotes_are_written_as_ovn_reads_them() {
    let hosts = ["172.30.0.11", "fd00::11"].map(|host| host.parse().unwrap());
    assert_eq!(southbound(hosts), "tcp:172.30.0.11:6642,tcp:[fd00::11]:6642");
}
