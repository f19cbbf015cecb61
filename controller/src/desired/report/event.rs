//! News for people.

use std::sync::Arc;

use super::{About, Facts, Kind, Report};
use crate::index::Key;
use crate::model::Refused;
use crate::scope::Scope;

/// The event that tells of a refusal; none when nobody is left to be told.
#[must_use]
pub fn refusal(facts: &Facts, scope: &Scope, refused: &Refused) -> Option<Report> {
    let index = facts.index;
    let about = |kind: Kind, key: Key, uid: Option<Arc<str>>| Some(About { kind, key, uid: uid? });
    let cluster = |name: &Arc<str>| Key::cluster(name.clone());
    let about = match scope {
        Scope::Port(key) => {
            let pod = about(Kind::Pod, key.clone(), index.pod(key).map(|pod| pod.uid.clone()));
            let name = key.port();
            pod.or_else(|| {
                about(Kind::Ip, cluster(&name), index.ip(&name).map(|ip| ip.uid.clone()))
            })
        }
        Scope::Node(name) => {
            about(Kind::Node, cluster(name), index.node(name).map(|node| node.uid.clone()))
        }
        Scope::Subnet(name) => {
            about(Kind::Subnet, cluster(name), index.subnet(name).map(|subnet| subnet.uid.clone()))
        }
        Scope::Vpc(name) => {
            about(Kind::Vpc, cluster(name), index.vpc(name).map(|vpc| vpc.uid.clone()))
        }
        Scope::Globals | Scope::Gateway { .. } | Scope::Service(_) | Scope::Namespace(_) => None,
    };
    Some(Report::Event {
        about: about?,
        warning: true,
        reason: refused.event,
        message: refused.message.clone(),
    })
}
