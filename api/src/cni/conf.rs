//! The network configuration a runtime writes to standard input.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{Dns, Error, Prefix, Route, Success, Version, code};
use crate::names::Provider;
use crate::wire::SOCKET;

/// The value of `type` and `ipam.type` that means this plugin.
pub const PLUGIN: &str = "kube-ovn";

/// A configuration, read and checked. Fields of `ipam` stand here when the plugin was called for addresses only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConf {
    pub version: Version,
    /// The network's name: with container and interface, the key of an attachment.
    pub name: String,
    /// Where the daemon listens.
    pub socket: String,
    pub provider: Provider,
    /// Called by another plugin (`ipam.type: kube-ovn`) to allocate addresses, not to make an interface.
    pub ipam: bool,
    pub routes: Vec<Route>,
    pub device: Device,
    pub dns: Dns,
    /// In bytes; overrides the subnet's.
    pub mtu: Option<u32>,
    /// How long the daemon may take, in milliseconds, in place of the plugin's own limit for the command.
    pub deadline_ms: Option<u64>,
    /// Capability `portMappings`.
    pub port_mappings: Vec<PortMapping>,
    /// The result of the plugins before this one (ADD) or of the last ADD (CHECK, DEL).
    pub previous: Option<Success>,
    /// GC: what still exists. `None` when the runtime sent no list (`cnitool gc` does not), which says nothing about what is dead.
    pub valid_attachments: Option<Vec<AttachmentId>>,
}

/// A network device or vhost-user socket that takes the place of a veth pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// PCI address of a virtual function (conf key `deviceID`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vf_driver: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vhost_user_socket_volume_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vhost_user_socket_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vhost_user_socket_consumption: String,
}

impl Device {
    /// No device: a plain veth pair.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A port of the node that leads to a port of the pod (CNI conventions, `portMappings`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    // containerd's go-cni writes the names of its Go fields; Go's own readers ignore case.
    #[serde(alias = "HostPort")]
    pub host_port: u16,
    #[serde(alias = "ContainerPort")]
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    #[serde(default = "tcp", alias = "Protocol", deserialize_with = "transport")]
    pub protocol: String,
    /// `None`: all addresses of the node.
    #[serde(
        default,
        rename = "hostIP",
        alias = "HostIP",
        deserialize_with = "maybe_address",
        skip_serializing_if = "Option::is_none"
    )]
    pub host_ip: Option<IpAddr>,
}

/// A container and its interface, as GC lists them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttachmentId {
    #[serde(rename = "containerID")]
    pub container_id: String,
    pub ifname: String,
}

/// The JSON as it comes. Go programs write an absent list as `null`, hence the options.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    server_socket: String,
    #[serde(default)]
    provider: String,
    routes: Option<Vec<WrittenRoute>>,
    #[serde(default, rename = "deviceID")]
    device_id: String,
    #[serde(default)]
    vf_driver: String,
    #[serde(default)]
    vhost_user_socket_volume_name: String,
    #[serde(default)]
    vhost_user_socket_name: String,
    #[serde(default)]
    vhost_user_socket_consumption: String,
    mtu: Option<u32>,
    deadline_ms: Option<u64>,
    dns: Option<Dns>,
    ipam: Option<WrittenIpam>,
    #[serde(rename = "runtimeConfig")]
    runtime: Option<Runtime>,
    #[serde(borrow, rename = "prevResult")]
    previous: Option<&'a RawValue>,
    #[serde(rename = "cni.dev/valid-attachments")]
    valid_attachments: Option<Vec<AttachmentId>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenIpam {
    #[serde(rename = "type")]
    kind: String,
    server_socket: String,
    provider: String,
    routes: Option<Vec<WrittenRoute>>,
}

#[derive(Deserialize)]
struct WrittenRoute {
    #[serde(default)]
    dst: String,
    #[serde(default)]
    gw: String,
}

#[derive(Deserialize)]
struct Runtime {
    #[serde(rename = "portMappings")]
    port_mappings: Option<Vec<PortMapping>>,
}

impl NetConf {
    /// Only the version, which must be known before anything else is read: another version may mean other fields.
    ///
    /// # Errors
    /// [`code::DECODE`] when this is not a JSON object, [`code::VERSION`] when the version is not one of [`Version::ALL`].
    pub fn version(json: &[u8]) -> Result<Version, Error> {
        #[derive(Deserialize)]
        struct Only {
            #[serde(default, rename = "cniVersion")]
            version: String,
        }
        let only: Only = serde_json::from_slice(json).map_err(undecodable)?;
        only.version.parse()
    }

