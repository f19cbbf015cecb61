//! Which subnets the pods of a namespace use.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::selector::selects;
use super::{Index, Namespace, Subnet};
use crate::scope::{Dirty, Scope};

impl Index {
    /// Finds the subnets of one namespace again; whether they changed.
    pub(super) fn bind(&mut self, name: &Arc<str>) -> bool {
        let Some(namespace) = self.namespace(name) else {
            return self.bindings.remove(name).is_some();
        };
        let bound = self.subnets_of(namespace);
        if self.bindings.get(name) == Some(&bound) {
            return false;
        }
        self.bindings.insert(name.clone(), bound);
        true
    }

    /// Finds the subnets of every namespace again.
    pub(super) fn bind_all(&mut self, dirty: &mut Dirty) {
        let names: Vec<Arc<str>> =
            self.namespaces.iter().map(|(key, _)| key.name.clone()).collect();
        for name in names {
            if self.bind(&name) {
                dirty.insert(Scope::Namespace(name));
            }
        }
    }

    /// The default subnet of the namespace's VPC, then those that name or select the namespace in
    /// the order of their names, else the cluster's default.
    fn subnets_of(&self, namespace: &Namespace) -> Vec<Arc<str>> {
        let of_vpcs = self
            .vpcs
            .iter()
            .filter(|(_, vpc)| vpc.namespaces.iter().any(|name| **name == *namespace.name));
        let first: Vec<Arc<str>> =
            of_vpcs.filter_map(|(_, vpc)| vpc.default_subnet.clone()).collect();
        let chosen = self.subnets.iter().filter(|(_, subnet)| subnet.chooses(namespace));
        let mut seen = BTreeSet::new();
        let all = first.into_iter().chain(chosen.map(|(key, _)| key.name.clone()));
        let bound: Vec<_> = all.filter(|name| seen.insert(name.clone())).collect();
        if bound.is_empty() { vec![self.names.subnet.clone()] } else { bound }
    }
}

impl Subnet {
    /// Whether the subnet names or selects the namespace.
    fn chooses(&self, namespace: &Namespace) -> bool {
        self.namespaces.iter().any(|name| **name == *namespace.name)
            || self.selectors.iter().any(|selector| selects(selector, &namespace.labels))
    }
}
