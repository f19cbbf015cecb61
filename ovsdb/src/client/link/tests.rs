use tokio::io::{DuplexStream, duplex, split};

use super::*;

const PROBE: Duration = Duration::from_secs(5);

/// A link and the server's end of its stream, which holds `capacity` bytes each way.
async fn open(capacity: usize) -> (Link, DuplexStream) {
    let (ours, theirs) = duplex(capacity);
    let mut link = Link::start(PROBE, async { Ok(split(ours)) });
    assert!(matches!(link.frames.recv().await, Some(Frame::Opened)));
    (link, theirs)
}

async fn read(server: &mut DuplexStream) -> String {
    let mut framer = Framer::default();
    loop {
        if let Some(frame) = framer.next_frame().unwrap() {
            return String::from_utf8(frame.to_vec()).unwrap();
        }
        assert_ne!(server.read_buf(framer.space()).await.unwrap(), 0, "the link is open");
    }
}

async fn closed(link: &mut Link) -> Error {
    loop {
        match link.frames.recv().await.expect("the reason comes before the end") {
            Frame::Closed(error) => return error,
            Frame::Opened | Frame::Message(_) => {}
        }
    }
}

const ECHO: &[u8] = br#"{"id":"echo","method":"echo","params":[]}"#;
const UPDATE: &[u8] = br#"{"id":null,"method":"update3","params":[]}"#;

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_asked_once_and_left_after_twice_the_probe_interval() {
    let (mut link, mut server) = open(1024).await;
    let start = Instant::now();
    assert_eq!(read(&mut server).await.as_bytes(), message::PROBE);
    assert_eq!(start.elapsed(), PROBE);
    let Error::Connection(why) = closed(&mut link).await else { panic!("it is a lost connection") };
    assert_eq!((start.elapsed(), &*why), (PROBE * 2, "silent for 10s"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_the_probe_is_kept_and_asked_again() {
    let (mut link, mut server) = open(1024).await;
    for _ in 0..5 {
        assert_eq!(read(&mut server).await.as_bytes(), message::PROBE);
        server.write_all(br#"{"id":"probe","result":[],"error":null}"#).await.unwrap();
    }
    assert!(link.frames.try_recv().is_err(), "nobody is told of probes");
}

#[tokio::test(start_paused = true)]
async fn an_echo_is_answered_while_the_owner_is_busy() {
    let (link, mut server) = open(1024).await;
    for _ in 0..100 {
        server.write_all(UPDATE).await.unwrap();
        server.write_all(ECHO).await.unwrap();
        assert_eq!(read(&mut server).await, r#"{"id":"echo","result":[],"error":null}"#);
    }
    drop(link);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_request_is_answered_with_an_error() {
    let (_link, mut server) = open(1024).await;
    server.write_all(br#"{"id":{"a":1},"method":"steal","params":[]}"#).await.unwrap();
    assert_eq!(read(&mut server).await, r#"{"id":{"a":1},"result":null,"error":"unknown method"}"#);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_sends_is_read_though_it_reads_nothing_itself() {
    let (mut link, mut server) = open(16).await;
    while link
        .requests
        .try_send(Bytes::from_static(b"{\"a request\":\"longer than the stream\"}"))
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        server.write_all(UPDATE).await.unwrap();
        assert!(matches!(
            link.frames.recv().await,
            Some(Frame::Message(Message::Notification { .. }))
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_without_end_and_reads_nothing_is_left() {
    let (mut link, mut server) = open(64).await;
    // The stream takes some answers, the queue some more.
    let flood = async { while server.write_all(ECHO).await.is_ok() {} };
    let (_, error) = tokio::join!(flood, closed(&mut link));
    assert!(error.to_string().contains("does not read"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_end_within_a_message_is_told_from_an_end_between_two() {
    for (sent, why) in [(UPDATE, "closed by the server"), (&UPDATE[..20], "in the middle")] {
        let (mut link, mut server) = open(1024).await;
        server.write_all(sent).await.unwrap();
        drop(server);
        let error = closed(&mut link).await;
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_ends_the_connection_as_a_protocol_error() {
    let (mut link, mut server) = open(1024).await;
    server.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
    assert!(matches!(closed(&mut link).await, Error::Protocol(_)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_named_with_the_reason() {
    let endpoint: Endpoint = "unix:/nonexistent/sock".parse().unwrap();
    let mut link = Link::dial(endpoint, Duration::from_secs(1), PROBE);
    let start = Instant::now();
    let error = closed(&mut link).await;
    assert!(error.to_string().contains("unix:/nonexistent/sock: No such file"), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(1), "after the delay");
}
