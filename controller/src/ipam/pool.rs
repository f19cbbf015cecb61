//! One subnet's addresses and who holds them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use api::net::{Addresses, Mac};

use super::family::{Family, FamilyUsage, Network, Taken};
use super::lease::{Lease, Port, Refused, Request, Wanted};
use super::mac;

/// The address blocks of a subnet, one of a family at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// The IPv4 block.
    pub v4: Option<Network>,
    /// The IPv6 block.
    pub v6: Option<Network>,
    /// The Ethernet address of the subnet's router port; no port may have it.
    pub router_mac: Option<Mac>,
}

/// How much of a subnet is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// IPv4; all zero when the subnet lacks it.
    pub v4: FamilyUsage,
    /// IPv6; all zero when the subnet lacks it.
    pub v6: FamilyUsage,
}

#[derive(Clone, Debug)]
pub(super) struct Pool {
    name: Arc<str>,
    v4: Option<Family>,
    v6: Option<Family>,
    router_mac: Option<Mac>,
    holders: HashMap<IpAddr, Port>,
    macs: HashMap<Mac, Port>,
}

impl Pool {
    pub(super) fn new(name: &Arc<str>, networks: Networks) -> Self {
        Self {
            name: name.clone(),
            v4: networks.v4.map(Family::new),
            v6: networks.v6.map(Family::new),
            router_mac: networks.router_mac,
            holders: HashMap::new(),
            macs: HashMap::new(),
        }
    }

    /// Describes the pool anew; what ports hold stays theirs.
    pub(super) fn describe(&mut self, networks: Networks) {
        self.router_mac = networks.router_mac;
        for (slot, network) in [(&mut self.v4, networks.v4), (&mut self.v6, networks.v6)] {
            match (slot.as_mut(), network) {
                (Some(family), Some(network)) => family.describe(network),
                (_, network) => *slot = network.map(Family::new),
            }
        }
        for address in self.holders.keys().copied().collect::<Vec<_>>() {
            if let Some(family) = self.family_mut(address) {
                // Already marked when the family is not new, outside when the block moved:
                // both leave the holder as it is.
                let _kept = family.take(address);
            }
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let of = |family: &Option<Family>| family.as_ref().map(Family::usage).unwrap_or_default();
        Usage { v4: of(&self.v4), v6: of(&self.v6) }
    }

    /// The blocks, for messages: `name (10.16.0.0/16)`.
    pub(super) fn describe_blocks(&self) -> String {
        let blocks: Vec<_> = [&self.v4, &self.v6]
            .into_iter()
            .flatten()
            .map(|family| family.network().cidr.to_string())
            .collect();
        format!("{} ({})", self.name, blocks.join(","))
    }

    pub(super) fn in_use(&self) -> bool {
        !self.macs.is_empty()
    }

    /// Whether a block of this pool contains `address`.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        self.family(address).is_some_and(|family| family.network().cidr.contains(address))
    }

    /// Whether `lease`, made for an earlier object, is what `request` asks for.
    pub(super) fn accepts(&self, lease: &Lease, request: &Request) -> bool {
        let own = &lease.addresses;
        let families =
            self.v4.is_some() == own.v4.is_some() && self.v6.is_some() == own.v6.is_some();
        let held = |wanted: &Addresses| wanted.iter().all(|address| own.contains(address));
        let addresses = match request.wanted {
            Wanted::Any => true,
            Wanted::Static(wanted) => held(wanted),
            Wanted::OneOf(list) => list.iter().any(held),
        };
        families && addresses && request.mac.is_none_or(|mac| mac == lease.mac)
    }

    /// Gives the port what it asks for, or changes nothing.
    pub(super) fn allocate(&mut self, request: &Request) -> Result<Lease, Refused> {
        let mac = match request.mac {
            Some(mac) => self.free_mac(mac)?,
            None => self.derive_mac(request),
        };
        let named = match request.wanted {
            Wanted::Any => Addresses::default(),
            Wanted::Static(wanted) => {
                self.check_all(wanted)?;
                *wanted
            }
            Wanted::OneOf(list) => self.first_of(list)?,
        };
        self.check_room(&named)?;
        let mut addresses = Addresses::default();
        for family in [&mut self.v4, &mut self.v6].into_iter().flatten() {
            addresses.set(take(family, &named));
        }
        let lease = Lease { subnet: self.name.clone(), addresses, mac, uid: request.uid.clone() };
        self.record(request.port, &lease);
        Ok(lease)
    }

