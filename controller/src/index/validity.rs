//! Which subnets can stand beside each other.
//!
//! Who works is right, then the elder: of two subnets of one VPC that overlap, one that is ready
//! as it is specified now stays valid, else the older one. So an object made or changed by mistake
//! never harms one that works. Age is the creation time, then the name. A subnet that is invalid
//! for another reason keeps its claim on its block: it may have pods.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Index, Plan, Subnet};
use crate::scope::{Dirty, Scope};

/// What is wrong with a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field of the spec, as the user wrote it.
    pub field: String,
    /// What is wrong with it, for people; names field and value.
    pub message: String,
}

impl Invalid {
    /// A field of the spec, named in the message too.
    pub(super) fn of(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        let field = field.into();
        Self { message: format!("spec.{field}: {reason}"), field }
    }
}

impl Index {
    /// Judges all subnets again. Those whose verdict changed have moved; what depends on a subnet
    /// that moved is dirty.
    pub(super) fn judge(&mut self, dirty: &mut Dirty) {
        let verdicts = self.verdicts();
        let differs = |name: &&Arc<str>| verdicts.get(*name) != self.invalid.get(*name);
        let names = self.subnets.iter().map(|(key, _)| &key.name);
        self.moved.extend(names.filter(differs).cloned());
        self.invalid = verdicts;
        for subnet in &self.moved {
            dirty.insert(Scope::Subnet(subnet.clone()));
            dirty.extend(self.gateways_of_subnet(subnet));
            let bound = self.bindings.iter().filter(|(_, subnets)| subnets.contains(subnet));
            dirty.extend(bound.map(|(namespace, _)| Scope::Namespace(namespace.clone())));
        }
        if self.moved.contains(&self.names.join) {
            for (node, _) in self.nodes.iter() {
                dirty.insert(Scope::Node(node.name.clone()));
                dirty.extend(self.gateways_of_node(&node.name));
            }
            dirty.insert(Scope::Vpc(self.names.vpc.clone()));
        }
    }

    fn verdicts(&self) -> BTreeMap<Arc<str>, Invalid> {
        let mut in_order: Vec<&Subnet> = self.subnets().collect();
        in_order.sort_by_key(|subnet| (!subnet.is_ready(), subnet.created, subnet.name.clone()));
        let mut elders: Vec<&Subnet> = Vec::new();
        let mut bad = BTreeMap::new();
        for subnet in in_order {
            let overlap = Self::overlap(subnet, &elders);
            let is_placed = overlap.is_ok();
            let plan = subnet.plan.as_ref().map_err(Clone::clone);
            let verdict = plan.and_then(|plan| overlap.and_then(|()| self.stands(subnet, plan)));
            if let Err(invalid) = verdict {
                bad.insert(subnet.name.clone(), invalid);
            }
            if is_placed {
                elders.push(subnet);
            }
        }
        bad
    }

    fn overlap(subnet: &Subnet, elders: &[&Subnet]) -> Result<(), Invalid> {
        let (vpc, cidrs) = &subnet.claim;
        let overlaps = |elder: &&&Subnet| elder.claim.0 == *vpc && elder.claim.1.overlaps(cidrs);
        let Some(elder) = elders.iter().find(overlaps) else { return Ok(()) };
        let (block, name) = (&elder.claim.1, &elder.name);
        let message = format!("{cidrs} overlaps {block} of subnet {name}; choose another network");
        Err(Invalid::of("cidrBlock", message))
    }

    /// Whether a plan, good by itself, can stand beside VPCs and nodes.
    fn stands(&self, subnet: &Subnet, plan: &Plan) -> Result<(), Invalid> {
        let invalid = |field: &str, message: String| Err(Invalid::of(field, message));
        let cidr = || plan.cidrs.to_string();
        if plan.vpc != self.names.vpc && self.vpc(&plan.vpc).is_none() {
            return invalid("vpc", format!("VPC {} does not exist", plan.vpc));
        }
        if plan.vpc != self.names.vpc {
            return Ok(());
        }
        if let Some(address) = self.names.api_server.iter().find(|a| plan.cidrs.contains(**a)) {
            let message = format!("{} contains {address} of the API server's service", cidr());
            return invalid("cidrBlock", message);
        }
        let elder_nodes = self.nodes().filter(|node| node.created <= subnet.created);
        let inside = elder_nodes
            .flat_map(|node| node.internal.iter().map(move |address| (node, *address)))
            .find(|(_, address)| plan.cidrs.contains(*address));
        match inside {
            Some((node, address)) => {
                let message = format!("{} contains {address} of node {}", cidr(), node.name);
                invalid("cidrBlock", message)
            }
            None => Ok(()),
        }
    }

    /// A subnet of the default VPC that contains an address of the node.
    #[must_use]
    pub fn subnet_around(&self, node: &super::Node) -> Option<(&Subnet, std::net::IpAddr)> {
        let inside = |subnet: &Subnet, address| {
            let plan = subnet.plan.as_ref().ok();
            plan.is_some_and(|plan| plan.vpc == self.names.vpc && plan.cidrs.contains(address))
                && !self.invalid.contains_key(&subnet.name)
        };
        let mut pairs = node
            .internal
            .iter()
            .flat_map(|address| self.subnets().map(move |subnet| (subnet, *address)));
        pairs.find(|(subnet, address)| inside(subnet, *address))
    }
}
