//! What the command line and the environment say, and what they mean.
//!
//! The names are Kube-OVN's, so that its manifests start this program unchanged. Flags that belong to features this
//! program does not have are accepted and named in one warning. Nothing else in the controller reads the environment.

mod ignored;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};
use api::annotation::NicType;
use api::names::Transport;
use api::net::{Addresses, Cidrs, IpRanges};
use clap::{Args as _, FromArgMatches};
use ovsdb::client::Endpoint;

use crate::desired::{Balancers, Blocks};
use crate::lease::Times;

/// The port of the northbound database where `OVN_DB_IPS` or a pod's address gives only the host.
pub const NORTHBOUND_PORT: u16 = 6641;

/// What was typed, word for word; parsing touches nothing outside it.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Northbound database endpoints (tcp:IP:PORT or unix:PATH), tried in order; without them OVN_DB_IPS, and
    /// without that the addresses of the pods labelled app=ovn-central
    #[arg(long, value_delimiter = ',')]
    ovn_nb_addr: Vec<String>,
    /// Host addresses of the databases
    #[arg(long, hide = true, env = "OVN_DB_IPS", value_delimiter = ',')]
    ovn_db_ips: Vec<String>,
    /// Seconds of silence after which a database connection is probed
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    ovsdb_inactivity_timeout: u64,
    /// Path of a kubeconfig; without it the pod's service account
    #[arg(long, default_value = "")]
    kubeconfig: String,
    /// Name of the default subnet
    #[arg(long, default_value = "ovn-default")]
    default_ls: String,
    /// Addresses of the default subnet, one range per family
    #[arg(long, default_value = "10.16.0.0/16")]
    default_cidr: Cidrs,
    /// Gateway of the default subnet, one per family; without it the first address of the range
    #[arg(long, default_value = "")]
    default_gateway: String,
    /// Addresses or ranges a..b of the default subnet that no pod gets
    #[arg(long, default_value = "", value_delimiter = ',')]
    default_exclude_ips: Vec<String>,
    /// Whether nodes wait for the gateway of the default subnet to answer
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    default_gateway_check: bool,
    /// Name of the default VPC and of its logical router
    #[arg(long, default_value = "ovn-cluster")]
    cluster_router: String,
    /// Name of the subnet that joins nodes and pods
    #[arg(long, default_value = "join")]
    node_switch: String,
    /// Addresses of the join subnet, one range per family
    #[arg(long, default_value = "100.64.0.0/16")]
    node_switch_cidr: Cidrs,
    /// Gateway of the join subnet, one per family; without it the first address of the range
    #[arg(long, default_value = "")]
    node_switch_gateway: String,
    /// Addresses of services, one range per family
    #[arg(long, default_value = "10.96.0.0/12")]
    service_cluster_ip_range: Cidrs,
    /// Name of the load balancer of TCP services
    #[arg(long, default_value = "cluster-tcp-loadbalancer")]
    cluster_tcp_loadbalancer: String,
    /// Name of the load balancer of UDP services
    #[arg(long, default_value = "cluster-udp-loadbalancer")]
    cluster_udp_loadbalancer: String,
    /// Name of the load balancer of SCTP services
    #[arg(long, default_value = "cluster-sctp-loadbalancer")]
    cluster_sctp_loadbalancer: String,
    /// Name of the load balancer of TCP services with session affinity
    #[arg(long, default_value = "cluster-tcp-session-loadbalancer")]
    cluster_tcp_session_loadbalancer: String,
    /// Name of the load balancer of UDP services with session affinity
    #[arg(long, default_value = "cluster-udp-session-loadbalancer")]
    cluster_udp_session_loadbalancer: String,
    /// Name of the load balancer of SCTP services with session affinity
    #[arg(long, default_value = "cluster-sctp-session-loadbalancer")]
    cluster_sctp_session_loadbalancer: String,
    /// Whether services are balanced by OVN
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_lb: bool,
    /// Kind of a pod's interface, written to its annotation
    #[arg(long, default_value = "veth-pair", value_parser = nic_type)]
    pod_nic_type: NicType,
    /// Port of metrics and probes
    #[arg(long, default_value_t = 10660)]
    pprof_port: u16,
    /// Address metrics and probes are served at
    #[arg(long, default_value = "0.0.0.0")]
    listen: IpAddr,
    /// Whether metrics are collected and served
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_metrics: bool,
    /// Seconds between two comparisons of the whole northbound database with what it should hold
    #[arg(long, default_value_t = 360, value_parser = clap::value_parser!(u64).range(1..))]
    gc_interval: u64,
    /// How long a lease nobody renews keeps others from leading (Kube-OVN: 30s)
    #[arg(long, default_value = "10s", value_parser = duration)]
    leader_elect_lease_duration: Duration,
    /// How long a leader that cannot renew its lease goes on (Kube-OVN: 20s)
    #[arg(long, default_value = "7s", value_parser = duration)]
    leader_elect_renew_deadline: Duration,
    /// Time between two attempts at the lease (Kube-OVN: 6s)
    #[arg(long, default_value = "2s", value_parser = duration)]
    leader_elect_retry_period: Duration,
    /// Whether log lines are JSON objects
    #[arg(long)]
    log_json: bool,
    /// Name of this replica
    #[arg(long, hide = true, env = "POD_NAME", default_value = "")]
    pod_name: String,
    /// Namespace of this program: its lease, the pods of the databases
    #[arg(long, hide = true, env = "POD_NAMESPACE", default_value = "kube-system")]
    pod_namespace: String,
}

