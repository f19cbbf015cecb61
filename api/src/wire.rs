//! What the plugin and the daemon of a node say to each other: one line of JSON each way over a unix socket, then the end.
//!
//! ```text
//! kube-ovn ──Request──▶ kube-ovn-daemon        one connection per call; the plugin closes it
//!          ◀─Response──
//! ```
//! Both are shipped together, so the words may change: [`VERSION`] tells when one of them was not restarted yet, and the runtime is
//! asked to try again. Only the path of the socket is a contract with the outside.

use serde::{Deserialize, Serialize};

use crate::cni::{AttachmentId, Device, Error, PortMapping, Route, Success, code};
use crate::names::Provider;

/// Where the daemon listens unless the configuration says otherwise.
pub const SOCKET: &str = "/run/openvswitch/kube-ovn-daemon.sock";

/// Raised whenever a word changes its meaning.
pub const VERSION: u32 = 1;

/// The longest line either side reads, in bytes: a GC of 10,000 attachments is about 1 MB.
pub const LINE_LIMIT: usize = 4 << 20;

/// What the plugin asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub version: u32,
    /// How long the daemon may take for its answer, in milliseconds from reading this line; later nobody listens.
    pub deadline_ms: u64,
    pub call: Call,
}

/// The CNI command with what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    Add(Attachment),
    /// Idempotent; whatever is unknown or gone already is success.
    Del(Attachment),
    /// [`Attachment::previous`] is always there.
    Check(Attachment),
    Gc(Gc),
    Status,
}

/// One interface of one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Name of the network configuration.
    pub network: String,
    pub container_id: String,
    /// Path of the network namespace. Empty only for DEL, when the runtime has lost it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub netns: String,
    /// Name of the interface inside the pod.
    pub ifname: String,
    /// `None` only for DEL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
    pub provider: Provider,
    /// Another plugin makes the interface; only addresses are asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ipam: bool,
    /// Routes of the configuration, in addition to those of subnet and pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    #[serde(default, skip_serializing_if = "Device::is_empty")]
    pub device: Device,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_mappings: Vec<PortMapping>,
    /// In bytes; overrides the subnet's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// CHECK: the result of ADD. DEL: the same if the runtime still has it. ADD: never, the plugin joins the chain's results itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Success>,
}

/// The pod as the container runtime names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pod {
    pub namespace: String,
    pub name: String,
    /// `metadata.uid`; `None` from runtimes that do not pass `K8S_POD_UID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Remove what belongs to none of the attachments that are still valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gc {
    pub network: String,
    /// `None`: the runtime sent no list. Then only what is certainly dead may go: its namespace or its pod no longer exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<Vec<AttachmentId>>,
}

/// What the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    pub version: u32,
    pub answer: Answer,
}

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// ADD: the interfaces (with MAC and MTU), addresses and routes that now exist, complete: the plugin adds nothing of its own.
    Attached(Success),
    /// Everything else.
    Done,
    Failed(Error),
}

/// A line that is not one of ours.
#[derive(Debug)]
pub enum Malformed {
    /// The peer speaks another version: this one.
    Version(u32),
    Json(serde_json::Error),
}

impl Request {
    pub fn new(call: Call, deadline_ms: u64) -> Self {
        Self { version: VERSION, deadline_ms, call }
    }

    /// The line to send, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        line(self)
    }

    /// # Errors
    /// When the line is not a request of our [`VERSION`]; answer with [`Malformed::to_error`].
    pub fn parse(line: &[u8]) -> Result<Self, Malformed> {
        parse(line)
    }
}

impl Response {
    pub fn new(answer: Answer) -> Self {
        Self { version: VERSION, answer }
    }

    /// The line to send, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        line(self)
    }

    /// # Errors
    /// When the line is not a response of our [`VERSION`].
    pub fn parse(line: &[u8]) -> Result<Self, Malformed> {
        parse(line)
    }
}

impl From<Result<Answer, Error>> for Response {
    fn from(outcome: Result<Answer, Error>) -> Self {
        Self::new(outcome.unwrap_or_else(Answer::Failed))
    }
}

impl Malformed {
    /// What the runtime should hear: another version passes once both programs are restarted, garbage does not.
    pub fn to_error(&self) -> Error {
        match self {
            Self::Version(_) => {
                Error::new(code::TRY_AGAIN, "plugin and daemon are of different versions")
                    .with_details(self)
            }
            Self::Json(_) => {
                Error::new(code::ANSWER, "plugin and daemon do not understand each other")
                    .with_details(self)
            }
        }
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(other) => {
                write!(f, "the peer speaks version {other}, this side {VERSION}")
            }
            Self::Json(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Malformed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Version(_) => None,
            Self::Json(error) => Some(error),
        }
    }
}

/// JSON without line breaks of its own, so that a newline ends it.
fn line<T: Serialize>(message: &T) -> Vec<u8> {
    let mut line =
        serde_json::to_vec(message).expect("messages hold only strings, numbers and lists");
    line.push(b'\n');
    line
}

fn parse<T: for<'de> Deserialize<'de>>(line: &[u8]) -> Result<T, Malformed> {
    #[derive(Deserialize)]
    struct Only {
        version: u32,
    }
    // The version first: the rest of another version's line means nothing here.
    let only: Only = serde_json::from_slice(line).map_err(Malformed::Json)?;
    if only.version != VERSION {
        return Err(Malformed::Version(only.version));
    }
    serde_json::from_slice(line).map_err(Malformed::Json)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests;
