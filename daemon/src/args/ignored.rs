//! Flags of Kube-OVN's daemon that are taken and have no effect here.
//!
//! Some belong to features this program does not have, some to machinery it does not need: `ovs-vsctl`, klog.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Their names, sorted. Each takes at most one value.
const NAMES: &[&str] = &[
    "add_dir_header",
    "alsologtostderr",
    "cert-manager-ipsec-cert",
    "cert-manager-issuer-name",
    "default-interface-name",
    "default-provider-name",
    "dpdk-tunnel-iface",
    "enable-arp-detect-ip-conflict",
    "enable-mirror",
    "enable-ovn-ipsec",
    "enable-pprof",
    "enable-tproxy",
    "enable-verbose-conn-check",
    "external-gateway-config-ns",
    "external-gateway-switch",
    "host-tunnel-src",
    "kubelet-dir",
    "log-perm",
    "log_backtrace_at",
    "log_dir",
    "log_file",
    "log_file_max_size",
    "logtostderr",
    "mac-learning-fallback",
    "mirror-iface",
    "one_output",
    "ovn-ipsec-cert-duration",
    "ovs-vsctl-concurrency",
    "secure-serving",
    "set-vxlan-tx-off",
    "skip_headers",
    "skip_log_headers",
    "stderrthreshold",
    "tcp-conn-check-port",
    "tls-cipher-suites",
    "tls-max-version",
    "tls-min-version",
    "udp-conn-check-port",
    "v",
    "vmodule",
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
