//! CHECK: what an interface must look like against what it looks like.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Route;
use super::pod::Interface;

/// What was found in the pod's namespace under the interface's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) mtu: u32,
    pub(crate) up: bool,
    pub(crate) addresses: Vec<IpNet>,
    pub(crate) routes: Vec<Route>,
}

/// Everything that differs, a sentence each; addresses and routes that others added are theirs.
pub(crate) fn differences(want: &Interface, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    if seen.mac != Some(want.mac) {
        wrong.push(format!(
            "MAC address should be {}, is {}",
            text(&want.mac),
            seen.mac.map_or("none".into(), |mac| text(&mac))
        ));
    }
    if seen.mtu != want.mtu {
        wrong.push(format!("MTU should be {}, is {}", want.mtu, seen.mtu));
    }
    if !seen.up {
        wrong.push("interface is down".to_owned());
    }
    let addresses: BTreeSet<&IpNet> = seen.addresses.iter().collect();
    wrong.extend(
        want.addresses
            .iter()
            .filter(|it| !addresses.contains(it))
            .map(|it| format!("address {it} is missing")),
    );
    let routes: BTreeSet<_> = seen.routes.iter().map(|route| (route.to, route.via)).collect();
    for route in want.all_routes() {
        if !routes.contains(&(route.to, route.via)) {
            let via = route.via.map_or(String::new(), |via| format!(" via {via}"));
            wrong.push(format!("route to {}{via} is missing", route.to));
        }
    }
    wrong
}

fn text(mac: &[u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
