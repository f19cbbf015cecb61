//! The diff against a model of the server: what holds for every cluster, then cases one by one; and
//! against the real server, which also proves the model.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by failing")]

mod cases;
mod model;
mod properties;
mod records;
mod server;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use model::Model;
use ovn::diff::{Diff, Error, Have};
use ovn::monitor::Watch;
use ovn::owner::Owner;
use ovn::state::{Edge, State};
use ovn::{diff, nb};
use ovsdb::replica::Replica;

static WATCH: LazyLock<Watch> = LazyLock::new(|| Watch::database(&nb::DATABASE));

type States = BTreeMap<Owner, State>;
type Former = BTreeMap<Owner, BTreeSet<Edge>>;

/// A pass over `scopes` when everybody together wants `all`.
fn pass_of(
    replica: &Replica,
    all: &States,
    scopes: &BTreeSet<Owner>,
    former: &Former,
) -> Result<Diff, Error> {
    let (inside, outside): (States, States) =
        all.clone().into_iter().partition(|(owner, _)| scopes.contains(owner));
    let elsewhere: BTreeSet<&Edge> = outside.values().flat_map(State::shares).collect();
    let still_wanted = |edge: &Edge| elsewhere.contains(edge);
    diff(&inside, &Have { watch: &WATCH, replica, still_wanted: &still_wanted, former })
}

/// A pass over everything.
fn full_of(replica: &Replica, all: &States) -> Result<Diff, Error> {
    let mut all = all.clone();
    for owner in WATCH.owners(replica) {
        all.entry(owner).or_default();
    }
    let scopes = all.keys().cloned().collect();
    pass_of(replica, &all, &scopes, &Former::new())
}

fn pass(
    model: &Model,
    all: &States,
    scopes: &BTreeSet<Owner>,
    former: &Former,
) -> Result<Diff, Error> {
    pass_of(&model.replica(&WATCH), all, scopes, former)
}

fn full(model: &Model, all: &States) -> Result<Diff, Error> {
    full_of(&model.replica(&WATCH), all)
}

/// The database that has been given `all` when it was empty.
fn built(mut model: Model, all: &States) -> Model {
    let diff = full(&model, all).unwrap();
    model.apply(&diff.ops).unwrap();
    model
}
