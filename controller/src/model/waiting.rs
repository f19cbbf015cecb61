//! Pods that wait for an address somebody else holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use api::net::Mac;

use crate::index::Key;
use crate::ipam::Lease;

/// What a pod waits for, within one subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    Any,
    Address(IpAddr),
    Mac(Mac),
}

type Place = (Arc<str>, Want);

/// Both ways, so that a release finds who waits for it without looking at anybody else.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    queues: BTreeMap<Place, BTreeSet<Key>>,
    places: BTreeMap<Key, Vec<Place>>,
}

impl Waiting {
    pub(super) fn add(&mut self, key: &Key, places: Vec<Place>) {
        self.remove(key);
        for place in &places {
            self.queues.entry(place.clone()).or_default().insert(key.clone());
        }
        if !places.is_empty() {
            self.places.insert(key.clone(), places);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        for place in self.places.remove(key).unwrap_or_default() {
            if let Some(queue) = self.queues.get_mut(&place) {
                queue.remove(key);
                if queue.is_empty() {
                    self.queues.remove(&place);
                }
            }
        }
    }

    /// Who may try again now that the lease was given back: everybody who waits for one of its
    /// addresses by name, and the first `is_alive` who waits for any.
    pub(super) fn wake(&mut self, lease: &Lease, is_alive: impl Fn(&Key) -> bool) -> BTreeSet<Key> {
        let by_name = lease.addresses.iter().map(Want::Address).chain([Want::Mac(lease.mac)]);
        let queue = |want| self.queues.get(&(lease.subnet.clone(), want)).into_iter().flatten();
        let mut woken: BTreeSet<Key> = by_name.flat_map(queue).cloned().collect();
        woken.extend(queue(Want::Any).find(|key| is_alive(key)).cloned());
        for key in &woken {
            self.remove(key);
        }
        woken
    }
}
