//! The error a plugin prints on standard output, and the codes it may carry.

use serde::{Deserialize, Serialize};

use super::Version;

/// Error codes: below 100 the specification's own (§ "Error", and `pkg/types` of libcni), from 100 on this plugin's.
pub mod code {
    /// The configuration's `cniVersion` is not one this plugin, or this command, has.
    pub const VERSION: u32 = 1;
    /// A field of the configuration is understood but not supported.
    pub const UNSUPPORTED_FIELD: u32 = 2;
    /// The container does not exist; the runtime need not clean anything up.
    pub const UNKNOWN_CONTAINER: u32 = 3;
    /// An environment variable, or a key of `CNI_ARGS`, is missing or wrong.
    pub const ENVIRONMENT: u32 = 4;
    /// Input or output failed.
    pub const IO: u32 = 5;
    /// Content could not be decoded.
    pub const DECODE: u32 = 6;
    /// The configuration can be decoded but is not valid.
    pub const CONFIG: u32 = 7;
    /// A passing condition; the runtime should try again.
    pub const TRY_AGAIN: u32 = 11;
    /// STATUS: the plugin cannot serve ADD now.
    pub const UNAVAILABLE: u32 = 50;
    /// STATUS: as 50, and containers that exist may be cut off as well.
    pub const LIMITED: u32 = 51;
    /// The daemon refused or failed for a reason of its own; the message says which.
    pub const DAEMON: u32 = 100;
    /// The daemon's answer was not one this plugin understands.
    pub const ANSWER: u32 = 101;
    /// CHECK found the container's network different from what ADD made.
    pub const DIFFERS: u32 = 102;
}

/// An error as the specification defines it. `details` may be empty and is left out then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    pub code: u32,
    pub msg: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
}

impl Error {
    pub fn new(code: u32, msg: impl Into<String>) -> Self {
        Self { code, msg: msg.into(), details: String::new() }
    }

    /// The same error with a longer explanation, such as the text of its source.
    #[must_use]
    pub fn with_details(mut self, details: impl std::fmt::Display) -> Self {
        self.details = details.to_string();
        self
    }

    /// The JSON to print on standard output; the process must then end with a code other than 0.
    pub fn encode(&self, version: Version) -> String {
        #[derive(Serialize)]
        struct Printed<'a> {
            #[serde(rename = "cniVersion")]
            version: Version,
            #[serde(flatten)]
            error: &'a Error,
        }
        serde_json::to_string(&Printed { version, error: self })
            .expect("numbers and strings are always JSON")
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (code {})", self.msg, self.code)?;
        if self.details.is_empty() { Ok(()) } else { write!(f, ": {}", self.details) }
    }
}

impl std::error::Error for Error {}