/// Where the northbound database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Northbound {
    /// At these endpoints, tried in order.
    At(Vec<Endpoint>),
    /// At the addresses of the pods labelled `app=ovn-central`.
    Discovered,
}

/// What the command line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub kubeconfig: Option<PathBuf>,
    pub northbound: Northbound,
    /// Silence after which the database is probed.
    pub probe: Duration,
    /// Where metrics and probes are served.
    pub listen: SocketAddr,
    pub metrics: bool,
    /// The name in the lease.
    pub identity: String,
    /// Where the lease and the pods of the databases are.
    pub namespace: String,
    pub lease: Times,
    /// Time between two whole comparisons.
    pub drift: Duration,
    /// What the rows and objects are made of.
    pub model: crate::desired::Config,
}

/// What was typed, with the flags among it that this program has no use for.
#[derive(Clone, Debug)]
pub struct Typed {
    pub args: Args,
    pub without_effect: Vec<&'static str>,
}

impl Args {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// clap's: unknown flags and bad values, also the requests for help and version.
    pub fn parse<I, T>(line: I) -> Result<Typed, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let command = clap::Command::new("kube-ovn-controller")
            .version(env!("CARGO_PKG_VERSION"))
            .about("Compiles the cluster's objects into OVN's northbound database");
        let matches = ignored::add(Self::augment_args(command)).try_get_matches_from(line)?;
        Ok(Typed {
            args: Self::from_arg_matches(&matches)?,
            without_effect: ignored::given(&matches),
        })
    }

    /// Whether log lines are JSON; asked before anything else is known.
    pub fn log_json(&self) -> bool {
        self.log_json
    }

    /// What the words mean together.
    ///
    /// # Errors
    /// The flag that contradicts another or itself.
    pub fn resolve(self) -> anyhow::Result<Config> {
        let lease = Times {
            duration: self.leader_elect_lease_duration,
            renew_deadline: self.leader_elect_renew_deadline,
            retry_period: self.leader_elect_retry_period,
        };
        lease.check().context("leader-elect flags")?;
        let identity = if self.pod_name.is_empty() { host_name()? } else { self.pod_name.clone() };
        Ok(Config {
            kubeconfig: (!self.kubeconfig.is_empty()).then(|| PathBuf::from(&self.kubeconfig)),
            northbound: self.northbound()?,
            probe: Duration::from_secs(self.ovsdb_inactivity_timeout),
            listen: SocketAddr::new(self.listen, self.pprof_port),
            metrics: self.enable_metrics,
            identity,
            namespace: self.pod_namespace.clone(),
            lease,
            drift: Duration::from_secs(self.gc_interval),
            model: self.model()?,
        })
    }

    fn model(&self) -> anyhow::Result<crate::desired::Config> {
        let pods = blocks(self.default_cidr, &self.default_gateway, &self.default_exclude_ips);
        let join = blocks(self.node_switch_cidr, &self.node_switch_gateway, &[]);
        Ok(crate::desired::Config {
            cluster_router: self.cluster_router.as_str().into(),
            default_subnet: self.default_ls.as_str().into(),
            node_switch: self.node_switch.as_str().into(),
            pods: pods.context("default subnet")?,
            join: join.context("join subnet")?,
            gateway_check: self.default_gateway_check,
            services: self.service_cluster_ip_range,
            balancers: self.enable_lb.then(|| self.balancers()),
            nic_type: self.pod_nic_type,
        })
    }

    fn balancers(&self) -> Balancers {
        Balancers::new(|transport, sticky| {
            let name = match (transport, sticky) {
                (Transport::Tcp, false) => &self.cluster_tcp_loadbalancer,
                (Transport::Udp, false) => &self.cluster_udp_loadbalancer,
                (Transport::Sctp, false) => &self.cluster_sctp_loadbalancer,
                (Transport::Tcp, true) => &self.cluster_tcp_session_loadbalancer,
                (Transport::Udp, true) => &self.cluster_udp_session_loadbalancer,
                (Transport::Sctp, true) => &self.cluster_sctp_session_loadbalancer,
            };
            name.as_str().into()
        })
    }

    fn northbound(&self) -> anyhow::Result<Northbound> {
        let typed = words(&self.ovn_nb_addr);
        if !typed.is_empty() {
            let parsed = typed.iter().map(|word| endpoint(word)).collect::<Result<_, _>>()?;
            return Ok(Northbound::At(parsed));
        }
        let hosts = words(&self.ovn_db_ips);
        if hosts.is_empty() {
            return Ok(Northbound::Discovered);
        }
        let at = hosts.iter().map(|host| {
            let host = IpAddr::from_str(host).with_context(|| format!("OVN_DB_IPS: {host}"))?;
            Ok(at_host(host))
        });
        Ok(Northbound::At(at.collect::<anyhow::Result<_>>()?))
    }
}

