//! Sets of uuids of which most have one member, and a quick hasher for uuids.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::value::Uuid;

pub(super) type UuidMap<V> = HashMap<Uuid, V, BuildHasherDefault<UuidHasher>>;
pub(super) type UuidSet = HashSet<Uuid, BuildHasherDefault<UuidHasher>>;

/// Uuids are random or digests: mixing their halves is enough, nobody chooses them to collide.
#[derive(Default)]
pub(super) struct UuidHasher(u64);

impl Hasher for UuidHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    // Length prefixes say nothing about a uuid.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

/// At least one uuid, in no order.
#[derive(Clone, Debug)]
pub(super) enum Few {
    One(Uuid),
    Many(UuidSet),
}

impl Few {
    pub(crate) fn insert(&mut self, uuid: Uuid) {
        match self {
            Self::One(only) if *only == uuid => {}
            Self::One(only) => *self = Self::Many([*only, uuid].into_iter().collect()),
            Self::Many(set) => {
                set.insert(uuid);
            }
        }
    }

    /// Whether the set is empty now, and to be dropped.
    #[must_use]
    pub(crate) fn remove(&mut self, uuid: Uuid) -> bool {
        match self {
            Self::One(only) => *only == uuid,
            Self::Many(set) => {
                set.remove(&uuid);
                set.is_empty()
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Uuid> + '_ {
        let (one, many) = match self {
            Self::One(uuid) => (Some(*uuid), None),
            Self::Many(set) => (None, Some(set.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
