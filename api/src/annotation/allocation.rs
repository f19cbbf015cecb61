//! What the controller decided for one interface, as annotations carry it to the daemon.

use super::{Annotations, BadAnnotation, View, word};
use crate::names::Provider;
use crate::net::{Addresses, Cidrs, Mac};

/// How the interface is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NicType {
    #[default]
    VethPair,
    Sriov,
    DpdkPort,
    OffloadPort,
}

impl NicType {
    pub const ALL: [Self; 4] = [Self::VethPair, Self::Sriov, Self::DpdkPort, Self::OffloadPort];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::VethPair => "veth-pair",
            Self::Sriov => "sriov",
            Self::DpdkPort => "dpdk-port",
            Self::OffloadPort => "offload-port",
        }
    }
}

impl std::fmt::Display for NicType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for NicType {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == s)
            .ok_or_else(|| format!("{s:?} is none of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// An allocation: present as a whole or not at all, apart from `routed`, which may follow later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    pub addresses: Addresses,
    /// `None` for addresses given to another CNI's interface.
    pub mac: Option<Mac>,
    pub cidrs: Cidrs,
    pub gateways: Addresses,
    /// The subnet; empty for addresses given to another CNI's interface.
    pub logical_switch: String,
    /// The VPC; empty when no router of ours is on the subnet.
    pub logical_router: String,
    pub nic_type: NicType,
    /// Whether the daemon may give the pod its default route.
    pub routed: bool,
}

impl Allocation {
    /// Reads what the controller wrote; `None` when nothing is allocated yet.
    ///
    /// # Errors
    /// When `allocated` is set but an annotation cannot be used: somebody else changed it.
    pub fn parse(
        annotations: &Annotations,
        provider: &Provider,
    ) -> Result<Option<Self>, BadAnnotation> {
        let view = View { annotations, provider };
        if view.truth(word::ALLOCATED)? != Some(true) {
            return Ok(None);
        }
        let addresses: Addresses = view.parse(word::IP_ADDRESS)?.unwrap_or_default();
        let mac = view.parse(word::MAC_ADDRESS)?;
        let cidrs: Cidrs = view.parse(word::CIDR)?.unwrap_or_default();
        if addresses.is_empty() && mac.is_none() {
            return Err(
                view.bad(word::IP_ADDRESS, "allocated, but there is neither address nor MAC")
            );
        }
        if let Some(stray) = addresses.iter().find(|address| !cidrs.contains(*address)) {
            return Err(
                view.bad(word::CIDR, format!("{cidrs} does not contain the pod's address {stray}"))
            );
        }
        Ok(Some(Self {
            addresses,
            mac,
            cidrs,
            gateways: view.parse(word::GATEWAY)?.unwrap_or_default(),
            logical_switch: view.text(word::LOGICAL_SWITCH).unwrap_or_default().to_owned(),
            logical_router: view.text(word::LOGICAL_ROUTER).unwrap_or_default().to_owned(),
            nic_type: view.parse(word::POD_NIC_TYPE)?.unwrap_or_default(),
            routed: view.truth(word::ROUTED)? == Some(true),
        }))
    }

    /// The annotations to set. A word of [`word::ALLOCATION`] that is absent here is one to remove.
    pub fn to_annotations(&self, provider: &Provider) -> Annotations {
        let mac = self.mac.map(|mac| mac.to_string()).unwrap_or_default();
        let values = [
            (word::ALLOCATED, "true".to_owned()),
            (word::ROUTED, if self.routed { "true".to_owned() } else { String::new() }),
            (word::IP_ADDRESS, self.addresses.to_string()),
            (word::MAC_ADDRESS, mac),
            (word::CIDR, self.cidrs.to_string()),
            (word::GATEWAY, self.gateways.to_string()),
            (word::LOGICAL_SWITCH, self.logical_switch.clone()),
            (word::LOGICAL_ROUTER, self.logical_router.clone()),
            (word::POD_NIC_TYPE, self.nic_type.to_string()),
        ];
        let present = values.into_iter().filter(|(_, value)| !value.is_empty());
        present.map(|(word, value)| (provider.annotation(word), value)).collect()
    }
}
