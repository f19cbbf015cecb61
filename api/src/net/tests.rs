use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;

fn ip(s: &str) -> IpAddr {
    s.parse().unwrap()
}

fn ranges(texts: &[&str]) -> IpRanges {
    texts.iter().map(|text| text.parse::<IpRange>().unwrap()).collect()
}

#[test]
fn macs_are_written_in_lower_case_with_colons() {
    for text in ["0A:58:0a:10:00:07", "0a-58-0A-10-00-07"] {
        assert_eq!(text.parse::<Mac>().unwrap().to_string(), "0a:58:0a:10:00:07");
    }
}

#[test]
fn a_mac_no_interface_can_have_is_refused_with_the_reason() {
    assert_eq!(
        "01:00:5e:00:00:01".parse::<Mac>(),
        Err(Fault::MulticastMac("01:00:5e:00:00:01".into()))
    );
    assert!(matches!("ff:ff:ff:ff:ff:ff".parse::<Mac>(), Err(Fault::MulticastMac(_))));
    assert!(matches!("00:00:00:00:00:00".parse::<Mac>(), Err(Fault::ZeroMac(_))));
    for bad in [
        "",
        "0a:58:0a:10:00",
        "0a:58:0a:10:00:07:08",
        "0a:58:0a:10:00:7",
        "0a:58:0a:10:00:+7",
        "0a58.0a10.0007",
        "x",
    ] {
        assert!(matches!(bad.parse::<Mac>(), Err(Fault::Mac(_))), "{bad}");
    }
}

#[test]
fn any_six_bytes_make_a_local_address() {
    let mac = Mac::local([0xff; 6]);
    assert_eq!(mac.to_string(), "fe:ff:ff:ff:ff:ff");
    assert_eq!(Mac::new(mac.octets()), Ok(mac));
}

