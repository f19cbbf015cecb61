//! The addresses of one family of a subnet: which are free, released, excluded and used.
//!
//! Numbers only: who holds an address is the pool's business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use api::net::{Cidr, Family as Version, IpRanges};
use rangemap::RangeInclusiveSet;

/// One family of a subnet as its object describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The whole block.
    pub cidr: Cidr,
    /// The router's address in the block; never handed out, not even when asked for.
    pub gateway: IpAddr,
    /// Addresses only given to who asks for them by name.
    pub excluded: IpRanges,
}

/// Addresses as numbers, so that both families share one arithmetic.
type Ranges = RangeInclusiveSet<u128>;

#[derive(Clone, Debug)]
pub(super) struct Family {
    network: Network,
    /// First and last address that can belong to a port.
    bounds: RangeInclusive<u128>,
    /// In the bounds and never used since the pool was made.
    free: Ranges,
    /// Given back; used again only when nothing is free, so that a peer's stale
    /// neighbour entry has the longest possible time to die.
    released: Ranges,
    used: Ranges,
}

/// Why an address cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Used,
    Gateway,
    Outside,
}

impl Family {
    pub(super) fn new(network: Network) -> Self {
        let mut family = Self {
            bounds: bounds(network.cidr),
            network,
            free: Ranges::new(),
            released: Ranges::new(),
            used: Ranges::new(),
        };
        family.refill();
        family
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// Describes the family anew and keeps what is used, even outside the new block: a
    /// running pod does not change its address because an object was edited.
    pub(super) fn describe(&mut self, network: Network) {
        if network == self.network {
            return;
        }
        self.bounds = bounds(network.cidr);
        self.network = network;
        let released = std::mem::take(&mut self.released);
        self.refill();
        for range in released.iter() {
            for again in self.free.clone().overlapping(range) {
                let low = *again.start().max(range.start());
                let high = *again.end().min(range.end());
                self.free.remove(low..=high);
                self.released.insert(low..=high);
            }
        }
    }

    fn refill(&mut self) {
        self.free = Ranges::new();
        if self.bounds.start() <= self.bounds.end() {
            self.free.insert(self.bounds.clone());
        }
        for range in
            self.network.excluded.iter().filter(|r| r.family() == self.network.cidr.family())
        {
            self.free.remove(number(range.first())..=number(range.last()));
        }
        let gateway = number(self.network.gateway);
        self.free.remove(gateway..=gateway);
        for range in self.used.iter() {
            self.free.remove(range.clone());
        }
    }

    /// Takes the lowest address never used, else the lowest one given back.
    pub(super) fn take_first(&mut self) -> Option<IpAddr> {
        if self.free.is_empty() {
            std::mem::swap(&mut self.free, &mut self.released);
        }
        let first = *self.free.first()?.start();
        self.free.remove(first..=first);
        self.used.insert(first..=first);
        Some(self.address(first))
    }

    /// Whether `address` could be taken, by who asks for it by name.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), Taken> {
        let value = number(address);
        if !self.network.cidr.contains(address) || !self.bounds.contains(&value) {
            return Err(Taken::Outside);
        }
        if address == self.network.gateway {
            return Err(Taken::Gateway);
        }
        if self.used.contains(&value) { Err(Taken::Used) } else { Ok(()) }
    }

    /// Takes one named address, excluded ones included.
    pub(super) fn take(&mut self, address: IpAddr) -> Result<(), Taken> {
        self.check(address)?;
        let value = number(address);
        self.free.remove(value..=value);
        self.released.remove(value..=value);
        self.used.insert(value..=value);
        Ok(())
    }

    /// Gives an address back. Excluded ones and those outside the block only stop being used.
    pub(super) fn give_back(&mut self, address: IpAddr) {
        let value = number(address);
        self.used.remove(value..=value);
        if self.bounds.contains(&value)
            && address != self.network.gateway
            && !self.network.excluded.contains(address)
        {
            self.released.insert(value..=value);
        }
    }

    pub(super) fn forget_releases(&mut self) {
        self.free.extend(std::mem::take(&mut self.released));
    }

    /// Whether a port that asks for no address in particular could get one.
    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty() || !self.released.is_empty()
    }

    /// Addresses still to be had and those used, as counts and as `a-b,c` lists.
    pub(super) fn usage(&self) -> FamilyUsage {
        let mut available = self.free.clone();
        available.extend(self.released.iter().cloned());
        FamilyUsage {
            available: count(&available),
            available_ranges: self.render(&available),
            using: count(&self.used),
            using_ranges: self.render(&self.used),
        }
    }

    fn render(&self, ranges: &Ranges) -> String {
        let one = |range: &RangeInclusive<u128>| {
            let (low, high) = (self.address(*range.start()), self.address(*range.end()));
            if low == high { low.to_string() } else { format!("{low}-{high}") }
        };
        ranges.iter().map(one).collect::<Vec<_>>().join(",")
    }

    fn address(&self, value: u128) -> IpAddr {
        match self.network.cidr.family() {
            Version::V4 => IpAddr::V4(Ipv4Addr::from_bits(
                u32::try_from(value).expect("a v4 pool holds only 32-bit numbers"),
            )),
            Version::V6 => IpAddr::V6(Ipv6Addr::from_bits(value)),
        }
    }
}

/// How much of one family is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyUsage {
    /// Addresses that a port asking for none in particular could still get.
    pub available: u128,
    /// The same as ascending ranges `a-b,c`.
    pub available_ranges: String,
    /// Addresses that ports hold, static ones from excluded ranges included.
    pub using: u128,
    /// The same as ascending ranges `a-b,c`.
    pub using_ranges: String,
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// All but the block's first and last address: network and broadcast in IPv4, and in IPv6
/// the subnet-router anycast address (RFC 4291 section 2.6.1) and, for symmetry with
/// status counts of older releases, the last. Point-to-point blocks are used whole.
fn bounds(cidr: Cidr) -> RangeInclusive<u128> {
    let (first, last) = (number(cidr.network()), number(cidr.last()));
    if last - first < 2 { first..=last } else { first + 1..=last - 1 }
}

fn count(ranges: &Ranges) -> u128 {
    ranges.iter().fold(0_u128, |sum, r| sum.saturating_add((r.end() - r.start()).saturating_add(1)))
}
