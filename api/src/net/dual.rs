//! Values of which there may be one per family, written `v4,v6`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{Cidr, Fault, address};

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Bits of an address.
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// `ip4` or `ip6`, as OVN's expressions begin.
    pub fn ovn(self) -> &'static str {
        match self {
            Self::V4 => "ip4",
            Self::V6 => "ip6",
        }
    }

    /// The default route's destination.
    pub fn any(self) -> &'static str {
        match self {
            Self::V4 => "0.0.0.0/0",
            Self::V6 => "::/0",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl FromStr for Family {
    type Err = Fault;

    fn from_str(s: &str) -> Result<Self, Fault> {
        match s {
            "IPv4" => Ok(Self::V4),
            "IPv6" => Ok(Self::V6),
            _ => Err(Fault::Protocol(s.to_owned())),
        }
    }
}

/// `Subnet.spec.protocol`: which families a subnet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    IPv4,
    IPv6,
    Dual,
    /// No addresses of ours: an underlay subnet whose hosts use somebody's DHCP.
    Mac,
}

impl Protocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IPv4 => "IPv4",
            Self::IPv6 => "IPv6",
            Self::Dual => "Dual",
            Self::Mac => "Mac",
        }
    }

    pub fn has(self, family: Family) -> bool {
        match self {
            Self::IPv4 => family == Family::V4,
            Self::IPv6 => family == Family::V6,
            Self::Dual => true,
            Self::Mac => false,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// At most one address of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addresses {
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
}

impl Addresses {
    pub fn is_empty(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// IPv4 first, as everywhere in annotations and rows.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + use<> {
        self.v4.map(IpAddr::V4).into_iter().chain(self.v6.map(IpAddr::V6))
    }

    pub fn get(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => self.v4.map(IpAddr::V4),
            Family::V6 => self.v6.map(IpAddr::V6),
        }
    }

    /// Puts `address` in its family's place.
    pub fn set(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.v4 = Some(v4),
            IpAddr::V6(v6) => self.v6 = Some(v6),
        }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        self.get(Family::of(address)) == Some(address)
    }
}

impl From<IpAddr> for Addresses {
    fn from(address: IpAddr) -> Self {
        let mut one = Self::default();
        one.set(address);
        one
    }
}

impl FromStr for Addresses {
    type Err = Fault;

    /// One address or two of different families between a comma, in either order.
    fn from_str(s: &str) -> Result<Self, Fault> {
        let mut addresses = Self::default();
        for part in s.split(',') {
            let parsed = address(part)?;
            let family = Family::of(parsed);
            if addresses.get(family).is_some() {
                return Err(Fault::FamilyTwice { text: s.to_owned(), family });
            }
            addresses.set(parsed);
        }
        Ok(addresses)
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, self.iter())
    }
}

/// At most one network of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidrs {
    v4: Option<Cidr>,
    v6: Option<Cidr>,
}

impl Cidrs {
    pub fn v4(&self) -> Option<Cidr> {
        self.v4
    }

    pub fn v6(&self) -> Option<Cidr> {
        self.v6
    }

    pub fn get(&self, family: Family) -> Option<Cidr> {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    /// Puts `cidr` in its family's place.
    pub fn set(&mut self, cidr: Cidr) {
        match cidr.family() {
            Family::V4 => self.v4 = Some(cidr),
            Family::V6 => self.v6 = Some(cidr),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = Cidr> + use<> {
        self.v4.into_iter().chain(self.v6)
    }

    /// Whether `address` is in the network of its family.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.get(Family::of(address)).is_some_and(|cidr| cidr.contains(address))
    }

    /// Whether any network of one overlaps one of the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.iter().any(|cidr| other.get(cidr.family()).is_some_and(|there| there.overlaps(cidr)))
    }

    pub fn protocol(&self) -> Protocol {
        match (self.v4, self.v6) {
            (Some(_), None) => Protocol::IPv4,
            (None, Some(_)) => Protocol::IPv6,
            (Some(_), Some(_)) => Protocol::Dual,
            (None, None) => Protocol::Mac,
        }
    }
}

impl From<Cidr> for Cidrs {
    fn from(cidr: Cidr) -> Self {
        let mut one = Self::default();
        one.set(cidr);
        one
    }
}

impl FromStr for Cidrs {
    type Err = Fault;

    /// One network or two of different families between a comma, in either order.
    fn from_str(s: &str) -> Result<Self, Fault> {
        let mut cidrs = Self::default();
        for part in s.split(',') {
            let cidr: Cidr = part.parse()?;
            if cidrs.get(cidr.family()).is_some() {
                return Err(Fault::FamilyTwice { text: s.to_owned(), family: cidr.family() });
            }
            cidrs.set(cidr);
        }
        Ok(cidrs)
    }
}

impl fmt::Display for Cidrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, self.iter())
    }
}

fn join(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_str(",")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
