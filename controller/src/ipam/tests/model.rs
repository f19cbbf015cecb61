//! Random steps against the simplest thing that could be right.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Any(u8),
    Successor(u8),
    Fixed(u8, u8),
    Hardware(u8, u8),
    OneOf(u8, Vec<u8>),
    Release(u8),
    Exclude(u8, u8),
    Recover,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..40_u8).prop_map(Step::Any),
        2 => (0..40_u8).prop_map(Step::Successor),
        3 => (0..40_u8, 0..34_u8).prop_map(|(port, at)| Step::Fixed(port, at)),
        1 => (0..40_u8, 0..8_u8).prop_map(|(port, mac)| Step::Hardware(port, mac)),
        1 => (0..40_u8, prop::collection::vec(0..34_u8, 1..4)).prop_map(|(port, all)| Step::OneOf(port, all)),
        8 => (0..40_u8).prop_map(Step::Release),
        1 => (0..32_u8, 0..4_u8).prop_map(|(from, more)| Step::Exclude(from, more)),
        1 => Just(Step::Recover),
    ]
}

fn at(offset: u8) -> Addresses {
    addresses(&format!("10.0.0.{offset}"))
}

fn name(port: u8) -> String {
    format!("p{port}")
}

/// Every address and MAC belongs to at most one port, counters agree with the leases, and a lease
/// lies in the block.
fn check(ipam: &Ipam, known: &BTreeMap<String, Lease>) -> Result<(), TestCaseError> {
    let held: BTreeMap<String, Lease> =
        ipam.leases().map(|(port, lease)| (port.to_string(), lease.clone())).collect();
    prop_assert_eq!(&held, known, "leases should be what the answers said");
    let places: BTreeSet<_> = held.values().map(|lease| lease.addresses).collect();
    prop_assert_eq!(places.len(), held.len(), "two ports have one address");
    let macs: BTreeSet<_> = held.values().map(|lease| lease.mac).collect();
    prop_assert_eq!(macs.len(), held.len(), "two ports have one MAC");
    let usage = ipam.usage("net").unwrap().v4;
    prop_assert_eq!(usage.using, held.len() as u128, "{}", usage.using_ranges);
    prop_assert!(usage.available + usage.using <= 29);
    Ok(())
}

fn recover(ipam: &mut Ipam) {
    let claims = ipam.leases().map(|(port, lease)| Claim {
        port: port.clone(),
        uid: lease.uid.clone(),
        subnet: lease.subnet.clone(),
        addresses: lease.addresses,
        mac: lease.mac,
        source: Source::Row,
        since: 0,
    });
    let claims = claims.collect();
    assert_eq!(ipam.recover(claims), [], "what was held together can be held together");
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut ipam = Ipam::default();
    ipam.set_subnet(&"net".into(), networks("10.0.0.0/27", &[]));
    let mut known: BTreeMap<String, Lease> = BTreeMap::new();
    for (turn, step) in steps.into_iter().enumerate() {
        let (port, uid, wanted, mac) = match step {
            Step::Any(port) => (port, name(port), Wanted::Any, None),
            Step::Successor(port) => (port, format!("{turn}"), Wanted::Any, None),
            Step::Fixed(port, offset) => {
                (port, format!("{turn}"), Wanted::Static(at(offset)), None)
            }
            Step::Hardware(port, last) => {
                let mac = format!("02:00:00:00:00:{last:02x}");
                (port, format!("{turn}"), Wanted::Any, Some(mac.parse().unwrap()))
            }
            Step::OneOf(port, all) => {
                let list = all.into_iter().map(at).collect();
                (port, format!("{turn}"), Wanted::OneOf(list), None)
            }
            Step::Release(port) => {
                let held = known.remove(&name(port));
                prop_assert_eq!(ipam.release(&name(port)), held);
                continue;
            }
            Step::Exclude(from, more) => {
                let range = format!("10.0.0.{from}..10.0.0.{}", from + more);
                ipam.set_subnet(&"net".into(), networks("10.0.0.0/27", &[&range]));
                check(&ipam, &known)?;
                continue;
            }
            Step::Recover => {
                recover(&mut ipam);
                check(&ipam, &known)?;
                continue;
            }
        };
        let answer = ask_as(&mut ipam, &name(port), &uid, &wanted, mac);
        match &answer {
            Ok(lease) => known.insert(name(port), lease.clone()),
            Err(_) => known.remove(&name(port)),
        };
        if let (Ok(lease), Wanted::Static(named)) = (&answer, &wanted) {
            prop_assert_eq!(lease.addresses, *named, "a named address is given as named");
        }
        if turn % 16 == 0 {
            check(&ipam, &known)?;
        }
    }
    check(&ipam, &known)?;
    for port in known.keys() {
        ipam.release(port);
    }
    let usage = ipam.usage("net").unwrap().v4;
    prop_assert_eq!(usage.using, 0, "nothing is left when all owners are gone");
    ipam.set_subnet(&"net".into(), networks("10.0.0.0/27", &[]));
    prop_assert_eq!(ipam.usage("net").unwrap().v4.available, 29, "every address can be had again");
    Ok(())
}

/// 100,000 steps: 50 lives of an allocation table of 2,000 steps each.
#[test]
fn no_address_is_given_twice_and_none_is_lost() {
    let config = Config {
        cases: 50,
        max_shrink_iters: 4_000,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 2_000);
    if let Err(error) = TestRunner::new(config).run(&steps, run) {
        panic!("{error}");
    }
}
