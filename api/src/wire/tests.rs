use super::*;

fn add() -> Request {
    let attachment = Attachment {
        network: "kube-ovn".into(),
        container_id: "c1".into(),
        netns: "/run/netns/a".into(),
        ifname: "eth0".into(),
        pod: Some(Pod { namespace: "shop".into(), name: "web".into(), uid: None }),
        provider: Provider::Default,
        ipam: false,
        routes: vec![],
        device: Device::default(),
        port_mappings: vec![],
        mtu: None,
        previous: None,
    };
    Request::new(Call::Add(attachment), 30_000)
}

#[test]
fn a_request_is_one_line_and_reads_back() {
    let line = add().to_line();
    assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
    assert_eq!(line.last(), Some(&b'\n'));
    assert_eq!(Request::parse(&line).unwrap(), add());
    expect_test::expect![[r#"
        {"version":1,"deadline_ms":30000,"call":{"add":{"network":"kube-ovn","container_id":"c1","netns":"/run/netns/a","ifname":"eth0","pod":{"namespace":"shop","name":"web"},"provider":"ovn"}}}
    "#]]
    .assert_eq(std::str::from_utf8(&line).unwrap());
}

#[test]
fn every_answer_reads_back() {
    for answer in [
        Answer::Attached(Success::default()),
        Answer::Done,
        Answer::Failed(Error::new(11, "later\nplease")),
    ] {
        let response = Response::new(answer);
        assert_eq!(Response::parse(&response.to_line()).unwrap(), response);
    }
    assert_eq!(Response::new(Answer::Done).to_line(), b"{\"version\":1,\"answer\":\"done\"}\n");
}

#[test]
fn another_version_is_told_from_garbage() {
    let newer = br#"{"version":2,"call":{"dance":{}}}"#;
    let error = Request::parse(newer).unwrap_err();
    assert!(matches!(error, Malformed::Version(2)), "{error:?}");
    assert_eq!(error.to_error().code, code::TRY_AGAIN);

    for garbage in ["", "null", "{}", "{\"version\":1}", "POST /api/v1/add HTTP/1.1"] {
        let error = Request::parse(garbage.as_bytes()).unwrap_err();
        assert!(matches!(error, Malformed::Json(_)), "{garbage}: {error:?}");
        assert_eq!(error.to_error().code, code::ANSWER);
    }
}
