//! Versions of the specification and the answer to VERSION.

use serde::{Deserialize, Serialize};

use super::{Error, code};

/// A version of the CNI specification this project speaks, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Version {
    #[serde(rename = "0.1.0")]
    V0_1_0,
    #[serde(rename = "0.2.0")]
    V0_2_0,
    #[serde(rename = "0.3.0")]
    V0_3_0,
    #[serde(rename = "0.3.1")]
    V0_3_1,
    #[serde(rename = "0.4.0")]
    V0_4_0,
    #[serde(rename = "1.0.0")]
    V1_0_0,
    /// The newest; used in answers when the runtime's own version is not known.
    #[default]
    #[serde(rename = "1.1.0")]
    V1_1_0,
}

impl Version {
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Version {
    type Err = Error;

    /// The empty string is 0.1.0, as in libcni: the field came with that version.
    fn from_str(s: &str) -> Result<Self, Error> {
        if s.is_empty() {
            return Ok(Self::V0_1_0);
        }
        Self::ALL.into_iter().find(|version| version.as_str() == s).ok_or_else(|| {
            Error::new(code::VERSION, format!("cniVersion {s:?} is not supported"))
                .with_details(format!("supported: {}", Self::ALL.map(Self::as_str).join(", ")))
        })
    }
}

/// The answer to VERSION. `stdin` is the configuration the runtime may have sent: the answer speaks its version when that is one
/// of ours.
pub fn supported(stdin: &[u8]) -> String {
    #[derive(Serialize)]
    struct Answer {
        #[serde(rename = "cniVersion")]
        version: Version,
        #[serde(rename = "supportedVersions")]
        supported: [Version; 7],
    }
    #[derive(Deserialize)]
    struct Asked {
        #[serde(rename = "cniVersion")]
        version: Version,
    }
    // Garbage, nothing, or a version from the future: the answer is what tells the runtime, so it is never an error.
    let version =
        serde_json::from_slice(stdin).map_or(Version::default(), |asked: Asked| asked.version);
    serde_json::to_string(&Answer { version, supported: Version::ALL })
        .expect("strings are always JSON")
}
