//! Events (`events.k8s.io/v1`): one object for the same thing said of the same object, with a count when it repeats.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::target::{Aspect, Kind, Target, Urgency, Verb, Write};

/// How many different events are remembered: one that was forgotten starts a new object when it repeats.
const REMEMBERED: usize = 1024;
/// An event that repeats within this time is the same one.
const MOMENT: SignedDuration = SignedDuration::from_secs(10);
/// The namespace of events about objects that are in none.
const DEFAULT_NAMESPACE: &str = "default";
/// The longest note the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Something to be known about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    /// Empty for objects without one.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) warning: bool,
    /// One word, part of the contract.
    pub(super) reason: &'static str,
    /// For people.
    pub(super) note: String,
}

/// Turns notices into writes, and knows which were told before.
#[derive(Debug)]
pub(super) struct Events {
    instance: String,
    /// How often each was told in this process, and when last.
    told: HashMap<Uuid, (u32, Timestamp)>,
    order: VecDeque<Uuid>,
}

impl Events {
    /// `instance`: which replica says it.
    pub(super) fn new(instance: String) -> Self {
        Self { instance, told: HashMap::new(), order: VecDeque::new() }
    }

    /// The first time an event is made, later its series is patched. Said twice in a moment is said once: reports are made
    /// anew until the API server shows that it has heard them.
    pub(super) fn write<O>(
        &mut self,
        notice: &Notice,
        now: Timestamp,
    ) -> Option<(Target, Write<O>)> {
        let id = identity(notice, &self.instance);
        let times = self.count(id, now)?;
        let namespace = match notice.namespace.as_str() {
            "" => DEFAULT_NAMESPACE.to_owned(),
            namespace => namespace.to_owned(),
        };
        let name = format!("{}.{:.16}", notice.name, id.simple().to_string());
        let verb = if times == 1 {
            Verb::Create(bytes(&self.object(notice, &namespace, &name, now)))
        } else {
            let series = json!({ "series": { "count": times, "lastObservedTime": micro(now) } });
            Verb::Merge(bytes(&series))
        };
        let target = Target { kind: Kind::Event, namespace, name, aspect: Aspect::Whole };
        Some((target, Write { verb, urgency: Urgency::Event, origin: None }))
    }

    fn count(&mut self, id: Uuid, now: Timestamp) -> Option<u32> {
        if let Some((times, last)) = self.told.get_mut(&id) {
            if now.duration_since(*last) < MOMENT {
                return None;
            }
            (*times, *last) = (times.saturating_add(1), now);
            return Some(*times);
        }
        self.told.insert(id, (1, now));
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.told.remove(&oldest);
        }
        Some(1)
    }

    fn object(&self, notice: &Notice, namespace: &str, name: &str, now: Timestamp) -> Value {
        let mut regarding = json!({
            "apiVersion": notice.api_version,
            "kind": notice.kind,
            "name": notice.name,
            "uid": notice.uid,
        });
        if !notice.namespace.is_empty() {
            regarding["namespace"] = json!(notice.namespace);
        }
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": { "name": name, "namespace": namespace },
            "eventTime": micro(now),
            "reportingController": "kube-ovn-controller",
            "reportingInstance": self.instance,
            "action": notice.reason,
            "reason": notice.reason,
            "regarding": regarding,
            "note": shortened(&notice.note),
            "type": if notice.warning { "Warning" } else { "Normal" },
        })
    }
}

fn identity(notice: &Notice, instance: &str) -> Uuid {
    let Notice { kind, namespace, name, uid, reason, note, .. } = notice;
    let words = [*kind, namespace, name, uid, *reason, note, instance];
    Uuid::new_v5(&Uuid::NAMESPACE_OID, words.join("\0").as_bytes())
}

/// The API's MicroTime: RFC 3339 with six digits of a second.
fn micro(time: Timestamp) -> String {
    format!("{time:.6}")
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn shortened(note: &str) -> &str {
    let end = (0..=note.len().min(LONGEST_NOTE)).rev().find(|at| note.is_char_boundary(*at));
    &note[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice {
            api_version: "v1",
            kind: "Pod",
            namespace: "default".into(),
            name: "web-0".into(),
            uid: "5f3a".into(),
            warning: true,
            reason: "AcquireAddressFailed",
            note: "ip_address 10.16.0.9 is taken".into(),
        }
    }

    fn time() -> Timestamp {
        "2026-01-02T03:04:05.000006Z".parse().unwrap()
    }

    fn write(events: &mut Events, notice: &Notice) -> (Target, Write<()>) {
        events.write(notice, time()).expect("news")
    }

    #[test]
    fn the_first_time_an_event_is_made() {
        let (target, write) = write(&mut Events::new("me".into()), &notice());
        let Verb::Create(body) = write.verb else { panic!("{write:?}") };
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(target.namespace, "default");
        assert!(target.name.starts_with("web-0."));
        assert_eq!(event["metadata"]["name"], *target.name);
        assert_eq!(event["eventTime"], "2026-01-02T03:04:05.000006Z");
        assert_eq!(event["type"], "Warning");
        assert_eq!(event["regarding"]["uid"], "5f3a");
    }

    #[test]
    fn the_second_time_its_series_counts() {
        let mut events = Events::new("me".into());
        let (first, _) = write(&mut events, &notice());
        assert_eq!(events.write::<()>(&notice(), time() + MOMENT / 2), None, "the same moment");
        let (second, repeated): (_, Write<()>) = events.write(&notice(), time() + MOMENT).unwrap();
        assert_eq!(first, second);
        let Verb::Merge(body) = repeated.verb else { panic!("{repeated:?}") };
        let patch: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(patch["series"]["count"], 2);
    }

    #[test]
    fn another_note_is_another_event() {
        let mut events = Events::new("me".into());
        let (first, _) = write(&mut events, &notice());
        let (other, _) = write(&mut events, &Notice { note: "no address left".into(), ..notice() });
        assert_ne!(first, other);
    }

    #[test]
    fn what_is_in_no_namespace_is_told_in_default() {
        let subnet = Notice { namespace: String::new(), kind: "Subnet", ..notice() };
        let (target, write) = write(&mut Events::new("me".into()), &subnet);
        let Verb::Create(body) = write.verb else { panic!("{write:?}") };
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(target.namespace, "default");
        assert_eq!(event["regarding"].get("namespace"), None);
    }

    #[test]
    fn a_long_note_is_cut_between_characters() {
        let long = "é".repeat(600);
        assert_eq!(shortened(&long).len(), 1024);
        assert_eq!(shortened(&format!("x{long}")).len(), 1023);
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn no_more_events_are_remembered_than_allowed() {
        let mut events = Events::new("me".into());
        for number in 0..(REMEMBERED + 10) {
            write(&mut events, &Notice { note: number.to_string(), ..notice() });
        }
        assert_eq!((events.told.len(), events.order.len()), (REMEMBERED, REMEMBERED));
    }
}
