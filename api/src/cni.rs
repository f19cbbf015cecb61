//! The Container Network Interface, versions 0.1.0 to 1.1.0, as a plugin sees it: configuration in, result or error out.
//!
//! Source: the CNI specification of `containernetworking/cni` (section numbers as in 1.1.0) and, where it is silent, what
//! libcni does. Types here are neutral to the version; only [`Success::encode`] and [`NetConf::parse`] know the differences.

mod arguments;
mod conf;
mod error;
mod prefix;
mod result;
mod version;

pub use arguments::Arguments;
pub use conf::{AttachmentId, Device, NetConf, PLUGIN, PortMapping, is_identifier};
pub use error::{Error, code};
pub use prefix::Prefix;
pub use result::{Dns, Interface, Ip, Route, Success};
pub use version::{Version, supported};

/// What the runtime wants, from `CNI_COMMAND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Add,
    Del,
    Check,
    Gc,
    Status,
    Version,
}

impl Command {
    /// The word as `CNI_COMMAND` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    /// The oldest version of the specification that has this command.
    pub fn since(self) -> Version {
        match self {
            Self::Add | Self::Del | Self::Version => Version::V0_1_0,
            Self::Check => Version::V0_4_0,
            Self::Gc | Self::Status => Version::V1_1_0,
        }
    }
}

impl std::str::FromStr for Command {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        let all = [Self::Add, Self::Del, Self::Check, Self::Gc, Self::Status, Self::Version];
        all.into_iter().find(|command| command.as_str() == s).ok_or_else(|| {
            Error::new(
                code::ENVIRONMENT,
                format!("CNI_COMMAND {s:?} is none of ADD, DEL, CHECK, GC, STATUS, VERSION"),
            )
        })
    }
}

#[cfg(test)]
mod tests;
