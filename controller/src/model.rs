//! The pure core as the edges see it: events in, rows and reports out.
//!
//! ```text
//! events ─apply─▶ Dirty ─compile─▶ Compiled { state, … } ─(ovn::diff, one transaction)─▶ reports
//! ```
//! No I/O, no clock, no randomness: times are arguments (seconds since 1970), Ethernet addresses
//! are derived. Before the first `compile` the owner loads every object by `apply`, then calls
//! [`Model::recover`] with the northbound ports; so does every new leader.

mod ask;
mod compile;
mod recover;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ovn::state::State;

use crate::desired::{self, Config, report::Report};
use crate::index::{
    Change, EndpointSlice, Index, IpObject, Key, Namespace, Node, Pod, Service, StatefulSet,
    Subnet, Vpc,
};
use crate::ipam::{Conflict, Ipam, Usage};
pub use crate::scope::{Dirty, Scope};

pub use self::recover::PortRow;

use self::waiting::Waiting;

/// What a watch says.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "an event is moved once, from watch to index")]
pub enum Event {
    /// Pods of all namespaces.
    Pod(Change<Pod>),
    /// Nodes.
    Node(Change<Node>),
    /// Namespaces.
    Namespace(Change<Namespace>),
    /// Subnets.
    Subnet(Change<Subnet>),
    /// VPCs.
    Vpc(Change<Vpc>),
    /// IP objects.
    Ip(Change<IpObject>),
    /// Services.
    Service(Change<Service>),
    /// Endpoint slices.
    EndpointSlice(Change<EndpointSlice>),
    /// Stateful sets.
    StatefulSet(Change<StatefulSet>),
}

/// Why an object is not, or not wholly, programmed. Other objects are not held up by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The field or annotation at fault, as the user wrote it: `cidrBlock`, `ip_address`.
    pub field: String,
    /// The reason of the event and, on subnets, of the condition (contract §3.17).
    pub event: &'static str,
    /// What is wrong, for people; names the value.
    pub message: String,
}

/// The outcome of [`Model::compile`].
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// What each computed scope wants, nothing included: the scopes asked for and those that
    /// followed from them. The input of `ovn::diff`.
    pub states: BTreeMap<Scope, State>,
    /// Asked for, but not to be touched in the database: what they depend on is broken, and
    /// rows that work are better than none. Not among `states`.
    pub held: BTreeSet<Scope>,
    /// Refusals that are new or differ from those known before.
    pub refused: Vec<(Scope, Refused)>,
    /// An event for each of `refused`; nothing is lost with them but the news.
    pub events: Vec<Report>,
    /// Subnets whose address counters changed; their status is due ([`Model::reports`] of
    /// [`Scope::Subnet`]), but need not be written for each pod.
    pub usage: BTreeSet<Arc<str>>,
}

/// Facts and allocations.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    index: Index,
    ipam: Ipam,
    /// What is refused now.
    refused: BTreeMap<Scope, Refused>,
    /// Scopes whose rows are left as they are now.
    held: BTreeSet<Scope>,
    /// Pods that wait for an address somebody else holds.
    waiting: Waiting,
    /// Pods being deleted by the time after which they no longer hold addresses.
    ends: BTreeSet<(i64, Key)>,
    /// Claims of old that came to nothing.
    conflicts: Vec<Conflict>,
}

