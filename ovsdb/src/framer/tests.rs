use bytes::BufMut;
use proptest::prelude::*;

use super::*;

/// Feeds `stream` in pieces of these lengths, over and over.
fn frames(stream: &[u8], pieces: &[usize]) -> Result<Vec<Bytes>, Error> {
    let (mut framer, mut frames, mut rest) = (Framer::default(), Vec::new(), stream);
    for length in pieces.iter().cycle() {
        let (piece, later) = rest.split_at((*length).min(rest.len()));
        framer.space().put_slice(piece);
        while let Some(frame) = framer.next_frame()? {
            frames.push(frame);
        }
        assert_eq!(
            framer.scanned,
            framer.buffer.len(),
            "what was looked at is not looked at again"
        );
        rest = later;
        if rest.is_empty() {
            return Ok(frames);
        }
    }
    Ok(frames)
}

#[test]
fn many_messages_of_one_read_come_apart() {
    let got = frames(br#"{"a":1}{"b":{"c":[{}]}} {"d":"}{\"\\"}"#, &[100]).unwrap();
    assert_eq!(got, [&br#"{"a":1}"#[..], br#"{"b":{"c":[{}]}}"#, br#"{"d":"}{\"\\"}"#]);
}

#[test]
fn a_stream_that_is_no_json_is_refused_at_its_first_byte() {
    for garbage in ["HTTP/1.1 400", "[]", "}", "{}]", "{} x"] {
        let refused = frames(garbage.as_bytes(), &[1]);
        assert!(matches!(refused, Err(Error::Protocol(_))), "{garbage}: {refused:?}");
    }
}

#[test]
fn the_memory_of_a_long_message_goes_with_it() {
    let long = format!("{{\"a\":\"{}\"}}{{\"b\"", "x".repeat(3 * KEEP));
    let mut framer = Framer::default();
    framer.space().put_slice(long.as_bytes());
    assert!(framer.next_frame().unwrap().is_some());
    assert!(framer.buffer.capacity() <= CHUNK, "{}", framer.buffer.capacity());
    assert!(!framer.is_empty(), "the beginning of the next message stays");
    framer.space().put_slice(b":1}");
    assert_eq!(framer.next_frame().unwrap().unwrap(), &b"{\"b\":1}"[..]);
    assert!(framer.is_empty());
}

proptest! {
    #[test]
    fn messages_survive_any_cut_of_the_stream(
        texts in prop::collection::vec(any::<String>(), 1..8),
        spaces in prop::collection::vec("[ \n\t]{0,2}", 8),
        pieces in prop::collection::vec(1_usize..40, 1..10),
    ) {
        let message = |text: &String| serde_json::json!({ text: [{ "x": text }, {}] }).to_string();
        let sent: Vec<String> = texts.iter().map(message).collect();
        let stream: String = sent.iter().zip(&spaces).flat_map(|(m, s)| [m.as_str(), s]).collect();
        let got = frames(stream.as_bytes(), &pieces).unwrap();
        prop_assert_eq!(got, sent);
    }

    #[test]
    fn no_bytes_make_it_panic(
        stream in prop::collection::vec(prop::sample::select(b"{}\"\\ [a".to_vec()), 0..60),
        pieces in prop::collection::vec(1_usize..8, 1..5),
    ) {
        let _: Result<_, _> = frames(&stream, &pieces);
    }
}
