//! A request made sure of: what the plugin said, in terms of links and ports.

use std::net::IpAddr;
use std::path::PathBuf;

use api::cni::{Error, PortMapping, code};
use api::names::PortName;
use api::wire;
use ipnet::IpNet;

use crate::plan::name::Tag;
use crate::plan::rules::{HostPort, Transport};
use crate::watch::Key;

/// An interface of a pod that is to exist.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) tag: Tag,
    pub(super) netns: PathBuf,
    pub(super) pod: Key,
    /// As the runtime knows it.
    pub(super) uid: Option<String>,
    pub(super) port: PortName,
    pub(super) host_ports: Vec<Mapping>,
}

/// A port of the node that leads to one of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) transport: Transport,
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) pod_port: u16,
}

impl Mapping {
    /// The mapping for each of the pod's addresses it applies to.
    pub(super) fn to(self, pods: &[IpNet]) -> impl Iterator<Item = HostPort> {
        let Self { transport, address, port, pod_port } = self;
        let fits = move |pod: &&IpNet| {
            address.is_none_or(|address| address.is_ipv4() == pod.addr().is_ipv4())
        };
        pods.iter().filter(fits).map(move |pod| HostPort {
            transport,
            address,
            port,
            pod: pod.addr(),
            pod_port,
        })
    }
}

/// Whose links and ports an attachment has; all that DEL needs.
///
/// # Errors
/// When names of container or interface cannot be names.
pub(super) fn tag(attachment: &wire::Attachment) -> Result<Tag, Error> {
    let id = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    };
    let wrong = |what: &str, is: &str| {
        Error::new(code::ENVIRONMENT, format!("{what} {is:?} is not a name"))
    };
    if !id(&attachment.container_id) {
        return Err(wrong("container id", &attachment.container_id));
    }
    let ifname = &attachment.ifname;
    let legal = |c: char| !c.is_whitespace() && c != '/' && c != ':' && !c.is_control();
    if ifname.is_empty()
        || ifname.len() > 15
        || matches!(ifname.as_str(), "." | "..")
        || !ifname.chars().all(legal)
    {
        return Err(wrong("interface", ifname));
    }
    if attachment.network.is_empty() || attachment.network.contains('/') {
        return Err(wrong("network", &attachment.network));
    }
    Ok(Tag {
        network: attachment.network.clone(),
        container: attachment.container_id.clone(),
        interface: ifname.clone(),
    })
}

impl Wanted {
    /// Makes sure of an ADD.
    ///
    /// # Errors
    /// What is missing, or what we cannot do.
    pub(super) fn new(attachment: &wire::Attachment) -> Result<Self, Error> {
        let pod = attachment
            .pod
            .as_ref()
            .ok_or_else(|| Error::new(code::ENVIRONMENT, "CNI_ARGS name no pod"))?;
        if attachment.netns.is_empty() {
            return Err(Error::new(code::ENVIRONMENT, "CNI_NETNS is empty"));
        }
        if !attachment.device.is_empty() {
            return Err(Error::new(
                code::UNSUPPORTED_FIELD,
                "devices and vhost-user sockets are not supported",
            ));
        }
        Ok(Self {
            tag: tag(attachment)?,
            netns: PathBuf::from(&attachment.netns),
            pod: Key { namespace: pod.namespace.clone(), name: pod.name.clone() },
            uid: pod.uid.clone(),
            port: PortName::pod(&pod.name, &pod.namespace, &attachment.provider),
            host_ports: attachment
                .port_mappings
                .iter()
                .filter_map(mapping)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The node's end of the pair.
    pub(super) fn link(&self) -> String {
        self.tag.host_link()
    }
}

/// `None` for a port of the pod that no port of the node leads to.
fn mapping(mapping: &PortMapping) -> Option<Result<Mapping, Error>> {
    let PortMapping { host_port: port, container_port: pod_port, protocol, host_ip } = mapping;
    if *port == 0 {
        return None;
    }
    let Some(transport) = Transport::parse(protocol) else {
        let what = format!("port mapping of protocol {protocol:?}");
        return Some(Err(Error::new(code::CONFIG, what)));
    };
    let address = host_ip.filter(|address| !address.is_unspecified());
    Some(Ok(Mapping { transport, address, port: *port, pod_port: *pod_port }))
}
