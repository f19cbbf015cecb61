//! An address with the length of its network's prefix, `10.16.0.7/16`: host bits are kept, as CNI results need them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// An address and a prefix length. Destinations have no host bits, interface addresses have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// `None` when `length` is more than the family has bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (length <= bits).then_some(Self { address, length })
    }

    /// The default route of the family of `address`.
    pub fn default_of(address: IpAddr) -> Self {
        let any = if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        Self { address: any, length: 0 }
    }

    pub fn address(self) -> IpAddr {
        self.address
    }

    pub fn length(self) -> u8 {
        self.length
    }

    pub fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    pub fn is_default(self) -> bool {
        self.length == 0
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl std::str::FromStr for Prefix {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let bad = || format!("{s:?} is not an address with a prefix length, such as 10.16.0.7/16");
        let (address, length) = s.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        if !length.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(bad());
        }
        Self::new(address, length.parse().map_err(|_| bad())?).ok_or_else(bad)
    }
}

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(s: String) -> Result<Self, String> {
        s.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}