#[test]
fn the_link_local_address_is_that_of_rfc_4291() {
    let mac: Mac = "34:56:78:9a:bc:de".parse().unwrap();
    assert_eq!(mac.link_local(), "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap());
}

#[test]
fn a_network_loses_its_host_bits() {
    assert_eq!("10.16.3.9/16".parse::<Cidr>().unwrap().to_string(), "10.16.0.0/16");
    assert_eq!("fd00::1/112".parse::<Cidr>().unwrap().to_string(), "fd00::/112");
    let both: Cidrs = "fd00::9/112,10.16.3.9/16".parse().unwrap();
    assert_eq!(both.to_string(), "10.16.0.0/16,fd00::/112");
    assert_eq!(both.protocol(), Protocol::Dual);
}

#[test]
fn a_bad_network_is_refused_with_the_reason() {
    for bad in
        ["", "10.16.0.0", "10.16.0.0/33", "10.16.0.0/16,", "a/8", "10.16.0.0/-1", "10.16.0.0/16 "]
    {
        assert!(
            matches!(bad.parse::<Cidrs>(), Err(Fault::Cidr(_))),
            "{bad:?}: {:?}",
            bad.parse::<Cidrs>()
        );
    }
    assert!(matches!("FD00::/112".parse::<Cidrs>(), Err(Fault::UpperCase(_))));
    assert!(matches!("::ffff:10.0.0.0/112".parse::<Cidrs>(), Err(Fault::Mapped(_))));
    let twice = "10.0.0.0/8,11.0.0.0/8".parse::<Cidrs>().unwrap_err();
    assert_eq!(
        twice.to_string(),
        "\"10.0.0.0/8,11.0.0.0/8\" has more than one IPv4 value; at most one of each family is possible"
    );
}

#[test]
fn addresses_come_in_either_order_and_leave_ipv4_first() {
    let both: Addresses = "fd00::7,10.16.0.7".parse().unwrap();
    assert_eq!(both.to_string(), "10.16.0.7,fd00::7");
    assert!(both.contains(ip("fd00::7")) && !both.contains(ip("fd00::8")));
    assert!(matches!(
        "10.0.0.1,10.0.0.2".parse::<Addresses>(),
        Err(Fault::FamilyTwice { family: Family::V4, .. })
    ));
    for bad in ["", ",", "10.0.0.1,", "10.0.0", "10.0.0.1/16", "010.0.0.1"] {
        assert!(matches!(bad.parse::<Addresses>(), Err(Fault::Address(_))), "{bad:?}");
    }
    assert!(matches!("FD00::7".parse::<Addresses>(), Err(Fault::UpperCase(_))));
}

#[test]
fn the_first_and_the_last_address_of_a_network_are_not_for_interfaces() {
    let usable = |text: &str| text.parse::<Cidr>().unwrap().usable().map(|range| range.to_string());
    assert_eq!(usable("10.16.0.0/16").as_deref(), Some("10.16.0.1..10.16.255.254"));
    assert_eq!(usable("fd00::/112").as_deref(), Some("fd00::1..fd00::fffe"));
    assert_eq!(usable("10.16.0.0/30").as_deref(), Some("10.16.0.1..10.16.0.2"));
    assert_eq!(
        (usable("10.16.0.0/31"), usable("10.16.0.0/32"), usable("fd00::/128")),
        (None, None, None)
    );
}

#[test]
fn networks_overlap_when_one_is_in_the_other() {
    let overlap = |a: &str, b: &str| a.parse::<Cidrs>().unwrap().overlaps(&b.parse().unwrap());
    assert!(overlap("10.16.0.0/16", "10.16.128.0/24"));
    assert!(overlap("10.16.128.0/24", "10.16.0.0/16,fd00::/64"));
    assert!(!overlap("10.16.0.0/16", "10.17.0.0/16"));
    assert!(!overlap("::/0", "0.0.0.0/0"));
}

#[test]
fn ranges_read_as_they_are_written() {
    for text in ["10.0.0.1", "10.0.0.1..10.0.0.9", "fd00::1..fd00::ff"] {
        assert_eq!(text.parse::<IpRange>().unwrap().to_string(), text);
    }
    assert_eq!("10.0.0.1..10.0.0.1".parse::<IpRange>().unwrap().to_string(), "10.0.0.1");
    for bad in ["10.0.0.9..10.0.0.1", "10.0.0.1..fd00::1"] {
        assert_eq!(bad.parse::<IpRange>(), Err(Fault::Range(bad.into())));
    }
    for bad in ["", "..", "10.0.0.1..", "10.0.0.1-10.0.0.9", "10.0.0.1...10.0.0.9"] {
        assert!(matches!(bad.parse::<IpRange>(), Err(Fault::Address(_))), "{bad:?}");
    }
}

#[test]
fn the_size_of_a_range_costs_nothing() {
    let all = "::/0".parse::<Cidr>().unwrap().range();
    assert_eq!(all.count(), u128::MAX);
    assert_eq!(all.nth(1 << 100), Some(ip("0:10::")));
    assert_eq!("fd00::/64".parse::<Cidr>().unwrap().range().count(), 1 << 64);
    assert_eq!(IpRanges::from_iter([all]).count(Family::V6), u128::MAX);
}

#[test]
fn neighbours_and_overlaps_are_one_run() {
    let set = ranges(&[
        "10.0.0.5..10.0.0.9",
        "fd00::1",
        "10.0.0.1..10.0.0.4",
        "10.0.0.8..10.0.0.12",
        "10.0.0.20",
    ]);
    let runs: Vec<_> = set.iter().map(|run| run.to_string()).collect();
    assert_eq!(runs, ["10.0.0.1..10.0.0.12", "10.0.0.20", "fd00::1"]);
    assert_eq!(set.status_text(Family::V4), "10.0.0.1-10.0.0.12,10.0.0.20");
    assert_eq!(set.status_text(Family::V6), "fd00::1");
}

#[test]
fn the_ends_of_the_address_space_do_not_overflow() {
    let last: IpAddr = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
    let set = IpRanges::from_iter([IpRange::from(last), IpRange::from(ip("::"))]);
    assert_eq!(set.iter().count(), 2);
    let rest = set.complement_in("::/0".parse::<Cidr>().unwrap().range());
    assert!(!rest.contains(last) && !rest.contains(ip("::")) && rest.contains(ip("::1")));
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,40}", near in "[0-9a-f:./,]{0,40}") {
        for text in [text, near] {
            drop((text.parse::<Mac>(), text.parse::<Cidrs>(), text.parse::<Addresses>(), text.parse::<IpRange>()));
        }
    }

    #[test]
    fn macs_survive_their_own_text(octets: [u8; 6]) {
        let mac = Mac::local(octets);
        prop_assert_eq!(mac.to_string().parse(), Ok(mac));
    }

    #[test]
    fn dual_values_survive_their_own_text(v4: Option<std::net::Ipv4Addr>, v6: Option<std::net::Ipv6Addr>) {
        let addresses = Addresses { v4, v6 };
        prop_assume!(!addresses.is_empty() && v6.is_none_or(|v6| v6.to_ipv4_mapped().is_none()));
        prop_assert_eq!(addresses.to_string().parse(), Ok(addresses));
    }

    #[test]
    fn a_set_of_ranges_is_the_set_of_their_addresses(
        runs in proptest::collection::vec((0u8..60, 0u8..60), 0..12),
        window in (0u8..60, 0u8..60),
    ) {
        let run = |(a, b): (u8, u8)| {
            let end = |n: u8| IpAddr::from([10, 0, 0, n]);
            IpRange::between(end(a.min(b)), end(a.max(b))).unwrap()
        };
        let parts: Vec<_> = runs.iter().map(|ends| run(*ends)).collect();
        let set: IpRanges = parts.iter().copied().collect();
        let window = run(window);
        let rest = set.complement_in(window);
        for n in 0..=61 {
            let address = IpAddr::from([10, 0, 0, n]);
            let within = parts.iter().any(|part| part.contains(address));
            prop_assert_eq!(set.contains(address), within);
            prop_assert_eq!(rest.contains(address), window.contains(address) && !within);
        }
        let runs: Vec<_> = set.iter().collect();
        prop_assert!(runs.windows(2).all(|pair| pair[0].ends().1 + 1 < pair[1].ends().0), "runs are apart: {:?}", runs);
        prop_assert_eq!(set.count(Family::V4), (0..=61).filter(|n| set.contains([10, 0, 0, *n].into())).count() as u128);
    }
}
