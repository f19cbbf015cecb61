//! What the controller decided for a pod: waited for, read from the pod's annotations, and put together with what
//! subnet, network configuration and node say into the interface that the pod gets.

use std::net::IpAddr;

use api::annotation::{Allocation, PodRequest};
use api::cni::{Error, code};
use api::names::Provider;
use api::wire::Attachment;
use ipnet::IpNet;
use tokio::time::Instant;

use super::add::late;
use super::attachment::Wanted;
use super::limit::Limit;
use crate::node::Node;
use crate::plan::pod::{self, Interface};
use crate::watch::Pod;

/// What the pod's object says, once it says enough.
pub(super) struct Decision {
    pub(super) uid: String,
    pub(super) allocation: Allocation,
    request: PodRequest,
}

/// Reads a pod's object: `None` when it does not say enough yet.
pub(super) fn decide(
    pod: Option<&Pod>,
    wanted: &Wanted,
    attachment: &Attachment,
) -> Option<Result<Decision, String>> {
    let pod = pod.filter(|pod| pod.is(wanted.uid.as_deref()))?;
    let provider = provider_of(pod, attachment);
    let read = || -> Result<Option<Decision>, api::annotation::BadAnnotation> {
        let Some(allocation) = Allocation::parse(&pod.annotations, &provider)? else {
            return Ok(None);
        };
        let request = PodRequest::parse(&pod.annotations, &provider)?;
        let complete = allocation.routed || !default_route(&request, attachment);
        Ok(complete.then(|| Decision { uid: pod.uid.clone(), allocation, request }))
    };
    read().map_err(|bad| bad.to_string()).transpose()
}

/// A network attached twice has a key for each interface; then that is the provider.
fn provider_of(pod: &Pod, attachment: &Attachment) -> Provider {
    if let Provider::Attachment { nad, namespace } = &attachment.provider {
        let (nad, namespace, ifname) = (nad.clone(), namespace.clone(), attachment.ifname.clone());
        let own = Provider::Interface { nad, namespace, ifname };
        if pod.annotations.contains_key(&own.annotation(api::annotation::word::IP_ADDRESS)) {
            return own;
        }
    }
    attachment.provider.clone()
}

fn default_route(request: &PodRequest, attachment: &Attachment) -> bool {
    request.default_route.unwrap_or(attachment.ifname == "eth0")
}

/// Waits until the controller has decided.
pub(super) async fn decision(
    node: &Node,
    wanted: &Wanted,
    attachment: &Attachment,
    limit: &Limit,
) -> Result<Decision, Error> {
    let began = Instant::now();
    let decided = node.pods.wait(&wanted.pod, |pod| decide(pod, wanted, attachment));
    let decided = limit.hold(decided).await;
    node.metrics.waited_for_address(began.elapsed());
    match decided {
        Ok(Ok(decision)) => Ok(decision),
        Ok(Err(bad)) => {
            Err(Error::new(code::DAEMON, "the pod's network annotations cannot be used")
                .with_details(bad))
        }
        Err(over) => Err(late(over, &undecided(node, wanted, attachment))),
    }
}

/// Which link of the chain to an allocation is missing.
fn undecided(node: &Node, wanted: &Wanted, attachment: &Attachment) -> String {
    let Some(pod) = node.pods.get(&wanted.pod) else {
        return "the API server has not shown us the pod on this node".to_owned();
    };
    if !pod.is(wanted.uid.as_deref()) {
        return format!("the API server shows another pod of that name, uid {}", pod.uid);
    }
    let provider = provider_of(&pod, attachment);
    match Allocation::parse(&pod.annotations, &provider) {
        Ok(Some(_)) => "kube-ovn-controller has allocated an address but not routed it".to_owned(),
        _ => format!(
            "kube-ovn-controller has not allocated an address (annotation {})",
            provider.annotation("allocated")
        ),
    }
}

/// What the interface is to be, now that all is known.
pub(super) async fn interface(
    node: &Node,
    attachment: &Attachment,
    decision: &Decision,
    limit: &Limit,
) -> Result<Interface, Error> {
    let Decision { allocation, request, .. } = decision;
    let mac = allocation
        .mac
        .ok_or_else(|| Error::new(code::DAEMON, "the pod was allocated no MAC address"))?;
    let subnet_mtu = node.view.read(|cluster| {
        cluster
            .subnets
            .as_ref()
            .and_then(|subnets| subnets.get(&allocation.logical_switch))
            .and_then(|subnet| subnet.mtu)
    });
    let mtu = match attachment.mtu.or(subnet_mtu) {
        Some(mtu) => mtu,
        None => node_mtu(node, limit).await?,
    };
    let gateways: Vec<IpAddr> = allocation.gateways.iter().collect();
    let of = |to: &IpNet| {
        gateways.iter().copied().find(|gateway| gateway.is_ipv4() == to.addr().is_ipv4())
    };
    let mut routes = Vec::new();
    for route in &request.routes {
        let to = route
            .destination
            .map(|cidr| cidr.to_ipnet())
            .or_else(|| route.gateway.map(pod::default));
        routes.extend(to.and_then(|to| Some((to, route.gateway.or_else(|| of(&to))?))));
    }
    for route in &attachment.routes {
        let to = IpNet::new(route.dst.address(), route.dst.length()).ok();
        routes.extend(to.and_then(|to| Some((to, route.gw.or_else(|| of(&to))?))));
    }
    Ok(Interface {
        mac: mac.octets(),
        addresses: with_prefixes(allocation),
        gateways,
        default_route: default_route(request, attachment),
        routes,
        mtu,
    })
}

pub(super) fn with_prefixes(allocation: &Allocation) -> Vec<IpNet> {
    let prefix = |address: IpAddr| {
        let cidr = allocation.cidrs.iter().find(|cidr| cidr.contains(address))?;
        IpNet::new(address, cidr.length()).ok()
    };
    allocation.addresses.iter().filter_map(prefix).collect()
}

async fn node_mtu(node: &Node, limit: &Limit) -> Result<u32, Error> {
    let mut tunnel = node.tunnel.clone();
    let chosen = tunnel.wait_for(Option::is_some);
    let chosen = limit
        .hold(chosen)
        .await
        .map_err(|over| late(over, "no NIC for tunnels was found on this node"))?;
    let mtu = chosen.ok().and_then(|tunnel| tunnel.as_ref().map(|tunnel| tunnel.mtu));
    mtu.ok_or_else(|| Error::new(code::TRY_AGAIN, "the daemon is stopping"))
}