    /// # Errors
    /// As [`NetConf::version`]; [`code::CONFIG`] for a value that is not valid, naming the field.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let version = Self::version(json)?;
        let conf: Written = serde_json::from_slice(json).map_err(undecodable)?;
        if !is_identifier(&conf.name) {
            return Err(invalid("name", format!("{:?} is not a network name", conf.name)));
        }
        let ipam = conf.kind != PLUGIN;
        let (socket, provider, routes) = match conf.ipam {
            Some(ipam_conf) if ipam && ipam_conf.kind == PLUGIN => {
                (ipam_conf.server_socket, ipam_conf.provider, ipam_conf.routes)
            }
            _ if ipam => {
                return Err(invalid(
                    "type",
                    format!("neither type {:?} nor ipam.type is {PLUGIN:?}", conf.kind),
                ));
            }
            _ => (conf.server_socket, conf.provider, conf.routes),
        };
        Ok(Self {
            version,
            name: conf.name,
            socket: if socket.is_empty() { SOCKET.to_owned() } else { socket },
            provider: provider.parse().map_err(|error| invalid("provider", error))?,
            ipam,
            routes: routes
                .unwrap_or_default()
                .iter()
                .map(WrittenRoute::parse)
                .collect::<Result<_, _>>()?,
            device: Device {
                id: conf.device_id,
                vf_driver: conf.vf_driver,
                vhost_user_socket_volume_name: conf.vhost_user_socket_volume_name,
                vhost_user_socket_name: conf.vhost_user_socket_name,
                vhost_user_socket_consumption: conf.vhost_user_socket_consumption,
            },
            dns: conf.dns.unwrap_or_default(),
            mtu: conf.mtu.filter(|mtu| *mtu != 0),
            deadline_ms: conf.deadline_ms,
            port_mappings: conf
                .runtime
                .and_then(|runtime| runtime.port_mappings)
                .unwrap_or_default(),
            previous: conf.previous.map(Success::parse).transpose()?,
            valid_attachments: conf.valid_attachments,
        })
    }
}

impl WrittenRoute {
    /// An empty destination is the default route of the gateway's family.
    fn parse(&self) -> Result<Route, Error> {
        let bad =
            |what: &str| invalid("routes", format!("dst {:?}, gw {:?}: {what}", self.dst, self.gw));
        let gw: Option<IpAddr> = match self.gw.as_str() {
            "" => None,
            gw => Some(gw.parse().map_err(|_| bad("the gateway is not an address"))?),
        };
        let dst: Prefix = match (self.dst.as_str(), gw) {
            ("", Some(gw)) => Prefix::default_of(gw),
            ("", None) => return Err(bad("a route needs a destination or a gateway")),
            (dst, _) => dst.parse().map_err(|_| bad("the destination is not a CIDR"))?,
        };
        if gw.is_some_and(|gw| gw.is_ipv4() != dst.is_ipv4()) {
            return Err(bad("destination and gateway are of different families"));
        }
        Ok(Route { dst, gw })
    }
}

/// The specification's rule for network names and container ids: a letter or digit, then those, `_`, `.` and `-`.
pub fn is_identifier(s: &str) -> bool {
    s.starts_with(|first: char| first.is_ascii_alphanumeric())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn undecodable(error: serde_json::Error) -> Error {
    Error::new(code::DECODE, "the network configuration on stdin is not the JSON of one")
        .with_details(error)
}

fn invalid(field: &str, reason: impl std::fmt::Display) -> Error {
    Error::new(code::CONFIG, format!("network configuration: {field}: {reason}"))
}

fn tcp() -> String {
    "tcp".to_owned()
}

fn transport<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let word = String::deserialize(from)?.to_ascii_lowercase();
    match word.as_str() {
        "" => Ok(tcp()),
        "tcp" | "udp" | "sctp" => Ok(word),
        _ => Err(serde::de::Error::custom(format!("protocol {word:?} is none of tcp, udp, sctp"))),
    }
}

fn maybe_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<IpAddr>, D::Error> {
    match Option::<String>::deserialize(from)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|_| serde::de::Error::custom(format!("hostIP {text:?}")))
        }
    }
}
