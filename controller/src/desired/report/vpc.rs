//! A VPC's status and its finalizer.

use api::kinds::VpcStatus;
use api::names::Transport;

use super::{About, Facts, Kind, Report, object};
use crate::index::{Key, Vpc};

pub(super) fn reports(facts: &Facts, name: &str) -> Vec<Report> {
    let Some(vpc) = facts.index.vpc(name) else { return Vec::new() };
    let about =
        || About { kind: Kind::Vpc, key: Key::cluster(vpc.name.clone()), uid: vpc.uid.clone() };
    let want = status(facts, vpc);
    let in_use = !want.subnets.is_empty();
    let mut all = Vec::new();
    all.extend(object::finalizers(about(), &vpc.finalizers, vpc.deleting, in_use));
    let goes = vpc.deleting && !in_use;
    if !goes && want != *vpc.status {
        all.push(Report::VpcStatus { about: about(), status: Box::new(want) });
    }
    all
}

fn status(facts: &Facts, vpc: &Vpc) -> VpcStatus {
    let is_default = facts.is_default_vpc(&vpc.name);
    let inside = facts.index.subnets().filter(|subnet| subnet.is_in(&vpc.name));
    let mut status = VpcStatus {
        standby: true,
        default: is_default,
        router: vpc.name.to_string(),
        default_logical_switch: match &vpc.default_subnet {
            Some(subnet) => subnet.to_string(),
            None if is_default => facts.config.default_subnet.to_string(),
            None => String::new(),
        },
        subnets: inside.map(|subnet| subnet.name.to_string()).collect(),
        ..(*vpc.status).clone()
    };
    if let (true, Some(balancers)) = (is_default, &facts.config.balancers) {
        let name = |transport, sticky| balancers.name(transport, sticky).to_string();
        status.tcp_load_balancer = name(Transport::Tcp, false);
        status.udp_load_balancer = name(Transport::Udp, false);
        status.sctp_load_balancer = name(Transport::Sctp, false);
        status.tcp_session_load_balancer = name(Transport::Tcp, true);
        status.udp_session_load_balancer = name(Transport::Udp, true);
        status.sctp_session_load_balancer = name(Transport::Sctp, true);
    }
    status
}
