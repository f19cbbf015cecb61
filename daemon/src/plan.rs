//! What to do to the kernel, decided without touching it: pods, the node's own link, routes and packet rules.
//!
//! Pure: no clock, no randomness, no `async`, no system call. A plan is a list of [`Step`]s; each may be carried out
//! twice with the same result, and a plan that fails half-way is undone backwards by [`execute`].

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

pub(crate) mod check;
pub(crate) mod encap;
pub(crate) mod name;
pub(crate) mod node;
pub(crate) mod pod;
pub(crate) mod rules;

/// Which namespace a step works in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// The node's.
    Node,
    /// The pod's.
    Pod,
}

/// A unicast route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Route {
    pub(crate) to: IpNet,
    /// The gateway; without one the destination is on the link.
    pub(crate) via: Option<IpAddr>,
    /// The address to speak from when the sender did not choose.
    pub(crate) source: Option<IpAddr>,
}

/// What a link looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) mtu: u32,
    pub(crate) up: bool,
    pub(crate) addresses: Vec<IpNet>,
    pub(crate) routes: Vec<Route>,
}

/// One change to the kernel. Carrying it out where it is already true succeeds and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A veth pair: `host` on the node, `peer` in the pod. `alias` says whose it is.
    Veth {
        host: String,
        alias: String,
        peer: String,
        mtu: u32,
    },
    /// The link gets no IPv6 link-local address: it only carries a pod's packets.
    NoLinkLocal {
        at: At,
        link: String,
    },
    /// Checksums are filled in by the kernel, for a userspace datapath that reads packets raw.
    ChecksumOff {
        at: At,
        link: String,
    },
    /// A kernel parameter of the namespace; one that this kernel lacks is left out.
    Sysctl {
        at: At,
        key: String,
        value: &'static str,
    },
    Mtu {
        at: At,
        link: String,
        mtu: u32,
    },
    Mac {
        at: At,
        link: String,
        mac: [u8; 6],
    },
    Up {
        at: At,
        link: String,
    },
    Address {
        at: At,
        link: String,
        address: IpNet,
    },
    NoAddress {
        at: At,
        link: String,
        address: IpNet,
    },
    Route {
        at: At,
        link: String,
        route: Route,
    },
    NoRoute {
        at: At,
        link: String,
        route: Route,
    },
    /// The node's link goes, and with it its peer; the kernel finishes that later.
    Delete {
        link: String,
    },
}

/// The only door to the kernel: netlink in the daemon, a recorder in tests.
pub(crate) trait Kernel {
    /// What a step failed with.
    type Error: fmt::Display;

    /// Makes the step true; "exists" counts as done only when what exists is what was meant.
    fn apply(&mut self, step: &Step) -> Result<(), Self::Error>;

    /// Takes back what `apply` made that nothing else takes back; what is not there counts as gone.
    fn undo(&mut self, step: &Step) -> Result<(), Self::Error>;
}

/// All of the plan or none of it. Undo runs backwards and never hides the first error.
pub(crate) fn execute<K: Kernel>(kernel: &mut K, plan: &[Step]) -> Result<(), K::Error> {
    for (done, step) in plan.iter().enumerate() {
        let Err(first) = kernel.apply(step) else { continue };
        for step in plan[..done].iter().rev() {
            if let Err(error) = kernel.undo(step) {
                tracing::warn!(?step, %error, "undo failed");
            }
        }
        return Err(first);
    }
    Ok(())
}

/// Every step of the plan, whatever becomes of the others; all that failed.
pub(crate) fn execute_all<K: Kernel>(kernel: &mut K, plan: &[Step]) -> Vec<K::Error> {
    plan.iter().filter_map(|step| kernel.apply(step).err()).collect()
}

#[cfg(test)]
mod tests;
