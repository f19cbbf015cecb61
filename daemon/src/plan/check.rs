//! CHECK: what an interface must look like against what it looks like.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{Route, Seen};

/// What ADD answered; what that answer left out is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) mac: Option<[u8; 6]>,
    /// `None` in results of CNI versions before 1.1.0.
    pub(crate) mtu: Option<u32>,
    pub(crate) addresses: Vec<IpNet>,
    pub(crate) routes: Vec<Route>,
}

/// Everything that differs, a sentence each; addresses and routes that others added are theirs.
pub(crate) fn differences(want: &Expected, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(mac) = want.mac.filter(|mac| seen.mac != Some(*mac)) {
        let is = seen.mac.map_or("none".into(), |mac| text(&mac));
        wrong.push(format!("MAC address should be {}, is {is}", text(&mac)));
    }
    if let Some(mtu) = want.mtu.filter(|mtu| seen.mtu != *mtu) {
        wrong.push(format!("MTU should be {mtu}, is {}", seen.mtu));
    }
    if !seen.up {
        wrong.push("interface is down".to_owned());
    }
    let addresses: BTreeSet<&IpNet> = seen.addresses.iter().collect();
    let missing = want.addresses.iter().filter(|it| !addresses.contains(it));
    wrong.extend(missing.map(|it| format!("address {it} is missing")));
    let routes: BTreeSet<_> = seen.routes.iter().map(|route| (route.to, route.via)).collect();
    for route in &want.routes {
        if !routes.contains(&(route.to, route.via)) {
            let via = route.via.map_or(String::new(), |via| format!(" via {via}"));
            wrong.push(format!("route to {}{via} is missing", route.to));
        }
    }
    wrong
}

/// A MAC address as everybody writes it.
pub(crate) fn text(mac: &[u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
