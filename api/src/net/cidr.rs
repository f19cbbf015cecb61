//! A network: an address without host bits, and the length of its prefix.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Family, Fault, IpRange, check_spelling};
use crate::cni::Prefix;

/// A network of one family. Host bits are cleared on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// The network of `address`; `None` when `length` is more than the family has bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        IpNet::new(address, length).ok().map(|net| Self(net.trunc()))
    }

    /// The first address, which names the network.
    pub fn network(self) -> IpAddr {
        self.0.network()
    }

    /// The last address; the broadcast address of IPv4.
    pub fn last(self) -> IpAddr {
        self.0.broadcast()
    }

    /// The length of the prefix in bits.
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    pub fn family(self) -> Family {
        Family::of(self.network())
    }

    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.network()) || other.0.contains(&self.network())
    }

    /// All addresses, network and broadcast included.
    pub fn range(self) -> IpRange {
        IpRange::between(self.network(), self.last())
            .expect("a network ends after it begins, in its own family")
    }

    /// The addresses interfaces may have: all but the first and the last, in both families as in Kube-OVN. `None` when none is left.
    pub fn usable(self) -> Option<IpRange> {
        let (first, last) = (self.range().nth(1)?, self.range().nth_back(1)?);
        IpRange::between(first, last)
    }

    /// `address` with the length of this network's prefix, for an interface or a router port.
    pub fn prefix_of(self, address: IpAddr) -> Prefix {
        Prefix::new(address, self.length())
            .expect("callers pair a network with addresses of its family")
    }

    /// The same network as `ipnet` sees it, for libraries that speak it.
    pub fn to_ipnet(self) -> IpNet {
        self.0
    }
}

impl From<IpNet> for Cidr {
    fn from(net: IpNet) -> Self {
        Self(net.trunc())
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Cidr {
    type Err = Fault;

    fn from_str(s: &str) -> Result<Self, Fault> {
        let net: IpNet = s.parse().map_err(|_| Fault::Cidr(s.to_owned()))?;
        check_spelling(net.addr(), s)?;
        Ok(net.into())
    }
}
