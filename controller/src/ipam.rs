//! Who holds which address of which subnet.
//!
//! A table in memory, driven from outside: no I/O, no clock, no randomness. It is never the
//! only place that knows an address; after a start it is filled again by [`Ipam::recover`]
//! from northbound rows, IP objects and annotations.

mod family;
mod lease;
mod mac;
mod pool;
mod recover;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use self::family::{FamilyUsage, Network};
pub use self::lease::{Lease, Port, Refused, Request, Wanted};
pub use self::mac::derive as derive_mac;
pub use self::pool::{Networks, Usage};
pub use self::recover::{Claim, Conflict, Reason, Source};

use self::lease::listed;
use self::pool::Pool;

/// All pools and all leases.
#[derive(Clone, Debug, Default)]
pub struct Ipam {
    pools: BTreeMap<Arc<str>, Pool>,
    leases: HashMap<Port, Lease>,
    /// Claims on subnets that are not (validly) there now; adopted when they are.
    orphans: BTreeMap<Port, Vec<Claim>>,
}

impl Ipam {
    /// Makes the pool of a subnet, or describes it anew; leases stay as they are.
    ///
    /// Claims that waited for the subnet are adopted; what cannot be is returned.
    pub fn set_subnet(&mut self, name: &Arc<str>, networks: Networks) -> Vec<Conflict> {
        if let Some(pool) = self.pools.get_mut(name) {
            pool.describe(networks);
            return Vec::new();
        }
        self.pools.insert(name.clone(), Pool::new(name, networks));
        let mut mine = Vec::new();
        self.orphans.retain(|_, claims| {
            mine.extend(claims.extract_if(.., |claim| claim.subnet == *name));
            !claims.is_empty()
        });
        self.adopt_all(mine)
    }

    /// Drops the pool. Its leases are remembered in case the subnet comes back.
    pub fn remove_subnet(&mut self, name: &str) {
        if self.pools.remove(name).is_none() {
            return;
        }
        let gone = self.leases.extract_if(|_, lease| &*lease.subnet == name);
        for (port, lease) in gone {
            let claim = Claim::of_lease(port.clone(), lease);
            self.orphans.entry(port).or_default().push(claim);
        }
    }

    /// Whether the port is known to have addresses of a subnet that is not (validly) there now.
    #[must_use]
    pub fn is_orphan(&self, port: &str) -> bool {
        self.orphans.contains_key(port)
    }

    /// Whether this very object is known to have them.
    #[must_use]
    pub fn is_orphan_of(&self, port: &str, uid: &str) -> bool {
        let mut claims = self.orphans.get(port).into_iter().flatten();
        !uid.is_empty() && claims.any(|claim| &*claim.uid == uid)
    }

    /// Those subnets.
    pub fn orphaned(&self, port: &str) -> impl Iterator<Item = &Arc<str>> {
        self.orphans.get(port).into_iter().flatten().map(|claim| &claim.subnet)
    }

    /// The addresses of a port.
    #[must_use]
    pub fn lease(&self, port: &str) -> Option<&Lease> {
        self.leases.get(port)
    }

    /// All leases, in no particular order.
    pub fn leases(&self) -> impl Iterator<Item = (&Port, &Lease)> {
        self.leases.iter()
    }

    /// Whether the subnet has a pool.
    #[must_use]
    pub fn has_subnet(&self, name: &str) -> bool {
        self.pools.contains_key(name)
    }

    /// Whether any port holds an address of the subnet, or did when the subnet was last valid.
    #[must_use]
    pub fn in_use(&self, name: &str) -> bool {
        let mut orphans = self.orphans.values().flatten();
        self.pools.get(name).is_some_and(Pool::in_use)
            || orphans.any(|claim| &*claim.subnet == name)
    }

    /// How much of a subnet is in use; `None` without a pool.
    #[must_use]
    pub fn usage(&self, name: &str) -> Option<Usage> {
        self.pools.get(name).map(Pool::usage)
    }

    /// The port's addresses: those it has, or new ones from the first subnet that can.
    ///
    /// # Errors
    /// The reason of the last subnet asked. The port then holds nothing.
    pub fn allocate(&mut self, request: &Request) -> Result<Lease, Refused> {
        if let Some(lease) = self.leases.get_mut(request.port) {
            let same = !request.uid.is_empty() && lease.uid == *request.uid;
            let pool = self.pools.get(&lease.subnet);
            let fits = request.subnets.contains(&lease.subnet)
                && pool.is_some_and(|pool| pool.accepts(lease, request));
            if same || fits {
                lease.uid = request.uid.clone();
                return Ok(lease.clone());
            }
        }
        self.give_up(request.port);
        let lease = self.find(request)?;
        self.orphans.remove(request.port);
        self.leases.insert(request.port.clone(), lease.clone());
        Ok(lease)
    }

    /// Takes back what the port holds; the lease it had.
    pub fn release(&mut self, port: &str) -> Option<Lease> {
        self.orphans.remove(port);
        self.give_up(port)
    }

    fn give_up(&mut self, port: &str) -> Option<Lease> {
        let lease = self.leases.remove(port)?;
        if let Some(pool) = self.pools.get_mut(&lease.subnet) {
            pool.release(&lease);
        }
        Some(lease)
    }

    /// Asks each subnet; a named address is asked only of those that contain it.
    fn find(&mut self, request: &Request) -> Result<Lease, Refused> {
        let mut refused = None;
        let mut outside = Vec::new();
        for name in request.subnets {
            let Some(pool) = self.pools.get_mut(name) else { continue };
            if let Some(address) = uncovered(pool, request.wanted) {
                outside.push(pool.describe_blocks());
                refused
                    .get_or_insert(Refused::AddressOutOfRange { address, subnets: String::new() });
                continue;
            }
            match pool.allocate(request) {
                Ok(lease) => return Ok(lease),
                Err(reason) => refused = Some(reason),
            }
        }
        Err(match refused {
            Some(Refused::AddressOutOfRange { address, .. }) if !outside.is_empty() => {
                Refused::AddressOutOfRange { address, subnets: listed(outside) }
            }
            Some(reason) => reason,
            None => Refused::NoSubnet { subnets: listed(request.subnets) },
        })
    }
}

/// A statically wanted address that no block of the pool contains.
fn uncovered(pool: &Pool, wanted: &Wanted) -> Option<std::net::IpAddr> {
    match wanted {
        Wanted::Static(all) => all.iter().find(|address| !pool.covers(*address)),
        Wanted::Any | Wanted::OneOf(_) => None,
    }
}
