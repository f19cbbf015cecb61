//! What a subnet's spec means, with every default filled in, or everything that is wrong with it.
//!
//! Only what the spec says by itself is checked here. Whether it overlaps others, contains a node's address, or names a VLAN that exists,
//! is for the controller, which knows the rest of the cluster.

use std::net::IpAddr;

use super::{GatewayNode, GatewayType, NatRule, SubnetSpec};
use crate::names::{DEFAULT_VPC, Provider};
use crate::net::{Addresses, Cidr, Cidrs, Family, Fault, IpRange, IpRanges, Protocol, address};

/// A field of a spec that cannot be used, and why; displays as one sentence for a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.{field}: {reason}")]
pub struct Invalid {
    /// Path below `spec`, such as `excludeIps[2]`.
    pub field: String,
    pub reason: String,
}

/// A spec, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The logical router; `None` for addresses given to another CNI's interfaces.
    pub vpc: Option<String>,
    pub provider: Provider,
    pub protocol: Protocol,
    /// Empty for [`Protocol::Mac`] only.
    pub cidrs: Cidrs,
    /// One for each of `cidrs`.
    pub gateways: Addresses,
    /// `excludeIps` and the gateways: not given out unless a pod asks for one of them by `ip_address`.
    pub excluded: IpRanges,
    pub gateway_type: GatewayType,
    pub gateway_nodes: Vec<GatewayNode>,
    /// `externalEgressGateway`.
    pub egress_gateways: Addresses,
    /// Exceptions to `natOutgoing`, in their order.
    pub nat_rules: Vec<NatRule>,
    /// `allowSubnets`.
    pub allowed: Vec<Cidr>,
    pub vips: Vec<IpAddr>,
    /// `u2oInterconnectionIP`.
    pub u2o_addresses: Addresses,
    /// In bytes.
    pub mtu: Option<u32>,
}

impl Plan {
    /// # Errors
    /// Every fault at once, so that a person need not find them one by one.
    pub fn parse(spec: &SubnetSpec) -> Result<Self, Vec<Invalid>> {
        let mut faults = Faults::default();
        let provider: Provider = faults.take("provider", spec.provider.parse());
        let cidrs = cidrs(spec, &mut faults);
        let gateways = gateways(spec, cidrs, &mut faults);
        let plan = Self {
            vpc: vpc(spec, &provider),
            provider,
            protocol: cidrs.protocol(),
            cidrs,
            gateways,
            excluded: excluded(spec, cidrs, gateways, &mut faults),
            gateway_type: faults.take("gatewayType", spec.gateway_type.parse()),
            gateway_nodes: gateway_nodes(spec, &mut faults),
            egress_gateways: egress_gateways(spec, cidrs, &mut faults),
            nat_rules: nat_rules(spec, &mut faults),
            allowed: allowed(spec, &mut faults),
            vips: vips(spec, cidrs, &mut faults),
            u2o_addresses: u2o_addresses(spec, cidrs, gateways, &mut faults),
            mtu: mtu(spec, cidrs, &mut faults),
        };
        acls(spec, &mut faults);
        if spec.u2o_interconnection && spec.logical_gateway {
            faults.add(
                "u2oInterconnection",
                "not possible together with logicalGateway; set one of them to false",
            );
        }
        if faults.0.is_empty() { Ok(plan) } else { Err(faults.0) }
    }

    /// `spec` with what this plan filled in or put into normal form, as Kube-OVN writes it back. Equal to `spec` when there is nothing
    /// to write.
    pub fn filled(&self, spec: &SubnetSpec) -> SubnetSpec {
        SubnetSpec {
            vpc: self.vpc.clone().unwrap_or_else(|| spec.vpc.clone()),
            provider: self.provider.to_string(),
            protocol: self.protocol.to_string(),
            cidr_block: self.cidrs.to_string(),
            gateway: self.gateways.to_string(),
            exclude_ips: self.excluded.iter().map(|range| range.to_string()).collect(),
            gateway_type: match self.vpc.as_deref() {
                Some(DEFAULT_VPC) => self.gateway_type.as_str().to_owned(),
                _ => spec.gateway_type.clone(),
            },
            ..spec.clone()
        }
    }

    /// The addresses pods may be given, without the excluded ones.
    pub fn available(&self, family: Family) -> IpRanges {
        let usable = self.cidrs.get(family).and_then(Cidr::usable);
        usable.map_or_else(IpRanges::default, |usable| self.excluded.complement_in(usable))
    }

