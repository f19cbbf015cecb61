//! Ethernet addresses of interfaces.

use std::net::Ipv6Addr;

use super::Fault;

/// The MAC address of one interface: never a group address, never zero. Displays in lower case with colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// A locally administered unicast address from any six bytes, such as a hash: sets and clears the two bits of the first byte.
    pub fn local(mut octets: [u8; 6]) -> Self {
        octets[0] = (octets[0] & !1) | 2;
        Self(octets)
    }

    /// The address the kernel or a row holds.
    ///
    /// # Errors
    /// [`Fault::MulticastMac`] and [`Fault::ZeroMac`].
    pub fn new(octets: [u8; 6]) -> Result<Self, Fault> {
        let mac = Self(octets);
        if octets == [0; 6] {
            Err(Fault::ZeroMac(mac.to_string()))
        } else if octets[0] & 1 == 1 {
            Err(Fault::MulticastMac(mac.to_string()))
        } else {
            Ok(mac)
        }
    }

    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The link-local address an interface with this MAC gives itself (RFC 4291, appendix A).
    pub fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.0;
        Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl std::str::FromStr for Mac {
    type Err = Fault;

    /// Six hexadecimal pairs between colons or hyphens, in either case.
    fn from_str(s: &str) -> Result<Self, Fault> {
        let bad = || Fault::Mac(s.to_owned());
        let separator = if s.contains('-') { '-' } else { ':' };
        let mut octets = [0; 6];
        let mut pairs = s.split(separator);
        for octet in &mut octets {
            let pair = pairs
                .next()
                .filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()));
            *octet = u8::from_str_radix(pair.ok_or_else(bad)?, 16).map_err(|_| bad())?;
        }
        if pairs.next().is_some() { Err(bad()) } else { Self::new(octets) }
    }
}
