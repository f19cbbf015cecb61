//! What ADD made: interfaces, addresses, routes, DNS. One neutral form, and its encoding in each version.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

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
        let mut out = Map::new();
        out.insert("cniVersion".into(), json!(version));
        if version < Version::V0_3_0 {
            self.encode_families(&mut out);
        } else {
            self.encode_lists(version, &mut out);
        }
        // Always present: libcni before 1.0 dereferences it, and later versions print it too.
        out.insert("dns".into(), json!(self.dns));
        Value::Object(out).to_string()
    }

    /// 0.1.0 and 0.2.0: at most one address per family, routes beside the address of their family.
    fn encode_families(&self, out: &mut Map<String, Value>) {
        for (key, ipv4) in [("ip4", true), ("ip6", false)] {
            let Some(ip) = self.ips.iter().find(|ip| ip.address.is_ipv4() == ipv4) else {
                continue;
            };
            let routes: Vec<_> =
                self.routes.iter().filter(|route| route.dst.is_ipv4() == ipv4).collect();
            let mut config = Map::from_iter([("ip".into(), json!(ip.address))]);
            if let Some(gateway) = ip.gateway {
                config.insert("gateway".into(), json!(gateway));
            }
            if !routes.is_empty() {
                config.insert("routes".into(), json!(routes));
            }
            out.insert(key.into(), Value::Object(config));
        }
    }

    fn encode_lists(&self, version: Version, out: &mut Map<String, Value>) {
        if !self.interfaces.is_empty() {
            let interfaces = self.interfaces.iter().map(|interface| {
                if version >= Version::V1_1_0 {
                    return json!(interface);
                }
                let older = Interface {
                    mtu: 0,
                    socket_path: String::new(),
                    pci_id: String::new(),
                    ..interface.clone()
                };
                json!(older)
            });
            out.insert("interfaces".into(), interfaces.collect());
        }
        let ips = self.ips.iter().map(|ip| {
            let mut ip_json = json!(ip);
            if version < Version::V1_0_0 {
                ip_json["version"] = json!(if ip.address.is_ipv4() { "4" } else { "6" });
            }
            ip_json
        });
        out.insert("ips".into(), ips.collect());
        if !self.routes.is_empty() {
            out.insert("routes".into(), json!(self.routes));
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}