    /// Whether OVN, rather than the wire's router, routes for this subnet.
    pub fn has_router(&self, spec: &SubnetSpec) -> bool {
        self.provider.is_ovn()
            && (spec.vlan.is_empty() || spec.logical_gateway || spec.u2o_interconnection)
    }
}

/// A subnet and a VPC of one name would want the same names in OVN.
pub fn check_name(subnet: &str, vpc: &str) -> Result<(), Invalid> {
    if subnet == vpc {
        let reason =
            format!("the subnet has the name of its VPC, {vpc:?}; give one of them another");
        return Err(Invalid { field: "vpc".to_owned(), reason });
    }
    Ok(())
}

/// Collects what is wrong, so that parsing goes on.
#[derive(Default)]
struct Faults(Vec<Invalid>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, reason: impl std::fmt::Display) {
        self.0.push(Invalid { field: field.into(), reason: reason.to_string() });
    }

    fn take<T: Default>(&mut self, field: &str, parsed: Result<T, impl ToString>) -> T {
        parsed.unwrap_or_else(|error| {
            self.add(field, error.to_string());
            T::default()
        })
    }

    /// Parses each entry of a list, naming the position of a bad one.
    fn each<T>(
        &mut self,
        field: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Vec<T> {
        let mut parsed = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(fault) => self.add(format!("{field}[{i}]"), fault),
            }
        }
        parsed
    }
}

fn vpc(spec: &SubnetSpec, provider: &Provider) -> Option<String> {
    match (provider.is_ovn(), spec.vpc.as_str()) {
        (false, _) => None,
        (true, "") => Some(DEFAULT_VPC.to_owned()),
        (true, vpc) => Some(vpc.to_owned()),
    }
}

fn cidrs(spec: &SubnetSpec, faults: &mut Faults) -> Cidrs {
    if spec.cidr_block.is_empty() {
        if spec.vlan.is_empty() {
            faults.add("cidrBlock", "missing; only a subnet with vlan can do without");
        }
        let written = [
            ("gateway", spec.gateway.is_empty()),
            ("excludeIps", spec.exclude_ips.is_empty()),
            ("vips", spec.vips.is_empty()),
            ("u2oInterconnectionIP", spec.u2o_interconnection_ip.is_empty()),
        ];
        for (field, _) in written.iter().filter(|(_, empty)| !empty) {
            faults.add(*field, "needs a cidrBlock; without one the subnet knows no addresses");
        }
        return Cidrs::default();
    }
    let cidrs: Cidrs = faults.take("cidrBlock", spec.cidr_block.parse());
    for cidr in cidrs.iter().filter(|cidr| cidr.usable().is_none()) {
        let longest = cidr.family().bits() - 2;
        faults.add(
            "cidrBlock",
            format!("{cidr} has no address for pods; the prefix may be /{longest} at most"),
        );
    }
    cidrs
}

fn gateways(spec: &SubnetSpec, cidrs: Cidrs, faults: &mut Faults) -> Addresses {
    let mut gateways = Addresses::default();
    if !spec.gateway.is_empty() && !cidrs.is_empty() {
        gateways = faults.take("gateway", spec.gateway.parse());
    }
    for gateway in gateways.iter() {
        match cidrs.get(Family::of(gateway)) {
            None => faults.add(
                "gateway",
                format!("{gateway}: cidrBlock has no {} network", Family::of(gateway)),
            ),
            Some(cidr) if !cidr.contains(gateway) => {
                faults.add(
                    "gateway",
                    format!(
                        "{gateway} is not in {cidr}; choose an address inside it, or leave it out"
                    ),
                );
            }
            Some(cidr)
                if gateway.is_ipv4() && (gateway == cidr.network() || gateway == cidr.last()) =>
            {
                faults.add(
                    "gateway",
                    format!("{gateway} is the network or broadcast address of {cidr}"),
                );
            }
            Some(_) => {}
        }
    }
    let missing = |cidr: &Cidr| gateways.get(cidr.family()).is_none();
    let defaults: Vec<_> = cidrs.iter().filter(missing).filter_map(Cidr::usable).collect();
    defaults.iter().for_each(|usable| gateways.set(usable.first()));
    gateways
}

fn excluded(spec: &SubnetSpec, cidrs: Cidrs, gateways: Addresses, faults: &mut Faults) -> IpRanges {
    if cidrs.is_empty() {
        return IpRanges::default();
    }
    let written = faults.each("excludeIps", &spec.exclude_ips, |text| text.parse::<IpRange>());
    written.into_iter().chain(gateways.iter().map(IpRange::from)).collect()
}

