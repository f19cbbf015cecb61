//! One routing netlink socket, spoken to a request at a time.
//!
//! The kernel does the work of a request inside `sendmsg`, so nothing here waits for anything but the kernel's own lock;
//! a non-blocking socket would block the same way. Callers that must not block run on a thread of their own.
//! A socket stays in the namespace it was opened in, whatever its thread does later (netlink(7)).

use std::io;

use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

/// How often a dump that the kernel calls inconsistent is read again before that is an error.
const DUMP_TRIES: u32 = 5;

/// A socket in the namespace of the thread that opened it.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        socket.set_netlink_get_strict_chk(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a change and waits for the kernel's verdict; `flags` are those of netlink(7) beside request and ack.
    pub(crate) fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let sequence = self.send(message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        self.receive(sequence).map(|_| ())
    }

    /// Asks for one object; the kernel says `ENODEV` or `ENOENT` when there is none.
    pub(crate) fn get(&mut self, message: RouteNetlinkMessage) -> io::Result<RouteNetlinkMessage> {
        let sequence = self.send(message, NLM_F_REQUEST | NLM_F_ACK)?;
        let mut replies = self.receive(sequence)?.messages;
        replies.pop().ok_or_else(|| io::Error::other("the kernel acknowledged without an answer"))
    }

    /// Asks for all objects of a kind; reads again while the kernel says that the list changed under the dump.
    pub(crate) fn dump(
        &mut self,
        message: &RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..DUMP_TRIES {
            let sequence = self.send(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            let replies = self.receive(sequence)?;
            if !replies.interrupted {
                return Ok(replies.messages);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "the list changed during each of five dumps",
        ))
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<u32> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = NetlinkMessage::from(message);
        packet.header.flags = flags;
        packet.header.sequence_number = self.sequence;
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        Ok(self.sequence)
    }

    /// Collects the answers to `sequence` until the kernel's verdict or the end of a dump.
    fn receive(&mut self, sequence: u32) -> io::Result<Replies> {
        let mut replies = Replies::default();
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let length = message_length(rest)?;
                let message =
                    NetlinkMessage::deserialize(&rest[..length]).map_err(io::Error::other)?;
                rest = &rest[length.next_multiple_of(4).min(rest.len())..];
                if message.header.sequence_number == sequence && replies.take(message)? {
                    return Ok(replies);
                }
            }
        }
    }
}

/// What came back for one request.
#[derive(Default)]
struct Replies {
    messages: Vec<RouteNetlinkMessage>,
    interrupted: bool,
}

impl Replies {
    /// Takes one message; true when it was the last.
    fn take(&mut self, message: NetlinkMessage<RouteNetlinkMessage>) -> io::Result<bool> {
        self.interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => {
                self.messages.push(inner);
                Ok(false)
            }
            NetlinkPayload::Done(done) if done.code == 0 => Ok(true),
            NetlinkPayload::Done(done) => {
                Err(io::Error::from_raw_os_error(done.code.saturating_abs()))
            }
            NetlinkPayload::Error(error) => match error.code {
                None => Ok(true),
                Some(code) => Err(io::Error::from_raw_os_error(code.get().saturating_abs())),
            },
            _ => Ok(false),
        }
    }
}

/// The length that a message's header claims, within what was received.
pub(super) fn message_length(bytes: &[u8]) -> io::Result<usize> {
    let header = NetlinkBuffer::new_checked(bytes).map_err(io::Error::other)?;
    Ok((header.length() as usize).clamp(16, bytes.len()))
}
