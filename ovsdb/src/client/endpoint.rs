//! Where a server listens, in the notation of ovsdb(7): `unix:PATH` and `tcp:IP:PORT`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// An active connection method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// Why a text names no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not unix:PATH or tcp:IP:PORT")]
pub struct NotAnEndpoint(String);

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let wrong = || NotAnEndpoint(text.to_owned());
        match text.trim().split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(("tcp", address)) => address.parse().map(Self::Tcp).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

pub(super) type Incoming = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Outgoing = Box<dyn AsyncWrite + Send + Unpin>;

impl Endpoint {
    pub(super) async fn open(&self) -> std::io::Result<(Incoming, Outgoing)> {
        match self {
            Self::Unix(path) => {
                let (incoming, outgoing) = UnixStream::connect(path).await?.into_split();
                Ok((Box::new(incoming), Box::new(outgoing)))
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                // Requests are written whole; waiting for more to send only delays them.
                stream.set_nodelay(true)?;
                let (incoming, outgoing) = stream.into_split();
                Ok((Box::new(incoming), Box::new(outgoing)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_they_are_written() {
        for text in ["unix:/run/ovn/ovnnb_db.sock", "tcp:10.0.0.1:6641", "tcp:[fd00::1]:6642"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_we_cannot_connect_to_is_refused() {
        for text in ["", "unix:", "tcp:host:6641", "tcp:10.0.0.1", "ssl:10.0.0.1:6641", "/run/sock"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
