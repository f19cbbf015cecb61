//! The one offload we switch, by the ioctl of `linux/ethtool.h`.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// `SIOCETHTOOL` of `linux/sockios.h`.
const SIOCETHTOOL: libc::c_ulong = 0x8946;
/// `ETHTOOL_STXCSUM` of `linux/ethtool.h`: transmit checksum offload.
const ETHTOOL_STXCSUM: u32 = 0x17;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ifreq` with its data pointer, which is how `SIOCETHTOOL` takes its argument.
#[repr(C)]
struct Request<'a> {
    name: [u8; libc::IFNAMSIZ],
    data: &'a mut Value,
    padding: [u8; 16],
}

/// Asks about links of the namespace it was opened in.
pub(crate) struct Ethtool(UdpSocket);

impl Ethtool {
    /// Opens a socket in the calling thread's network namespace; nothing is ever sent on it.
    pub(crate) fn open() -> io::Result<Self> {
        UdpSocket::bind(("0.0.0.0", 0)).map(Self)
    }

    /// Makes the kernel fill in checksums before a packet leaves by `link`; segmentation offload goes with it.
    /// A userspace datapath reads the packets raw and would pass on what the NIC was meant to finish.
    pub(crate) fn tx_checksum_off(&self, link: &str) -> io::Result<()> {
        let mut name = [0; libc::IFNAMSIZ];
        let bytes = link.as_bytes();
        if bytes.len() >= name.len() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        name[..bytes.len()].copy_from_slice(bytes);
        let mut value = Value { command: ETHTOOL_STXCSUM, data: 0 };
        let mut request = Request { name, data: &mut value, padding: [0; 16] };
        #[allow(
            unsafe_code,
            reason = "there is no safe binding of this ioctl; both structs outlive the call"
        )]
        // SAFETY: `request` is laid out as `struct ifreq` and at least as long, and points to a live `ethtool_value`.
        let done = unsafe { libc::ioctl(self.0.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
