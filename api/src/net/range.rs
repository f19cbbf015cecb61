//! A run of addresses, `10.16.0.10..10.16.0.20`, as `excludeIps` and pools write it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Family, Fault, address, number};

/// Addresses of one family from a first to a last, both included. Costs the same whatever its size.
///
/// Orders by family, then first address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpRange {
    family: Family,
    first: u128,
    last: u128,
}

impl IpRange {
    /// `None` when the families differ or `first` is above `last`.
    pub fn between(first: IpAddr, last: IpAddr) -> Option<Self> {
        let family = Family::of(first);
        let (from, to) = (number(first), number(last));
        (family == Family::of(last) && from <= to).then_some(Self { family, first: from, last: to })
    }

    /// Ends as numbers of `family`.
    pub(super) fn of(family: Family, first: u128, last: u128) -> Self {
        debug_assert!(first <= last && (family == Family::V6 || last <= u128::from(u32::MAX)));
        Self { family, first, last }
    }

    pub(super) fn ends(self) -> (u128, u128) {
        (self.first, self.last)
    }

    pub fn family(self) -> Family {
        self.family
    }

    pub fn first(self) -> IpAddr {
        self.address(self.first)
    }

    pub fn last(self) -> IpAddr {
        self.address(self.last)
    }

    /// How many addresses; the whole of IPv6 counts one less than it has.
    pub fn count(self) -> u128 {
        (self.last - self.first).saturating_add(1)
    }

    pub fn contains(self, address: IpAddr) -> bool {
        Family::of(address) == self.family && (self.first..=self.last).contains(&number(address))
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.intersection(other).is_some()
    }

    pub fn intersection(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (self.family == other.family && first <= last).then_some(Self {
            family: self.family,
            first,
            last,
        })
    }

    /// The address `n` after the first.
    pub fn nth(self, n: u128) -> Option<IpAddr> {
        (n <= self.last - self.first).then(|| self.address(self.first + n))
    }

    /// The address `n` before the last.
    pub fn nth_back(self, n: u128) -> Option<IpAddr> {
        (n <= self.last - self.first).then(|| self.address(self.last - n))
    }

    fn address(self, number: u128) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::from_bits(
                u32::try_from(number).expect("ends of an IPv4 range have 32 bits"),
            )
            .into(),
            Family::V6 => Ipv6Addr::from_bits(number).into(),
        }
    }
}

impl From<IpAddr> for IpRange {
    fn from(address: IpAddr) -> Self {
        Self { family: Family::of(address), first: number(address), last: number(address) }
    }
}

impl std::fmt::Display for IpRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first());
        }
        write!(f, "{}..{}", self.first(), self.last())
    }
}

impl std::str::FromStr for IpRange {
    type Err = Fault;

    fn from_str(s: &str) -> Result<Self, Fault> {
        let Some((first, last)) = s.split_once("..") else { return Ok(address(s)?.into()) };
        Self::between(address(first)?, address(last)?).ok_or_else(|| Fault::Range(s.to_owned()))
    }
}
