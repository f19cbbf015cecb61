//! Canned streams: what the API server would say, and what becomes of it.

use futures::stream;
use k8s_openapi::api::core::v1 as core;
use kube::core::Status;
use serde_json::json;

use super::*;
use crate::index::Namespace;
use crate::watch::object::{Guarded, Whole};

type Given<W> = Vec<watcher::Result<watcher::Event<W>>>;

struct Rig {
    out: Out,
    seen: mpsc::Receiver<Seen>,
}

fn rig() -> Rig {
    let (to, seen) = mpsc::channel(64);
    Rig { out: Out { to, health: run::Health::default(), metrics: Metrics::default() }, seen }
}

impl Rig {
    fn seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

fn namespaces() -> Follow<Whole<core::Namespace>, Namespace> {
    Follow::new("namespaces", "watch namespaces", Event::Namespace)
}

fn namespace(name: &str) -> Whole<core::Namespace> {
    serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap()
}

fn refused(code: u16) -> watcher::Error {
    let status = Status { code, message: format!("code {code}"), ..Status::default() };
    watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
}

/// The names in a list, and what was done to single objects.
fn words(seen: &[Seen]) -> Vec<String> {
    let names =
        |all: &[Namespace]| all.iter().map(|n| n.name.to_string()).collect::<Vec<_>>().join(",");
    let word = |seen: &Seen| match seen {
        Seen::Event(Event::Namespace(Change::Reset(all))) => format!("all: {}", names(all)),
        Seen::Event(Event::Namespace(Change::Apply(one))) => format!("is: {}", one.name),
        Seen::Event(Event::Namespace(Change::Delete(key))) => format!("gone: {key}"),
        other => format!("{other:?}"),
    };
    seen.iter().map(word).collect()
}

/// Feeds `given` and then nothing; the stream of an API server never ends.
async fn feed<W, O>(follow: &mut Follow<W, O>, given: Given<W>, rig: &Rig)
where
    W: Readable<O> + Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let end = follow.stream(stream::iter(given), &rig.out).await.unwrap_err();
    assert!(end.to_string().ends_with("ended"), "{end}");
}

#[tokio::test]
async fn the_first_list_is_one_reset_and_only_when_it_is_whole() {
    use watcher::Event::{Init, InitApply, InitDone};
    let mut rig = rig();
    let mut follow = namespaces();
    feed(&mut follow, vec![Ok(Init), Ok(InitApply(namespace("a")))], &rig).await;
    assert!(rig.seen().is_empty(), "half a list says nothing");
    assert!(rig.out.health.ready().is_err());
    feed(&mut follow, vec![Ok(InitApply(namespace("b"))), Ok(InitDone)], &rig).await;
    assert_eq!(words(&rig.seen()), ["all: a,b"]);
    assert_eq!(rig.out.health.ready(), Ok(()));
}

#[tokio::test]
async fn changes_come_one_by_one_and_a_deletion_needs_only_the_name() {
    use watcher::Event::{Apply, Delete};
    let mut rig = rig();
    feed(&mut namespaces(), vec![Ok(Apply(namespace("a"))), Ok(Delete(namespace("a")))], &rig)
        .await;
    assert_eq!(words(&rig.seen()), ["is: a", "gone: a"]);
}

#[tokio::test]
async fn a_forbidden_kind_is_not_an_empty_one() {
    let mut rig = rig();
    feed(&mut namespaces(), vec![Err(refused(403))], &rig).await;
    assert!(rig.seen().is_empty(), "nothing was listed");
    let why = rig.out.health.ready().unwrap_err();
    assert!(why.contains("watch namespaces") && why.contains("code 403"), "{why}");
}

#[tokio::test]
async fn a_kind_the_api_server_lacks_is_empty_only_where_that_is_allowed() {
    let mut rig = rig();
    feed(&mut namespaces().optional(), vec![Err(refused(404))], &rig).await;
    assert_eq!(words(&rig.seen()), ["all: "]);
    assert_eq!(rig.out.health.ready(), Ok(()));
    feed(&mut namespaces(), vec![Err(refused(404))], &rig).await;
    assert!(rig.seen().is_empty());
    assert!(rig.out.health.ready().is_err());
}

#[tokio::test]
async fn an_api_server_that_streams_no_lists_is_asked_for_pages() {
    let rig = rig();
    let given: Given<Whole<core::Namespace>> = vec![Err(refused(422))];
    namespaces().stream(stream::iter(given), &rig.out).await.expect("the stream is to be replaced");
}

#[tokio::test]
async fn a_watch_that_works_again_is_healthy_again() {
    let mut rig = rig();
    let given = vec![Err(refused(500)), Ok(watcher::Event::Apply(namespace("a")))];
    feed(&mut namespaces(), given, &rig).await;
    assert_eq!(words(&rig.seen()), ["is: a"]);
    assert_eq!(rig.out.health.ready(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn trouble_is_forgotten_when_it_does_not_come_back() {
    let rig = rig();
    let given: Given<Whole<core::Namespace>> = vec![Err(refused(500))];
    let quiet = stream::iter(given).chain(stream::pending());
    let mut follow = namespaces();
    let watching = follow.stream(quiet, &rig.out);
    assert!(tokio::time::timeout(TROUBLE / 2, watching).await.is_err());
    assert!(rig.out.health.ready().is_err());
    let watching = follow.stream(stream::pending(), &rig.out);
    assert!(tokio::time::timeout(TROUBLE, watching).await.is_err());
    assert_eq!(rig.out.health.ready(), Ok(()));
}

#[tokio::test]
async fn an_object_that_does_not_fit_its_kind_is_named_and_the_others_go_on() {
    use crate::index::Subnet;
    type Sent = Guarded<api::kinds::Subnet>;
    let object = |name: &str, spec: serde_json::Value| {
        let text = json!({
            "apiVersion": "kubeovn.io/v1", "kind": "Subnet",
            "metadata": { "name": name, "uid": "5f3a" }, "spec": spec,
        });
        serde_json::from_str::<Sent>(&text.to_string()).unwrap()
    };
    let mut rig = rig();
    let mut follow = Follow::<Sent, Subnet>::new("subnets", "watch subnets", Event::Subnet);
    let given = vec![
        Ok(watcher::Event::Init),
        Ok(watcher::Event::InitApply(object("bad", json!({ "cidrBlock": 7 })))),
        Ok(watcher::Event::InitApply(object("good", json!({ "cidrBlock": "10.0.0.0/16" })))),
        Ok(watcher::Event::InitDone),
    ];
    feed(&mut follow, given, &rig).await;
    let seen = rig.seen();
    let [Seen::Unreadable(bad), Seen::Event(Event::Subnet(Change::Reset(all)))] = &seen[..] else {
        panic!("one bad, one list: {seen:?}");
    };
    assert_eq!((bad.kind, bad.name.as_str(), bad.uid.as_str()), ("subnets", "bad", "5f3a"));
    assert_eq!(all.iter().map(|subnet| &*subnet.name).collect::<Vec<_>>(), ["good"]);
}
