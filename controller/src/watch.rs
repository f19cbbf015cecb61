//! The cluster's objects as events of the model: a watch per kind, each with its first list as one reset.
//!
//! A watch that ends or fails is begun again by itself, with growing pauses; until it works the part of that name is not
//! ready. An object that cannot be read is reported and left out; it never stops the others. Nothing here looks into an
//! object or remembers one.

mod central;
mod follow;
mod object;
mod pause;
mod pod;

use kube::Api;
use tokio::sync::mpsc;

use crate::index::{
    EndpointSlice, IpObject, Namespace, Node, Pod, Service, StatefulSet, Subnet, Vpc,
};
use crate::metrics::Metrics;
use crate::model::Event;

use follow::Follow;
use object::{Guarded, Whole};
use pod::LeanPod;

pub use central::follow as central;
pub(crate) use pause::Pauses;

/// What one watch saw.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the small one is the exception; a box for each event is not worth it"
)]
pub enum Seen {
    /// A change of something readable.
    Event(Event),
    /// An object nobody can make sense of. What it was before stays as it was.
    Unreadable(Unreadable),
}

/// An object that is not what its kind says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The plural name of its kind.
    pub kind: &'static str,
    /// Empty for objects without one.
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Where reading ended and why.
    pub why: String,
}

/// The kinds that must have been listed before anything is computed.
pub const REQUIRED: usize = 9;

/// Which of the [`REQUIRED`] kinds a first list belongs to; `None` for any other event.
pub fn listed(event: &Event) -> Option<usize> {
    use crate::index::Change::Reset;
    Some(match event {
        Event::Pod(Reset(_)) => 0,
        Event::Node(Reset(_)) => 1,
        Event::Namespace(Reset(_)) => 2,
        Event::Subnet(Reset(_)) => 3,
        Event::Vpc(Reset(_)) => 4,
        Event::Ip(Reset(_)) => 5,
        Event::Service(Reset(_)) => 6,
        Event::EndpointSlice(Reset(_)) => 7,
        Event::StatefulSet(Reset(_)) => 8,
        _ => return None,
    })
}

/// Watches every kind until the process ends.
///
/// # Errors
/// When nobody listens to `to` any more.
pub async fn all(
    client: kube::Client,
    to: mpsc::Sender<Seen>,
    health: run::Health,
    metrics: Metrics,
) -> anyhow::Result<()> {
    use k8s_openapi::api::{apps::v1 as apps, core::v1 as core, discovery::v1 as discovery};
    let out = follow::Out { to, health, metrics };
    let nodes = Follow::<Whole<core::Node>, Node>::new("nodes", "watch nodes", Event::Node);
    let namespaces = Follow::<Whole<core::Namespace>, Namespace>::new(
        "namespaces",
        "watch namespaces",
        Event::Namespace,
    );
    let services =
        Follow::<Whole<core::Service>, Service>::new("services", "watch services", Event::Service);
    let slices = Follow::<Whole<discovery::EndpointSlice>, EndpointSlice>::new(
        "endpointslices",
        "watch endpointslices",
        Event::EndpointSlice,
    );
    let sets = Follow::<Whole<apps::StatefulSet>, StatefulSet>::new(
        "statefulsets",
        "watch statefulsets",
        Event::StatefulSet,
    );
    let pods = Follow::<LeanPod, Pod>::new("pods", "watch pods", Event::Pod);
    let subnets = Follow::<Guarded<api::kinds::Subnet>, Subnet>::new(
        "subnets",
        "watch subnets",
        Event::Subnet,
    );
    let vpcs = Follow::<Guarded<api::kinds::Vpc>, Vpc>::new("vpcs", "watch vpcs", Event::Vpc);
    let ips = Follow::<Guarded<api::kinds::Ip>, IpObject>::new("ips", "watch ips", Event::Ip);
    tokio::try_join!(
        pods.run(Api::all(client.clone()), out.clone()),
        nodes.run(Api::all(client.clone()), out.clone()),
        namespaces.run(Api::all(client.clone()), out.clone()),
        services.run(Api::all(client.clone()), out.clone()),
        slices.run(Api::all(client.clone()), out.clone()),
        sets.run(Api::all(client.clone()), out.clone()),
        subnets.run(Api::all(client.clone()), out.clone()),
        vpcs.run(Api::all(client.clone()), out.clone()),
        ips.run(Api::all(client), out),
    )?;
    Ok(())
}
