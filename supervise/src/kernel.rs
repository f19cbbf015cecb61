//! What `node` asks of the kernel, through ip(8) and nft(8): links, addresses and routes of a NIC, and the drop of its
//! ingress. Which of them go where is decided elsewhere.

use std::net::IpAddr;

use anyhow::Context as _;
use serde_json::Value;

use crate::program::tool;

/// nftables table that holds the ingress drops; nothing else uses it.
const TABLE: &str = "kube-ovn-phy";

/// A link as `ip -json address` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) mac: String,
    /// Addresses with their prefix length, without the link-local ones.
    pub(crate) addresses: Vec<String>,
}

impl Link {
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let hosts = self.addresses.iter().filter_map(|text| text.split('/').next());
        hosts.filter_map(|host| host.parse::<IpAddr>().ok()).any(|host| host == address)
    }
}

/// All links of this network namespace.
pub(crate) async fn links() -> anyhow::Result<Vec<Link>> {
    let text = tool("ip", &["-json", "address", "show"]).await?;
    let list: Vec<Value> = serde_json::from_str(&text).context("links")?;
    Ok(list.iter().map(link).collect())
}

fn link(json: &Value) -> Link {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let infos = json["addr_info"].as_array().map(Vec::as_slice).unwrap_or_default();
    let own = infos.iter().filter(|info| info["scope"] != "link" && info["scope"] != "host");
    let addresses =
        own.filter_map(|info| Some(format!("{}/{}", info["local"].as_str()?, info["prefixlen"])));
    Link {
        name: text(&json["ifname"]),
        mac: text(&json["address"]),
        addresses: addresses.collect(),
    }
}

/// The routes of the main table through `nic`, as words for `ip route`, without those the kernel makes from addresses.
pub(crate) async fn routes(nic: &str) -> anyhow::Result<Vec<String>> {
    let mut routes = Vec::new();
    for family in ["-4", "-6"] {
        let text =
            tool("ip", &["-json", family, "route", "show", "table", "main", "dev", nic]).await?;
        // ip prints nothing at all for a family without routes.
        if text.trim().is_empty() {
            continue;
        }
        let list: Vec<Value> = serde_json::from_str(&text).context("routes")?;
        routes.extend(list.iter().filter_map(route));
    }
    Ok(routes)
}

fn route(json: &Value) -> Option<String> {
    if json["protocol"] == "kernel" {
        return None;
    }
    let mut words = vec![json["dst"].as_str()?.to_owned()];
    for (key, word) in
        [("gateway", "via"), ("prefsrc", "src"), ("scope", "scope"), ("protocol", "proto")]
    {
        if let Some(value) = json[key].as_str() {
            words.extend([word.to_owned(), value.to_owned()]);
        }
    }
    if let Some(metric) = json["metric"].as_u64() {
        words.extend(["metric".to_owned(), metric.to_string()]);
    }
    let flags = json["flags"].as_array().map(Vec::as_slice).unwrap_or_default();
    words.extend(flags.iter().filter(|flag| *flag == "onlink").map(|_| "onlink".to_owned()));
    Some(words.join(" "))
}

/// Runs commands of ip(8) one after the other; the first that fails ends it.
pub(crate) async fn ip(commands: &[String]) -> anyhow::Result<()> {
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        tool("ip", &words).await?;
    }
    Ok(())
}

/// Drops what comes in at `nic` before the kernel's own stack sees it; packet sockets, OVS's among them, still do.
pub(crate) async fn drop_ingress(nic: &str) -> anyhow::Result<()> {
    let chain = format!(
        "netdev {TABLE} ingress {{ type filter hook ingress device \"{nic}\" priority 0; policy drop; }}"
    );
    restore_ingress().await?;
    tool("nft", &[format!("add table netdev {TABLE}; add chain {chain}")]).await.map(drop)
}

/// Undoes [`drop_ingress`].
pub(crate) async fn restore_ingress() -> anyhow::Result<()> {
    tool("nft", &[format!("add table netdev {TABLE}; delete table netdev {TABLE}")]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_keeps_its_own_addresses_only() {
        let json = json!({"ifname": "eth1", "address": "02:00:00:00:00:01", "mtu": 1500, "addr_info": [
            {"family": "inet", "local": "172.31.0.11", "prefixlen": 24, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
        ]});
        let link = link(&json);
        assert_eq!(link.addresses, ["172.31.0.11/24"]);
        assert!(link.holds([172, 31, 0, 11].into()) && !link.holds([172, 31, 0, 1].into()));
    }

    #[test]
    fn routes_are_told_in_the_words_that_make_them_again() {
        let default = json!({"dst": "default", "gateway": "172.31.0.1", "protocol": "dhcp", "metric": 100, "flags": ["onlink"]});
        assert_eq!(route(&default).unwrap(), "default via 172.31.0.1 proto dhcp metric 100 onlink");
        let own = json!({"dst": "172.31.0.0/24", "protocol": "kernel", "scope": "link", "prefsrc": "172.31.0.11"});
        assert_eq!(route(&own), None);
    }
}
