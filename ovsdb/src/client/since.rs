//! The reply to `monitor_cond_since` (ovsdb-server(7), section 4.1.15): `[found, last-txn-id, rows]`.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::replica::TablesSeed;
use crate::value::Uuid;

/// Reads the rows into the seed's updates, and answers with whether they are a difference to what we
/// have, and the transaction they lead to.
pub(super) struct Since<'a>(pub(super) TablesSeed<'a>);

impl<'de> DeserializeSeed<'de> for Since<'_> {
    type Value = (bool, Uuid);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(bool, Uuid), D::Error> {
        deserializer.deserialize_tuple(3, self)
    }
}

impl<'de> Visitor<'de> for Since<'_> {
    type Value = (bool, Uuid);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whether the transaction was found, the last one, and rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(bool, Uuid), A::Error> {
        let short = |at: usize| de::Error::invalid_length(at, &"three elements");
        let found = seq.next_element()?.ok_or_else(|| short(0))?;
        let last = seq.next_element()?.ok_or_else(|| short(1))?;
        seq.next_element_seed(self.0)?.ok_or_else(|| short(2))?;
        Ok((found, last))
    }
}
