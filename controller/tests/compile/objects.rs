//! Objects as the API server has them: JSON, merge patches, and the events a watch makes of them.

use controller::desired::report::Kind;
use controller::index::{Change, Key};
use controller::model::Event;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

/// Kinds the controller watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watched {
    Vpc,
    Subnet,
    Node,
    Namespace,
    Ip,
    StatefulSet,
    Pod,
    Service,
    EndpointSlice,
}

pub(crate) fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut into[key.as_str()], value);
        }
    }
}

pub(crate) fn watched(kind: Kind) -> Watched {
    match kind {
        Kind::Pod => Watched::Pod,
        Kind::Node => Watched::Node,
        Kind::Namespace => Watched::Namespace,
        Kind::Ip => Watched::Ip,
        Kind::Subnet => Watched::Subnet,
        Kind::Vpc => Watched::Vpc,
    }
}

pub(crate) fn key(object: &Value) -> Key {
    let word = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    Key::new(word("namespace"), word("name"))
}

pub(crate) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

pub(crate) fn event(kind: Watched, object: &Value) -> Event {
    fn read<T: serde::de::DeserializeOwned>(object: &Value) -> T {
        serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"))
    }
    match kind {
        Watched::Vpc => Event::Vpc(Change::Apply((&read::<api::kinds::Vpc>(object)).into())),
        Watched::Subnet => {
            Event::Subnet(Change::Apply((&read::<api::kinds::Subnet>(object)).into()))
        }
        Watched::Ip => Event::Ip(Change::Apply((&read::<api::kinds::Ip>(object)).into())),
        Watched::Node => Event::Node(Change::Apply((&read::<core::Node>(object)).into())),
        Watched::Namespace => {
            Event::Namespace(Change::Apply((&read::<core::Namespace>(object)).into()))
        }
        Watched::Pod => Event::Pod(Change::Apply((&read::<core::Pod>(object)).into())),
        Watched::Service => Event::Service(Change::Apply((&read::<core::Service>(object)).into())),
        Watched::EndpointSlice => {
            Event::EndpointSlice(Change::Apply((&read::<EndpointSlice>(object)).into()))
        }
        Watched::StatefulSet => {
            Event::StatefulSet(Change::Apply((&read::<StatefulSet>(object)).into()))
        }
    }
}

pub(crate) fn gone(kind: Watched, key: Key) -> Event {
    match kind {
        Watched::Vpc => Event::Vpc(Change::Delete(key)),
        Watched::Subnet => Event::Subnet(Change::Delete(key)),
        Watched::Ip => Event::Ip(Change::Delete(key)),
        Watched::Node => Event::Node(Change::Delete(key)),
        Watched::Namespace => Event::Namespace(Change::Delete(key)),
        Watched::Pod => Event::Pod(Change::Delete(key)),
        Watched::Service => Event::Service(Change::Delete(key)),
        Watched::EndpointSlice => Event::EndpointSlice(Change::Delete(key)),
        Watched::StatefulSet => Event::StatefulSet(Change::Delete(key)),
    }
}
