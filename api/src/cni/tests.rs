use expect_test::expect;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::names::Provider;

fn conf(json: &str) -> Result<NetConf, Error> {
    NetConf::parse(json.as_bytes())
}

fn result() -> Success {
    Success {
        interfaces: vec![
            Interface { name: "abc_h".into(), ..Interface::default() },
            Interface {
                name: "eth0".into(),
                mac: "0a:58:0a:10:00:07".into(),
                mtu: 1400,
                sandbox: "/run/netns/a".into(),
                ..Interface::default()
            },
        ],
        ips: vec![
            Ip {
                address: "10.16.0.7/16".parse().unwrap(),
                gateway: "10.16.0.1".parse().ok(),
                interface: Some(1),
            },
            Ip { address: "fd00::7/112".parse().unwrap(), gateway: None, interface: Some(1) },
        ],
        routes: vec![Route { dst: "0.0.0.0/0".parse().unwrap(), gw: "10.16.0.1".parse().ok() }],
        dns: Dns::default(),
    }
}

#[test]
fn the_result_of_0_3_1_says_the_family_and_not_the_mtu() {
    expect![[r#"{"cniVersion":"0.3.1","interfaces":[{"name":"abc_h"},{"name":"eth0","mac":"0a:58:0a:10:00:07","sandbox":"/run/netns/a"}],"ips":[{"version":"4","address":"10.16.0.7/16","gateway":"10.16.0.1","interface":1},{"version":"6","address":"fd00::7/112","interface":1}],"routes":[{"dst":"0.0.0.0/0","gw":"10.16.0.1"}],"dns":{}}"#]]
        .assert_eq(&result().encode(Version::V0_3_1));
}

#[test]
fn the_result_of_1_0_0_says_neither_family_nor_mtu() {
    let json = result().encode(Version::V1_0_0);
    assert!(!json.contains("\"version\":"), "{json}");
    assert!(!json.contains("mtu"), "{json}");
}

#[test]
fn the_result_of_1_1_0_says_the_mtu() {
    expect![[r#"{"cniVersion":"1.1.0","interfaces":[{"name":"abc_h"},{"name":"eth0","mac":"0a:58:0a:10:00:07","mtu":1400,"sandbox":"/run/netns/a"}],"ips":[{"address":"10.16.0.7/16","gateway":"10.16.0.1","interface":1},{"address":"fd00::7/112","interface":1}],"routes":[{"dst":"0.0.0.0/0","gw":"10.16.0.1"}],"dns":{}}"#]]
        .assert_eq(&result().encode(Version::V1_1_0));
}

#[test]
fn the_result_before_0_3_0_has_a_place_per_family() {
    expect![[r#"{"cniVersion":"0.2.0","ip4":{"ip":"10.16.0.7/16","gateway":"10.16.0.1","routes":[{"dst":"0.0.0.0/0","gw":"10.16.0.1"}]},"ip6":{"ip":"fd00::7/112"},"dns":{}}"#]]
        .assert_eq(&result().encode(Version::V0_2_0));
}

#[test]
fn a_result_read_back_is_the_result() {
    for version in [Version::V0_3_1, Version::V0_4_0, Version::V1_0_0, Version::V1_1_0] {
        let raw = RawValue::from_string(result().encode(version)).unwrap();
        let mut expected = result();
        if version < Version::V1_1_0 {
            expected.interfaces[1].mtu = 0;
        }
        assert_eq!(Success::parse(&raw).unwrap(), expected, "{version}");
    }
}

#[test]
fn a_chained_result_keeps_what_came_before_and_counts_interfaces_on() {
    let previous = Success {
        interfaces: vec![Interface { name: "lo".into(), ..Interface::default() }],
        ..Success::default()
    };
    let joined = result().after(previous);
    assert_eq!(joined.interfaces.len(), 3);
    assert_eq!(joined.ips[0].interface, Some(2));
}

#[test]
fn an_ipam_result_names_no_interface() {
    let short = result().abbreviated();
    assert!(short.interfaces.is_empty() && short.ips.iter().all(|ip| ip.interface.is_none()));
}

#[test]
fn the_version_is_asked_for_before_anything_else() {
    // A version from the future may give any field another type.
    let error = conf(r#"{"cniVersion":"2.0.0","name":["a"],"type":{}}"#).unwrap_err();
    assert_eq!(error.code, code::VERSION);
    assert!(error.details.contains("0.3.1") && error.details.contains("1.1.0"), "{error}");
    assert_eq!(conf(r#"{"name":"a","type":"kube-ovn"}"#).unwrap().version, Version::V0_1_0);
}

#[test]
fn garbage_is_a_decoding_failure() {
    for garbage in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"cniVersion\":3}",
        "{\"cniVersion\":\"1.0.0\",\"name\":3}",
    ] {
        assert_eq!(conf(garbage).unwrap_err().code, code::DECODE, "{garbage:?}");
    }
}

#[test]
fn the_default_socket_and_provider_need_not_be_written() {
    let conf = conf(
        r#"{"cniVersion":"0.3.1","name":"kube-ovn","type":"kube-ovn","routes":null,"unknown":1}"#,
    )
    .unwrap();
    assert_eq!(conf.socket, "/run/openvswitch/kube-ovn-daemon.sock");
    assert_eq!((conf.provider, conf.ipam), (Provider::Default, false));
    assert_eq!((conf.previous, conf.valid_attachments), (None, None));
}

#[test]
fn called_for_addresses_the_settings_are_those_of_ipam() {
    let conf = conf(
        r#"{"cniVersion":"0.3.1","name":"lan","type":"macvlan","provider":"wrong",
            "ipam":{"type":"kube-ovn","server_socket":"/s","provider":"lan.default","routes":[{"dst":"10.0.0.0/8"}]}}"#,
    )
    .unwrap();
    assert!(conf.ipam);
    assert_eq!((conf.socket.as_str(), conf.provider.to_string().as_str()), ("/s", "lan.default"));
    assert_eq!(conf.routes, [Route { dst: "10.0.0.0/8".parse().unwrap(), gw: None }]);
}

#[test]
fn what_is_not_valid_is_named() {
    let cases = [
        (r#"{"cniVersion":"1.0.0","type":"kube-ovn"}"#, "name"),
        (r#"{"cniVersion":"1.0.0","name":"../a","type":"kube-ovn"}"#, "name"),
        (r#"{"cniVersion":"1.0.0","name":"a","type":"bridge"}"#, "type"),
        (
            r#"{"cniVersion":"1.0.0","name":"a","type":"bridge","ipam":{"type":"host-local"}}"#,
            "type",
        ),
        (r#"{"cniVersion":"1.0.0","name":"a","type":"kube-ovn","provider":"x"}"#, "provider"),
        (r#"{"cniVersion":"1.0.0","name":"a","type":"kube-ovn","routes":[{}]}"#, "routes"),
        (
            r#"{"cniVersion":"1.0.0","name":"a","type":"kube-ovn","routes":[{"dst":"::/0","gw":"1.1.1.1"}]}"#,
            "routes",
        ),
        (
            r#"{"cniVersion":"1.0.0","name":"a","type":"kube-ovn","routes":[{"dst":"10.0.0.0/33"}]}"#,
            "routes",
        ),
    ];
    for (json, field) in cases {
        let error = conf(json).unwrap_err();
        assert_eq!(error.code, code::CONFIG, "{json}");
        assert!(error.msg.contains(field), "{json}: {error}");
    }
}

#[test]
fn an_empty_destination_is_the_default_route_of_its_gateway() {
    let conf = conf(
        r#"{"cniVersion":"1.0.0","name":"a","type":"kube-ovn","routes":[{"dst":"","gw":"10.0.0.1"},{"gw":"fd00::1"}]}"#,
    )
    .unwrap();
    let destinations: Vec<_> = conf.routes.iter().map(|route| route.dst.to_string()).collect();
    assert_eq!(destinations, ["0.0.0.0/0", "::/0"]);
}

#[test]
fn port_mappings_are_read_as_containerd_and_cri_o_write_them() {
    let conf = conf(
        r#"{"cniVersion":"1.0.0","name":"a","type":"kube-ovn","runtimeConfig":{"portMappings":[
            {"HostPort":8080,"ContainerPort":80,"Protocol":"TCP","HostIP":""},
            {"HostPort":53,"ContainerPort":53,"Protocol":"udp","HostIP":"172.30.0.11"},
            {"hostPort":9,"containerPort":9}]}}"#,
    )
    .unwrap();
    let protocols: Vec<_> =
        conf.port_mappings.iter().map(|mapping| mapping.protocol.as_str()).collect();
    assert_eq!(protocols, ["tcp", "udp", "tcp"]);
    assert_eq!(conf.port_mappings[0].host_ip, None);
    assert_eq!(conf.port_mappings[1].host_ip, "172.30.0.11".parse().ok());
}

#[test]
fn no_list_of_attachments_is_not_an_empty_list() {
    let with = |list: &str| {
        conf(&format!(r#"{{"cniVersion":"1.1.0","name":"a","type":"kube-ovn"{list}}}"#)).unwrap()
    };
    assert_eq!(with("").valid_attachments, None);
    assert_eq!(with(r#","cni.dev/valid-attachments":null"#).valid_attachments, None);
    assert_eq!(with(r#","cni.dev/valid-attachments":[]"#).valid_attachments, Some(vec![]));
    let one = with(r#","cni.dev/valid-attachments":[{"containerID":"c","ifname":"eth0"}]"#)
        .valid_attachments;
    assert_eq!(one, Some(vec![AttachmentId { container_id: "c".into(), ifname: "eth0".into() }]));
}

#[test]
fn arguments_name_the_pod() {
    let text = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_UID=u;X=y=z";
    let found = Arguments::parse(text).unwrap();
    assert_eq!(found, Arguments { pod: "web".into(), namespace: "shop".into(), uid: "u".into() });
    assert_eq!(Arguments::parse("").unwrap(), Arguments::default());
}

#[test]
fn bad_arguments_are_named() {
    let cases = [
        ("K8S_POD_NAME=a;X=1", "X"),
        ("K8S_POD_NAME", "K8S_POD_NAME"),
        ("K8S_POD_NAME=a;K8S_POD_NAME=b", "twice"),
        ("IgnoreUnknown=perhaps", "perhaps"),
        ("IgnoreUnknown=0;Y=1", "Y"),
    ];
    for (text, named) in cases {
        let error = Arguments::parse(text).unwrap_err();
        assert_eq!(error.code, code::ENVIRONMENT, "{text}");
        assert!(error.msg.contains(named), "{text}: {error}");
    }
}

#[test]
fn the_answer_to_version_speaks_the_version_of_the_question() {
    expect![[r#"{"cniVersion":"0.4.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}"#]]
        .assert_eq(&supported(br#"{"cniVersion":"0.4.0"}"#));
    for unusable in [&b""[..], b"garbage", br#"{"cniVersion":"7.0.0"}"#] {
        assert!(supported(unusable).starts_with(r#"{"cniVersion":"1.1.0""#));
    }
}

#[test]
fn an_error_is_printed_with_its_version_and_without_empty_details() {
    let error = Error::new(code::TRY_AGAIN, "later");
    assert_eq!(error.encode(Version::V0_3_1), r#"{"cniVersion":"0.3.1","code":11,"msg":"later"}"#);
    assert!(error.with_details("why").encode(Version::V1_1_0).ends_with(r#""details":"why"}"#));
}

#[test]
fn commands_are_known_by_their_words() {
    for command in
        [Command::Add, Command::Del, Command::Check, Command::Gc, Command::Status, Command::Version]
    {
        assert_eq!(command.as_str().parse(), Ok(command));
    }
    assert_eq!("add".parse::<Command>().unwrap_err().code, code::ENVIRONMENT);
}

proptest! {
    #[test]
    fn no_input_makes_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
        drop(NetConf::parse(&bytes));
        drop(Arguments::parse(&text));
        drop(text.parse::<Prefix>());
    }

    #[test]
    fn prefixes_survive_their_own_text(address: std::net::IpAddr, length in 0u8..=128) {
        if let Some(prefix) = Prefix::new(address, length) {
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }
    }
}
