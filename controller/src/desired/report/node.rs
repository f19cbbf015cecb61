//! A node's annotations, which its daemon waits for, then its IP object.

use api::annotation;
use api::names::{PortName, Provider};

use super::{About, Facts, Kind, Report, ip, port};
use crate::index::{Key, Node};

pub(super) fn reports(facts: &Facts, name: &str) -> Vec<Report> {
    let port_name = Node::port(name);
    let (Some(node), Some(lease)) = (facts.index.node(name), facts.ipam.lease(&port_name)) else {
        return ip::gone(facts, &port_name);
    };
    let mut all = Vec::new();
    if let Some(mut want) = port::allocation(facts, lease, false) {
        // A node's port has no router of its own choosing and no interface of a kind to name.
        want.logical_router.clear();
        want.nic_type = api::annotation::NicType::default();
        all.extend(annotate(node, &want));
    }
    all.extend(ip::record(facts, &port_name, ip::spec(lease, name, "", name, "")));
    all
}

fn annotate(node: &Node, want: &annotation::Allocation) -> Option<Report> {
    if node.given.as_deref() == Some(want) && node.port_named {
        return None;
    }
    let known = node.given.as_ref().map(|given| given.to_annotations(&Provider::Default));
    let mut annotations = port::patch(want, &known.unwrap_or_default());
    let kind = Provider::Default.annotation(annotation::word::POD_NIC_TYPE);
    annotations.remove(&kind);
    if !node.port_named {
        let port = PortName::node(&node.name).as_str().to_owned();
        annotations.insert(annotation::node::PORT_NAME.to_owned(), Some(port));
    }
    let about =
        About { kind: Kind::Node, key: Key::cluster(node.name.clone()), uid: node.uid.clone() };
    (!annotations.is_empty()).then_some(Report::Annotate { about, annotations })
}
