//! What callers get wrong.

use api::cni::{Error, code};
use api::wire::{Answer, Call, Response};
use harness::Netns;
use tokio::io::AsyncReadExt;

use super::site::{Site, attachment, container, on_a_node};

async fn answer(site: &Site, line: &[u8]) -> Error {
    let mut stream = site.send(line).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    match Response::parse(&answer).unwrap().answer {
        Answer::Failed(error) => error,
        other => panic!("answered with {other:?}"),
    }
}

#[test]
fn bad_requests_are_answered_and_leave_nothing() {
    on_a_node(async |site: Site| {
        let netns = Netns::new();
        assert_eq!(answer(&site, b"garbage\n").await.code, code::ANSWER);
        assert_eq!(answer(&site, b"{\"version\":99}\n").await.code, code::TRY_AGAIN);
        let good = attachment("a", &netns);
        let bad = |change: fn(&mut api::wire::Attachment)| {
            let mut bad = good.clone();
            change(&mut bad);
            site.call(Call::Add(bad), 2_000)
        };
        let cases: [(_, u32); 6] = [
            (bad(|it| it.netns.clear()).await, code::ENVIRONMENT),
            (bad(|it| it.netns = "/nonexistent".into()).await, code::UNKNOWN_CONTAINER),
            (bad(|it| it.pod = None).await, code::ENVIRONMENT),
            (bad(|it| it.container_id = "../../x".into()).await, code::ENVIRONMENT),
            (bad(|it| it.ifname = "an-interface-name-too-long".into()).await, code::ENVIRONMENT),
            (bad(|it| it.device.id = "0000:00:1f.0".into()).await, code::UNSUPPORTED_FIELD),
        ];
        for (outcome, expected) in cases {
            assert_eq!(outcome.as_ref().map_err(|error| error.code), Err(expected), "{outcome:?}");
        }
        site.nothing_left(&container("a")).await;
    });
}

#[test]
fn annotations_somebody_spoiled_fail_the_add_at_once() {
    on_a_node(async |site: Site| {
        let netns = Netns::new();
        let object = serde_json::json!({ "metadata": { "name": "a", "namespace": "default", "uid": "uid-a",
            "annotations": { "ovn.kubernetes.io/allocated": "true", "ovn.kubernetes.io/ip_address": "10.16.0.x" } } });
        site.node
            .pods
            .take(crate::watch::follow::Change::Apply(serde_json::from_value(object).unwrap()));
        let error = site.add(attachment("a", &netns)).await.unwrap_err();
        assert_eq!(error.code, code::DAEMON);
        assert!(error.details.contains("ovn.kubernetes.io/ip_address"), "{error}");
        site.nothing_left(&container("a")).await;
    });
}

#[test]
fn status_says_what_is_missing() {
    on_a_node(async |site: Site| {
        site.node.vswitch.facts().wait_for(|facts| facts.integration.is_some()).await.unwrap();
        let error = site.call(Call::Status, 2_000).await.unwrap_err();
        assert_eq!(error.code, code::UNAVAILABLE);
        assert!(error.msg.contains("ovn0"), "{error}");
    });
}
