//! Who leads: an election on one `coordination.k8s.io/v1` Lease, as a machine without socket and clock.
//!
//! ```text
//!            absent, released, ours, or expired: Write
//! Following ────────────────────────────────────────▶ (written) ──▶ Leading ─┐ every retry period: Write
//!     ▲  another's, not yet expired: Wait                              │  ▲──┘
//!     └────────────────────────────────────────────── never: Lost ◀────┘ another holds it, or not renewed in time
//! ```
//!
//! A lease is expired when its duration passed since *we* saw its last change; the times written in it are for people
//! and never compared with our clock (client-go's rule). There is no way back from leading: a process that lost its
//! lease ends. The lease only chooses who should write; what keeps a leader of yesterday from writing is the epoch in
//! the northbound database.

mod drive;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use anyhow::ensure;
use jiff::Timestamp;

pub use drive::{Claim, hold};

/// The name of the lease, Kube-OVN's.
pub const NAME: &str = "kube-ovn-controller";

/// The times of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long a lease nobody renews keeps others from taking it.
    pub duration: Duration,
    /// How long a leader that cannot renew goes on; shorter than `duration`.
    pub renew_deadline: Duration,
    /// Time between two attempts; shorter than `renew_deadline`.
    pub retry_period: Duration,
}

impl Times {
    /// # Errors
    /// When a leader could outlive its lease, or would have a single attempt to renew it.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(self.duration >= Duration::from_secs(1), "the lease lasts at least a second");
        ensure!(self.renew_deadline < self.duration, "renew-deadline must be below lease-duration");
        ensure!(
            self.retry_period < self.renew_deadline,
            "retry-period must be below renew-deadline"
        );
        ensure!(self.retry_period > Duration::ZERO, "retry-period must be positive");
        Ok(())
    }
}

/// What a Lease object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The object's resource version: a write is guarded by it.
    pub version: String,
    /// Empty when released.
    pub holder: String,
    pub duration: Duration,
    /// How often the holder changed.
    pub transitions: i32,
    /// When the holder took it, by its own clock.
    pub since: Option<Timestamp>,
}

/// A lease to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The version it replaces; `None` creates.
    pub replaces: Option<String>,
    pub holder: String,
    pub duration: Duration,
    pub transitions: i32,
    /// When the holder took it; `None`: by this write.
    pub since: Option<Timestamp>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Write this, then tell [`Election::written`] or [`Election::failed`].
    Write(Record),
    /// Nothing before this time, unless the lease changes.
    Wait(Instant),
    /// We led and do not any more.
    Lost(&'static str),
}

/// One candidate's view of the election.
#[derive(Debug)]
pub struct Election {
    identity: String,
    times: Times,
    /// The lease and when this version of it was first seen; `None` inside when there is none.
    seen: Option<(Option<View>, Instant)>,
    /// When the request that last made or kept us leader was sent.
    renewed: Option<Instant>,
    /// No attempt before this time.
    next_attempt: Option<Instant>,
}

impl Election {
    pub fn new(identity: String, times: Times) -> Self {
        Self { identity, times, seen: None, renewed: None, next_attempt: None }
    }

    pub fn leads(&self) -> bool {
        self.renewed.is_some()
    }

    /// Who holds the lease, as far as we know.
    pub fn holder(&self) -> Option<&str> {
        let (lease, _) = self.seen.as_ref()?;
        lease.as_ref().map(|lease| lease.holder.as_str()).filter(|holder| !holder.is_empty())
    }

    /// Takes in what the lease says. An older answer that arrives late does no harm: the next write fails by version.
    pub fn observe(&mut self, lease: Option<View>, now: Instant) {
        let known = self.seen.as_ref().is_some_and(|(known, _)| *known == lease);
        if !known {
            self.seen = Some((lease, now));
        }
    }

    /// Our write, sent at `sent`, was accepted.
    pub fn written(&mut self, lease: View, sent: Instant) {
        self.seen = Some((Some(lease), sent));
        self.renewed = Some(sent);
        self.next_attempt = Some(sent + self.times.retry_period);
    }

    /// Our write failed or was refused.
    pub fn failed(&mut self, now: Instant) {
        self.next_attempt = Some(now + self.times.retry_period);
    }

    /// Our write met a newer version: what we saw is out of date, and reading again is worth it at once.
    pub fn outdated(&mut self, lease: Option<View>, now: Instant) {
        self.observe(lease, now);
        self.next_attempt = None;
    }

    pub fn next(&self, now: Instant) -> Next {
        let Some((lease, seen)) = &self.seen else {
            return Next::Wait(now + self.times.retry_period);
        };
        let ours = lease.as_ref().is_some_and(|lease| lease.holder == self.identity);
        let earliest = match self.renewed {
            Some(renewed) => {
                let deadline = renewed + self.times.renew_deadline;
                if now >= deadline {
                    return Next::Lost("not renewed in time");
                }
                if !ours {
                    return Next::Lost("another replica holds the lease");
                }
                self.next_attempt.unwrap_or(now).min(deadline)
            }
            None => self.next_attempt.unwrap_or(now).max(self.free_at(lease.as_ref(), *seen)),
        };
        if now < earliest { Next::Wait(earliest) } else { Next::Write(self.claim(lease.as_ref())) }
    }

    /// The lease that frees our place for another, when we lead.
    pub fn release(&self) -> Option<Record> {
        self.renewed?;
        let (lease, _) = self.seen.as_ref()?;
        let lease = lease.as_ref().filter(|lease| lease.holder == self.identity)?;
        Some(Record {
            replaces: Some(lease.version.clone()),
            holder: String::new(),
            duration: Duration::from_secs(1),
            transitions: lease.transitions,
            since: lease.since,
        })
    }

    /// When the lease may be taken; in the past when it is free.
    fn free_at(&self, lease: Option<&View>, seen: Instant) -> Instant {
        match lease {
            Some(lease) if !lease.holder.is_empty() && lease.holder != self.identity => {
                seen + lease.duration
            }
            _ => seen,
        }
    }

    fn claim(&self, lease: Option<&View>) -> Record {
        let acquires = lease.is_none_or(|lease| lease.holder != self.identity);
        let before = lease.map_or(0, |lease| lease.transitions);
        Record {
            replaces: lease.map(|lease| lease.version.clone()),
            holder: self.identity.clone(),
            duration: self.times.duration,
            transitions: before + i32::from(acquires && lease.is_some()),
            since: lease.and_then(|lease| lease.since).filter(|_| !acquires),
        }
    }
}
