//! Tells which links of the node changed or got or lost addresses, as the kernel announces it.

use std::io;

use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, Socket, SocketAddr, TokioSocket};

use super::netlink::message_length;

/// Something happened that may matter to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The link of that name appeared, changed or went.
    Link(String),
    /// Some link got or lost an address.
    Address,
    /// The kernel dropped announcements: anything may have changed.
    Missed,
}

/// A subscription to the kernel's announcements.
pub(crate) struct Monitor {
    socket: TokioSocket,
    pending: Vec<Event>,
}

impl Monitor {
    /// Subscribes, in the calling thread's namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        let raw: &mut Socket = socket.socket_mut();
        raw.bind(&SocketAddr::new(0, 0))?;
        for group in [libc::RTNLGRP_LINK, libc::RTNLGRP_IPV4_IFADDR, libc::RTNLGRP_IPV6_IFADDR] {
            raw.add_membership(group)?;
        }
        Ok(Self { socket, pending: Vec::new() })
    }

    /// The next announcement. Safe to cancel.
    pub(crate) async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.pending.pop() {
                return Ok(event);
            }
            match self.socket.recv_from_full().await {
                Ok((bytes, _)) => self.take(&bytes)?,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Ok(Event::Missed);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = message_length(rest)?;
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&rest[..length])
                .map_err(io::Error::other)?;
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
            let NetlinkPayload::InnerMessage(inner) = message.payload else { continue };
            let event = match inner {
                RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link) => {
                    link.attributes.into_iter().find_map(|attribute| match attribute {
                        LinkAttribute::IfName(name) => Some(Event::Link(name)),
                        _ => None,
                    })
                }
                RouteNetlinkMessage::NewAddress(_) | RouteNetlinkMessage::DelAddress(_) => {
                    Some(Event::Address)
                }
                _ => None,
            };
            self.pending.extend(event);
        }
        Ok(())
    }
}
