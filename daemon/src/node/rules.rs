//! The node's packet rules: writes the table when what it is made from changes, by elements where that is enough, and
//! writes it whole when somebody else changed it.

use std::collections::BTreeSet;

use tokio::sync::watch;

use super::rounds;
use crate::args::Config;
use crate::kernel::nft;
use crate::metrics::Metrics;
use crate::plan::rules::{FAMILY, Facts, HostPort, TABLE, Table, accepted};
use crate::vswitch::{self, Vswitch};
use crate::watch::{Cluster, View};

/// What the kernel has, as far as we know.
#[derive(Default)]
struct Kernel {
    /// The table we wrote last; `None` when we do not know.
    table: Option<Table>,
    /// How the kernel shows that table; `None` when it was not asked since we wrote.
    shown: Option<String>,
}

/// Keeps the rules right until the process ends.
///
/// # Errors
/// Never; what `nft` refuses is logged and tried again with the next change.
pub(crate) async fn run(
    config: &Config,
    view: &View,
    vswitch: &Vswitch,
    metrics: &Metrics,
    applied: &watch::Sender<BTreeSet<HostPort>>,
) -> anyhow::Result<()> {
    let (mut cluster, mut ports) = (view.subscribe(), vswitch.facts());
    let mut kernel = Kernel::default();
    let mut rounds = rounds();
    loop {
        let facts = facts(config, &cluster.borrow_and_update(), &ports.borrow_and_update());
        if let Some(facts) = facts
            && kernel.write(&facts).await
        {
            applied.send_if_modified(|applied| {
                let now: BTreeSet<HostPort> = accepted(&facts.host_ports).cloned().collect();
                let before = std::mem::replace(applied, now);
                before != *applied
            });
        }
        tokio::select! {
            biased;
            Ok(()) = ports.changed() => {}
            Ok(()) = cluster.changed() => {}
            _ = rounds.tick() => {
                if kernel.is_foreign().await {
                    tracing::warn!("the packet rules were changed by somebody else");
                    metrics.repaired("packet rules");
                    kernel = Kernel::default();
                }
            }
            // Off the path of a pod: only when nothing else is to do.
            () = kernel.look(), if kernel.shown.is_none() => {}
        }
    }
}

fn facts(config: &Config, cluster: &Cluster, ports: &vswitch::Facts) -> Option<Facts> {
    let subnets = cluster.subnets.as_ref()?;
    // Without the database's first word the host ports of running pods would be cut off.
    ports.system_id.as_ref().or(ports.connected.then_some(&config.node))?;
    let routed = || subnets.values().filter(|subnet| subnet.routed);
    Some(Facts {
        subnets: routed()
            .flat_map(|subnet| subnet.cidrs.iter())
            .map(|cidr| cidr.to_ipnet())
            .collect(),
        nat: routed()
            .filter(|subnet| subnet.nat_outgoing)
            .flat_map(|subnet| subnet.cidrs.iter())
            .map(|cidr| cidr.to_ipnet())
            .collect(),
        services: config.services.iter().copied().collect(),
        nodes: cluster.nodes.values().flatten().copied().collect(),
        host_ports: ports.host_ports.clone(),
    })
}

impl Kernel {
    /// Makes the kernel's table the one for `facts`; false when `nft` refused.
    async fn write(&mut self, facts: &Facts) -> bool {
        let table = Table::new(facts);
        let by_elements = self.table.as_ref().map(|old| table.since(old));
        if by_elements.as_ref().is_some_and(String::is_empty) {
            return true;
        }
        if let Some(batch) = by_elements {
            match nft::apply(&batch).await {
                Ok(()) => return self.wrote(table),
                Err(error) => tracing::warn!(%error, "the packet rules are written anew"),
            }
        }
        match nft::apply(&table.whole()).await {
            Ok(()) => self.wrote(table),
            Err(error) => {
                tracing::error!(%error, "the packet rules cannot be written");
                *self = Self::default();
                false
            }
        }
    }

    fn wrote(&mut self, table: Table) -> bool {
        *self = Self { table: Some(table), shown: None };
        true
    }

    /// Remembers how the kernel shows what we wrote.
    async fn look(&mut self) {
        if self.table.is_none() {
            return std::future::pending().await;
        }
        match nft::table(FAMILY, TABLE).await {
            Ok(shown) => self.shown = Some(shown),
            Err(error) => {
                tracing::warn!(%error, "the packet rules cannot be read");
                std::future::pending().await
            }
        }
    }

    /// Whether the kernel shows something else than after we wrote.
    async fn is_foreign(&self) -> bool {
        let Some(shown) = &self.shown else { return false };
        match nft::table(FAMILY, TABLE).await {
            Ok(now) => now != *shown,
            Err(error) => {
                tracing::warn!(%error, "the packet rules cannot be read");
                false
            }
        }
    }
}
