//! What ADD made: interfaces, addresses, routes, DNS. One neutral form, and its encoding in each version.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Error, Prefix, Version, code};

/// The result of ADD, and what the runtime hands back as `prevResult`. Unknown fields of other plugins are dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Success {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Interface>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<Ip>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    #[serde(skip_serializing_if = "Dns::is_empty")]
    pub dns: Dns,
}

/// An interface the plugin made; `sandbox` is the path of the network namespace, empty for one on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Interface {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// In bytes; 0 is unknown. Printed from 1.1.0 on.
    #[serde(skip_serializing_if = "is_zero")]
    pub mtu: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sandbox: String,
    /// Path of a vhost-user socket. Printed from 1.1.0 on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub socket_path: String,
    /// PCI address of a device handed to the pod. Printed from 1.1.0 on.
    #[serde(rename = "pciID", skip_serializing_if = "String::is_empty")]
    pub pci_id: String,
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ip {
    pub address: Prefix,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Index into [`Success::interfaces`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<usize>,
}

/// A route inside the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub dst: Prefix,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gw: Option<IpAddr>,
}

/// Resolver settings, passed through unread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dns {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Dns {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Success {
    /// Reads a `prevResult` of any version that has one (0.3.0 and later).
    ///
    /// # Errors
    /// [`code::DECODE`] when it is not a result.
    pub fn parse(json: &RawValue) -> Result<Self, Error> {
        serde_json::from_str(json.get()).map_err(|error| {
            Error::new(code::DECODE, "prevResult is not a CNI result").with_details(error)
        })
    }

    /// This result after that of the plugins before it in the chain, as the specification asks of a plugin that does not mean
    /// to suppress them.
    #[must_use]
    pub fn after(self, mut previous: Self) -> Self {
        let shift = previous.interfaces.len();
        previous.interfaces.extend(self.interfaces);
        previous.ips.extend(self.ips.into_iter().map(|mut ip| {
            ip.interface = ip.interface.map(|index| index + shift);
            ip
        }));
        previous.routes.extend(self.routes);
        if !self.dns.is_empty() {
            previous.dns = self.dns;
        }
        previous
    }

    /// The abbreviated form of an IPAM plugin (§4 "Plugin Delegation"): no interfaces, and no reference to any.
    #[must_use]
    pub fn abbreviated(mut self) -> Self {
        self.interfaces.clear();
        for ip in &mut self.ips {
            ip.interface = None;
        }
        self
    }

    /// The JSON of `version` to print on standard output.
    pub fn encode(&self, version: Version) -> String {
        if version < Version::V0_3_0 {
            return json(&self.by_family(version));
        }
        let interfaces =
            self.interfaces.iter().map(|interface| interface.in_version(version)).collect();
        let family = |ip: &Ip| {
            (version < Version::V1_0_0).then(|| if ip.address.is_ipv4() { "4" } else { "6" })
        };
        let ips = self.ips.iter().map(|ip| PrintedIp { version: family(ip), ip }).collect();
        json(&Printed { version, interfaces, ips, routes: &self.routes, dns: &self.dns })
    }

    /// 0.1.0 and 0.2.0: at most one address per family, routes beside the address of their family.
    fn by_family(&self, version: Version) -> PrintedByFamily<'_> {
        let config = |ipv4: bool| {
            let ip = self.ips.iter().find(|ip| ip.address.is_ipv4() == ipv4)?;
            let routes = self.routes.iter().filter(|route| route.dst.is_ipv4() == ipv4).collect();
            Some(PrintedFamily { ip: ip.address, gateway: ip.gateway, routes })
        };
        PrintedByFamily { version, ip4: config(true), ip6: config(false), dns: &self.dns }
    }
}

impl Interface {
    fn in_version(&self, version: Version) -> Self {
        if version >= Version::V1_1_0 {
            return self.clone();
        }
        Self { mtu: 0, socket_path: String::new(), pci_id: String::new(), ..self.clone() }
    }
}

/// A result of 0.3.0 and later. `dns` is always present: libcni before 1.0 dereferences it, and later versions print it too.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(rename = "cniVersion")]
    version: Version,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<Interface>,
    ips: Vec<PrintedIp<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    routes: &'a [Route],
    dns: &'a Dns,
}

#[derive(Serialize)]
struct PrintedIp<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    #[serde(flatten)]
    ip: &'a Ip,
}

#[derive(Serialize)]
struct PrintedByFamily<'a> {
    #[serde(rename = "cniVersion")]
    version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip4: Option<PrintedFamily<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip6: Option<PrintedFamily<'a>>,
    dns: &'a Dns,
}

#[derive(Serialize)]
struct PrintedFamily<'a> {
    ip: Prefix,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<IpAddr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<&'a Route>,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a result holds only strings, numbers and lists")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}
