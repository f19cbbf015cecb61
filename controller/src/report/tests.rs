use kube::core::Status;

use super::*;

fn answer(code: u16, reason: &str, message: &str) -> kube::Error {
    let status =
        Status { code, reason: reason.into(), message: message.into(), ..Status::default() };
    kube::Error::Api(Box::new(status))
}

fn create() -> Verb {
    Verb::Create(b"{}".to_vec())
}

fn merge() -> Verb {
    Verb::Merge(b"{}".to_vec())
}

#[test]
fn an_object_that_is_there_already_is_as_good_as_made() {
    assert_eq!(judge(&answer(409, "AlreadyExists", "ips x already exists"), &create()), Told::Done);
}

#[test]
fn a_patch_for_another_object_of_the_name_is_dropped() {
    let immutable =
        "Pod \"web\" is invalid: metadata.uid: Invalid value: \"1\": field is immutable";
    assert_eq!(judge(&answer(422, "Invalid", immutable), &merge()), Told::Gone);
    let precondition = "Precondition failed: UID in precondition: 1, UID in object meta: 2";
    let delete = Verb::Delete { uid: "1".into() };
    assert_eq!(judge(&answer(409, "Conflict", precondition), &delete), Told::Gone);
    assert_eq!(judge(&answer(404, "NotFound", "pods \"web\" not found"), &merge()), Told::Gone);
}

#[test]
fn what_the_server_will_never_take_is_not_tried_again() {
    assert_eq!(
        judge(&answer(422, "Invalid", "spec.cidrBlock: Invalid value"), &merge()),
        Told::Refused
    );
    assert_eq!(judge(&answer(400, "BadRequest", "unknown field"), &create()), Told::Refused);
}

#[test]
fn what_may_pass_is_tried_again() {
    for (code, reason) in [
        (403, "Forbidden"),
        (409, "Conflict"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, ""),
    ] {
        assert_eq!(judge(&answer(code, reason, "later"), &merge()), Told::Failed, "{code}");
    }
}

#[test]
fn pauses_grow_to_half_a_minute() {
    assert_eq!(backoff(1), Duration::from_millis(200));
    assert_eq!(backoff(2), Duration::from_millis(400));
    assert_eq!(backoff(60), Duration::from_secs(30));
}

#[test]
fn a_status_is_written_once_in_a_second_and_annotations_at_once() {
    let target = |kind, aspect| Target { kind, namespace: String::new(), name: "x".into(), aspect };
    assert_eq!(rest(&target(Kind::Subnet, Aspect::Status)), Some(STATUS_REST));
    assert_eq!(rest(&target(Kind::Pod, Aspect::Annotations)), None);
}
