//! Conditions, as every status of Kube-OVN lists them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The object does what it should.
pub const READY: &str = "Ready";
/// The spec was understood.
pub const VALIDATED: &str = "Validated";
/// Something is wrong; the message says what and where.
pub const ERROR: &str = "Error";

/// One thing that is true, false or unknown about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// What the condition is about, for example Ready.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word for programs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The generation of the object this was said about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When anything here changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// When the status changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}

impl Condition {
    /// A condition without times; [`set`] gives them.
    pub fn new(
        type_: &str,
        status: bool,
        reason: &str,
        message: impl Into<String>,
        generation: i64,
    ) -> Self {
        Self {
            type_: type_.to_owned(),
            status: if status { "True" } else { "False" }.to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
            observed_generation: Some(generation),
            last_update_time: None,
            last_transition_time: None,
        }
    }

    pub fn is_true(&self) -> bool {
        self.status == "True"
    }

    /// The same statement, whenever it was made.
    fn says_the_same(&self, other: &Self) -> bool {
        let timeless = |condition: &Self| Self {
            last_update_time: None,
            last_transition_time: None,
            ..condition.clone()
        };
        timeless(self) == timeless(other)
    }
}

/// Puts `next` in the place of the condition of its type. Returns whether anything changed: a statement repeated keeps its times, so
/// that saying it again causes no write.
pub fn set(conditions: &mut Vec<Condition>, mut next: Condition, now: Timestamp) -> bool {
    next.last_update_time = Some(Time(now));
    next.last_transition_time = Some(Time(now));
    let Some(old) = conditions.iter_mut().find(|old| old.type_ == next.type_) else {
        conditions.push(next);
        return true;
    };
    if old.says_the_same(&next) {
        return false;
    }
    if old.status == next.status {
        next.last_transition_time = old.last_transition_time.take().or(next.last_transition_time);
    }
    *old = next;
    true
}
