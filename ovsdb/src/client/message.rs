//! JSON-RPC 1.0 messages (RFC 7047 section 4), opened just far enough to know whom they are for.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// A message from the server. Its parts are slices of the frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// To be answered under `id`, which may be any JSON.
    Request {
        id: Bytes,
        method: String,
        params: Bytes,
    },
    Notification {
        method: String,
        params: Bytes,
    },
    Reply {
        id: Bytes,
        result: Result<Bytes, String>,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl Message {
    pub(super) fn parse(frame: &Bytes) -> Result<Self, Error> {
        let envelope: Envelope<'_> = serde_json::from_slice(frame)
            .map_err(|error| Error::Protocol(format!("a message: {error}")))?;
        let part = |raw: Option<&RawValue>| match raw {
            Some(raw) => frame.slice_ref(raw.get().as_bytes()),
            None => Bytes::from_static(b"null"),
        };
        match (envelope.method, envelope.id) {
            (Some(method), None) => {
                Ok(Self::Notification { method, params: part(envelope.params) })
            }
            (Some(method), id) => {
                Ok(Self::Request { id: part(id), method, params: part(envelope.params) })
            }
            (None, None) => Err(Error::Protocol("a message without id and method".to_owned())),
            (None, id) => {
                let result = match envelope.error {
                    None => Ok(part(envelope.result)),
                    Some(error) => Err(error.get().to_owned()),
                };
                Ok(Self::Reply { id: part(id), result })
            }
        }
    }
}

/// The answer to a request of the server's: echo gives back what it got.
pub(super) fn answer(id: &Bytes, method: &str, params: &Bytes) -> Bytes {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let id = text(id);
    match method {
        "echo" => format!(r#"{{"id":{id},"result":{},"error":null}}"#, text(params)).into(),
        _ => format!(r#"{{"id":{id},"result":null,"error":"unknown method"}}"#).into(),
    }
}

/// The id of our own echo requests, which nobody waits for.
pub(super) const PROBE_ID: &[u8] = br#""probe""#;
pub(super) const PROBE: &[u8] = br#"{"id":"probe","method":"echo","params":[]}"#;

/// A request of ours.
pub(super) fn request(id: u64, method: &str, params: &serde_json::Value) -> Bytes {
    serde_json::json!({ "id": id, "method": method, "params": params }).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Result<Message, Error> {
        Message::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn an_echo_is_answered_under_its_id_with_what_it_carried() {
        let echo = parse(r#"{"id":["any",1],"method":"echo","params":["a"]}"#).unwrap();
        let Message::Request { id, method, params } = echo else { panic!("a request") };
        let reply = answer(&id, &method, &params);
        assert_eq!(reply, r#"{"id":["any",1],"result":["a"],"error":null}"#);
    }

    #[test]
    fn a_reply_carries_its_result_or_its_error() {
        let ok = parse(r#"{"id":7,"result":[{}],"error":null}"#).unwrap();
        assert_eq!(ok, Message::Reply { id: "7".into(), result: Ok("[{}]".into()) });
        let failed = parse(r#"{"id":7,"result":null,"error":"unknown method"}"#).unwrap();
        let result = Err(r#""unknown method""#.to_owned());
        assert_eq!(failed, Message::Reply { id: "7".into(), result });
    }

    #[test]
    fn an_object_that_is_no_message_is_an_error() {
        for text in ["{}", r#"{"result":[]}"#, r#"{"id":7,"#, "{\"id\":\"\u{7}\"}"] {
            assert!(matches!(parse(text), Err(Error::Protocol(_))), "{text}");
        }
    }
}
