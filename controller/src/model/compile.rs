//! From dirty scopes to states: first every scope's addresses are settled, then rows are made.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::net::{Addresses, Mac};

use super::ask::{Ask, refusal, reservation};
use super::{Compiled, Model, Refused, Scope};
use crate::desired::{self, Facts, report};
use crate::index::{Key, Node};
use crate::ipam::{Lease, Request, Wanted};

/// What settling found.
enum Settled {
    /// The scope's state can be made.
    Ready,
    /// The scope's rows must stay as they are.
    Held,
}

impl Model {
    /// Allocates and releases for the scopes, and makes the state of each. The same scopes give
    /// the same states until something is applied.
    ///
    /// Scopes that follow from an allocation (a node's gateways, a pod that waited for an
    /// address) are computed too. `now` is in seconds since 1970.
    pub fn compile(&mut self, scopes: &BTreeSet<Scope>, now: i64) -> Compiled {
        let mut out = Compiled::default();
        let mut todo = scopes.clone();
        let mut settled = BTreeSet::new();
        while let Some(scope) = todo.pop_first() {
            let followers = self.settle(&scope, now, &mut out);
            settled.insert(scope);
            todo.extend(followers);
        }
        let facts = Facts { config: &self.config, index: &self.index, ipam: &self.ipam, now };
        for scope in settled.into_iter().filter(|scope| !out.held.contains(scope)) {
            let state = desired::state(&facts, &scope);
            out.states.insert(scope, state);
        }
        for (scope, refused) in &out.refused {
            out.events.extend(report::refusal(&facts, scope, refused));
        }
        out
    }

    /// Settles what one scope holds; the scopes that must be settled after it because of that.
    fn settle(&mut self, scope: &Scope, now: i64, out: &mut Compiled) -> BTreeSet<Scope> {
        let mut followers = BTreeSet::new();
        let outcome = match scope {
            Scope::Port(key) => self.settle_port(key, now, out, &mut followers),
            Scope::Node(name) => self.settle_node(name, out, &mut followers),
            Scope::Subnet(name) => self.settle_subnet(name),
            Scope::Gateway { subnet, .. } => Ok(self.while_valid(subnet)),
            Scope::Vpc(name) => self.settle_vpc(name),
            Scope::Globals | Scope::Service(_) | Scope::Namespace(_) => Ok(Settled::Ready),
        };
        let (refused, settled) = match outcome {
            Ok(settled) => (None, settled),
            Err((refused, settled)) => (Some(refused), settled),
        };
        self.note(scope, refused, &settled, out);
        followers
    }

    /// Remembers what is held and refused, and tells what is news.
    fn note(
        &mut self,
        scope: &Scope,
        refused: Option<Refused>,
        settled: &Settled,
        out: &mut Compiled,
    ) {
        match settled {
            Settled::Ready => {
                self.held.remove(scope);
                out.held.remove(scope);
            }
            Settled::Held => {
                self.held.insert(scope.clone());
                out.held.insert(scope.clone());
            }
        }
        let Some(refused) = refused else {
            self.refused.remove(scope);
            return;
        };
        if self.refused.get(scope) != Some(&refused) {
            self.refused.insert(scope.clone(), refused.clone());
            out.refused.push((scope.clone(), refused));
        }
    }

    fn settle_port(
        &mut self,
        key: &Key,
        now: i64,
        out: &mut Compiled,
        followers: &mut BTreeSet<Scope>,
    ) -> Result<Settled, (Refused, Settled)> {
        let port = key.port();
        self.waiting.remove(key);
        let Some(pod) = self.index.pod(key).filter(|pod| pod.is_alive(now)) else {
            return self.settle_absent(key, &port, out, followers);
        };
        let uid = pod.uid.clone();
        if self.ipam.is_orphan_of(&port, &uid) {
            return Ok(Settled::Held);
        }
        let kept = self.ipam.lease(&port).is_some_and(|lease| lease.uid == uid);
        let kept = kept && !(pod.given.is_none() && self.is_outside(&port));
        let ask = if kept { Ok(Ask::default()) } else { self.ask(pod) };
        let ask = ask.map_err(|refused| (refused, self.take_back(&port, out, followers)))?;
        self.allocate(key, &port, &uid, &ask, out, followers)
    }

    /// Whether a port's addresses are not of its subnet's network: the subnet was made anew with
    /// another one. A pod that was told its addresses keeps them while it lives; one that was not
    /// could never use them.
    fn is_outside(&self, port: &str) -> bool {
        self.ipam.lease(port).is_some_and(|lease| {
            let plan = self.index.plan(&lease.subnet);
            plan.is_some_and(|plan| !lease.addresses.iter().all(|a| plan.cidrs.contains(a)))
        })
    }

    /// A port without a pod: kept for one that will come back or by a user's reservation, else
    /// taken back.
    fn settle_absent(
        &mut self,
        key: &Key,
        port: &Arc<str>,
        out: &mut Compiled,
        followers: &mut BTreeSet<Scope>,
    ) -> Result<Settled, (Refused, Settled)> {
        if let Some(ip) = self.index.ip(port).filter(|ip| ip.is_reserved() && ip.scope().is_some())
        {
            let ask = reservation(ip).map_err(|refused| (refused, Settled::Ready))?;
            return self.allocate(key, port, &Arc::from(""), &ask, out, followers);
        }
        if !self.index.returns(key) {
            self.take_back(port, out, followers);
        }
        Ok(Settled::Ready)
    }

