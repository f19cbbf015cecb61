//! Network links: what they look like and the few changes we make to them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoVeth, LinkAttribute, LinkFlags,
    LinkMessage,
};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::netlink::Netlink;

/// What we look at in a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) mtu: u32,
    pub(crate) up: bool,
    pub(crate) alias: String,
}

/// A veth pair to make: the host end here, the other end in the namespace `inside`.
pub(crate) struct Veth<'a> {
    pub(crate) host: &'a str,
    pub(crate) alias: &'a str,
    pub(crate) peer: &'a str,
    pub(crate) inside: BorrowedFd<'a>,
    pub(crate) mtu: u32,
}

impl Netlink {
    /// Makes a veth pair in one message and labels the host end. Neither end is up: the peer is opened before the pair is joined and refuses.
    pub(crate) fn add_veth(&mut self, veth: &Veth<'_>) -> io::Result<()> {
        let peer = LinkMessageBuilder::<LinkUnspec>::default()
            .name(veth.peer)
            .mtu(veth.mtu)
            .setns_by_fd(veth.inside.as_raw_fd())
            .build();
        let message = LinkVeth::new(veth.host, veth.peer)
            .mtu(veth.mtu)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        self.change(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)?;
        // The kernel takes no alias for a link that it is about to make (rtnl_create_link).
        self.set_link(LinkUnspec::new_with_name(veth.host).alias(veth.alias))
    }

    /// The link of that name in the socket's namespace.
    pub(crate) fn link(&mut self, name: &str) -> io::Result<Link> {
        let message = LinkUnspec::new_with_name(name).build();
        match self.get(RouteNetlinkMessage::GetLink(message))? {
            RouteNetlinkMessage::NewLink(link) => Ok(Link::from(link)),
            _ => Err(io::Error::other("the kernel answered a link request with something else")),
        }
    }

    /// All links of the socket's namespace.
    pub(crate) fn links(&mut self) -> io::Result<Vec<Link>> {
        let replies = self.dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        Ok(replies
            .into_iter()
            .filter_map(|reply| match reply {
                RouteNetlinkMessage::NewLink(link) => Some(Link::from(link)),
                _ => None,
            })
            .collect())
    }

    pub(crate) fn set_up(&mut self, link: &str) -> io::Result<()> {
        self.set_link(LinkUnspec::new_with_name(link).up())
    }

    pub(crate) fn set_mtu(&mut self, link: &str, mtu: u32) -> io::Result<()> {
        self.set_link(LinkUnspec::new_with_name(link).mtu(mtu))
    }

    pub(crate) fn set_mac(&mut self, link: &str, mac: [u8; 6]) -> io::Result<()> {
        self.set_link(LinkUnspec::new_with_name(link).address(mac.to_vec()))
    }

    /// Puts a link into a group, by which links can be deleted together.
    pub(crate) fn set_group(&mut self, link: &str, group: u32) -> io::Result<()> {
        self.set_link(LinkUnspec::new_with_name(link).link_group(group))
    }

    /// Keeps the kernel from giving the link an IPv6 link-local address.
    pub(crate) fn set_no_link_local(&mut self, link: &str) -> io::Result<()> {
        let inet6 = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
        self.set_link(
            LinkUnspec::new_with_name(link)
                .append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![inet6])),
        )
    }

    /// Deletes a link and waits until the kernel has let go of it (about 20 ms).
    pub(crate) fn delete_link(&mut self, link: &str) -> io::Result<()> {
        let message = LinkUnspec::new_with_name(link).build();
        self.change(RouteNetlinkMessage::DelLink(message), 0)
    }

    /// Deletes every link of a group; the kernel waits once for all of them.
    pub(crate) fn delete_group(&mut self, group: u32) -> io::Result<()> {
        let message = LinkMessageBuilder::<LinkUnspec>::default().link_group(group).build();
        self.change(RouteNetlinkMessage::DelLink(message), 0)
    }

    fn set_link(&mut self, link: LinkMessageBuilder<LinkUnspec>) -> io::Result<()> {
        self.change(RouteNetlinkMessage::SetLink(link.build()), 0)
    }
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            up: message.header.flags.contains(LinkFlags::Up),
            ..Self::default()
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::IfAlias(alias) => link.alias = alias,
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok(),
                _ => {}
            }
        }
        link
    }
}
