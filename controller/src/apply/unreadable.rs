//! Objects nobody can read. What they were programmed as stays until somebody can.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{Change, Object};
use crate::model::Event;
use crate::scope::Scope;
use crate::watch::Unreadable;

type Name = (&'static str, String);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unread {
    objects: BTreeMap<Name, Unreadable>,
    /// Those found since the last whole list of their kind.
    fresh: BTreeSet<Name>,
}

impl Unread {
    pub(super) fn insert(&mut self, object: Unreadable) {
        let name = (object.kind, object.name.clone());
        self.fresh.insert(name.clone());
        self.objects.insert(name, object);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Unreadable> {
        self.objects.values()
    }

    /// An event speaks only of objects that can be read, or are gone.
    pub(super) fn heard(&mut self, event: &Event) {
        if self.objects.is_empty() {
            return;
        }
        match event {
            Event::Subnet(change) => self.change("subnets", change),
            Event::Vpc(change) => self.change("vpcs", change),
            Event::Ip(change) => self.change("ips", change),
            _ => {}
        }
    }

    /// Whether the rows of the scope are made from an object nobody can read.
    pub(super) fn holds(&self, scope: &Scope) -> bool {
        let has = |kind, name: &str| {
            !self.objects.is_empty() && self.objects.contains_key(&(kind, name.to_owned()))
        };
        match scope {
            Scope::Subnet(name) | Scope::Gateway { subnet: name, .. } => has("subnets", name),
            Scope::Vpc(name) => has("vpcs", name),
            Scope::Globals
            | Scope::Node(_)
            | Scope::Port(_)
            | Scope::Service(_)
            | Scope::Namespace(_) => false,
        }
    }

    fn change<T: Object>(&mut self, kind: &'static str, change: &Change<T>) {
        let mut remove = |name: &str| self.objects.remove(&(kind, name.to_owned()));
        match change {
            Change::Apply(object) => drop(remove(&object.key().name)),
            Change::Delete(key) => drop(remove(&key.name)),
            Change::Reset(_) => {
                let fresh = std::mem::take(&mut self.fresh);
                self.objects.retain(|name, _| name.0 != kind || fresh.contains(name));
                self.fresh = fresh.into_iter().filter(|name| name.0 != kind).collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Key, Subnet};

    fn unread(name: &str) -> Unreadable {
        Unreadable {
            kind: "subnets",
            namespace: String::new(),
            name: name.into(),
            uid: "5f3a".into(),
            why: "cidrBlock: a number".into(),
        }
    }

    fn subnet(name: &str) -> Subnet {
        (&api::kinds::Subnet::new(name, Default::default())).into()
    }

    fn held(unread: &Unread) -> Vec<&str> {
        unread.iter().map(|object| object.name.as_str()).collect()
    }

    #[test]
    fn the_rows_of_an_unreadable_subnet_are_left_alone() {
        let mut objects = Unread::default();
        objects.insert(unread("a"));
        let gateway = |name: &str| Scope::Gateway { subnet: name.into(), node: "n1".into() };
        assert!(objects.holds(&Scope::Subnet("a".into())) && objects.holds(&gateway("a")));
        assert!(
            !objects.holds(&Scope::Subnet("b".into())) && !objects.holds(&Scope::Vpc("a".into()))
        );
    }

    #[test]
    fn an_object_that_reads_again_or_goes_is_held_no_more() {
        let mut objects = Unread::default();
        objects.insert(unread("a"));
        objects.insert(unread("b"));
        objects.heard(&Event::Subnet(Change::Apply(subnet("a"))));
        assert_eq!(held(&objects), ["b"]);
        objects.heard(&Event::Subnet(Change::Delete(Key::cluster("b"))));
        assert_eq!(held(&objects), [""; 0]);
    }

    #[test]
    fn a_whole_list_forgets_those_it_did_not_find() {
        let mut objects = Unread::default();
        objects.insert(unread("gone"));
        objects.heard(&Event::Subnet(Change::Reset(vec![])));
        assert_eq!(held(&objects), ["gone"], "it was found in this very list");
        objects.insert(unread("still"));
        objects.heard(&Event::Vpc(Change::Reset(vec![])));
        objects.heard(&Event::Subnet(Change::Reset(vec![])));
        assert_eq!(held(&objects), ["still"]);
    }
}
