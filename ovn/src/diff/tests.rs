//! The diff against a model of the server: what holds for every cluster, then cases one by one.

mod cases;
mod model;
mod properties;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::{Diff, Error, Have, diff};
use crate::monitor::Watch;
use crate::nb;
use crate::owner::Owner;
use crate::state::{Edge, State};
use model::Model;

static WATCH: LazyLock<Watch> = LazyLock::new(|| Watch::database(&nb::DATABASE));

type States = BTreeMap<Owner, State>;
type Former = BTreeMap<Owner, BTreeSet<Edge>>;

/// A pass over `scopes` when everybody together wants `all`.
fn pass(
    model: &Model,
    all: &States,
    scopes: &BTreeSet<Owner>,
    former: &Former,
) -> Result<Diff, Error> {
    let (inside, outside): (States, States) =
        all.clone().into_iter().partition(|(owner, _)| scopes.contains(owner));
    let elsewhere: BTreeSet<&Edge> = outside.values().flat_map(State::shares).collect();
    let still_wanted = |edge: &Edge| elsewhere.contains(edge);
    let replica = model.replica(&WATCH);
    diff(&inside, &Have { watch: &WATCH, replica: &replica, still_wanted: &still_wanted, former })
}

/// A pass over everything.
fn full(model: &Model, all: &States) -> Result<Diff, Error> {
    let replica = model.replica(&WATCH);
    let mut all = all.clone();
    for owner in WATCH.owners(&replica) {
        all.entry(owner).or_default();
    }
    let scopes = all.keys().cloned().collect();
    pass(model, &all, &scopes, &Former::new())
}

/// The database that has been given `all` when it was empty.
fn built(mut model: Model, all: &States) -> Model {
    let diff = full(&model, all).unwrap();
    model.apply(&diff.ops).unwrap();
    model
}
