//! Names we give to links, and the note on a link that says whose it is.

use std::fmt;

/// Longest name of a link: `IFNAMSIZ` without its terminator.
const LINK_NAME: usize = 15;
/// How much of a container id goes into the name of its link.
const ID_PART: usize = 12;

/// The name of the node's end of a container's veth pair: `<id[:12]>_h` for `eth0`, else
/// `<id[:12-len(ifname)]>_<ifname>_h`, as Kube-OVN calls them. A container interface too long for that keeps
/// four characters of the id and its own last characters.
pub(crate) fn host_link(container: &str, interface: &str) -> String {
    if interface == "eth0" {
        return format!("{}_h", prefix(container, ID_PART));
    }
    let id = prefix(container, ID_PART.saturating_sub(interface.len()).max(4));
    let room = LINK_NAME - id.len() - "__h".len();
    let skip = interface.char_indices().rev().nth(room.saturating_sub(1)).map_or(0, |(at, _)| at);
    format!("{id}_{}_h", &interface[skip..])
}

fn prefix(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(at, _)| &text[..at])
}

/// Whose a link is, kept as the link's alias: what a daemon that knows nothing needs to clean up after another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag {
    /// The name of the network configuration that asked for it.
    pub(crate) network: String,
    pub(crate) container: String,
    pub(crate) interface: String,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kube-ovn/{}/{}/{}", self.network, self.container, self.interface)
    }
}

impl Tag {
    /// Reads an alias; `None` when the link is not ours.
    pub(crate) fn parse(alias: &str) -> Option<Self> {
        let mut parts = alias.strip_prefix("kube-ovn/")?.splitn(3, '/');
        let mut next = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        Some(Self { network: next()?, container: next()?, interface: next()? })
    }

    /// The link's name on the node.
    pub(crate) fn host_link(&self) -> String {
        host_link(&self.container, &self.interface)
    }
}