impl Model {
    /// An empty model.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            index: Index::new(&config),
            config,
            ipam: Ipam::default(),
            refused: BTreeMap::new(),
            held: BTreeSet::new(),
            waiting: Waiting::default(),
            ends: BTreeSet::new(),
            conflicts: Vec::new(),
        }
    }

    /// Takes in what a watch said; the scopes to compute again, none if nothing we use changed.
    pub fn apply(&mut self, event: Event) -> Dirty {
        let mut dirty = match event {
            Event::Pod(change) => self.apply_pods(change),
            Event::Node(change) => self.index.apply_nodes(change),
            Event::Namespace(change) => self.apply_namespaces(change),
            Event::Subnet(change) => self.index.apply_subnets(change),
            Event::Vpc(change) => self.index.apply_vpcs(change),
            Event::Ip(change) => self.index.apply_ips(change),
            Event::Service(change) => self.index.apply_services(change),
            Event::EndpointSlice(change) => self.index.apply_slices(change),
            Event::StatefulSet(change) => self.index.apply_statefulsets(change),
        };
        let moved = self.index.take_moved();
        if !moved.is_empty() {
            self.follow(&moved, &mut dirty);
        }
        dirty
    }

    fn apply_pods(&mut self, change: Change<Pod>) -> Dirty {
        let dirty = self.index.apply_pods(change);
        for scope in &dirty {
            let Scope::Port(key) = scope else { continue };
            if let Some(until) = self.index.pod(key).and_then(|pod| pod.deleting_until) {
                self.ends.insert((until, key.clone()));
            }
        }
        dirty
    }

    /// A namespace bound anew may give its waiting pods a subnet that has room.
    fn apply_namespaces(&mut self, change: Change<Namespace>) -> Dirty {
        let mut dirty = self.index.apply_namespaces(change);
        if !dirty.is_empty() {
            dirty.extend(self.stuck());
        }
        dirty
    }

    /// Brings the pools after the subnets whose plan or validity changed. A subnet that is not
    /// valid has no pool; what its ports hold is remembered until it has one again.
    fn follow(&mut self, moved: &BTreeSet<Arc<str>>, dirty: &mut Dirty) {
        dirty.extend(self.ports_on(moved));
        for name in moved {
            match self.index.plan(name) {
                Some(plan) => {
                    let networks = desired::networks(name, plan);
                    self.conflicts.extend(self.ipam.set_subnet(name, networks));
                }
                None => self.ipam.remove_subnet(name),
            }
        }
        dirty.extend(self.ports_on(moved));
        if moved.contains(&self.config.node_switch) {
            dirty.extend(self.index.pods().map(|pod| Scope::Port(pod.key.clone())));
        }
        dirty.extend(self.stuck());
    }

    /// Pods that hold addresses of one of the subnets.
    fn ports_on(&self, subnets: &BTreeSet<Arc<str>>) -> Vec<Scope> {
        let on = |pod: &&Pod| {
            let lease = self.ipam.lease(&pod.key.port());
            lease.is_some_and(|lease| subnets.contains(&lease.subnet))
        };
        self.index.pods().filter(on).map(|pod| Scope::Port(pod.key.clone())).collect()
    }

    /// What may be more lucky now that a subnet or a binding changed.
    fn stuck(&self) -> Vec<Scope> {
        self.refused.keys().chain(&self.held).cloned().collect()
    }

    /// Claims on addresses that came to nothing since this was last asked: two ports had one
    /// address, or two witnesses disagreed.
    pub fn take_conflicts(&mut self) -> Vec<Conflict> {
        std::mem::take(&mut self.conflicts)
    }

    /// Every scope of the index. Together with the owners of the rows in the database
    /// ([`Scope::of`]) this is all there is to compute.
    #[must_use]
    pub fn scopes(&self) -> BTreeSet<Scope> {
        self.index.scopes()
    }

    /// The earliest time at which [`Model::expire`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// The scopes that change by the mere passing of time until `now`.
    pub fn expire(&mut self, now: i64) -> Dirty {
        let mut dirty = Dirty::new();
        while let Some((at, key)) = self.ends.first().cloned()
            && at <= now
        {
            self.ends.pop_first();
            dirty.insert(Scope::Port(key));
        }
        dirty
    }

    /// What Kubernetes should be told about a scope whose rows are committed, in the order of
    /// urgency; nothing when it knows. Asked again after a failure it answers anew, so nothing
    /// needs to be queued.
    #[must_use]
    pub fn reports(&self, scope: &Scope, now: i64) -> Vec<Report> {
        // What holds a port up is no reason to take back what was told of it.
        let speaks =
            !self.held.contains(scope) || matches!(scope, Scope::Subnet(_) | Scope::Vpc(_));
        if !speaks {
            return Vec::new();
        }
        let facts =
            desired::Facts { config: &self.config, index: &self.index, ipam: &self.ipam, now };
        desired::report::of(&facts, scope, self.refused.get(scope))
    }

    /// What is refused now, and why.
    #[must_use]
    pub fn refused(&self) -> &BTreeMap<Scope, Refused> {
        &self.refused
    }

    /// Address counters of a subnet, for metrics.
    #[must_use]
    pub fn usage(&self, subnet: &str) -> Option<Usage> {
        self.ipam.usage(subnet)
    }

    /// The facts, for reading.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The allocations, for reading.
    #[must_use]
    pub fn ipam(&self) -> &Ipam {
        &self.ipam
    }
}
