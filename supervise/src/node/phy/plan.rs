//! Which NIC carries the tunnels, and the commands of ip(8) that move its addresses. Pure.

use std::net::IpAddr;

use anyhow::Context as _;
use serde_json::Value;

use crate::args::NicPattern;
use crate::kernel::Link;

/// What was taken from a NIC, as br-phy's external_ids tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) nic: String,
    pub(super) addresses: Vec<String>,
    /// Words for `ip route replace`, without the device.
    pub(super) routes: Vec<String>,
}

const NIC: &str = "kube-ovn.io/nic";
const ADDRESSES: &str = "kube-ovn.io/addresses";
const ROUTES: &str = "kube-ovn.io/routes";

impl Saved {
    /// Reads what `ovs-vsctl --format=json --columns=external_ids list Bridge` prints; no row is nothing saved.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let table: Value = serde_json::from_str(text)?;
        let Some(row) = table["data"].get(0) else { return Ok(Self::default()) };
        let pairs = row[0][1].as_array().context("no map")?;
        let get =
            |key: &str| pairs.iter().find(|pair| pair[0] == key).and_then(|pair| pair[1].as_str());
        let list = |key: &str| -> Vec<String> {
            let text = get(key).unwrap_or_default();
            text.split(';').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        Ok(Self {
            nic: get(NIC).unwrap_or_default().to_owned(),
            addresses: list(ADDRESSES),
            routes: list(ROUTES),
        })
    }

    /// The words of ovs-vsctl(8) that write it.
    pub(super) fn columns(&self) -> [String; 3] {
        let set = |key: &str, value: &str| format!("external_ids:{key}=\"{value}\"");
        [
            set(NIC, &self.nic),
            set(ADDRESSES, &self.addresses.join(";")),
            set(ROUTES, &self.routes.join(";")),
        ]
    }
}

/// The NIC that carries the tunnels: the first of `wanted` that a link matches, or without any the link with the node's
/// address, or the one that had it before we took it.
///
/// # Errors
/// When there is none, with the links there are.
pub(super) fn nic<'a>(
    links: &'a [Link],
    wanted: &[NicPattern],
    node: Option<IpAddr>,
    saved: &Saved,
) -> anyhow::Result<&'a Link> {
    let named =
        wanted.iter().find_map(|pattern| links.iter().find(|link| pattern.matches(&link.name)));
    let found = match wanted {
        [] => {
            let holder = node.and_then(|node| {
                links.iter().find(|link| link.holds(node) && link.name != super::BRIDGE)
            });
            holder.or_else(|| links.iter().find(|link| link.name == saved.nic))
        }
        _ => named,
    };
    found.with_context(|| {
        let names: Vec<_> = links.iter().map(|link| link.name.as_str()).collect();
        format!("no NIC for tunnels among {}", names.join(", "))
    })
}

/// Moves addresses and routes from the NIC to `bridge`. Doing it twice changes nothing.
pub(super) fn take(saved: &Saved, bridge: &str) -> Vec<String> {
    let mut commands = vec![format!("link set {} up", saved.nic), format!("link set {bridge} up")];
    commands.extend(saved.addresses.iter().map(|address| address_on(address, bridge)));
    commands.push(format!("address flush dev {} scope global", saved.nic));
    commands.extend(saved.routes.iter().map(|route| format!("route replace {route} dev {bridge}")));
    commands
}

/// The way back, when the bridge is gone.
pub(super) fn give_back(saved: &Saved) -> Vec<String> {
    let addresses = saved.addresses.iter().map(|address| address_on(address, &saved.nic));
    let routes =
        saved.routes.iter().map(|route| format!("route replace {route} dev {}", saved.nic));
    addresses.chain(routes).collect()
}

/// An IPv6 address is usable at once: it was tested for duplicates on the NIC already.
fn address_on(address: &str, link: &str) -> String {
    let nodad = if address.contains(':') { " nodad" } else { "" };
    format!("address replace {address} dev {link}{nodad}")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn link(name: &str, address: &str) -> Link {
        let addresses = (!address.is_empty()).then(|| address.to_owned()).into_iter().collect();
        Link { name: name.to_owned(), mac: String::new(), addresses }
    }

    fn saved() -> Saved {
        Saved {
            nic: "eth1".into(),
            addresses: vec!["172.31.0.11/24".into(), "fd00::b/64".into()],
            routes: vec!["172.32.0.0/16 via 172.31.0.1 proto static".into()],
        }
    }

    #[test]
    fn addresses_and_routes_move_in_an_order_that_keeps_routes() {
        expect![[r#"
            link set eth1 up
            link set br-phy up
            address replace 172.31.0.11/24 dev br-phy
            address replace fd00::b/64 dev br-phy nodad
            address flush dev eth1 scope global
            route replace 172.32.0.0/16 via 172.31.0.1 proto static dev br-phy"#]]
        .assert_eq(&take(&saved(), "br-phy").join("\n"));
        expect![[r#"
            address replace 172.31.0.11/24 dev eth1
            address replace fd00::b/64 dev eth1 nodad
            route replace 172.32.0.0/16 via 172.31.0.1 proto static dev eth1"#]]
        .assert_eq(&give_back(&saved()).join("\n"));
    }

    #[test]
    fn what_was_saved_is_read_again_from_the_bridge() {
        let listed = r#"{"data":[[["map",[["kube-ovn.io/addresses","172.31.0.11/24;fd00::b/64"],["kube-ovn.io/nic","eth1"],["kube-ovn.io/routes","172.32.0.0/16 via 172.31.0.1 proto static"]]]]],"headings":["external_ids"]}"#;
        assert_eq!(Saved::parse(listed).unwrap(), saved());
        assert_eq!(Saved::parse("").unwrap(), Saved::default());
        assert_eq!(
            Saved::parse(r#"{"data":[],"headings":["external_ids"]}"#).unwrap(),
            Saved::default()
        );
    }

    #[test]
    fn without_a_wish_it_is_the_nic_of_the_node_address_also_after_its_address_moved() {
        let node = Some(IpAddr::from([172, 30, 0, 11]));
        let before = [link("lo", ""), link("eth0", "172.30.0.11/24")];
        assert_eq!(nic(&before, &[], node, &Saved::default()).unwrap().name, "eth0");
        let after = [link("lo", ""), link("eth0", ""), link("br-phy", "172.30.0.11/24")];
        let saved = Saved { nic: "eth0".into(), ..Saved::default() };
        assert_eq!(nic(&after, &[], node, &saved).unwrap().name, "eth0");
        let error = nic(&[link("lo", "")], &[], node, &Saved::default()).unwrap_err();
        assert_eq!(error.to_string(), "no NIC for tunnels among lo");
    }
}
