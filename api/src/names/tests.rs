use proptest::prelude::*;

use super::*;

#[test]
fn providers_are_told_apart_by_their_fields() {
    let parse = |s: &str| s.parse::<Provider>();
    let (nad, namespace) = ("net1".to_owned(), "blue".to_owned());
    assert_eq!(parse(""), Ok(Provider::Default));
    assert_eq!(parse("ovn"), Ok(Provider::Default));
    assert_eq!(
        parse("net1.blue.ovn"),
        Ok(Provider::Attachment { nad: nad.clone(), namespace: namespace.clone() })
    );
    assert_eq!(
        parse("net1.blue"),
        Ok(Provider::Foreign { nad: nad.clone(), namespace: namespace.clone() })
    );
    let interface = Provider::Interface { nad, namespace, ifname: "eth1.100".into() };
    assert_eq!(parse("net1.blue.ovn.eth1.100"), Ok(interface));
    // Exactly three fields make an OVN provider: this is a definition `net1` in a namespace called `ovn`.
    assert!(!parse("net1.ovn").unwrap().is_ovn());
}

#[test]
fn what_is_no_provider_is_refused_with_the_forms_that_are() {
    for bad in
        ["macvlan", ".ovn", "net1.", "net1.blue.ovs", "Net.blue.ovn", "net1.blue.ovn.", "a b.c"]
    {
        let error = bad.parse::<Provider>().unwrap_err().to_string();
        assert!(error.contains("<nad>.<namespace>.ovn"), "{bad}: {error}");
    }
}

#[test]
fn an_interface_shares_the_subnets_of_its_attachment() {
    let interface: Provider = "net1.blue.ovn.net2".parse().unwrap();
    assert_eq!(interface.of_subnet().to_string(), "net1.blue.ovn");
    assert_eq!(interface.annotation("ip_address"), "net1.blue.ovn.net2.kubernetes.io/ip_address");
    assert_eq!(Provider::Default.annotation("allocated"), "ovn.kubernetes.io/allocated");
}

#[test]
fn ports_are_named_as_kube_ovn_names_them() {
    let attachment: Provider = "net1.blue.ovn".parse().unwrap();
    assert_eq!(PortName::pod("web-0", "shop", &Provider::Default).as_str(), "web-0.shop");
    assert_eq!(PortName::pod("web-0", "shop", &attachment).as_str(), "web-0.shop.net1.blue.ovn");
    assert_eq!(PortName::node("n1").as_str(), "node-n1");
    assert_eq!(
        PortName::switch_to_router("ovn-default", DEFAULT_VPC).as_str(),
        "ovn-default-ovn-cluster"
    );
    assert_eq!(PortName::router_to_switch(DEFAULT_VPC, JOIN_SUBNET).as_str(), "ovn-cluster-join");
}

#[test]
fn load_balancers_are_named_as_kube_ovn_names_them() {
    assert_eq!(cluster_load_balancer(Transport::Tcp, false), "cluster-tcp-loadbalancer");
    assert_eq!(cluster_load_balancer(Transport::Udp, true), "cluster-udp-session-loadbalancer");
    assert_eq!(vpc_load_balancer("blue", Transport::Sctp, false), "vpc-blue-sctp-load");
    assert_eq!(vpc_load_balancer("blue", Transport::Tcp, true), "vpc-blue-tcp-sess-load");
    assert_eq!(Transport::from_kubernetes("UDP"), Some(Transport::Udp));
    assert_eq!(Transport::from_kubernetes("ICMP"), None);
}

#[test]
fn group_names_have_dots_for_hyphens() {
    assert_eq!(
        GroupName::subnet_node("ovn-default", "node-1.lab").as_str(),
        "ovn.default.node.1.lab"
    );
    assert_eq!(GroupName::node("node-1").ipv4_set(), "$node.node.1_ip4");
    assert_eq!(GroupName::subnet_node("10net", "n1").as_str(), "_10net.n1");
}

proptest! {
    #[test]
    fn every_group_name_is_one_ovn_accepts(text in ".+") {
        let name = GroupName::legal(&text);
        let first = name.as_str().chars().next().unwrap();
        prop_assert!(!first.is_ascii_digit());
        prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.'));
    }

    #[test]
    fn providers_survive_their_own_text(text in "[a-z0-9-]{1,9}(\\.[a-z0-9-]{1,9})?(\\.ovn)?(\\.[a-z0-9.]{1,9})?") {
        if let Ok(provider) = text.parse::<Provider>() {
            prop_assert_eq!(provider.to_string().parse::<Provider>(), Ok(provider));
        }
    }

    #[test]
    fn parsing_a_provider_never_panics(text in "\\PC*") {
        drop(text.parse::<Provider>());
    }
}