fn gateway_nodes(spec: &SubnetSpec, faults: &mut Faults) -> Vec<GatewayNode> {
    if spec.gateway_node.trim().is_empty() {
        return Vec::new();
    }
    faults.take(
        "gatewayNode",
        spec.gateway_node.split(',').map(str::parse).collect::<Result<_, String>>(),
    )
}

fn egress_gateways(spec: &SubnetSpec, cidrs: Cidrs, faults: &mut Faults) -> Addresses {
    const FIELD: &str = "externalEgressGateway";
    if spec.external_egress_gateway.is_empty() {
        return Addresses::default();
    }
    if spec.nat_outgoing {
        faults.add(FIELD, "not possible together with natOutgoing; set that to false");
    }
    let addresses: Addresses = faults.take(FIELD, spec.external_egress_gateway.parse());
    for address in addresses.iter().filter(|address| cidrs.get(Family::of(*address)).is_none()) {
        faults.add(FIELD, format!("{address}: cidrBlock has no {} network", Family::of(address)));
    }
    addresses
}

fn nat_rules(spec: &SubnetSpec, faults: &mut Faults) -> Vec<NatRule> {
    let mut rules = Vec::new();
    for (i, written) in spec.nat_outgoing_policy_rules.iter().enumerate() {
        match NatRule::try_from(written) {
            Ok(rule) => rules.push(rule),
            Err((field, reason)) => {
                faults.add(format!("natOutgoingPolicyRules[{i}].{field}"), reason)
            }
        }
    }
    rules
}

fn allowed(spec: &SubnetSpec, faults: &mut Faults) -> Vec<Cidr> {
    let entries = faults.each("allowSubnets", &spec.allow_subnets, |text| text.parse::<Cidrs>());
    entries.iter().flat_map(Cidrs::iter).collect()
}

fn vips(spec: &SubnetSpec, cidrs: Cidrs, faults: &mut Faults) -> Vec<IpAddr> {
    if cidrs.is_empty() {
        return Vec::new();
    }
    let vips = faults.each("vips", &spec.vips, address);
    for vip in vips.iter().filter(|vip| !cidrs.contains(**vip)) {
        faults.add("vips", format!("{vip} is not in {cidrs}"));
    }
    vips
}

fn u2o_addresses(
    spec: &SubnetSpec,
    cidrs: Cidrs,
    gateways: Addresses,
    faults: &mut Faults,
) -> Addresses {
    const FIELD: &str = "u2oInterconnectionIP";
    if spec.u2o_interconnection_ip.is_empty() || cidrs.is_empty() {
        return Addresses::default();
    }
    let addresses: Addresses = faults.take(FIELD, spec.u2o_interconnection_ip.parse());
    for address in addresses.iter() {
        if !cidrs.contains(address) {
            faults.add(FIELD, format!("{address} is not in {cidrs}"));
        } else if gateways.contains(address) {
            faults.add(FIELD, format!("{address} is the gateway already; choose another"));
        }
    }
    addresses
}

/// RFC 791 wants 68 bytes of every IPv4 link, RFC 8200 1280 of every IPv6 link.
fn mtu(spec: &SubnetSpec, cidrs: Cidrs, faults: &mut Faults) -> Option<u32> {
    let floor = if cidrs.v6().is_some() { 1280 } else { 68 };
    match spec.mtu {
        0 => None,
        mtu if mtu < floor => {
            faults.add(
                "mtu",
                format!("{mtu} is too small for {}; at least {floor} is needed", cidrs.protocol()),
            );
            None
        }
        mtu if mtu > 65_535 => {
            faults.add("mtu", format!("{mtu} is more than a packet can have, 65535"));
            None
        }
        mtu => Some(mtu),
    }
}

/// The match is an expression of OVN's and checked by whoever compiles it.
fn acls(spec: &SubnetSpec, faults: &mut Faults) {
    const ACTIONS: [&str; 6] =
        ["allow", "allow-related", "allow-stateless", "drop", "reject", "pass"];
    for (i, acl) in spec.acls.iter().enumerate() {
        if !["from-lport", "to-lport"].contains(&acl.direction.as_str()) {
            faults.add(
                format!("acls[{i}].direction"),
                format!("{:?} is neither from-lport nor to-lport", acl.direction),
            );
        }
        if !(0..=32_767).contains(&acl.priority) {
            faults.add(
                format!("acls[{i}].priority"),
                format!("{} is not between 0 and 32767", acl.priority),
            );
        }
        if !ACTIONS.contains(&acl.action.as_str()) {
            faults.add(
                format!("acls[{i}].action"),
                format!("{:?} is none of {}", acl.action, ACTIONS.join(", ")),
            );
        }
    }
}

#[cfg(test)]
mod tests;
