//! Carries out steps on the node's and a pod's links.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::ethtool::Ethtool;
use super::link::Veth;
use super::netlink::Netlink;
use super::netns::{Namespace, within};
use super::reaper::CONDEMNED;
use super::{Error, is_absent, sysctl};
use crate::plan::{At, Kernel, Seen, Step, execute, execute_all};

/// Sockets of one namespace.
struct Side {
    netlink: Netlink,
    ethtool: Ethtool,
}

impl Side {
    /// Opens the sockets in the calling thread's namespace.
    fn open() -> Result<Self, Error> {
        let open = |source| Error::new("open netlink", source);
        Ok(Self {
            netlink: Netlink::open().map_err(open)?,
            ethtool: Ethtool::open().map_err(open)?,
        })
    }
}

/// The links of the node and, with it, of one pod: the daemon's [`Kernel`].
pub(crate) struct Links {
    node: Side,
    pod: Option<(Side, Namespace)>,
}

impl Links {
    /// The node's links only; steps in a pod are errors. The calling thread must stay in the node's namespace.
    pub(crate) fn node() -> Result<Self, Error> {
        Ok(Self { node: Side::open()?, pod: None })
    }

    fn side(&mut self, at: At) -> io::Result<&mut Side> {
        match (at, &mut self.pod) {
            (At::Node, _) => Ok(&mut self.node),
            (At::Pod, Some((side, _))) => Ok(side),
            (At::Pod, None) => Err(io::Error::other("a step in a pod without its namespace")),
        }
    }

    /// A pair of that name from an ADD that was cut off is replaced; any other link of that name is not ours to touch.
    fn veth(&mut self, host: &str, alias: &str, peer: &str, mtu: u32) -> io::Result<()> {
        let Some((_, namespace)) = &self.pod else {
            return Err(io::Error::other("a step in a pod without its namespace"));
        };
        let veth = Veth { host, alias, peer, inside: namespace.as_fd(), mtu };
        match self.node.netlink.add_veth(&veth) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {}
            done => return done,
        }
        let stale = match self.node.netlink.link(host) {
            Ok(link) => link,
            Err(error) if is_absent(&error) => {
                let what = format!("the pod already has an interface {peer}");
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
            }
            Err(error) => return Err(error),
        };
        // Without an alias its daemon was killed between making and labelling it.
        if stale.alias != alias && !stale.alias.is_empty() {
            let what = format!("a link {host} of another owner is in the way");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        self.node.netlink.delete_link(host)?;
        self.node.netlink.add_veth(&veth)
    }

    /// The kernel shows a thread the parameters of the namespace that it is in.
    fn parameter(&self, at: At, key: &str, value: &str) -> io::Result<()> {
        match (at, &self.pod) {
            (At::Node, Some((_, namespace))) => namespace.outside(|| sysctl::write(key, value)),
            (At::Pod, None) => Err(io::Error::other("a step in a pod without its namespace")),
            _ => sysctl::write(key, value),
        }
    }

    fn do_step(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Veth { host, alias, peer, mtu } => self.veth(host, alias, peer, *mtu),
            Step::NoLinkLocal { at, link } => match self.side(*at)?.netlink.set_no_link_local(link)
            {
                // A kernel without IPv6.
                Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Ok(()),
                done => done,
            },
            Step::ChecksumOff { at, link } => self.side(*at)?.ethtool.tx_checksum_off(link),
            Step::Sysctl { at, key, value } => match self.parameter(*at, key, value) {
                Err(error) if is_absent(&error) => Ok(()),
                done => done,
            },
            Step::Mtu { at, link, mtu } => self.side(*at)?.netlink.set_mtu(link, *mtu),
            Step::Mac { at, link, mac } => self.side(*at)?.netlink.set_mac(link, *mac),
            Step::Up { at, link } => self.side(*at)?.netlink.set_up(link),
            Step::Address { at, link, address } => {
                self.side(*at)?.netlink.add_address(link, *address)
            }
            Step::NoAddress { at, link, address } => {
                absent_is_done(self.side(*at)?.netlink.remove_address(link, *address))
            }
            Step::Route { at, link, route } => self.side(*at)?.netlink.replace_route(link, route),
            Step::NoRoute { at, link, route } => {
                absent_is_done(self.side(*at)?.netlink.remove_route(link, route))
            }
            Step::Delete { link } => absent_is_done(self.node.netlink.set_group(link, CONDEMNED)),
        }
    }
}

fn absent_is_done(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if is_absent(&error) => Ok(()),
        done => done,
    }
}

impl Kernel for Links {
    type Error = Error;

    fn apply(&mut self, step: &Step) -> Result<(), Error> {
        self.do_step(step).map_err(|source| Error::new(format!("{step:?}"), source))
    }

    fn undo(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            // Whatever else was done to the pair goes with it.
            Step::Veth { host, .. } => self.apply(&Step::Delete { link: host.clone() }),
            _ => Ok(()),
        }
    }
}

/// Carries out a plan in the node's and the pod's namespace: all of it or nothing.
pub(crate) async fn carry_out(netns: PathBuf, plan: Vec<Step>) -> Result<(), Error> {
    with_pod(netns, move |links| execute(links, &plan)).await
}

/// Carries out every step of a plan that needs no pod; what failed.
pub(crate) async fn carry_out_all(plan: Vec<Step>) -> Vec<Error> {
    let done =
        super::on_thread("node-links", move || Ok(execute_all(&mut Links::node()?, &plan))).await;
    done.unwrap_or_else(|error| vec![error])
}

/// What the pod's interface looks like.
pub(crate) async fn observe(netns: PathBuf, interface: String) -> Result<Seen, Error> {
    with_pod(netns, move |links| {
        let what = format!("look at interface {interface}");
        let netlink = &mut links.side(At::Pod).map_err(|source| Error::new(&what, source))?.netlink;
        super::node::look(netlink, &interface).map_err(|source| Error::new(what, source))
    })
    .await
}

async fn with_pod<T: Send + 'static>(
    netns: PathBuf,
    work: impl FnOnce(&mut Links) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let namespace = Namespace::open(&netns)?;
    within(namespace, Side::open, move |node, namespace| {
        work(&mut Links { node, pod: Some((Side::open()?, namespace)) })
    })
    .await
}
