//! What a pod asks of one of its interfaces.

use std::net::IpAddr;

use serde::Deserialize;

use super::{Annotations, BadAnnotation, View, word};
use crate::names::{Provider, is_dns_subdomain};
use crate::net::{Addresses, Cidr, Family, Mac, address};

/// The annotations a user may set on a pod, parsed. Whether they fit the subnet is for the controller to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRequest {
    /// `ip_address`: exactly these.
    pub addresses: Option<Addresses>,
    /// `mac_address`: exactly this.
    pub mac: Option<Mac>,
    /// `ip_pool`: one of these.
    pub pool: Option<Pool>,
    /// `ip_family`: only this one of a dual-stack subnet.
    pub family: Option<Family>,
    /// `logical_switch`: the subnet.
    pub logical_switch: Option<String>,
    /// `routes`: in addition to the subnet's.
    pub routes: Vec<RequestedRoute>,
    /// `default_route`: whether the pod's default route is on this interface.
    pub default_route: Option<bool>,
}

/// Where a pod's address may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pool {
    /// An IPPool object.
    Named(String),
    /// Addresses of the pod's replicas: a StatefulSet's pod takes the entry of its ordinal, others the first that is free.
    List(Vec<Addresses>),
}

/// A route a pod asks for; no destination is the default route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedRoute {
    pub destination: Option<Cidr>,
    pub gateway: Option<IpAddr>,
}

impl PodRequest {
    /// Reads what `provider`'s annotations ask for.
    ///
    /// # Errors
    /// The first annotation that cannot be used, with the reason.
    pub fn parse(annotations: &Annotations, provider: &Provider) -> Result<Self, BadAnnotation> {
        let view = View { annotations, provider };
        let mut request = Self {
            addresses: view.parse(word::IP_ADDRESS)?,
            mac: view.parse(word::MAC_ADDRESS)?,
            pool: view.parse(word::IP_POOL)?,
            family: view.parse(word::IP_FAMILY)?,
            logical_switch: switch(view)?,
            routes: routes(view)?,
            default_route: view.truth(word::DEFAULT_ROUTE)?,
        };
        if let Provider::Interface { nad, namespace, ifname } = provider {
            request.override_for(annotations, nad, namespace, ifname)?;
        }
        Ok(request)
    }

    /// `<nad>.<namespace>.kubernetes.io/ip_address.<ifname>` and its sister win over the provider's own.
    fn override_for(
        &mut self,
        annotations: &Annotations,
        nad: &str,
        namespace: &str,
        ifname: &str,
    ) -> Result<(), BadAnnotation> {
        let provider = Provider::Foreign { nad: nad.to_owned(), namespace: namespace.to_owned() };
        let view = View { annotations, provider: &provider };
        if let Some(addresses) = view.parse(&format!("{}.{ifname}", word::IP_ADDRESS))? {
            self.addresses = Some(addresses);
        }
        if let Some(mac) = view.parse(&format!("{}.{ifname}", word::MAC_ADDRESS))? {
            self.mac = Some(mac);
        }
        Ok(())
    }
}

impl std::str::FromStr for Pool {
    type Err = String;

    /// Entries are pairs `v4,v6` between semicolons, or single addresses between commas; a lone pair is one entry.
    fn from_str(s: &str) -> Result<Self, String> {
        if is_dns_subdomain(s) && !looks_like_address(s) {
            return Ok(Self::Named(s.to_owned()));
        }
        if let Ok(pair) = s.parse::<Addresses>()
            && pair.v4.is_some()
            && pair.v6.is_some()
        {
            return Ok(Self::List(vec![pair]));
        }
        let separator = if s.contains(';') { ';' } else { ',' };
        let entry = |text: &str| text.parse::<Addresses>().map_err(|fault| fault.to_string());
        s.split(separator).map(entry).collect::<Result<_, _>>().map(Self::List)
    }
}

/// Four numbers are meant as an address, even if one is too big; as a name they would hide the mistake.
fn looks_like_address(s: &str) -> bool {
    s.split('.').count() == 4 && s.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn switch(view: View<'_>) -> Result<Option<String>, BadAnnotation> {
    let Some(name) = view.text(word::LOGICAL_SWITCH) else { return Ok(None) };
    if is_dns_subdomain(name) {
        return Ok(Some(name.to_owned()));
    }
    Err(view.bad(word::LOGICAL_SWITCH, format!("{name:?} is not the name of a subnet")))
}

fn routes(view: View<'_>) -> Result<Vec<RequestedRoute>, BadAnnotation> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Written {
        dst: String,
        gw: String,
    }
    let Some(text) = view.text(word::ROUTES) else { return Ok(Vec::new()) };
    let bad = |reason: String| view.bad(word::ROUTES, reason);
    let written: Vec<Written> = serde_json::from_str(text)
        .map_err(|error| bad(format!("not a list of {{\"dst\",\"gw\"}}: {error}")))?;
    let parse = |route: Written| {
        let destination: Option<Cidr> = match route.dst.as_str() {
            "" => None,
            dst => Some(dst.parse().map_err(|fault| bad(format!("dst: {fault}")))?),
        };
        let gateway = match route.gw.as_str() {
            "" => None,
            gw => Some(address(gw).map_err(|fault| bad(format!("gw: {fault}")))?),
        };
        match (destination, gateway) {
            (None, None) => Err(bad("a route needs dst or gw".to_owned())),
            (Some(dst), Some(gw)) if dst.family() != Family::of(gw) => {
                Err(bad(format!("{dst} via {gw}: two families in one route")))
            }
            _ => Ok(RequestedRoute { destination, gateway }),
        }
    };
    written.into_iter().map(parse).collect()
}
