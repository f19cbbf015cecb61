//! What the command line and the environment say, and what they mean.
//!
//! The names are Kube-OVN's, so that its manifests start this program unchanged. Flags that belong to features this
//! program does not have are accepted and named in one warning. Nothing else in the daemon reads the environment.

mod ignored;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::{Args as _, FromArgMatches};
use ipnet::IpNet;
use ovsdb::client::Endpoint;

/// The port of the southbound database.
const SOUTHBOUND_PORT: u16 = 6642;

/// What was typed, word for word; parsing touches nothing outside it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Whether the CNI configuration is installed once the node is ready (Kube-OVN: false)
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    install_cni_config: bool,
    /// Folder the container runtime reads CNI configurations from
    #[arg(long, default_value = "/etc/cni/net.d")]
    cni_conf_dir: PathBuf,
    /// A CNI configuration to install in place of the built-in one, if there is such a file
    #[arg(long, default_value = "/kube-ovn/01-kube-ovn.conflist")]
    cni_conf_file: PathBuf,
    /// File name of the installed CNI configuration
    #[arg(long, default_value = "01-kube-ovn.conflist")]
    cni_conf_name: String,
    /// NICs that may carry tunnels, in order, each a name or a regular expression; without it the NIC of the node's address
    #[arg(long, default_value = "", value_delimiter = ',')]
    iface: Vec<String>,
    /// MTU of pods; 0 is that of the tunnel's NIC less the tunnel's headers
    #[arg(long, default_value_t = 0)]
    mtu: u32,
    /// Socket the plugin speaks to
    #[arg(long, default_value = api::wire::SOCKET)]
    bind_socket: PathBuf,
    /// Socket of the node's Open vSwitch database
    #[arg(long, default_value = "")]
    ovs_socket: String,
    /// Path of a kubeconfig; without it the pod's service account
    #[arg(long, default_value = "")]
    kubeconfig: String,
    /// Addresses of services, one range per family
    #[arg(long, default_value = "10.96.0.0/12", value_delimiter = ',')]
    service_cluster_ip_range: Vec<IpNet>,
    /// Name of the default VPC
    #[arg(long, default_value = "ovn-cluster")]
    cluster_router: String,
    /// Name of the subnet that joins nodes and pods
    #[arg(long, default_value = "join")]
    node_switch: String,
    /// Whether tunnels protect their packets by checksums
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    encap_checksum: bool,
    /// Kind of tunnels: geneve
    #[arg(long, default_value = "geneve")]
    network_type: String,
    /// Port of metrics and probes
    #[arg(long, default_value_t = 10665)]
    pprof_port: u16,
    /// Address metrics and probes are served at
    #[arg(long, default_value = "0.0.0.0")]
    listen: IpAddr,
    /// Whether metrics are collected and served
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_metrics: bool,
    /// Whether this is an additional network: the node itself is not part of it
    #[arg(long, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    non_primary_cni_mode: bool,
    /// Folder of ovn-controller's control socket
    #[arg(long, hide = true, env = "OVN_RUNDIR", default_value = "/run/ovn")]
    ovn_rundir: PathBuf,
    /// Whether log lines are JSON objects
    #[arg(long)]
    log_json: bool,
    /// Name of this node
    #[arg(long, hide = true, env = "NODE_NAME", default_value = "")]
    node_name: String,
    /// Namespace of this program and of the pods of the databases
    #[arg(long, hide = true, env = "POD_NAMESPACE", default_value = "kube-system")]
    pod_namespace: String,
    /// Address of this node
    #[arg(long, hide = true, env = "POD_IP", default_value = "")]
    pod_ip: String,
    /// Addresses of this node, at most one a family
    #[arg(long, hide = true, env = "POD_IPS", value_delimiter = ',')]
    pod_ips: Vec<String>,
    /// Host addresses of the databases; without it those of the pods labelled app=ovn-central
    #[arg(long, hide = true, env = "OVN_DB_IPS", value_delimiter = ',')]
    ovn_db_ips: Vec<String>,
}

/// What the command line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) node: String,
    /// Addresses of the node, the one the cluster knows it by first; never empty.
    pub(crate) node_ips: Vec<IpAddr>,
    pub(crate) namespace: String,
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) socket: PathBuf,
    pub(crate) vswitch: Endpoint,
    pub(crate) ovn_rundir: PathBuf,
    /// Southbound databases; `None` when they are looked up.
    pub(crate) southbound: Option<Vec<IpAddr>>,
    /// `None` when somebody else installs it.
    pub(crate) conflist: Option<Conflist>,
    /// Candidates for the tunnel's NIC: names and regular expressions.
    pub(crate) nics: Vec<String>,
    /// MTU of pods when the user chose it.
    pub(crate) mtu: Option<u32>,
    pub(crate) encap_checksum: bool,
    pub(crate) services: Vec<IpNet>,
    /// Name of the default VPC.
    pub(crate) vpc: String,
    /// Name of the join subnet.
    pub(crate) join: String,
    /// Whether the node itself is part of the network.
    pub(crate) primary: bool,
    /// Where metrics and probes are served.
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: bool,
}

