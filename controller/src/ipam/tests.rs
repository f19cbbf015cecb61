use std::net::IpAddr;
use std::sync::Arc;

use api::net::{Addresses, IpRange, Mac};

use super::*;

mod model;
mod recovery;

/// A pool `net` of 10.0.0.0/29 with gateway .1: .2 to .6 are free.
pub(super) fn small() -> Ipam {
    let mut ipam = Ipam::default();
    assert_eq!(ipam.set_subnet(&"net".into(), networks("10.0.0.0/29", &[])), []);
    ipam
}

pub(super) fn networks(cidr: &str, excluded: &[&str]) -> Networks {
    let mut networks =
        Networks { router_mac: Some(mac("00:00:00:00:00:01")), ..Networks::default() };
    for cidr in cidr.parse::<api::net::Cidrs>().unwrap().iter() {
        let network = Network {
            cidr,
            gateway: cidr.range().nth(1).unwrap(),
            excluded: excluded.iter().map(|range| range.parse::<IpRange>().unwrap()).collect(),
        };
        *(if cidr.network().is_ipv4() { &mut networks.v4 } else { &mut networks.v6 }) =
            Some(network);
    }
    networks
}

pub(super) fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

pub(super) fn addresses(text: &str) -> Addresses {
    text.parse().unwrap()
}

/// Asks `net` for `wanted`, as an object whose uid is the port's name.
pub(super) fn ask(
    ipam: &mut Ipam,
    port: &str,
    wanted: &Wanted,
    mac: Option<Mac>,
) -> Result<Lease, Refused> {
    ask_as(ipam, port, port, wanted, mac)
}

fn ask_as(
    ipam: &mut Ipam,
    port: &str,
    uid: &str,
    wanted: &Wanted,
    mac: Option<Mac>,
) -> Result<Lease, Refused> {
    let (port, uid) = (Port::from(port), Arc::from(uid));
    let subnets = [Arc::from("net")];
    ipam.allocate(&Request { port: &port, uid: &uid, subnets: &subnets, wanted, mac })
}

fn first(ipam: &mut Ipam, port: &str) -> String {
    ask(ipam, port, &Wanted::Any, None).unwrap().addresses.to_string()
}

