//! Addresses, networks, ranges and MACs as the daemons compute with them.
//!
//! Parsing is strict and says what is wrong: these texts come from specs and annotations that people write. Networks lose their host
//! bits on the way in, as Kube-OVN does it; IPv6 in upper case is refused, because rows and annotations are compared as text.

mod cidr;
mod dual;
mod mac;
mod range;
mod ranges;

use std::net::IpAddr;

pub use cidr::Cidr;
pub use dual::{Addresses, Cidrs, Family, Protocol};
pub use mac::Mac;
pub use range::IpRange;
pub use ranges::IpRanges;

/// Why a text is not what it should be. Displays as a sentence for a condition or an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0:?} is not an IP address")]
    Address(String),
    #[error("{0:?} is not a CIDR such as 10.16.0.0/16 or fd00:10:16::/112")]
    Cidr(String),
    #[error("{0:?} has upper-case letters; write IPv6 in lower case")]
    UpperCase(String),
    #[error("{0:?} is an IPv4 address written as IPv6; write it as IPv4")]
    Mapped(String),
    #[error("{text:?} has more than one {family} value; at most one of each family is possible")]
    FamilyTwice { text: String, family: Family },
    #[error(
        "{0:?} is not a range; write one address, or first..last of one family with first not above last"
    )]
    Range(String),
    #[error("{0:?} is not a MAC address such as 0a:58:0a:10:00:07")]
    Mac(String),
    #[error("MAC address {0:?} is a group address; the lowest bit of its first byte must be 0")]
    MulticastMac(String),
    #[error("MAC address {0:?} is all zero")]
    ZeroMac(String),
    #[error("{0:?} is none of IPv4, IPv6, Dual")]
    Protocol(String),
}

/// One address, as specs and annotations write it.
///
/// # Errors
/// When it is no address, has upper-case letters or is an IPv4-mapped one.
pub fn address(text: &str) -> Result<IpAddr, Fault> {
    let parsed: IpAddr = text.parse().map_err(|_| Fault::Address(text.to_owned()))?;
    check_spelling(parsed, text)?;
    Ok(parsed)
}

fn check_spelling(address: IpAddr, text: &str) -> Result<(), Fault> {
    match address {
        IpAddr::V6(_) if text.bytes().any(|b| b.is_ascii_uppercase()) => {
            Err(Fault::UpperCase(text.to_owned()))
        }
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Err(Fault::Mapped(text.to_owned())),
        _ => Ok(()),
    }
}

/// An address as a number, for arithmetic within its family.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// `serde` through the type's own text.
macro_rules! serde_as_text {
    ($($kind:ty),+ $(,)?) => {$(
        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
serde_as_text!(Mac, Cidr, IpRange, Addresses, Cidrs);

#[cfg(test)]
mod tests;
