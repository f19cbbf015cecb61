//! Shares the allocation of strings that repeat. Not a table of all strings: a fixed number of slots,
//! so that it costs nothing to forget and never grows.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Keys of `external_ids`, types, vendors and the like repeat by the ten thousand; names do not. A slot
/// keeps the last string that hashed to it.
pub(crate) struct Interner {
    slots: Box<[Option<Arc<str>>]>,
    hasher: RandomState,
}

const SLOTS: usize = 1024;
/// Longer strings are as good as unique.
const LONGEST: usize = 64;

impl Default for Interner {
    fn default() -> Self {
        Self { slots: vec![None; SLOTS].into_boxed_slice(), hasher: RandomState::new() }
    }
}

impl Interner {
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        if text.len() > LONGEST {
            return text.into();
        }
        let slot = (self.hasher.hash_one(text) as usize) % SLOTS;
        match &mut self.slots[slot] {
            Some(known) if **known == *text => known.clone(),
            slot => slot.insert(text.into()).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_share_one_allocation() {
        let mut interner = Interner::default();
        let first = interner.get("vendor");
        assert!(Arc::ptr_eq(&first, &interner.get("vendor")));
        assert_eq!(&*interner.get("other"), "other");
    }
}
