//! What the command line and the environment say, and what follows from it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use regex_lite::Regex;

/// Starts and heals OVN's own processes
#[derive(clap::Parser, Debug)]
#[command(version)]
pub struct Args {
    /// Logs as JSON objects
    #[arg(long, global = true)]
    pub log_json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Runs the databases and northd (pod ovn-central)
    Central(CentralArgs),
    /// Runs Open vSwitch and ovn-controller (pod ovs-ovn)
    Node(NodeArgs),
    /// Copies the CNI plugins to the node
    InstallCni(InstallArgs),
}

#[derive(clap::Args, Debug)]
pub struct CentralArgs {
    /// Folder of the database files
    #[arg(long, default_value = "/etc/ovn")]
    data_dir: PathBuf,
    /// Folder of sockets and pid files
    #[arg(long, default_value = "/run/ovn")]
    run_dir: PathBuf,
    /// Address the databases listen on; all without it
    #[arg(long)]
    address: Option<IpAddr>,
    /// TCP port of the northbound database
    #[arg(long, default_value_t = 6641)]
    nb_port: u16,
    /// TCP port of the southbound database
    #[arg(long, default_value_t = 6642)]
    sb_port: u16,
    /// Milliseconds of silence after which the databases probe a client; 0 is never
    #[arg(long, default_value_t = 180_000)]
    probe_interval: u64,
    /// Threads of northd
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    northd_threads: u16,
    /// Seconds between two looks at this pod's leader labels
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    leader_probe_interval: u64,
    /// Where probes and metrics are served
    #[arg(long, default_value = "0.0.0.0:10661")]
    listen: SocketAddr,
    #[arg(long, env = "POD_NAME", hide = true)]
    pod_name: Option<String>,
    #[arg(long, env = "POD_NAMESPACE", default_value = "kube-system", hide = true)]
    pod_namespace: String,
    #[arg(long, env = "NODE_NAME", default_value = "", hide = true)]
    node_name: String,
}

/// What `central` runs by.
#[derive(Clone, Debug)]
pub struct Central {
    pub data_dir: PathBuf,
    pub run_dir: PathBuf,
    /// Address the databases listen on; unspecified is all.
    pub address: IpAddr,
    pub nb_port: u16,
    pub sb_port: u16,
    pub probe_interval: Duration,
    pub northd_threads: u16,
    pub leader_probe_interval: Duration,
    pub listen: SocketAddr,
    /// Namespace and name of our own pod, which bears the leader labels; none outside a cluster.
    pub pod: Option<(String, String)>,
    pub node_name: String,
}

impl CentralArgs {
    /// # Errors
    /// When the host has no name and none was given.
    pub fn resolve(self) -> anyhow::Result<Central> {
        Ok(Central {
            data_dir: self.data_dir,
            run_dir: self.run_dir,
            address: self.address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
            nb_port: self.nb_port,
            sb_port: self.sb_port,
            probe_interval: Duration::from_millis(self.probe_interval),
            northd_threads: self.northd_threads,
            leader_probe_interval: Duration::from_secs(self.leader_probe_interval),
            listen: self.listen,
            pod: self.pod_name.map(|name| (self.pod_namespace, name)),
            node_name: node_name(self.node_name)?,
        })
    }
}

#[derive(clap::Args, Debug)]
pub struct NodeArgs {
    /// Folder of conf.db and system-id.conf
    #[arg(long, default_value = "/etc/openvswitch")]
    config_dir: PathBuf,
    /// Folder of Open vSwitch's sockets and pid files
    #[arg(long, default_value = "/run/openvswitch")]
    ovs_run_dir: PathBuf,
    /// Folder of ovn-controller's socket and pid file
    #[arg(long, default_value = "/run/ovn")]
    ovn_run_dir: PathBuf,
    /// Where packets are switched; without it the kernel if it can
    #[arg(long, env = "OVS_DP_TYPE")]
    ovs_dp_type: Option<DatapathType>,
    /// NIC of the tunnels: names or regular expressions, separated by commas, the first that matches wins; without it
    /// the NIC with the node's address. Only the userspace datapath needs it here
    #[arg(long, env = "IFACE", default_value = "")]
    iface: String,
    /// Whether to load the kernel module openvswitch
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    load_module: bool,
    /// Milliseconds of silence after which ovn-controller probes the southbound database; 0 is never
    #[arg(long, default_value_t = 10_000)]
    ovn_remote_probe_interval: u64,
    /// Seconds of silence after which ovn-controller probes Open vSwitch; 0 is never
    #[arg(long, default_value_t = 180)]
    ovn_openflow_probe_interval: u64,
    /// Where probes and metrics are served
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 10662)))]
    listen: SocketAddr,
    #[arg(long, env = "NODE_NAME", default_value = "", hide = true)]
    node_name: String,
    #[arg(long, env = "POD_IP", hide = true)]
    pod_ip: Option<IpAddr>,
}

