//! Who gives a pod's interface its addresses: the default network or an attachment definition.

use serde::{Deserialize, Serialize};

use super::is_dns_label;

/// The provider of an interface, of `Subnet.spec.provider` and of a CNI configuration.
///
/// | text | meaning |
/// | --- | --- |
/// | `ovn`, empty | the default network |
/// | `<nad>.<namespace>.ovn` | an attachment with a logical switch port |
/// | `<nad>.<namespace>.ovn.<ifname>` | the same, attached more than once to a pod |
/// | `<nad>.<namespace>` | addresses for another CNI's attachment; no logical switch port |
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Provider {
    #[default]
    Default,
    Attachment {
        nad: String,
        namespace: String,
    },
    Interface {
        nad: String,
        namespace: String,
        ifname: String,
    },
    Foreign {
        nad: String,
        namespace: String,
    },
}

/// A string that names no provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadProvider(String);

impl std::fmt::Display for BadProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "provider {:?} is none of ovn, <nad>.<namespace>.ovn, <nad>.<namespace>", self.0)
    }
}

impl std::error::Error for BadProvider {}

impl Provider {
    /// Whether interfaces of this provider have a logical switch port.
    pub fn is_ovn(&self) -> bool {
        !matches!(self, Self::Foreign { .. })
    }

    /// The provider subnets are registered under: without the interface.
    #[must_use]
    pub fn of_subnet(&self) -> Self {
        match self {
            Self::Interface { nad, namespace, .. } => {
                Self::Attachment { nad: nad.clone(), namespace: namespace.clone() }
            }
            other => other.clone(),
        }
    }

    /// The key of one of this provider's annotations: `<provider>.kubernetes.io/<word>`.
    pub fn annotation(&self, word: &str) -> String {
        format!("{self}.kubernetes.io/{word}")
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("ovn"),
            Self::Attachment { nad, namespace } => write!(f, "{nad}.{namespace}.ovn"),
            Self::Interface { nad, namespace, ifname } => {
                write!(f, "{nad}.{namespace}.ovn.{ifname}")
            }
            Self::Foreign { nad, namespace } => write!(f, "{nad}.{namespace}"),
        }
    }
}

impl std::str::FromStr for Provider {
    type Err = BadProvider;

    fn from_str(s: &str) -> Result<Self, BadProvider> {
        if s.is_empty() || s == "ovn" {
            return Ok(Self::Default);
        }
        let bad = || BadProvider(s.to_owned());
        let mut fields = s.splitn(4, '.');
        let (Some(nad), Some(namespace)) = (fields.next(), fields.next()) else {
            return Err(bad());
        };
        if !is_dns_label(nad) || !is_dns_label(namespace) {
            return Err(bad());
        }
        let (nad, namespace) = (nad.to_owned(), namespace.to_owned());
        match (fields.next(), fields.next()) {
            (None, _) => Ok(Self::Foreign { nad, namespace }),
            (Some("ovn"), None) => Ok(Self::Attachment { nad, namespace }),
            // A key of an annotation: no slash; interface names may well have dots.
            (Some("ovn"), Some(ifname)) if !ifname.is_empty() && !ifname.contains(['/', ' ']) => {
                Ok(Self::Interface { nad, namespace, ifname: ifname.to_owned() })
            }
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for Provider {
    type Error = BadProvider;

    fn try_from(s: String) -> Result<Self, BadProvider> {
        s.parse()
    }
}

impl From<Provider> for String {
    fn from(provider: Provider) -> Self {
        provider.to_string()
    }
}
