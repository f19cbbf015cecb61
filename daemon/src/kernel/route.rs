//! Routes of the main table.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::netlink::Netlink;
use crate::plan::Route;

impl Netlink {
    /// Adds a route through `link`, in place of one to the same destination.
    pub(crate) fn replace_route(&mut self, link: &str, route: &Route) -> io::Result<()> {
        let index = self.link(link)?.index;
        self.change(
            RouteNetlinkMessage::NewRoute(message(index, route)),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    pub(crate) fn remove_route(&mut self, link: &str, route: &Route) -> io::Result<()> {
        let index = self.link(link)?.index;
        self.change(RouteNetlinkMessage::DelRoute(message(index, route)), 0)
    }

    /// The unicast routes of the main table that leave through the link `index`.
    pub(crate) fn routes(&mut self, index: u32) -> io::Result<Vec<Route>> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            for reply in self.dump(&RouteNetlinkMessage::GetRoute(request))? {
                if let RouteNetlinkMessage::NewRoute(message) = reply {
                    routes.extend(route(&message, index));
                }
            }
        }
        Ok(routes)
    }
}

fn message(index: u32, route: &Route) -> RouteMessage {
    match route.to {
        IpNet::V4(to) => {
            let mut builder = RouteMessageBuilder::<Ipv4Addr>::new()
                .output_interface(index)
                .protocol(RouteProtocol::Static)
                .destination_prefix(to.addr(), to.prefix_len());
            builder = match route.via {
                Some(IpAddr::V4(gateway)) => builder.gateway(gateway),
                Some(IpAddr::V6(gateway)) => builder.via(gateway),
                None => builder.scope(RouteScope::Link),
            };
            if let Some(IpAddr::V4(source)) = route.source {
                builder = builder.pref_source(source);
            }
            builder.build()
        }
        IpNet::V6(to) => {
            let mut builder = RouteMessageBuilder::<Ipv6Addr>::new()
                .output_interface(index)
                .protocol(RouteProtocol::Static)
                .destination_prefix(to.addr(), to.prefix_len());
            if let Some(IpAddr::V6(gateway)) = route.via {
                builder = builder.gateway(gateway);
            }
            if let Some(IpAddr::V6(source)) = route.source {
                builder = builder.pref_source(source);
            }
            builder.build()
        }
    }
}

/// What a message of a dump says, when it is a unicast route of the main table through `index`.
fn route(message: &RouteMessage, index: u32) -> Option<Route> {
    let header = &message.header;
    if header.table != RouteHeader::RT_TABLE_MAIN || header.kind != RouteType::Unicast {
        return None;
    }
    let mut through = None;
    let (mut to, mut via, mut source) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(oif) => through = Some(*oif),
            RouteAttribute::Destination(address) => to = ip(address),
            RouteAttribute::Gateway(address) => via = ip(address),
            RouteAttribute::PrefSource(address) => source = ip(address),
            _ => {}
        }
    }
    if through != Some(index) {
        return None;
    }
    let to = to.unwrap_or(match header.address_family {
        AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    });
    Some(Route { to: IpNet::new(to, header.destination_prefix_length).ok()?, via, source })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}
