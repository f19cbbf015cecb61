//! Addresses of a link.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::AddressMessageBuilder;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};

use super::netlink::Netlink;

impl Netlink {
    /// Gives a link an address. IPv6 addresses skip duplicate detection: OVN answers for them and a tentative one
    /// costs a second.
    pub(crate) fn add_address(&mut self, link: &str, address: IpNet) -> io::Result<()> {
        let index = self.link(link)?.index;
        let mut message = message(index, address);
        if address.addr().is_ipv6() {
            message.header.flags |= AddressHeaderFlags::Nodad;
        }
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    pub(crate) fn remove_address(&mut self, link: &str, address: IpNet) -> io::Result<()> {
        let index = self.link(link)?.index;
        self.change(RouteNetlinkMessage::DelAddress(message(index, address)), 0)
    }

    /// A link's addresses with their prefixes, IPv6 link-local ones left out.
    pub(crate) fn addresses(&mut self, index: u32) -> io::Result<Vec<IpNet>> {
        let mut request = AddressMessage::default();
        request.header.index = index;
        let replies = self.dump(&RouteNetlinkMessage::GetAddress(request))?;
        Ok(replies
            .into_iter()
            .filter_map(|reply| match reply {
                RouteNetlinkMessage::NewAddress(message) if message.header.index == index => {
                    address(&message)
                }
                _ => None,
            })
            .collect())
    }
}

fn message(index: u32, address: IpNet) -> AddressMessage {
    match address {
        IpNet::V4(net) => AddressMessageBuilder::<Ipv4Addr>::new()
            .index(index)
            .address(net.addr(), net.prefix_len())
            .build(),
        IpNet::V6(net) => AddressMessageBuilder::<Ipv6Addr>::new()
            .index(index)
            .address(net.addr(), net.prefix_len())
            .build(),
    }
}

fn address(message: &AddressMessage) -> Option<IpNet> {
    if message.header.scope == AddressScope::Link {
        return None;
    }
    let of = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| {
        message.attributes.iter().find_map(wanted)
    };
    let local = of(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let any = of(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    IpNet::new(local.or(any)?, message.header.prefix_len).ok()
}
