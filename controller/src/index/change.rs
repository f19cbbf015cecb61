//! What each change makes dirty.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::store::Changed;
use super::{
    Change, EndpointSlice, Index, IpObject, Key, Namespace, Node, Pod, Service, StatefulSet,
    Subnet, Vpc,
};
use crate::scope::{Dirty, Scope};

impl Index {
    /// Takes in a change of pods: the port of each, nothing else.
    pub fn apply_pods(&mut self, change: Change<Pod>) -> Dirty {
        let mut dirty = Dirty::new();
        for Changed { key, old, new } in self.pods.change(change) {
            let node = |pod: Option<&Pod>| pod.and_then(|pod| pod.node.clone());
            let (from, to) = (node(old.as_ref()), node(new.as_ref()));
            if from != to {
                if let Some(from) = from {
                    forget(&mut self.pods_of_node, &from, &key);
                }
                if let Some(to) = to {
                    self.pods_of_node.entry(to).or_default().insert(key.clone());
                }
            }
            dirty.insert(Scope::Port(key));
        }
        dirty
    }

    /// Takes in a change of nodes. One that comes or goes changes the way out of every subnet
    /// and the groups of its pods.
    pub fn apply_nodes(&mut self, change: Change<Node>) -> Dirty {
        let mut dirty = Dirty::new();
        for Changed { key, old, new } in self.nodes.change(change) {
            dirty.insert(Scope::Node(key.name.clone()));
            if old.is_some() != new.is_some() {
                dirty.extend(self.followers_of_node(&key.name));
            }
            let addresses = |node: Option<Node>| node.map(|node| node.internal).unwrap_or_default();
            if addresses(old) != addresses(new) {
                self.judge(&mut dirty);
            }
        }
        dirty
    }

    /// Takes in a change of namespaces.
    pub fn apply_namespaces(&mut self, change: Change<Namespace>) -> Dirty {
        let mut dirty = Dirty::new();
        for Changed { key, .. } in self.namespaces.change(change) {
            dirty.insert(Scope::Namespace(key.name.clone()));
            self.bind(&key.name);
        }
        dirty
    }

    /// Takes in a change of subnets, which may make other subnets valid or not.
    pub fn apply_subnets(&mut self, change: Change<Subnet>) -> Dirty {
        let mut dirty = Dirty::new();
        let mut binds = false;
        let mut plans = false;
        for Changed { key, old, new } in self.subnets.change(change) {
            let both = [old.as_ref(), new.as_ref()];
            dirty.insert(Scope::Subnet(key.name.clone()));
            if new.is_none() && [&self.names.subnet, &self.names.join].contains(&&key.name) {
                dirty.insert(Scope::Globals);
            }
            let vpcs = both.into_iter().flatten().filter_map(|subnet| subnet.plan.as_ref().ok());
            dirty.extend(vpcs.map(|plan| Scope::Vpc(plan.vpc.clone())));
            let [old, new] = both;
            binds |= old.map(Subnet::binds) != new.map(Subnet::binds);
            if old.map(|subnet| &subnet.plan) != new.map(|subnet| &subnet.plan) {
                plans = true;
                self.moved.insert(key.name.clone());
            }
            plans |= old.map(Subnet::is_ready) != new.map(Subnet::is_ready);
            plans |= old.map(|subnet| &subnet.claim) != new.map(|subnet| &subnet.claim);
        }
        if plans {
            self.judge(&mut dirty);
        }
        if binds || plans {
            self.bind_all(&mut dirty);
        }
        dirty
    }

    /// Takes in a change of VPCs.
    pub fn apply_vpcs(&mut self, change: Change<Vpc>) -> Dirty {
        let mut dirty = Dirty::new();
        for Changed { key, old, new } in self.vpcs.change(change) {
            dirty.insert(Scope::Vpc(key.name.clone()));
            if new.is_none() && key.name == self.names.vpc {
                dirty.insert(Scope::Globals);
            }
            if old.is_some() != new.is_some() {
                let inside = self.subnets.iter().filter(|(_, subnet)| subnet.is_in(&key.name));
                dirty.extend(inside.map(|(key, _)| Scope::Subnet(key.name.clone())));
            }
            self.judge(&mut dirty);
            self.bind_all(&mut dirty);
        }
        dirty
    }

    /// Takes in a change of IP objects.
    pub fn apply_ips(&mut self, change: Change<IpObject>) -> Dirty {
        let changed = self.ips.change(change).into_iter();
        changed
            .flat_map(|changed| [changed.old, changed.new])
            .flatten()
            .filter_map(|ip| ip.scope())
            .collect()
    }

    /// Takes in a change of services.
    pub fn apply_services(&mut self, change: Change<Service>) -> Dirty {
        self.services
            .change(change)
            .into_iter()
            .map(|changed| Scope::Service(changed.key))
            .collect()
    }

    /// Takes in a change of endpoint slices.
    pub fn apply_slices(&mut self, change: Change<EndpointSlice>) -> Dirty {
        let mut dirty = Dirty::new();
        for Changed { key, old, new } in self.slices.change(change) {
            let service = |slice: Option<EndpointSlice>| {
                slice?.service.map(|name| Key::new(key.namespace.clone(), name))
            };
            let (from, to) = (service(old), service(new));
            if from != to {
                if let Some(from) = &from {
                    forget(&mut self.slices_of_service, from, &key);
                }
                if let Some(to) = &to {
                    self.slices_of_service.entry(to.clone()).or_default().insert(key.clone());
                }
            }
            dirty.extend(from.into_iter().chain(to).map(Scope::Service));
        }
        dirty
    }

    /// Takes in a change of stateful sets: the pods one no longer wants lose their addresses.
    pub fn apply_statefulsets(&mut self, change: Change<StatefulSet>) -> Dirty {
        let mut dirty = Dirty::new();
        for Changed { old, new, .. } in self.statefulsets.change(change) {
            let pods = |set: Option<&StatefulSet>| -> BTreeSet<Key> {
                set.into_iter().flat_map(StatefulSet::pods).collect()
            };
            let (before, after) = (pods(old.as_ref()), pods(new.as_ref()));
            dirty.extend(before.difference(&after).cloned().map(Scope::Port));
        }
        dirty
    }

    /// What depends on a node's place on the join subnet: its gateways and its pods' groups.
    #[must_use]
    pub fn followers_of_node(&self, node: &Arc<str>) -> Vec<Scope> {
        let mut all = self.gateways_of_node(node);
        let pods = self.pods_of_node.get(node).into_iter().flatten();
        all.extend(pods.cloned().map(Scope::Port));
        all
    }

    pub(super) fn gateways_of_node(&self, node: &Arc<str>) -> Vec<Scope> {
        let gateway =
            |(key, _): (&Key, _)| Scope::Gateway { subnet: key.name.clone(), node: node.clone() };
        self.subnets.iter().map(gateway).collect()
    }

    pub(super) fn gateways_of_subnet(&self, subnet: &Arc<str>) -> Vec<Scope> {
        let gateway =
            |(key, _): (&Key, _)| Scope::Gateway { subnet: subnet.clone(), node: key.name.clone() };
        self.nodes.iter().map(gateway).collect()
    }
}

fn forget<K: Ord>(sets: &mut std::collections::BTreeMap<K, BTreeSet<Key>>, of: &K, key: &Key) {
    if let Some(set) = sets.get_mut(of) {
        set.remove(key);
        if set.is_empty() {
            sets.remove(of);
        }
    }
}
