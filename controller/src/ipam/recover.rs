//! How the table is filled again after a start, a change of leader or the return of a subnet.
//!
//! Every witness makes a [`Claim`]. They are believed in this order, and within one rank the
//! port whose object is older comes first, then the smaller name, so that every reader of the
//! same witnesses decides alike:
//!
//! 1. the **northbound row** of the object that lives now, or of a port without a live object:
//!    it is written before anything else learns of an allocation;
//! 2. the **IP object**: written after the row, survives a lost database;
//! 3. the **annotation** of a pod that says `allocated`;
//! 4. a row left by an *earlier* object of the same name: better than a new address, but it
//!    says nothing about the object that lives now.
//!
//! A claim that contradicts a better one about the same port is dropped and reported; one whose
//! address another port got already is dropped and reported too, and its port gets a new
//! address when it is next computed: of two ports with one address exactly one keeps it.

use std::cmp::Ordering;
use std::sync::Arc;

use api::net::{Addresses, Mac};

use super::{Ipam, Lease, Port, Refused};

/// Who says so; better witnesses first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The northbound row of the present object, or of a port that has none.
    Row,
    /// An IP object.
    Object,
    /// The annotations of an allocated pod or node.
    Annotation,
    /// The northbound row of an earlier object of that name.
    StaleRow,
}

/// Somebody says that a port holds these addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The port.
    pub port: Port,
    /// The uid of the object behind it, empty if the witness does not know.
    pub uid: Arc<str>,
    /// The subnet the addresses are from.
    pub subnet: Arc<str>,
    /// The addresses.
    pub addresses: Addresses,
    /// The Ethernet address.
    pub mac: Mac,
    /// The witness.
    pub source: Source,
    /// When the object behind the port was created, seconds since 1970; `i64::MAX` if there is none.
    pub since: i64,
}

impl Ord for Claim {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |claim: &Self| (claim.source, claim.since);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.port.cmp(&other.port))
            .then_with(|| self.subnet.cmp(&other.subnet))
            .then_with(|| self.addresses.cmp(&other.addresses))
            .then_with(|| self.mac.cmp(&other.mac))
            .then_with(|| self.uid.cmp(&other.uid))
    }
}

impl PartialOrd for Claim {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Claim {
    pub(super) fn of_lease(port: Port, lease: Lease) -> Self {
        Self {
            port,
            addresses: lease.addresses,
            uid: lease.uid,
            subnet: lease.subnet,
            mac: lease.mac,
            source: Source::Row,
            since: i64::MAX,
        }
    }

    fn lease(&self) -> Lease {
        Lease {
            subnet: self.subnet.clone(),
            addresses: self.addresses,
            mac: self.mac,
            uid: self.uid.clone(),
        }
    }
}

/// A claim that was not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What was claimed.
    pub claim: Claim,
    /// What stood against it.
    pub reason: Reason,
}

/// Why a claim was not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Another port has the address.
    #[error("{0}")]
    Refused(Refused),
    /// A better witness says something else about the same port.
    #[error("a better witness says {kept}")]
    Outvoted {
        /// The addresses that stand.
        kept: String,
    },
}

impl Ipam {
    /// Forgets all leases and believes the claims instead; pools stay. What was not believed is
    /// returned.
    pub fn recover(&mut self, claims: Vec<Claim>) -> Vec<Conflict> {
        for (_, lease) in self.leases.drain() {
            if let Some(pool) = self.pools.get_mut(&lease.subnet) {
                pool.release(&lease);
            }
        }
        for pool in self.pools.values_mut() {
            pool.forget_releases();
        }
        self.orphans.clear();
        self.adopt_all(claims)
    }

    pub(super) fn adopt_all(&mut self, mut claims: Vec<Claim>) -> Vec<Conflict> {
        claims.sort();
        claims.dedup();
        let mut conflicts = Vec::new();
        for claim in claims {
            if let Err(reason) = self.adopt(&claim) {
                conflicts.push(Conflict { claim, reason });
            }
        }
        conflicts
    }

    fn adopt(&mut self, claim: &Claim) -> Result<(), Reason> {
        let lease = claim.lease();
        if let Some(kept) = self.leases.get_mut(&claim.port) {
            let agree = Lease { uid: kept.uid.clone(), ..lease.clone() } == *kept;
            if agree && kept.uid.is_empty() {
                kept.uid = lease.uid;
            }
            let kept = || format!("{} {} in {}", kept.mac, kept.addresses, kept.subnet);
            return if agree { Ok(()) } else { Err(Reason::Outvoted { kept: kept() }) };
        }
        let Some(pool) = self.pools.get_mut(&claim.subnet) else {
            self.orphans.entry(claim.port.clone()).or_default().push(claim.clone());
            return Ok(());
        };
        pool.adopt(&claim.port, &lease).map_err(Reason::Refused)?;
        self.leases.insert(claim.port.clone(), lease);
        Ok(())
    }
}
