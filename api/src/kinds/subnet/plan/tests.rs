use proptest::prelude::*;

use super::super::{Acl, NatAction, NatOutgoingPolicyMatch, NatOutgoingPolicyRule};
use super::*;

fn subnet(cidr: &str) -> SubnetSpec {
    SubnetSpec { cidr_block: cidr.into(), ..SubnetSpec::default() }
}

fn faults(spec: &SubnetSpec) -> String {
    let faults = Plan::parse(spec).expect_err("this spec is not valid");
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_network_is_enough() {
    let plan = Plan::parse(&subnet("10.16.3.4/16")).unwrap();
    assert_eq!(plan.vpc.as_deref(), Some("ovn-cluster"));
    assert_eq!((plan.provider, plan.protocol), (Provider::Default, Protocol::IPv4));
    assert_eq!(plan.cidrs.to_string(), "10.16.0.0/16");
    assert_eq!(plan.gateways.to_string(), "10.16.0.1");
    assert_eq!(plan.excluded.status_text(Family::V4), "10.16.0.1");
    assert_eq!((plan.gateway_type, plan.mtu), (GatewayType::Distributed, None));
}

#[test]
fn the_gateway_a_person_left_out_is_added_for_its_family() {
    let spec = SubnetSpec { gateway: "10.16.255.254".into(), ..subnet("10.16.0.0/16,fd00::/112") };
    let plan = Plan::parse(&spec).unwrap();
    assert_eq!(plan.gateways.to_string(), "10.16.255.254,fd00::1");
    assert_eq!(plan.protocol, Protocol::Dual);
}

#[test]
fn excluded_addresses_are_merged_and_include_the_gateways() {
    let exclude_ips = ["10.16.0.10..10.16.0.20", "10.16.0.2", "10.16.0.15..10.16.0.30", "fd00::5"]
        .map(str::to_owned)
        .to_vec();
    let plan =
        Plan::parse(&SubnetSpec { exclude_ips, ..subnet("10.16.0.0/16,fd00::/112") }).unwrap();
    let runs: Vec<_> = plan.excluded.iter().map(|run| run.to_string()).collect();
    assert_eq!(runs, ["10.16.0.1..10.16.0.2", "10.16.0.10..10.16.0.30", "fd00::1", "fd00::5"]);
    let available = plan.available(Family::V4);
    assert_eq!(available.count(Family::V4), 65_534 - 2 - 21);
    assert_eq!(available.iter().next().unwrap().to_string(), "10.16.0.3..10.16.0.9");
    assert!(available.iter().all(|run| run.family() == Family::V4));
}

#[test]
fn what_is_filled_in_is_stable() {
    let spec = SubnetSpec { exclude_ips: vec!["10.16.0.2".into()], ..subnet("10.16.9.9/16") };
    let plan = Plan::parse(&spec).unwrap();
    let filled = plan.filled(&spec);
    assert_eq!(filled.cidr_block, "10.16.0.0/16");
    assert_eq!(filled.exclude_ips, ["10.16.0.1..10.16.0.2"]);
    assert_eq!((filled.protocol.as_str(), filled.provider.as_str()), ("IPv4", "ovn"));
    assert_eq!((filled.vpc.as_str(), filled.gateway_type.as_str()), ("ovn-cluster", "distributed"));
    assert_eq!(Plan::parse(&filled).unwrap().filled(&filled), filled);
}

#[test]
fn every_fault_names_its_field() {
    let with = |change: &dyn Fn(&mut SubnetSpec)| {
        let mut spec = subnet("10.16.0.0/16");
        change(&mut spec);
        faults(&spec)
    };
    type Change<'a> = &'a dyn Fn(&mut SubnetSpec);
    let cases: [(&str, &str, Change<'_>); 26] = [
        ("cidrBlock", "not a CIDR", &|s| s.cidr_block = "10.16.0.0".into()),
        ("cidrBlock", "missing", &|s| s.cidr_block = String::new()),
        ("cidrBlock", "more than one IPv4", &|s| s.cidr_block = "10.0.0.0/8,11.0.0.0/8".into()),
        ("cidrBlock", "/30 at most", &|s| s.cidr_block = "10.16.0.0/32".into()),
        ("cidrBlock", "/126 at most", &|s| s.cidr_block = "fd00::/128".into()),
        ("cidrBlock", "upper-case", &|s| s.cidr_block = "FD00::/112".into()),
        ("gateway", "is not in 10.16.0.0/16", &|s| s.gateway = "10.17.0.1".into()),
        ("gateway", "no IPv6 network", &|s| s.gateway = "fd00::1".into()),
        ("gateway", "not an IP address", &|s| s.gateway = "first".into()),
        ("gateway", "network or broadcast", &|s| s.gateway = "10.16.255.255".into()),
        ("excludeIps[1]", "not a range", &|s| {
            s.exclude_ips = vec!["10.16.0.2".into(), "10.16.0.9..10.16.0.3".into()]
        }),
        ("excludeIps[0]", "not an IP address", &|s| s.exclude_ips = vec!["10.16.0.0/24".into()]),
        ("provider", "none of ovn", &|s| s.provider = "macvlan".into()),
        ("gatewayType", "neither distributed nor centralized", &|s| {
            s.gateway_type = "central".into()
        }),
        ("gatewayNode", "not the name of a node", &|s| s.gateway_node = "n1,:10.0.0.1".into()),
        ("gatewayNode", "not an IP address", &|s| s.gateway_node = "n1:here".into()),
        ("externalEgressGateway", "natOutgoing", &|s| {
            s.external_egress_gateway = "172.30.0.1".into();
            s.nat_outgoing = true;
        }),
        ("externalEgressGateway", "no IPv6 network", &|s| {
            s.external_egress_gateway = "fd00::1".into()
        }),
        ("allowSubnets[0]", "not a CIDR", &|s| s.allow_subnets = vec!["10.0.0.1".into()]),
        ("vips", "is not in", &|s| s.vips = vec!["10.17.0.9".into()]),
        ("u2oInterconnectionIP", "is not in", &|s| s.u2o_interconnection_ip = "10.17.0.9".into()),
        ("u2oInterconnectionIP", "gateway already", &|s| {
            s.u2o_interconnection_ip = "10.16.0.1".into()
        }),
        ("u2oInterconnection", "logicalGateway", &|s| {
            s.u2o_interconnection = true;
            s.logical_gateway = true;
        }),
        ("mtu", "at least 68", &|s| s.mtu = 60),
        ("mtu", "at least 1280", &|s| {
            s.cidr_block = "10.16.0.0/16,fd00::/112".into();
            s.mtu = 1279;
        }),
        ("acls[0].direction", "from-lport", &|s| s.acls = vec![Acl::default()]),
    ];
    for (field, reason, change) in cases {
        let said = with(change);
        assert!(
            said.contains(&format!("spec.{field}: ")) && said.contains(reason),
            "{field}, {reason}: {said}"
        );
    }
}

#[test]
fn all_faults_are_said_at_once() {
    let spec =
        SubnetSpec { gateway: "x".into(), provider: "y".into(), mtu: 1, ..subnet("10.16.0.0/16") };
    assert_eq!(faults(&spec).lines().count(), 3);
}

#[test]
fn without_a_network_an_underlay_subnet_has_no_addresses_at_all() {
    let bare = SubnetSpec { vlan: "vlan10".into(), ..SubnetSpec::default() };
    let plan = Plan::parse(&bare).unwrap();
    assert_eq!(
        (plan.protocol, plan.cidrs.is_empty(), plan.gateways.is_empty()),
        (Protocol::Mac, true, true)
    );
    assert!(plan.excluded.is_empty() && plan.available(Family::V4).is_empty());
    assert_eq!(plan.filled(&bare).protocol, "Mac");
    let spec =
        SubnetSpec { gateway: "10.0.0.1".into(), exclude_ips: vec!["10.0.0.2".into()], ..bare };
    let said = faults(&spec);
    assert!(said.contains("spec.gateway: ") && said.contains("spec.excludeIps: "), "{said}");
}

#[test]
fn another_cni_s_subnet_has_no_vpc() {
    let spec = SubnetSpec { provider: "lan.default".into(), ..subnet("192.168.0.0/24") };
    let plan = Plan::parse(&spec).unwrap();
    assert_eq!(plan.vpc, None);
    assert!(!plan.has_router(&spec));
    let filled = plan.filled(&spec);
    assert_eq!((filled.vpc.as_str(), filled.gateway_type.as_str()), ("", ""));
}

#[test]
fn an_underlay_subnet_has_a_router_only_when_asked() {
    let has = |logical_gateway: bool, u2o_interconnection: bool| {
        let spec = SubnetSpec {
            vlan: "v".into(),
            logical_gateway,
            u2o_interconnection,
            ..subnet("10.0.0.0/24")
        };
        Plan::parse(&spec).unwrap().has_router(&spec)
    };
    assert_eq!((has(false, false), has(true, false), has(false, true)), (false, true, true));
}

#[test]
fn gateway_nodes_may_have_an_address_of_their_own() {
    let spec = SubnetSpec {
        gateway_type: "centralized".into(),
        gateway_node: "n1, n2.lab:172.30.0.9,n3:fd00::9".into(),
        ..subnet("10.16.0.0/16")
    };
    let nodes = Plan::parse(&spec).unwrap().gateway_nodes;
    let texts: Vec<_> = nodes
        .iter()
        .map(|node| (node.node.as_str(), node.egress.map(|ip| ip.to_string())))
        .collect();
    assert_eq!(
        texts,
        [("n1", None), ("n2.lab", Some("172.30.0.9".into())), ("n3", Some("fd00::9".into()))]
    );
}

#[test]
fn exceptions_to_nat_are_networks_of_one_family() {
    let rule = |src_ips: &str, dst_ips: &str, action: &str| {
        let match_ = NatOutgoingPolicyMatch { src_ips: src_ips.into(), dst_ips: dst_ips.into() };
        let rules = vec![NatOutgoingPolicyRule { match_, action: action.into() }];
        Plan::parse(&SubnetSpec { nat_outgoing_policy_rules: rules, ..subnet("10.16.0.0/16") })
    };
    let parsed = rule("10.16.0.9,10.16.1.0/24", "", "forward").unwrap().nat_rules;
    assert_eq!(
        parsed[0].sources.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.16.0.9/32", "10.16.1.0/24"]
    );
    assert_eq!((parsed[0].destinations.len(), parsed[0].action), (0, NatAction::Forward));
    for (src, dst, action, field) in [
        ("10.16.0.9", "fd00::/64", "nat", "natOutgoingPolicyRules[0].match"),
        ("x", "", "nat", "natOutgoingPolicyRules[0].match.srcIPs"),
        ("", "10.0.0.0/99", "nat", "natOutgoingPolicyRules[0].match.dstIPs"),
        ("", "", "drop", "natOutgoingPolicyRules[0].action"),
    ] {
        assert_eq!(rule(src, dst, action).unwrap_err()[0].field, field);
    }
}

#[test]
fn a_subnet_may_not_have_the_name_of_its_vpc() {
    assert!(check_name("blue", "blue").unwrap_err().to_string().starts_with("spec.vpc: "));
    assert_eq!(check_name("blue", "ovn-cluster"), Ok(()));
}

proptest! {
    #[test]
    fn no_spec_makes_it_panic(texts in proptest::array::uniform6("[0-9a-fA-F:./, ]{0,24}"), mtu: u32, flags: [bool; 3]) {
        let [cidr_block, gateway, exclude, vip, gateway_node, u2o] = texts;
        let spec = SubnetSpec {
            cidr_block,
            gateway,
            exclude_ips: vec![exclude],
            vips: vec![vip],
            gateway_node,
            u2o_interconnection_ip: u2o,
            mtu,
            nat_outgoing: flags[0],
            logical_gateway: flags[1],
            vlan: if flags[2] { "v".into() } else { String::new() },
            ..SubnetSpec::default()
        };
        if let Ok(plan) = Plan::parse(&spec) {
            let filled = plan.filled(&spec);
            prop_assert_eq!(Plan::parse(&filled).unwrap().filled(&filled), filled);
        }
    }

    #[test]
    fn gateways_are_never_given_out(length in 8u8..=30, address: [u8; 4]) {
        let plan = Plan::parse(&subnet(&format!("{}/{length}", std::net::Ipv4Addr::from(address)))).unwrap();
        let gateway = plan.gateways.iter().next().unwrap();
        prop_assert!(plan.cidrs.contains(gateway));
        prop_assert!(!plan.available(Family::V4).contains(gateway));
        prop_assert_eq!(plan.available(Family::V4).count(Family::V4), (1_u128 << (32 - length)) - 3);
    }
}
