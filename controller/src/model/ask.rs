//! What a pod asks of the allocation, from its annotations, its namespace and reservations.

use std::sync::Arc;

use api::annotation::{BadAnnotation, Pool, word};
use api::kinds::IpSpec;
use api::net::{Addresses, Mac};

use super::waiting::Want;
use super::{Model, Refused};
use crate::index::{IpObject, Key, Pod, StatefulSet};
use crate::ipam::{self, Wanted};

/// Reasons of pod events, contract §3.17.
const BAD_REQUEST: &str = "ValidatePodNetworkFailed";
const NO_ADDRESS: &str = "AcquireAddressFailed";

/// What a port asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    /// First choice first.
    pub(super) subnets: Vec<Arc<str>>,
    pub(super) wanted: Wanted,
    pub(super) mac: Option<Mac>,
}

impl Ask {
    /// What must be given back for the ask to be granted.
    pub(super) fn waits_for(&self) -> Vec<(Arc<str>, Want)> {
        let addresses: Vec<Addresses> = match &self.wanted {
            Wanted::Any => Vec::new(),
            Wanted::Static(addresses) => vec![*addresses],
            Wanted::OneOf(list) => list.clone(),
        };
        let named = addresses.iter().flat_map(Addresses::iter).map(Want::Address);
        let any = matches!(self.wanted, Wanted::Any).then_some(Want::Any);
        let wants: Vec<Want> = named.chain(any).chain(self.mac.map(Want::Mac)).collect();
        let of_subnet = |subnet: &Arc<str>| {
            let subnet = subnet.clone();
            wants.iter().map(move |want| (subnet.clone(), *want)).collect::<Vec<_>>()
        };
        self.subnets.iter().flat_map(of_subnet).collect()
    }
}

impl Model {
    /// What a pod asks for: what its annotations say, else what is reserved under its name, else
    /// any address of its namespace's subnets.
    pub(super) fn ask(&self, pod: &Pod) -> Result<Ask, Refused> {
        let request = pod.asks.as_ref().map_err(bad_annotation)?;
        let wanted = match (&request.addresses, &request.pool) {
            (Some(addresses), _) => Wanted::Static(*addresses),
            (None, Some(Pool::List(list))) => from_list(pod, list)?,
            (None, Some(Pool::Named(name))) => {
                return Err(bad(word::IP_POOL, format!("there is no IPPool {name}")));
            }
            (None, None) => Wanted::Any,
        };
        if let Some(family) = request.family {
            let message = format!("{family} alone is not supported; the pod gets every family");
            return Err(bad(word::IP_FAMILY, message));
        }
        let reserved = self.index.ip(&pod.key.port()).filter(|ip| ip.is_reserved());
        if let (Some(reserved), Wanted::Any, None) = (reserved, &wanted, request.mac) {
            return reservation(reserved);
        }
        Ok(Ask { subnets: self.subnets_of(pod), wanted, mac: request.mac })
    }

    /// The subnets a pod may be on, without those that are being deleted.
    fn subnets_of(&self, pod: &Pod) -> Vec<Arc<str>> {
        let chosen = pod.asks.as_ref().ok().and_then(|request| request.logical_switch.as_deref());
        let all = match chosen {
            Some(subnet) => vec![Arc::from(subnet)],
            None => self.index.bound(&pod.key.namespace).to_vec(),
        };
        let stays = |name: &Arc<str>| self.index.subnet(name).is_none_or(|subnet| !subnet.deleting);
        all.into_iter().filter(stays).collect()
    }
}

/// A pod of a stateful set takes the entry of its ordinal, any other the first that is free.
fn from_list(pod: &Pod, list: &[Addresses]) -> Result<Wanted, Refused> {
    let ordinal = pod.statefulset.as_ref().and_then(|_| StatefulSet::split(&pod.key.name));
    let Some((_, ordinal)) = ordinal else { return Ok(Wanted::OneOf(list.to_vec())) };
    let at = usize::try_from(ordinal).unwrap_or(usize::MAX);
    let entry = list.get(at).ok_or_else(|| {
        bad(word::IP_POOL, format!("has {} entries, none for ordinal {ordinal}", list.len()))
    })?;
    Ok(Wanted::Static(*entry))
}

/// What an IP object made by a user keeps for its port.
pub(super) fn reservation(ip: &IpObject) -> Result<Ask, Refused> {
    let IpSpec { subnet, mac_address, .. } = &ip.spec;
    let addresses =
        spec_addresses(&ip.spec).map_err(|(field, message)| spec_fault(field, &message))?;
    let mac = Some(mac_address).filter(|mac| !mac.is_empty()).map(|mac| mac.parse::<Mac>());
    let mac = mac.transpose().map_err(|fault| spec_fault("macAddress", &fault.to_string()))?;
    if subnet.is_empty() {
        return Err(spec_fault("subnet", "is missing"));
    }
    let wanted = if addresses.is_empty() { Wanted::Any } else { Wanted::Static(addresses) };
    Ok(Ask { subnets: vec![subnet.as_str().into()], wanted, mac })
}

/// The addresses of an IP object, however it writes them.
pub(super) fn spec_addresses(spec: &IpSpec) -> Result<Addresses, (&'static str, String)> {
    let mut addresses = Addresses::default();
    for (field, text) in
        [("v4IpAddress", &spec.v4_ip_address), ("v6IpAddress", &spec.v6_ip_address)]
    {
        if !text.is_empty() {
            addresses.set(api::net::address(text).map_err(|fault| (field, fault.to_string()))?);
        }
    }
    if addresses.is_empty() && !spec.ip_address.is_empty() {
        addresses = spec
            .ip_address
            .parse()
            .map_err(|fault: api::net::Fault| ("ipAddress", fault.to_string()))?;
    }
    Ok(addresses)
}

fn spec_fault(field: &str, message: &str) -> Refused {
    Refused { field: field.into(), event: NO_ADDRESS, message: format!("spec.{field}: {message}") }
}

fn bad_annotation(bad: &BadAnnotation) -> Refused {
    Refused { field: bad.key.clone(), event: BAD_REQUEST, message: bad.to_string() }
}

fn bad(word: &str, reason: impl Into<String>) -> Refused {
    let reason = reason.into();
    let key = api::names::Provider::Default.annotation(word);
    bad_annotation(&BadAnnotation { key, reason })
}

/// What the allocation refused, as the pod's event says it.
pub(super) fn refusal(reason: &ipam::Refused, key: &Key) -> Refused {
    let field = api::names::Provider::Default.annotation(reason.field());
    Refused { message: format!("{field} of {key}: {reason}"), field, event: NO_ADDRESS }
}
