//! Which scope wants which member of a shared column, counted: several scopes may want the same one, and it goes only
//! when the last of them wants it no more. Also what a scope wanted when it was last committed, for members no row tells
//! the owner of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ovn::owner::Owner;
use ovn::state::{Edge, State};

/// The wishes of all scopes that were computed.
#[derive(Debug, Default)]
pub(super) struct Shares {
    wanted: HashMap<Owner, Box<[Arc<Edge>]>>,
    count: HashMap<Arc<Edge>, u32>,
    /// Wishes of before that may still be in the database.
    uncommitted: HashMap<Owner, BTreeSet<Edge>>,
}

impl Shares {
    /// Takes the scopes of `pass` out of the count and answers what they may have in the database.
    ///
    /// Until [`Shares::want`], [`Shares::is_wanted`] speaks for the scopes outside the pass.
    pub(super) fn begin(
        &mut self,
        pass: &BTreeMap<Owner, State>,
    ) -> BTreeMap<Owner, BTreeSet<Edge>> {
        let mut former = BTreeMap::new();
        for owner in pass.keys() {
            let wanted = self.wanted.remove(owner).unwrap_or_default();
            for edge in &wanted {
                if let Some(count) = self.count.get_mut(edge) {
                    *count -= 1;
                    if *count == 0 {
                        self.count.remove(edge);
                    }
                }
            }
            let mut edges: BTreeSet<Edge> = wanted.iter().map(|edge| Edge::clone(edge)).collect();
            edges.extend(self.uncommitted.get(owner).into_iter().flatten().cloned());
            if !edges.is_empty() {
                former.insert(owner.clone(), edges);
            }
        }
        former
    }

    /// Whether a scope outside the pass that began wants it.
    pub(super) fn is_wanted(&self, edge: &Edge) -> bool {
        self.count.contains_key(edge)
    }

    /// Ends a pass: counts what its scopes want now, and remembers `former` until they are committed.
    pub(super) fn want(
        &mut self,
        pass: &BTreeMap<Owner, State>,
        former: BTreeMap<Owner, BTreeSet<Edge>>,
    ) {
        for (owner, state) in pass {
            let mut wanted = Vec::new();
            for edge in state.shares() {
                let edge = match self.count.get_key_value(edge) {
                    Some((known, _)) => known.clone(),
                    None => Arc::new(edge.clone()),
                };
                *self.count.entry(edge.clone()).or_default() += 1;
                wanted.push(edge);
            }
            if !wanted.is_empty() {
                self.wanted.insert(owner.clone(), wanted.into());
            }
        }
        for (owner, edges) in former {
            self.uncommitted.insert(owner, edges);
        }
    }

    /// The database has what `owners` want, and no more.
    pub(super) fn committed<'o>(&mut self, owners: impl IntoIterator<Item = &'o Owner>) {
        for owner in owners {
            self.uncommitted.remove(owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn edge(member: &str) -> Edge {
        Edge {
            table: "Address_Set",
            column: "addresses",
            container: Uuid::from_u128(7),
            member: member.into(),
        }
    }

    fn pass(scopes: &[(&str, &[&str])]) -> BTreeMap<Owner, State> {
        let state = |members: &[&str]| {
            let mut state = State::default();
            members.iter().for_each(|member| state.join(edge(member)));
            state
        };
        scopes
            .iter()
            .map(|(name, members)| (Owner::cluster("policy", *name), state(members)))
            .collect()
    }

    /// Computes a pass and commits it.
    fn settle(shares: &mut Shares, scopes: &[(&str, &[&str])]) {
        let pass = pass(scopes);
        let former = shares.begin(&pass);
        shares.want(&pass, former);
        shares.committed(pass.keys());
    }

    #[test]
    fn a_member_two_scopes_want_is_wanted_until_both_let_go() {
        let mut shares = Shares::default();
        settle(&mut shares, &[("a", &["10.0.0.1"]), ("b", &["10.0.0.1"])]);
        let only_a = pass(&[("a", &[])]);
        let former = shares.begin(&only_a);
        assert!(shares.is_wanted(&edge("10.0.0.1")), "b wants it still");
        shares.want(&only_a, former);
        shares.begin(&pass(&[("b", &[])]));
        assert!(!shares.is_wanted(&edge("10.0.0.1")));
    }

    #[test]
    fn a_pass_does_not_count_for_itself() {
        let mut shares = Shares::default();
        settle(&mut shares, &[("a", &["10.0.0.1"])]);
        shares.begin(&pass(&[("a", &["10.0.0.1"])]));
        assert!(!shares.is_wanted(&edge("10.0.0.1")));
    }

    #[test]
    fn what_was_wanted_is_remembered_until_its_absence_is_committed() {
        let mut shares = Shares::default();
        settle(&mut shares, &[("a", &["10.0.0.1"])]);
        let without = pass(&[("a", &[])]);
        let owner = Owner::cluster("policy", "a");
        for _ in 0..2 {
            let former = shares.begin(&without);
            assert_eq!(
                former[&owner],
                BTreeSet::from([edge("10.0.0.1")]),
                "the transaction failed"
            );
            shares.want(&without, former);
        }
        shares.committed([&owner]);
        assert!(shares.begin(&without).is_empty());
    }
}