/// What `node` runs by.
#[derive(Clone, Debug)]
pub struct Node {
    pub config_dir: PathBuf,
    pub ovs_run_dir: PathBuf,
    pub ovn_run_dir: PathBuf,
    /// None lets the machine decide.
    pub datapath: Option<DatapathType>,
    /// In order of preference.
    pub iface: Vec<NicPattern>,
    pub load_module: bool,
    pub ovn_remote_probe_interval: Duration,
    pub ovn_openflow_probe_interval: Duration,
    pub listen: SocketAddr,
    pub node_name: String,
    /// The node's address, which the pod shares.
    pub node_address: Option<IpAddr>,
}

/// Value of `datapath_type` that stands for where packets are switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DatapathType {
    /// By the kernel module openvswitch.
    Kernel,
    /// By ovs-vswitchd itself.
    Userspace,
}

/// One word of `--iface`: it matches the NIC of that name, or every NIC whose whole name the expression matches.
#[derive(Clone, Debug)]
pub struct NicPattern {
    word: String,
    expression: Regex,
}

impl NicPattern {
    fn parse(word: &str) -> anyhow::Result<Self> {
        let expression =
            Regex::new(&format!("^(?:{word})$")).with_context(|| format!("--iface: {word:?}"))?;
        Ok(Self { word: word.to_owned(), expression })
    }

    #[must_use]
    pub fn matches(&self, nic: &str) -> bool {
        self.word == nic || self.expression.is_match(nic)
    }
}

impl NodeArgs {
    /// # Errors
    /// When `--iface` holds no regular expression, or the host has no name and none was given.
    pub fn resolve(self) -> anyhow::Result<Node> {
        let words = self.iface.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Node {
            config_dir: self.config_dir,
            ovs_run_dir: self.ovs_run_dir,
            ovn_run_dir: self.ovn_run_dir,
            datapath: self.ovs_dp_type,
            iface: words.map(NicPattern::parse).collect::<Result<_, _>>()?,
            load_module: self.load_module,
            ovn_remote_probe_interval: Duration::from_millis(self.ovn_remote_probe_interval),
            ovn_openflow_probe_interval: Duration::from_secs(self.ovn_openflow_probe_interval),
            listen: self.listen,
            node_name: node_name(self.node_name)?,
            node_address: self.pod_ip,
        })
    }
}

#[derive(clap::Args, Debug)]
pub struct InstallArgs {
    /// Folder with the plugins
    #[arg(long, default_value = "/opt/kube-ovn/cni")]
    pub from: PathBuf,
    /// Folder the container runtime looks in
    #[arg(long, default_value = "/opt/cni/bin")]
    pub to: PathBuf,
}

/// The node's name in the cluster; outside of one, the host's.
fn node_name(given: String) -> anyhow::Result<String> {
    if !given.is_empty() {
        return Ok(given);
    }
    let host = nix::unistd::gethostname().context("name of this host")?;
    host.into_string()
        .map_err(|name| anyhow::anyhow!("this host's name {} is no text", name.display()))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    fn node(args: &[&str]) -> anyhow::Result<Node> {
        let args = ["kube-ovn-supervise", "node", "--node-name=n1"].iter().chain(args);
        match Args::parse_from(args).command {
            Command::Node(args) => args.resolve(),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn the_nic_is_named_exactly_or_matched_whole() {
        let config = node(&["--iface=bond0.100, eth[12]"]).unwrap();
        let matching = |nic: &str| config.iface.iter().any(|pattern| pattern.matches(nic));
        assert!(matching("bond0.100") && matching("eth1") && matching("eth2"));
        assert!(
            !matching("eth12") && !matching("veth1"),
            "an expression should match the whole name"
        );
    }

    #[test]
    fn a_nic_expression_that_is_none_is_named() {
        let error = node(&["--iface=eth("]).unwrap_err();
        assert_eq!(error.to_string(), r#"--iface: "eth(""#);
    }

    #[test]
    fn the_chart_gives_each_program_only_flags_it_takes() {
        let charts = [
            ("central", include_str!("../../charts/kube-ovn/templates/central.yaml")),
            ("node", include_str!("../../charts/kube-ovn/templates/_ovs.tpl")),
            ("install-cni", include_str!("../../charts/kube-ovn/templates/cni.yaml")),
        ];
        let flag = Regex::new(r#"[-"\[ ]--([a-z-]+)="#).unwrap();
        for (name, text) in charts {
            let command = Args::command();
            let command = command.find_subcommand(name).unwrap();
            let known: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
            // The DaemonSet kube-ovn-cni also starts another program, whose flags come later.
            let own = text.split("- name: cni-server").next().unwrap_or(text);
            let given: Vec<_> = flag.captures_iter(own).map(|found| found[1].to_owned()).collect();
            assert!(!given.is_empty(), "no flags found for {name}");
            let unknown: Vec<_> =
                given.iter().filter(|flag| !known.contains(&flag.as_str())).collect();
            assert!(unknown.is_empty(), "{name} does not take {unknown:?}");
        }
    }
}