    fn allocate(
        &mut self,
        key: &Key,
        port: &Arc<str>,
        uid: &Arc<str>,
        ask: &Ask,
        out: &mut Compiled,
        followers: &mut BTreeSet<Scope>,
    ) -> Result<Settled, (Refused, Settled)> {
        let before = self.ipam.lease(port).cloned();
        let orphaned: Vec<_> = self.ipam.orphaned(port).cloned().collect();
        let request =
            Request { port, uid, subnets: &ask.subnets, wanted: &ask.wanted, mac: ask.mac };
        let answer = self.ipam.allocate(&request);
        let after = self.ipam.lease(port).cloned();
        let places =
            |lease: &Option<Lease>| lease.as_ref().map(|l| (l.subnet.clone(), l.addresses, l.mac));
        if places(&before) != places(&after) {
            out.usage.extend(after.map(|lease| lease.subnet));
            if let Some(lease) = before {
                self.freed(&lease, out, followers);
            }
        }
        match answer {
            Ok(lease) => {
                out.usage.extend(orphaned);
                Ok(self.while_valid(&lease.subnet))
            }
            Err(reason) => {
                if reason.waits_for_release() {
                    self.waiting.add(key, ask.waits_for());
                }
                // The port may work with addresses of a subnet that is not valid now.
                let works = self.ipam.is_orphan(port);
                let outcome = if works { Settled::Held } else { Settled::Ready };
                Err((refusal(&reason, key), outcome))
            }
        }
    }

    fn settle_node(
        &mut self,
        name: &Arc<str>,
        out: &mut Compiled,
        followers: &mut BTreeSet<Scope>,
    ) -> Result<Settled, (Refused, Settled)> {
        let port = Node::port(name);
        let Some(node) = self.index.node(name) else {
            self.take_back(&port, out, followers);
            return Ok(Settled::Ready);
        };
        if let Some((subnet, address)) = self.index.subnet_around(node) {
            let message =
                format!("address {address} of node {name} is inside of subnet {}", subnet.name);
            let refused = Refused {
                field: "status.addresses".into(),
                event: "NodeAddressConflictWithSubnet",
                message,
            };
            return Err((refused, Settled::Held));
        }
        let join = [self.config.node_switch.clone()];
        if self.index.plan(&join[0]).is_none() {
            return Ok(Settled::Held);
        }
        let uid = node.uid.clone();
        let wanted =
            node.given.as_ref().map_or(Wanted::Any, |given| Wanted::Static(given.addresses));
        let mac = node.given.as_ref().and_then(|given| given.mac);
        let before = self.ipam.lease(&port).cloned();
        let mut request = Request { port: &port, uid: &uid, subnets: &join, wanted: &wanted, mac };
        let mut answer = self.ipam.allocate(&request);
        if answer.is_err() {
            // What the node was given once cannot be given again: it gets another place.
            request.wanted = &Wanted::Any;
            request.mac = None;
            answer = self.ipam.allocate(&request);
        }
        let outcome = answer.map_err(|reason| {
            let refused = refusal(&reason, &Key::cluster(name.clone()));
            (refused, Settled::Ready)
        });
        if before.as_ref().map(place) != self.ipam.lease(&port).map(place) {
            out.usage.insert(join[0].clone());
            followers.extend(self.index.followers_of_node(name));
        }
        outcome.map(|_| Settled::Ready)
    }

    fn settle_subnet(&self, name: &str) -> Result<Settled, (Refused, Settled)> {
        match self.index.invalid(name) {
            Some(invalid) => {
                let refused = Refused {
                    field: invalid.field.clone(),
                    event: api::kinds::subnet::reason::VALIDATE_FAILED,
                    message: invalid.message.clone(),
                };
                Err((refused, Settled::Held))
            }
            None => Ok(Settled::Ready),
        }
    }

    fn settle_vpc(&self, name: &str) -> Result<Settled, (Refused, Settled)> {
        let invalid = self.index.vpc(name).and_then(|vpc| vpc.invalid.as_ref());
        if let Some(invalid) = invalid {
            let (field, message) = (invalid.field.clone(), invalid.message.clone());
            return Err((Refused { field, event: "ValidateVpcFailed", message }, Settled::Ready));
        }
        let is_default = *name == *self.config.cluster_router;
        Ok(if is_default { self.while_valid(&self.config.node_switch) } else { Settled::Ready })
    }

    /// Rows that depend on a subnet stay as they are while it is there but not valid; so do those
    /// of the way out while the join subnet is.
    fn while_valid(&self, subnet: &str) -> Settled {
        let join = &self.config.node_switch;
        let is_out = self.index.is_distributed(subnet) && self.index.invalid(join).is_some();
        if is_out || self.index.invalid(subnet).is_some() { Settled::Held } else { Settled::Ready }
    }

    fn take_back(
        &mut self,
        port: &str,
        out: &mut Compiled,
        followers: &mut BTreeSet<Scope>,
    ) -> Settled {
        out.usage.extend(self.ipam.orphaned(port).cloned());
        if let Some(lease) = self.ipam.release(port) {
            self.freed(&lease, out, followers);
        }
        Settled::Ready
    }

    fn freed(&mut self, lease: &Lease, out: &mut Compiled, followers: &mut BTreeSet<Scope>) {
        out.usage.insert(lease.subnet.clone());
        let index = &self.index;
        let woken = self.waiting.wake(lease, |key| index.pod(key).is_some());
        followers.extend(woken.into_iter().map(Scope::Port));
    }
}

/// What a lease gives, whoever has it.
fn place(lease: &Lease) -> (Arc<str>, Addresses, Mac) {
    (lease.subnet.clone(), lease.addresses, lease.mac)
}