/// The northbound database of the host at `address`.
pub fn at_host(address: IpAddr) -> Endpoint {
    let text = format!("tcp:{}", SocketAddr::new(address, NORTHBOUND_PORT));
    Endpoint::from_str(&text).expect("an address and a port are an endpoint")
}

fn endpoint(word: &str) -> anyhow::Result<Endpoint> {
    Endpoint::from_str(word).map_err(|error| anyhow::anyhow!("ovn-nb-addr: {word}: {error}"))
}

fn blocks(cidrs: Cidrs, gateway: &str, exclude: &[String]) -> anyhow::Result<Blocks> {
    let given = match gateway.trim() {
        "" => Addresses::default(),
        text => text.parse().context("gateway")?,
    };
    let mut gateways = Addresses::default();
    for cidr in cidrs.iter() {
        let first = || cidr.usable().map(|usable| usable.first());
        let gateway = given.get(cidr.family()).or_else(first);
        let gateway = gateway.with_context(|| format!("{cidr} has no address for a gateway"))?;
        ensure!(cidr.contains(gateway), "gateway {gateway} is outside {cidr}");
        gateways.set(gateway);
    }
    ensure!(given.iter().all(|ip| gateways.contains(ip)), "a gateway has no range of its family");
    let ranges = words(exclude).into_iter().map(str::parse);
    let excluded: IpRanges = ranges.collect::<Result<_, _>>().context("excluded addresses")?;
    Ok(Blocks { cidrs, gateways, excluded })
}

fn nic_type(text: &str) -> Result<NicType, String> {
    let known = NicType::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| format!("expected one of {}", NicType::ALL.map(NicType::as_str).join(", ")))
}

/// The words of a list flag; an empty value is no word.
fn words(typed: &[String]) -> Vec<&str> {
    typed.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect()
}

/// Reads a duration as Go writes it: `30s`, `1m30s`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from(span).map_err(|_| "a duration is positive".to_owned())
}

fn host_name() -> anyhow::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .context("POD_NAME is not set and the host's name is unreadable")?;
    Ok(text.trim().to_owned())
}