fn fixed(ipam: &mut Ipam, port: &str, text: &str) -> Result<Lease, Refused> {
    ask(ipam, port, &Wanted::Static(addresses(text)), None)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_lowest_address_is_given_and_asking_again_gives_it_again() {
    let mut ipam = small();
    assert_eq!(first(&mut ipam, "a"), "10.0.0.2");
    assert_eq!(first(&mut ipam, "b"), "10.0.0.3");
    assert_eq!(first(&mut ipam, "a"), "10.0.0.2");
    assert_eq!(ipam.usage("net").unwrap().v4.using, 2);
}

#[test]
fn a_released_address_waits_until_every_other_was_used() {
    let mut ipam = small();
    assert_eq!(first(&mut ipam, "a"), "10.0.0.2");
    ipam.release("a");
    let rest: Vec<_> = ["b", "c", "d", "e", "f"].map(|port| first(&mut ipam, port)).into();
    assert_eq!(rest, ["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"]);
    let refused = ask(&mut ipam, "g", &Wanted::Any, None).unwrap_err();
    assert_eq!(refused.to_string(), "no address is available in net (10.0.0.0/29)");
    assert!(refused.waits_for_release());
}

#[test]
fn excluded_addresses_are_only_given_to_who_names_them() {
    let mut ipam = small();
    ipam.set_subnet(&"net".into(), networks("10.0.0.0/29", &["10.0.0.2..10.0.0.4"]));
    assert_eq!(first(&mut ipam, "a"), "10.0.0.5");
    assert_eq!(fixed(&mut ipam, "b", "10.0.0.3").unwrap().addresses, addresses("10.0.0.3"));
    ipam.release("b");
    let usage = ipam.usage("net").unwrap().v4;
    assert_eq!((usage.available, usage.available_ranges.as_str()), (1, "10.0.0.6"));
    assert_eq!((usage.using, usage.using_ranges.as_str()), (1, "10.0.0.5"));
}

#[test]
fn a_named_address_is_refused_with_its_holder_or_its_block() {
    let mut ipam = small();
    fixed(&mut ipam, "a", "10.0.0.4").unwrap();
    let refusals = ["10.0.0.4", "10.0.0.1", "10.0.1.4", "10.0.0.7", "10.0.0.0"]
        .map(|text| fixed(&mut ipam, "b", text).unwrap_err().to_string());
    assert_eq!(
        refusals,
        [
            "address 10.0.0.4 of subnet net is held by a",
            "address 10.0.0.1 is the gateway of subnet net",
            "address 10.0.1.4 is outside of net (10.0.0.0/29)",
            "address 10.0.0.7 is outside of net (10.0.0.0/29)",
            "address 10.0.0.0 is outside of net (10.0.0.0/29)",
        ]
    );
    assert_eq!(ipam.lease("b"), None, "who is refused holds nothing");
}

#[test]
fn a_named_mac_is_given_once_and_never_the_routers() {
    let mut ipam = small();
    let wanted = mac("02:00:00:00:00:0a");
    assert_eq!(ask(&mut ipam, "a", &Wanted::Any, Some(wanted)).unwrap().mac, wanted);
    let taken = ask(&mut ipam, "b", &Wanted::Any, Some(wanted)).unwrap_err();
    assert_eq!(taken.to_string(), "MAC address 02:00:00:00:00:0a of subnet net is held by a");
    assert!(ask(&mut ipam, "b", &Wanted::Any, Some(mac("00:00:00:00:00:01"))).is_err());
    let free = ask(&mut ipam, "b", &Wanted::Any, None).unwrap().mac;
    assert_eq!(free.octets()[0] & 3, 2, "a derived address is local and unicast: {free}");
}

#[test]
fn the_first_free_entry_of_a_list_is_given() {
    let mut ipam = small();
    let list = Wanted::OneOf(["10.0.0.5", "10.0.0.3"].map(addresses).into());
    let given = ["a", "b"].map(|port| ask(&mut ipam, port, &list, None).unwrap().addresses);
    assert_eq!(given, ["10.0.0.5", "10.0.0.3"].map(addresses));
    let refused = ask(&mut ipam, "c", &list, None).unwrap_err();
    assert_eq!(refused.to_string(), "address 10.0.0.3 of subnet net is held by b");
}

/// KO#1809, KO#5654: the successor of a pod keeps its place, and one that wants another gives it back.
#[test]
fn ko5654_a_successor_keeps_what_it_accepts_and_gives_back_the_rest() {
    let mut ipam = small();
    let first = ask_as(&mut ipam, "web-0", "1", &Wanted::Any, None).unwrap();
    let second = ask_as(&mut ipam, "web-0", "2", &Wanted::Any, None).unwrap();
    assert_eq!((first.addresses, first.mac), (second.addresses, second.mac));
    let moved = Wanted::Static(addresses("10.0.0.6"));
    let third = ask_as(&mut ipam, "web-0", "3", &moved, None).unwrap();
    assert_eq!(third.addresses, addresses("10.0.0.6"));
    assert_eq!(ipam.usage("net").unwrap().v4.using_ranges, "10.0.0.6");
    let same = ask_as(&mut ipam, "web-0", "3", &Wanted::Any, None).unwrap();
    assert_eq!(same.addresses, third.addresses, "an object keeps its addresses whatever it asks");
}

#[test]
fn the_next_subnet_is_asked_when_the_first_is_full_or_elsewhere() {
    let mut ipam = small();
    ipam.set_subnet(&"more".into(), networks("10.0.1.0/29", &[]));
    let subnets = ["net".into(), "more".into()];
    let mut from_both = |port: &str, wanted: &Wanted| {
        let (port, uid) = (Port::from(port), Arc::from(port));
        let request = Request { port: &port, uid: &uid, subnets: &subnets, wanted, mac: None };
        ipam.allocate(&request).map(|lease| lease.addresses.to_string())
    };
    let far = Wanted::Static(addresses("10.0.1.5"));
    assert_eq!(from_both("far", &far).unwrap(), "10.0.1.5");
    for port in ["a", "b", "c", "d", "e"] {
        assert!(from_both(port, &Wanted::Any).unwrap().starts_with("10.0.0."));
    }
    assert_eq!(from_both("f", &Wanted::Any).unwrap(), "10.0.1.2");
    let nowhere = Wanted::Static(addresses("10.9.9.9"));
    assert_eq!(
        from_both("g", &nowhere).unwrap_err().to_string(),
        "address 10.9.9.9 is outside of net (10.0.0.0/29), more (10.0.1.0/29)"
    );
}

#[test]
fn a_dual_subnet_gives_both_families_or_nothing() {
    let mut ipam = Ipam::default();
    ipam.set_subnet(&"net".into(), networks("10.0.0.0/29,fd00::/64", &[]));
    assert_eq!(first(&mut ipam, "a"), "10.0.0.2,fd00::2");
    let half = fixed(&mut ipam, "b", "fd00::ffff").unwrap();
    assert_eq!(half.addresses.to_string(), "10.0.0.3,fd00::ffff");
    for port in ["c", "d", "e"] {
        first(&mut ipam, port);
    }
    assert!(ask(&mut ipam, "f", &Wanted::Any, None).is_err(), "IPv4 is used up");
    let usage = ipam.usage("net").unwrap();
    assert_eq!(usage.v6.using_ranges, "fd00::2-fd00::5,fd00::ffff", "no IPv6 address leaks");
    // 2^64 less network, gateway and last, less five in use.
    assert_eq!(usage.v6.available, (1 << 64) - 3 - 5);
}

#[test]
fn a_changed_description_keeps_what_ports_hold() {
    let mut ipam = small();
    first(&mut ipam, "a");
    first(&mut ipam, "b");
    ipam.release("a");
    ipam.set_subnet(&"net".into(), networks("10.0.0.0/28", &["10.0.0.4..10.0.0.9"]));
    assert_eq!(first(&mut ipam, "b"), "10.0.0.3");
    assert_eq!(first(&mut ipam, "c"), "10.0.0.10");
    let refused = fixed(&mut ipam, "d", "10.0.0.3").unwrap_err();
    let holder = Refused::AddressConflict {
        address: address("10.0.0.3"),
        subnet: "net".into(),
        holder: "b".into(),
    };
    assert_eq!(refused, holder);
}

#[test]
fn a_subnet_that_returns_gives_its_ports_their_places_again() {
    let mut ipam = small();
    fixed(&mut ipam, "a", "10.0.0.4").unwrap();
    ipam.remove_subnet("net");
    assert_eq!(ipam.lease("a"), None);
    assert!(matches!(ask(&mut ipam, "b", &Wanted::Any, None), Err(Refused::NoSubnet { .. })));
    assert_eq!(ipam.set_subnet(&"net".into(), networks("10.0.0.0/29", &[])), []);
    assert_eq!(ipam.lease("a").unwrap().addresses, addresses("10.0.0.4"));
    ipam.release("a");
    assert!(!ipam.in_use("net"));
}
