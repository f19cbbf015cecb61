//! What a port holds, what it may ask for, and why it may be refused.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use api::net::{Addresses, Mac};

/// A logical switch port's name: the key of every allocation.
pub type Port = Arc<str>;

/// The addresses one port holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The subnet they are from.
    pub subnet: Arc<str>,
    /// One of each family the subnet has.
    pub addresses: Addresses,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The uid of the object it was given to; empty when that is not known.
    pub uid: Arc<str>,
}

/// Which addresses a port asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The first free one of each family.
    #[default]
    Any,
    /// Exactly these; a family left out gets the first free one.
    Static(Addresses),
    /// The first entry of the list that nobody holds.
    OneOf(Vec<Addresses>),
}

/// A port asks for addresses.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who asks; asking again gets the same answer.
    pub port: &'a Port,
    /// The object behind the port. The same object keeps its addresses whatever it asks
    /// for later; a successor of the same name keeps them only if it would accept them.
    pub uid: &'a Arc<str>,
    /// Where they may be from, first choice first.
    pub subnets: &'a [Arc<str>],
    /// Which addresses.
    pub wanted: &'a Wanted,
    /// A certain Ethernet address, or a derived one.
    pub mac: Option<Mac>,
}

/// Why a request got nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another port has it.
    #[error("address {address} of subnet {subnet} is held by {holder}")]
    AddressConflict {
        /// What was asked for.
        address: IpAddr,
        /// Where.
        subnet: Arc<str>,
        /// Who has it.
        holder: Port,
    },
    /// The subnets have no such address.
    #[error("address {address} is outside of {subnets}")]
    AddressOutOfRange {
        /// What was asked for.
        address: IpAddr,
        /// The subnets looked at with their blocks.
        subnets: String,
    },
    /// The router has it.
    #[error("address {address} is the gateway of subnet {subnet}")]
    AddressIsGateway {
        /// What was asked for.
        address: IpAddr,
        /// Where.
        subnet: Arc<str>,
    },
    /// Every address is in use.
    #[error("no address is available in {subnets}")]
    NoAvailableAddress {
        /// The subnets looked at.
        subnets: String,
    },
    /// Another port has the Ethernet address.
    #[error("MAC address {mac} of subnet {subnet} is held by {holder}")]
    MacConflict {
        /// What was asked for.
        mac: Mac,
        /// Where.
        subnet: Arc<str>,
        /// Who has it.
        holder: Port,
    },
    /// None of the subnets has a pool.
    #[error("subnet {subnets} does not exist or is not valid")]
    NoSubnet {
        /// The names asked for.
        subnets: String,
    },
}

impl Refused {
    /// The part of the request that was refused, named as its annotation is.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::AddressConflict { .. }
            | Self::AddressOutOfRange { .. }
            | Self::AddressIsGateway { .. } => "ip_address",
            Self::MacConflict { .. } => "mac_address",
            Self::NoAvailableAddress { .. } | Self::NoSubnet { .. } => "logical_switch",
        }
    }

    /// Whether an address given back by somebody else could change the answer.
    #[must_use]
    pub fn waits_for_release(&self) -> bool {
        matches!(
            self,
            Self::AddressConflict { .. }
                | Self::NoAvailableAddress { .. }
                | Self::MacConflict { .. }
        )
    }
}

/// Names joined for people.
pub(super) fn listed<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let all: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    if all.is_empty() { "(none)".into() } else { all.join(", ") }
}
