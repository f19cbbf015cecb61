//! Flags of Kube-OVN's controller that are taken and have no effect here.
//!
//! Some belong to features this program does not have, some to machinery it does not need: queues and workers, retries
//! with a maximum, klog.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Their names, sorted. Each takes at most one value.
const NAMES: &[&str] = &[
    "add_dir_header",
    "alsologtostderr",
    "bfd-min-rx",
    "bfd-min-tx",
    "cert-manager-ipsec-cert",
    "cust-crd-retry-max-delay",
    "cust-crd-retry-min-delay",
    "default-exchange-link-name",
    "default-interface-name",
    "default-logical-gateway",
    "default-provider-name",
    "default-u2o-interconnection",
    "default-vlan-id",
    "default-vlan-name",
    "detect-mult",
    "enable-anp",
    "enable-dns-name-resolver",
    "enable-ecmp",
    "enable-eip-snat",
    "enable-external-vpc",
    "enable-lb-svc",
    "enable-live-migration-optimize",
    "enable-np",
    "enable-ovn-ipsec",
    "enable-ovn-lb-prefer-local",
    "enable-pprof",
    "external-gateway-config-ns",
    "external-gateway-net",
    "external-gateway-switch",
    "external-gateway-vlanid",
    "frr-image",
    "image",
    "inspect-interval",
    "keep-vm-ip",
    "log-perm",
    "log_backtrace_at",
    "log_dir",
    "log_file",
    "log_file_max_size",
    "logtostderr",
    "ls-ct-skip-dst-lport-ips",
    "ls-dnat-mod-dl-dst",
    "network-type",
    "node-local-dns-ip",
    "nodepg-probe-time",
    "non-primary-cni-mode",
    "np-enforcement",
    "one_output",
    "ovn-sb-addr",
    "ovn-timeout",
    "ovsdb-con-maxretry",
    "ovsdb-con-timeout",
    "secure-serving",
    "skip-conntrack-dst-cidrs",
    "skip_headers",
    "skip_log_headers",
    "stderrthreshold",
    "tls-cipher-suites",
    "tls-max-version",
    "tls-min-version",
    "v",
    "vmodule",
    "worker-num",
];

/// Adds them to what `command` accepts, out of sight of its help.
pub(super) fn add(command: Command) -> Command {
    NAMES.iter().fold(command, |command, name| {
        let flag = Arg::new(*name).long(*name).hide(true).action(ArgAction::Append).num_args(0..=1);
        command.arg(match *name {
            "v" => flag.short('v'),
            _ => flag,
        })
    })
}

/// Those that were typed, once each.
pub(super) fn given(matches: &ArgMatches) -> Vec<&'static str> {
    let typed = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    NAMES.iter().copied().filter(typed).collect()
}
