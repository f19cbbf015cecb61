//! Parts of a subnet's spec that have a grammar of their own: gateway nodes and exceptions to NAT.

use std::net::IpAddr;

use super::NatOutgoingPolicyRule;
use crate::names::is_dns_subdomain;
use crate::net::{Cidr, Family, address};

/// Where a subnet's traffic leaves the overlay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GatewayType {
    /// At the pod's own node.
    #[default]
    Distributed,
    /// At the nodes of `gatewayNode` or `gatewayNodeSelectors`.
    Centralized,
}

impl GatewayType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Distributed => "distributed",
            Self::Centralized => "centralized",
        }
    }
}

impl std::str::FromStr for GatewayType {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "" | "distributed" => Ok(Self::Distributed),
            "centralized" => Ok(Self::Centralized),
            _ => Err(format!("{s:?} is neither distributed nor centralized")),
        }
    }
}

/// An entry of `gatewayNode`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GatewayNode {
    pub node: String,
    /// The source address of traffic it sends, if not its own.
    pub egress: Option<IpAddr>,
}

impl std::str::FromStr for GatewayNode {
    type Err = String;

    /// `node` or `node:address`, with blanks around them.
    fn from_str(s: &str) -> Result<Self, String> {
        let (node, egress) = match s.trim().split_once(':') {
            None => (s.trim(), None),
            Some((node, egress)) => {
                (node.trim(), Some(address(egress.trim()).map_err(|fault| fault.to_string())?))
            }
        };
        if !is_dns_subdomain(node) {
            return Err(format!("{node:?} is not the name of a node"));
        }
        Ok(Self { node: node.to_owned(), egress })
    }
}

/// What happens to traffic an exception matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NatAction {
    Nat,
    Forward,
}

/// An exception to `natOutgoing`; an empty list matches all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatRule {
    pub sources: Vec<Cidr>,
    pub destinations: Vec<Cidr>,
    pub action: NatAction,
}

impl TryFrom<&NatOutgoingPolicyRule> for NatRule {
    /// The field within the rule, and what is wrong with it.
    type Error = (&'static str, String);

    fn try_from(rule: &NatOutgoingPolicyRule) -> Result<Self, Self::Error> {
        let sources = networks(&rule.match_.src_ips).map_err(|reason| ("match.srcIPs", reason))?;
        let destinations =
            networks(&rule.match_.dst_ips).map_err(|reason| ("match.dstIPs", reason))?;
        let families: Vec<Family> =
            sources.iter().chain(&destinations).map(|cidr| cidr.family()).collect();
        if families.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err((
                "match",
                "a rule is about one family; write one rule for each".to_owned(),
            ));
        }
        let action = match rule.action.as_str() {
            "nat" => NatAction::Nat,
            "forward" => NatAction::Forward,
            other => return Err(("action", format!("{other:?} is neither nat nor forward"))),
        };
        Ok(Self { sources, destinations, action })
    }
}

/// Addresses and networks between commas.
fn networks(text: &str) -> Result<Vec<Cidr>, String> {
    let one = |part: &str| -> Result<Cidr, String> {
        if part.contains('/') {
            return part.parse().map_err(|fault: crate::net::Fault| fault.to_string());
        }
        let host = address(part).map_err(|fault| fault.to_string())?;
        Ok(Cidr::new(host, Family::of(host).bits()).expect("all bits are never too many"))
    };
    if text.is_empty() {
        Ok(Vec::new())
    } else {
        text.split(',').map(|part| one(part.trim())).collect()
    }
}
