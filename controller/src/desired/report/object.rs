//! Objects that every cluster has, and who may delete what.

use api::kinds::{self, SubnetSpec, VpcSpec};
use api::names;

use super::{About, Facts, Report};
use crate::desired::Blocks;

/// Makes the default VPC and the default and join subnets when there are none.
pub(super) fn defaults(facts: &Facts) -> Vec<Report> {
    let config = facts.config;
    let mut all = Vec::new();
    if facts.index.vpc(&config.cluster_router).is_none() {
        let vpc = kinds::Vpc::new(&config.cluster_router, VpcSpec::default());
        all.push(Report::CreateVpc(Box::new(vpc)));
    }
    let blocks = |blocks: &Blocks| SubnetSpec {
        vpc: config.cluster_router.to_string(),
        provider: names::Provider::Default.to_string(),
        protocol: blocks.cidrs.protocol().to_string(),
        cidr_block: blocks.cidrs.to_string(),
        gateway: blocks.gateways.to_string(),
        exclude_ips: blocks.excluded.iter().map(|range| range.to_string()).collect(),
        gateway_type: "distributed".to_owned(),
        ..SubnetSpec::default()
    };
    if facts.index.subnet(&config.node_switch).is_none() {
        let spec = SubnetSpec { disable_inter_connection: true, ..blocks(&config.join) };
        all.push(Report::CreateSubnet(Box::new(kinds::Subnet::new(&config.node_switch, spec))));
    }
    if facts.index.subnet(&config.default_subnet).is_none() {
        let spec = SubnetSpec {
            default: true,
            nat_outgoing: true,
            disable_gateway_check: !config.gateway_check,
            ..blocks(&config.pods)
        };
        all.push(Report::CreateSubnet(Box::new(kinds::Subnet::new(&config.default_subnet, spec))));
    }
    all
}

/// Our finalizer on objects that others stand on: there while the object is not being deleted or
/// is in use, and off when it may go. That of older releases is replaced.
pub(super) fn finalizers(
    about: About,
    seen: &[String],
    deleting: bool,
    in_use: bool,
) -> Option<Report> {
    let ours = [names::FINALIZER, names::OLD_FINALIZER];
    let mut want: Vec<String> =
        seen.iter().filter(|name| !ours.contains(&name.as_str())).cloned().collect();
    // A finalizer cannot be added to an object that is being deleted already.
    let had = seen.iter().any(|name| ours.contains(&name.as_str()));
    if !deleting || (in_use && had) {
        want.push(names::FINALIZER.to_owned());
    }
    let same = want.len() == seen.len() && want.iter().all(|name| seen.contains(name));
    (!same).then_some(Report::Finalizers { about, finalizers: want })
}
