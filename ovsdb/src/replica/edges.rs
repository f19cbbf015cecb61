//! One membership column: which members a container has, and which containers a member is in.

use std::collections::{HashMap, HashSet};

use super::few::{Few, UuidMap};
use crate::value::{Atom, Uuid};

/// The members of a container.
pub type Members = HashSet<Atom>;

#[derive(Default)]
pub(super) struct Edges {
    members: UuidMap<Members>,
    containers: HashMap<Atom, Few>,
}

/// What happened to one container's members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeChange {
    pub column: &'static str,
    pub added: Vec<Atom>,
    pub removed: Vec<Atom>,
}

impl Edges {
    pub(super) fn members(&self, container: &Uuid) -> Option<&Members> {
        self.members.get(container)
    }

    pub(super) fn containers(&self, member: &Atom) -> impl Iterator<Item = Uuid> + '_ {
        self.containers.get(member).into_iter().flat_map(Few::iter)
    }

    /// Members not there come, members there go.
    pub(super) fn toggle(&mut self, container: Uuid, atoms: Vec<Atom>, change: &mut EdgeChange) {
        for atom in atoms {
            if self.remove(container, &atom) {
                change.removed.push(atom);
            } else {
                self.insert(container, atom.clone());
                change.added.push(atom);
            }
        }
        self.forget_empty(container);
    }

    /// The members are these.
    pub(super) fn replace(&mut self, container: Uuid, atoms: Vec<Atom>, change: &mut EdgeChange) {
        match self.members.get(&container) {
            None => change.added = atoms,
            Some(old) => {
                let new: Members = atoms.into_iter().collect();
                change.removed = old.difference(&new).cloned().collect();
                change.added = new.into_iter().filter(|atom| !old.contains(atom)).collect();
            }
        }
        for atom in &change.removed {
            self.remove(container, atom);
        }
        self.members.entry(container).or_default().reserve(change.added.len());
        for atom in &change.added {
            self.insert(container, atom.clone());
        }
        self.forget_empty(container);
    }

    fn insert(&mut self, container: Uuid, atom: Atom) {
        self.containers
            .entry(atom.clone())
            .and_modify(|few| few.insert(container))
            .or_insert(Few::One(container));
        self.members.entry(container).or_default().insert(atom);
    }

    fn remove(&mut self, container: Uuid, atom: &Atom) -> bool {
        let had = self.members.get_mut(&container).is_some_and(|set| set.remove(atom));
        if had && self.containers.get_mut(atom).is_some_and(|few| few.remove(container)) {
            self.containers.remove(atom);
        }
        had
    }

    fn forget_empty(&mut self, container: Uuid) {
        if self.members.get(&container).is_some_and(HashSet::is_empty) {
            self.members.remove(&container);
        }
    }
}
