//! Ethernet addresses derived from what they are for.
//!
//! No randomness: the same port gets the same address wherever it is computed, so a lost
//! decision is made again identically.

use api::net::Mac;
use uuid::Uuid;

/// Namespace of the version 5 UUIDs whose first bytes become addresses.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b75_6265_6f76_6e2d_6d61_632d_7273_0001);

/// A unicast, locally administered address (IEEE 802, U/L bit) for `purpose`.
///
/// `attempt` chooses another when the first is taken.
#[must_use]
pub fn derive(purpose: &str, attempt: u32) -> Mac {
    let name = format!("{purpose}#{attempt}");
    let hash = Uuid::new_v5(&NAMESPACE, name.as_bytes());
    let mut octets = [0; 6];
    octets.copy_from_slice(&hash.as_bytes()[..6]);
    Mac::local(octets)
}