    /// Makes a known lease the port's again, whole or not at all. An address outside of the
    /// blocks is believed: the pod runs with it, and it was inside when it was given.
    pub(super) fn adopt(&mut self, port: &Port, lease: &Lease) -> Result<(), Refused> {
        self.free_mac(lease.mac)?;
        for address in lease.addresses.iter() {
            match self.check(address) {
                Err(Refused::AddressOutOfRange { .. }) if !self.holders.contains_key(&address) => {}
                checked => checked?,
            }
        }
        for address in lease.addresses.iter() {
            if let Some(family) = self.family_mut(address) {
                // Fails only for an address outside of the block, which marks nothing.
                let _outside = family.take(address);
            }
        }
        self.record(port, lease);
        Ok(())
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        self.macs.remove(&lease.mac);
        for address in lease.addresses.iter() {
            self.holders.remove(&address);
            if let Some(family) = self.family_mut(address) {
                family.give_back(address);
            }
        }
    }

    /// Makes released addresses free again: after a recovery nothing is known of their order.
    pub(super) fn forget_releases(&mut self) {
        for family in [&mut self.v4, &mut self.v6].into_iter().flatten() {
            family.forget_releases();
        }
    }

    fn record(&mut self, port: &Port, lease: &Lease) {
        self.macs.insert(lease.mac, port.clone());
        self.holders.extend(lease.addresses.iter().map(|address| (address, port.clone())));
    }

    fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let family = self.family(address).map_or(Err(Taken::Outside), |f| f.check(address));
        family.map_err(|taken| match (taken, self.holders.get(&address)) {
            (Taken::Used, Some(holder)) => Refused::AddressConflict {
                address,
                subnet: self.name.clone(),
                holder: holder.clone(),
            },
            (Taken::Gateway, _) => Refused::AddressIsGateway { address, subnet: self.name.clone() },
            _ => Refused::AddressOutOfRange { address, subnets: self.describe_blocks() },
        })
    }

    fn check_all(&self, addresses: &Addresses) -> Result<(), Refused> {
        addresses.iter().try_for_each(|address| self.check(address))
    }

    /// The first entry that is free as a whole; the last reason when there is none.
    fn first_of(&self, list: &[Addresses]) -> Result<Addresses, Refused> {
        let mut reason = Refused::NoAvailableAddress { subnets: self.describe_blocks() };
        for entry in list {
            match self.check_all(entry) {
                Ok(()) => return Ok(*entry),
                Err(refused) => reason = refused,
            }
        }
        Err(reason)
    }

    /// Every family without a named address needs a free one.
    fn check_room(&self, named: &Addresses) -> Result<(), Refused> {
        let full = [&self.v4, &self.v6].into_iter().flatten().any(|family| {
            named.get(family.network().cidr.family()).is_none() && !family.has_room()
        });
        if full {
            return Err(Refused::NoAvailableAddress { subnets: self.describe_blocks() });
        }
        Ok(())
    }

    fn free_mac(&self, mac: Mac) -> Result<Mac, Refused> {
        let router = (self.router_mac == Some(mac)).then(|| Port::from("the gateway"));
        match router.or_else(|| self.macs.get(&mac).cloned()) {
            Some(holder) => Err(Refused::MacConflict { mac, subnet: self.name.clone(), holder }),
            None => Ok(mac),
        }
    }

    fn derive_mac(&self, request: &Request) -> Mac {
        let purpose = format!("{}/{}/{}", self.name, request.port, request.uid);
        (0..)
            .map(|attempt| mac::derive(&purpose, attempt))
            .find(|mac| self.free_mac(*mac).is_ok())
            .expect("a switch has fewer ports than there are Ethernet addresses")
    }

    fn family(&self, address: IpAddr) -> Option<&Family> {
        if address.is_ipv4() { self.v4.as_ref() } else { self.v6.as_ref() }
    }

    fn family_mut(&mut self, address: IpAddr) -> Option<&mut Family> {
        if address.is_ipv4() { self.v4.as_mut() } else { self.v6.as_mut() }
    }
}

/// The named address of this family, else the first free one; the caller checked both.
fn take(family: &mut Family, named: &Addresses) -> IpAddr {
    match named.get(family.network().cidr.family()) {
        Some(address) => {
            family.take(address).expect("named addresses were checked");
            address
        }
        None => family.take_first().expect("the family was checked to have room"),
    }
}