/// Where the CNI configuration goes and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflist {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    /// Installed in place of our own if it exists.
    pub(crate) template: PathBuf,
}

/// What was typed, with the flags among it that this program has no use for.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) args: Args,
    pub(crate) without_effect: Vec<&'static str>,
}

impl Args {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// clap's: unknown flags and bad values, also the requests for help and version.
    pub(crate) fn parse<I, T>(line: I) -> Result<Typed, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let command = clap::Command::new("kube-ovn-daemon")
            .version(env!("CARGO_PKG_VERSION"))
            .about("Connects a node and its pods to OVN");
        let matches = ignored::add(Self::augment_args(command)).try_get_matches_from(line)?;
        Ok(Typed {
            args: Self::from_arg_matches(&matches)?,
            without_effect: ignored::given(&matches),
        })
    }

    /// Whether log lines are JSON; asked before anything else is known.
    pub(crate) fn log_json(&self) -> bool {
        self.log_json
    }

    /// What the words mean together.
    ///
    /// # Errors
    /// The flag or variable that is missing or contradicts itself.
    pub(crate) fn resolve(self) -> anyhow::Result<Config> {
        ensure!(!self.node_name.is_empty(), "NODE_NAME is not set");
        if self.network_type != "geneve" {
            bail!("network-type {} is not supported, only geneve is", self.network_type);
        }
        let mut node_ips = vec![address("POD_IP", &self.pod_ip)?];
        for word in words(&self.pod_ips) {
            let address = address("POD_IPS", word)?;
            if !node_ips.contains(&address) {
                node_ips.push(address);
            }
        }
        let databases: Vec<IpAddr> = words(&self.ovn_db_ips)
            .map(|word| address("OVN_DB_IPS", word))
            .collect::<anyhow::Result<_>>()?;
        let conflist = Conflist {
            folder: self.cni_conf_dir,
            name: self.cni_conf_name,
            template: self.cni_conf_file,
        };
        ensure!(!conflist.name.contains('/'), "cni-conf-name {} is not a file name", conflist.name);
        Ok(Config {
            node: self.node_name,
            node_ips,
            namespace: self.pod_namespace,
            kubeconfig: (!self.kubeconfig.is_empty()).then(|| PathBuf::from(&self.kubeconfig)),
            socket: self.bind_socket,
            vswitch: vswitch(&self.ovs_socket)?,
            ovn_rundir: self.ovn_rundir,
            southbound: (!databases.is_empty()).then_some(databases),
            conflist: self.install_cni_config.then_some(conflist),
            nics: words(&self.iface).map(str::to_owned).collect(),
            mtu: (self.mtu != 0).then_some(self.mtu),
            encap_checksum: self.encap_checksum,
            services: self.service_cluster_ip_range.iter().map(IpNet::trunc).collect(),
            vpc: self.cluster_router,
            join: self.node_switch,
            primary: !self.non_primary_cni_mode,
            listen: SocketAddr::new(self.listen, self.pprof_port),
            metrics: self.enable_metrics,
        })
    }
}

/// The text of `ovn-remote` for southbound databases on these hosts.
pub(crate) fn southbound(hosts: impl IntoIterator<Item = IpAddr>) -> String {
    let remotes: Vec<String> = hosts
        .into_iter()
        .map(|host| format!("tcp:{}", SocketAddr::new(host, SOUTHBOUND_PORT)))
        .collect();
    remotes.join(",")
}

fn vswitch(socket: &str) -> anyhow::Result<Endpoint> {
    let text = match socket {
        "" => "unix:/run/openvswitch/db.sock".to_owned(),
        text if text.contains(':') => text.to_owned(),
        path => format!("unix:{path}"),
    };
    text.parse().map_err(|error| anyhow::anyhow!("ovs-socket: {text}: {error}"))
}

fn address(of: &str, word: &str) -> anyhow::Result<IpAddr> {
    word.parse().with_context(|| format!("{of}: {word:?} is not an address"))
}

fn words(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(|word| word.trim()).filter(|word| !word.is_empty())
}
