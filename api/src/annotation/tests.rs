use proptest::prelude::*;

use super::*;
use crate::net::{Addresses, Family};

fn annotations(pairs: &[(&str, &str)]) -> Annotations {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn request(word: &str, value: &str) -> Result<PodRequest, BadAnnotation> {
    PodRequest::parse(
        &annotations(&[(&format!("ovn.kubernetes.io/{word}"), value)]),
        &Provider::Default,
    )
}

fn allocation() -> Allocation {
    Allocation {
        addresses: "10.16.0.7,fd00::7".parse().unwrap(),
        mac: "0a:58:0a:10:00:07".parse().ok(),
        cidrs: "10.16.0.0/16,fd00::/112".parse().unwrap(),
        gateways: "10.16.0.1,fd00::1".parse().unwrap(),
        logical_switch: "ovn-default".into(),
        logical_router: "ovn-cluster".into(),
        nic_type: NicType::VethPair,
        routed: true,
    }
}

#[test]
fn a_pod_without_annotations_asks_for_nothing() {
    assert_eq!(
        PodRequest::parse(&Annotations::new(), &Provider::Default),
        Ok(PodRequest::default())
    );
    assert_eq!(request("ip_address", ""), Ok(PodRequest::default()));
}

#[test]
fn static_addresses_and_mac_are_read() {
    let asked = PodRequest::parse(
        &annotations(&[
            ("ovn.kubernetes.io/ip_address", "10.16.0.7"),
            ("ovn.kubernetes.io/mac_address", "0A:58:0A:10:00:07"),
            ("ovn.kubernetes.io/logical_switch", "blue"),
            ("ovn.kubernetes.io/ip_family", "IPv6"),
            ("ovn.kubernetes.io/default_route", "false"),
            ("net1.blue.ovn.kubernetes.io/ip_address", "nonsense of another provider"),
        ]),
        &Provider::Default,
    )
    .unwrap();
    assert_eq!(asked.addresses, "10.16.0.7".parse().ok());
    assert_eq!(asked.mac.unwrap().to_string(), "0a:58:0a:10:00:07");
    assert_eq!(asked.logical_switch.as_deref(), Some("blue"));
    assert_eq!((asked.family, asked.default_route), (Some(Family::V6), Some(false)));
}

#[test]
fn a_bad_annotation_is_named_with_the_reason() {
    let cases = [
        ("ip_address", "10.16.0.7/16", "not an IP address"),
        ("ip_address", "10.16.0.7,10.16.0.8", "more than one IPv4"),
        ("ip_address", "FD00::1", "upper-case"),
        ("mac_address", "01:00:5e:00:00:01", "group address"),
        ("mac_address", "zz", "not a MAC"),
        ("ip_pool", "10.16.0.7,oops", "not an IP address"),
        ("ip_pool", "10.16.0.777", "not an IP address"),
        ("ip_family", "ipv4", "none of IPv4"),
        ("logical_switch", "Blue!", "not the name of a subnet"),
        ("default_route", "yes", "neither true nor false"),
        ("routes", "10.0.0.0/8", "not a list"),
        ("routes", "[{}]", "needs dst or gw"),
        ("routes", r#"[{"dst":"10.0.0.0/8","gw":"fd00::1"}]"#, "two families"),
        ("routes", r#"[{"dst":"10.0.0.0"}]"#, "not a CIDR"),
    ];
    for (word, value, reason) in cases {
        let error = request(word, value).unwrap_err();
        assert_eq!(error.key, format!("ovn.kubernetes.io/{word}"));
        assert!(error.to_string().contains(reason), "{word}={value}: {error}");
    }
}

#[test]
fn a_pool_is_a_name_or_a_list() {
    let pool = |text| request("ip_pool", text).unwrap().pool.unwrap();
    let entries =
        |texts: &[&str]| Pool::List(texts.iter().map(|text| text.parse().unwrap()).collect());
    assert_eq!(pool("blue-pool"), Pool::Named("blue-pool".into()));
    assert_eq!(pool("pool.v1"), Pool::Named("pool.v1".into()));
    assert_eq!(pool("10.0.0.1"), entries(&["10.0.0.1"]));
    assert_eq!(pool("10.0.0.1,10.0.0.2,10.0.0.3"), entries(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]));
    assert_eq!(
        pool("10.0.0.1,fd00::1;10.0.0.2,fd00::2"),
        entries(&["10.0.0.1,fd00::1", "10.0.0.2,fd00::2"])
    );
    // A lone pair is one dual-stack entry, not two.
    assert_eq!(pool("10.0.0.1,fd00::1"), entries(&["10.0.0.1,fd00::1"]));
    assert_eq!(pool("fd00::1,fd00::2"), entries(&["fd00::1", "fd00::2"]));
}

#[test]
fn routes_may_leave_out_the_destination() {
    let routes =
        request("routes", r#"[{"dst":"","gw":"10.16.0.9"},{"dst":"10.0.0.0/8","gw":"10.16.0.8"}]"#)
            .unwrap()
            .routes;
    assert_eq!(routes[0], RequestedRoute { destination: None, gateway: "10.16.0.9".parse().ok() });
    assert_eq!(routes[1].destination, "10.0.0.0/8".parse().ok());
}

#[test]
fn an_interface_s_own_annotation_wins_over_its_provider_s() {
    let provider: Provider = "net1.blue.ovn.net2".parse().unwrap();
    let asked = PodRequest::parse(
        &annotations(&[
            ("net1.blue.ovn.net2.kubernetes.io/ip_address", "10.0.0.1"),
            ("net1.blue.kubernetes.io/ip_address.net2", "10.0.0.2"),
            ("net1.blue.kubernetes.io/mac_address.net1", "0a:58:0a:10:00:07"),
        ]),
        &provider,
    )
    .unwrap();
    assert_eq!(asked.addresses, "10.0.0.2".parse().ok());
    assert_eq!(asked.mac, None);
}

#[test]
fn an_allocation_is_written_under_the_keys_of_kube_ovn() {
    let written = allocation().to_annotations(&Provider::Default);
    let expected = annotations(&[
        ("ovn.kubernetes.io/allocated", "true"),
        ("ovn.kubernetes.io/cidr", "10.16.0.0/16,fd00::/112"),
        ("ovn.kubernetes.io/gateway", "10.16.0.1,fd00::1"),
        ("ovn.kubernetes.io/ip_address", "10.16.0.7,fd00::7"),
        ("ovn.kubernetes.io/logical_router", "ovn-cluster"),
        ("ovn.kubernetes.io/logical_switch", "ovn-default"),
        ("ovn.kubernetes.io/mac_address", "0a:58:0a:10:00:07"),
        ("ovn.kubernetes.io/pod_nic_type", "veth-pair"),
        ("ovn.kubernetes.io/routed", "true"),
    ]);
    assert_eq!(written, expected);
    let words: Vec<_> =
        word::ALLOCATION.map(|word| Provider::Default.annotation(word)).into_iter().collect();
    assert!(
        written.keys().all(|key| words.contains(key)),
        "every key written is one that can be removed"
    );
}

#[test]
fn what_is_written_reads_back() {
    for provider in ["ovn", "net1.blue.ovn", "net1.blue.ovn.net2"] {
        let provider: Provider = provider.parse().unwrap();
        let written = allocation().to_annotations(&provider);
        assert_eq!(Allocation::parse(&written, &provider), Ok(Some(allocation())));
        let other = Provider::Foreign { nad: "x".into(), namespace: "y".into() };
        assert_eq!(Allocation::parse(&written, &other), Ok(None));
    }
}

#[test]
fn an_allocation_somebody_spoiled_is_an_error() {
    let spoil = |word: &str, value: &str| {
        let mut written = allocation().to_annotations(&Provider::Default);
        written.insert(Provider::Default.annotation(word), value.to_owned());
        Allocation::parse(&written, &Provider::Default)
    };
    assert_eq!(spoil("allocated", "false"), Ok(None));
    assert!(spoil("ip_address", "10.17.0.1").unwrap_err().to_string().contains("does not contain"));
    assert!(spoil("cidr", "10.16.0.0/16").unwrap_err().to_string().contains("fd00::7"));
    assert!(spoil("pod_nic_type", "tap").unwrap_err().reason.contains("veth-pair"));
    let nothing = annotations(&[("ovn.kubernetes.io/allocated", "true")]);
    assert!(Allocation::parse(&nothing, &Provider::Default).is_err());
}

#[test]
fn labels_of_an_ip_object_name_its_subnet_twice() {
    let labels = ip_label::all("blue", "n1", false);
    let expected = annotations(&[
        ("blue", ""),
        ("ovn.kubernetes.io/ip_reserved", "false"),
        ("ovn.kubernetes.io/node-name", "n1"),
        ("ovn.kubernetes.io/subnet", "blue"),
    ]);
    assert_eq!(labels, expected);
}

proptest! {
    #[test]
    fn no_annotation_makes_a_parser_panic(word in proptest::sample::select(word::ALLOCATION.to_vec()), value in "\\PC{0,40}") {
        let mut written = allocation().to_annotations(&Provider::Default);
        written.insert(Provider::Default.annotation(word), value.clone());
        drop(Allocation::parse(&written, &Provider::Default));
        drop(PodRequest::parse(&written, &Provider::Default));
        for word in ["ip_pool", "routes", "ip_family", "default_route"] {
            drop(request(word, &value));
        }
    }

    #[test]
    fn any_addresses_survive_the_way_through_annotations(v4: Option<std::net::Ipv4Addr>, last: u16) {
        let v6 = Some(std::net::Ipv6Addr::from(0xfd00_u128 << 112 | u128::from(last)));
        let mut some = allocation();
        some.addresses = Addresses { v4, v6 };
        some.cidrs = "0.0.0.0/0,fd00::/112".parse().unwrap();
        let written = some.to_annotations(&Provider::Default);
        prop_assert_eq!(Allocation::parse(&written, &Provider::Default), Ok(Some(some)));
    }
}
