//! Finds the NIC that carries tunnels, and tells ovn-controller about it and about the southbound database.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tokio::sync::{broadcast, watch};

use super::{announced, rounds};
use crate::args::{Config, southbound};
use crate::kernel;
use crate::kernel::monitor::Event;
use crate::plan::encap::{Nic, Tunnel, choose};
use crate::vswitch::Vswitch;
use crate::watch::{Cluster, View};

/// Keeps the tunnel's end and the settings right until the process ends.
///
/// # Errors
/// Never; faults of the kernel are logged and tried again with the next change.
pub(crate) async fn run(
    config: &Config,
    view: &View,
    vswitch: &Vswitch,
    mut events: broadcast::Receiver<Event>,
    tell: &watch::Sender<Option<Tunnel>>,
) -> anyhow::Result<()> {
    let (mut cluster, mut facts) = (view.subscribe(), vswitch.facts());
    let mut rounds = rounds();
    let mut bridges = BTreeMap::new();
    loop {
        let wishes = wishes(config, &cluster.borrow_and_update());
        bridges.clone_from(&facts.borrow_and_update().bridges);
        match kernel::node::nics().await {
            Ok(nics) => {
                let nics: Vec<Nic> = nics.into_iter().map(|nic| candidate(nic, &bridges)).collect();
                let found = choose(&nics, &wishes.nics, matches, wishes.own)
                    .map(|tunnel| Tunnel { mtu: config.mtu.unwrap_or(tunnel.mtu), ..tunnel });
                settle(found, tell);
            }
            Err(error) => tracing::warn!(%error, "NICs cannot be listed"),
        }
        let settings = settings(config, tell.borrow().as_ref(), &wishes.remote);
        vswitch.want(|wanted| wanted.settings = settings);
        tokio::select! {
            Ok(()) = cluster.changed() => {}
            Ok(()) = facts.changed() => {}
            () = announced(&mut events, |event| matters(event, &wishes.nics, tell)) => {}
            _ = rounds.tick() => {}
        }
    }
}

/// What cluster and command line ask for.
struct Wishes {
    nics: Vec<String>,
    own: IpAddr,
    remote: String,
}

fn wishes(config: &Config, cluster: &Cluster) -> Wishes {
    let own = cluster.own.as_ref();
    let chosen = own.and_then(|own| own.tunnel_interface.as_deref());
    let nics = match chosen {
        Some(names) => names
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect(),
        None => config.nics.clone(),
    };
    let remote = match &config.southbound {
        Some(hosts) => southbound(hosts.iter().copied()),
        None => southbound(cluster.databases.iter().copied()),
    };
    Wishes { nics, own: config.node_ips[0], remote }
}

fn candidate(nic: kernel::node::Nic, bridges: &BTreeMap<String, String>) -> Nic {
    let addresses = nic.addresses.iter().map(ipnet::IpNet::addr).collect();
    // A bridge's own port has the bridge's name.
    let bridge = bridges.get(&nic.link.name).filter(|bridge| **bridge != nic.link.name).cloned();
    Nic { name: nic.link.name, mtu: nic.link.mtu, addresses, bridge }
}

/// Whether `pattern`, a regular expression, describes the whole of `name`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(name))
}

/// A tunnel that was found stays the tunnel while its NIC is being rebuilt: pods keep their MTU.
fn settle(found: Option<Tunnel>, tell: &watch::Sender<Option<Tunnel>>) {
    let Some(found) = found else {
        if tell.borrow().is_none() {
            tracing::warn!("no NIC for tunnels yet");
        }
        return;
    };
    tell.send_if_modified(|tunnel| {
        if tunnel.as_ref() == Some(&found) {
            return false;
        }
        tracing::info!(nic = %found.nic, address = %found.address, mtu = found.mtu, "tunnel");
        *tunnel = Some(found);
        true
    });
}

/// Links of pods come and go all the time and never carry tunnels.
fn matters(event: &Event, names: &[String], tell: &watch::Sender<Option<Tunnel>>) -> bool {
    match event {
        Event::Link(link) => {
            let current = tell.borrow().as_ref().is_some_and(|tunnel| tunnel.nic == *link);
            current || names.iter().any(|name| name == link || matches(name, link))
        }
        Event::Address | Event::Missed => true,
    }
}

/// The keys of `Open_vSwitch.external_ids` that ovn-controller(8) reads and we set; `supervise` sets those that need no
/// API server.
pub(crate) fn settings(
    config: &Config,
    tunnel: Option<&Tunnel>,
    remote: &str,
) -> BTreeMap<&'static str, String> {
    let mut settings = BTreeMap::from([
        ("ovn-encap-type", "geneve".to_owned()),
        ("ovn-encap-csum", config.encap_checksum.to_string()),
        // Else the first port of a subnet on a node counts as installed before the subnet's flows have come.
        ("ovn-monitor-all", "true".to_owned()),
    ]);
    settings.extend(tunnel.map(|tunnel| ("ovn-encap-ip", tunnel.address.to_string())));
    if !remote.is_empty() {
        settings.insert("ovn-remote", remote.to_owned());
    }
    settings
}
