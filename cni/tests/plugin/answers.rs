//! A daemon that answers: requests as it gets them, results as the runtime gets them.

use std::io::Write;

use api::cni::{Error, Interface, Ip, Route, Success};
use api::wire::{Answer, Attachment, Call, Gc, Pod};
use serde_json::json;

use crate::run::Stage;

fn attached() -> Answer {
    let pod = Interface {
        name: "eth0".into(),
        mac: "0a:58:0a:10:00:07".into(),
        mtu: 1400,
        sandbox: "/run/netns/a".into(),
        ..Interface::default()
    };
    Answer::Attached(Success {
        interfaces: vec![pod],
        ips: vec![
            Ip {
                address: "10.16.0.7/16".parse().unwrap(),
                gateway: "10.16.0.1".parse().ok(),
                interface: Some(0),
            },
            Ip {
                address: "fd00::7/112".parse().unwrap(),
                gateway: "fd00::1".parse().ok(),
                interface: Some(0),
            },
        ],
        routes: vec![Route { dst: "0.0.0.0/0".parse().unwrap(), gw: "10.16.0.1".parse().ok() }],
        ..Success::default()
    })
}

fn sent(request: api::wire::Request) -> Attachment {
    match request.call {
        Call::Add(attachment) | Call::Del(attachment) | Call::Check(attachment) => attachment,
        other => panic!("not about an attachment: {other:?}"),
    }
}

#[test]
fn add_prints_the_result_in_the_version_it_was_asked_in() {
    for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let stage = Stage::new();
        let daemon = stage.answering(attached());
        let result = stage.call("ADD", version).run().succeeds();
        daemon.join().unwrap();
        let old = version < "1.0.0";
        let with_version = |mut ip: serde_json::Value, family: &str| {
            if old {
                ip["version"] = json!(family);
            }
            ip
        };
        let mut interface =
            json!({"name": "eth0", "mac": "0a:58:0a:10:00:07", "sandbox": "/run/netns/a"});
        if version == "1.1.0" {
            interface["mtu"] = json!(1400);
        }
        let v4 = json!({"address": "10.16.0.7/16", "gateway": "10.16.0.1", "interface": 0});
        let v6 = json!({"address": "fd00::7/112", "gateway": "fd00::1", "interface": 0});
        let expected = json!({
            "cniVersion": version,
            "interfaces": [interface],
            "ips": [with_version(v4, "4"), with_version(v6, "6")],
            "routes": [{"dst": "0.0.0.0/0", "gw": "10.16.0.1"}],
            "dns": {},
        });
        assert_eq!(result, expected, "{version}");
    }
}

#[test]
fn a_configuration_without_a_version_gets_the_result_of_0_1_0() {
    let stage = Stage::new();
    let daemon = stage.answering(attached());
    let result = stage.call("ADD", "").run().succeeds();
    daemon.join().unwrap();
    assert_eq!(result["cniVersion"], "0.1.0");
    assert_eq!(
        result["ip4"],
        json!({"ip": "10.16.0.7/16", "gateway": "10.16.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.16.0.1"}]})
    );
}

#[test]
fn add_tells_the_daemon_everything_the_runtime_said() {
    let stage = Stage::new();
    let daemon = stage.answering(attached());
    stage
        .call("ADD", "1.1.0")
        .conf("provider", json!("net1.blue.ovn"))
        .conf("routes", json!([{"dst": "10.0.0.0/8", "gw": "10.16.0.9"}]))
        .conf("deviceID", json!("0000:03:00.2"))
        .conf("mtu", json!(9000))
        .conf(
            "runtimeConfig",
            json!({"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}),
        )
        .run()
        .succeeds();
    let request = daemon.join().unwrap();
    assert_eq!(request.deadline_ms, 30_000);
    let attachment = sent(request);
    assert_eq!((attachment.container_id.as_str(), attachment.ifname.as_str()), ("c1", "eth0"));
    assert_eq!((attachment.netns, attachment.network.as_str()), (stage.netns(), "kube-ovn"));
    let pod = Pod { namespace: "shop".into(), name: "web".into(), uid: Some("u1".into()) };
    assert_eq!(attachment.pod, Some(pod));
    assert_eq!(attachment.provider.to_string(), "net1.blue.ovn");
    assert_eq!(attachment.routes.len(), 1);
    assert_eq!((attachment.device.id.as_str(), attachment.mtu), ("0000:03:00.2", Some(9000)));
    assert_eq!(attachment.port_mappings[0].host_port, 8080);
    assert!(!attachment.ipam && attachment.previous.is_none());
}

#[test]
fn after_other_plugins_add_keeps_what_they_made() {
    let stage = Stage::new();
    let daemon = stage.answering(attached());
    let previous = json!({"cniVersion": "1.0.0", "interfaces": [{"name": "lo"}], "ips": [], "dns": {"nameservers": ["10.96.0.10"]}});
    let result = stage.call("ADD", "1.0.0").conf("prevResult", previous).run().succeeds();
    assert!(
        sent(daemon.join().unwrap()).previous.is_none(),
        "joining results is the plugin's work"
    );
    assert_eq!(result["interfaces"][0]["name"], "lo");
    assert_eq!(result["ips"][0]["interface"], 1);
    assert_eq!(result["dns"], json!({"nameservers": ["10.96.0.10"]}));
}

#[test]
fn the_configuration_s_resolvers_are_passed_through() {
    let stage = Stage::new();
    let daemon = stage.answering(attached());
    let result = stage
        .call("ADD", "1.0.0")
        .conf("dns", json!({"nameservers": ["9.9.9.9"]}))
        .run()
        .succeeds();
    daemon.join().unwrap();
    assert_eq!(result["dns"]["nameservers"], json!(["9.9.9.9"]));
}

#[test]
fn for_another_plugin_s_interface_only_addresses_are_printed() {
    let stage = Stage::new();
    let daemon = stage.answering(attached());
    let ipam =
        json!({"type": "kube-ovn", "server_socket": stage.socket(), "provider": "lan.default"});
    let result = stage
        .call("ADD", "1.0.0")
        .conf("type", json!("macvlan"))
        .conf("ipam", ipam)
        .run()
        .succeeds();
    let attachment = sent(daemon.join().unwrap());
    assert!(attachment.ipam);
    assert_eq!(attachment.provider.to_string(), "lan.default");
    assert_eq!(result["interfaces"], json!(null));
    assert_eq!(result["ips"][0], json!({"address": "10.16.0.7/16", "gateway": "10.16.0.1"}));
}

#[test]
fn del_check_gc_and_status_print_nothing() {
    let previous = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.16.0.7/16"}]});
    for command in ["DEL", "CHECK", "GC", "STATUS"] {
        let stage = Stage::new();
        let daemon = stage.answering(Answer::Done);
        stage.call(command, "1.1.0").conf("prevResult", previous.clone()).run().is_silent();
        let call = daemon.join().unwrap().call;
        let matches = match command {
            "DEL" => matches!(call, Call::Del(_)),
            "CHECK" => {
                matches!(&call, Call::Check(attachment) if attachment.previous.as_ref().unwrap().ips.len() == 1)
            }
            "GC" => matches!(call, Call::Gc(_)),
            _ => matches!(call, Call::Status),
        };
        assert!(matches, "{command}: {call:?}");
    }
}

#[test]
fn del_twice_is_success_twice() {
    let stage = Stage::new();
    for netns in [stage.netns().as_str(), ""] {
        let daemon = stage.answering(Answer::Done);
        stage.call("DEL", "0.3.1").with("CNI_NETNS", netns).run().is_silent();
        assert_eq!(sent(daemon.join().unwrap()).netns, netns);
        std::fs::remove_file(stage.socket()).unwrap();
    }
}

#[test]
fn del_needs_neither_pod_nor_namespace() {
    let stage = Stage::new();
    let daemon = stage.answering(Answer::Done);
    stage.call("DEL", "1.0.0").with("CNI_NETNS", "").with("CNI_ARGS", "").run().is_silent();
    let attachment = sent(daemon.join().unwrap());
    assert_eq!((attachment.pod, attachment.netns.as_str()), (None, ""));
}

#[test]
fn gc_and_status_need_no_container() {
    let stage = Stage::new();
    let bare = |command| {
        ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"]
            .into_iter()
            .fold(stage.call(command, "1.1.0"), |call, name| call.with(name, ""))
    };
    let daemon = stage.answering(Answer::Done);
    bare("GC")
        .conf("cni.dev/valid-attachments", json!([{"containerID": "c1", "ifname": "eth0"}]))
        .run()
        .is_silent();
    let Call::Gc(Gc { network, valid }) = daemon.join().unwrap().call else {
        panic!("should be GC")
    };
    assert_eq!((network.as_str(), valid.unwrap()[0].container_id.as_str()), ("kube-ovn", "c1"));

    std::fs::remove_file(stage.socket()).unwrap();
    let daemon = stage.answering(Answer::Done);
    bare("STATUS").run().is_silent();
    daemon.join().unwrap();
}

#[test]
fn what_the_daemon_refuses_the_runtime_hears_word_for_word() {
    for command in ["ADD", "DEL", "STATUS"] {
        let stage = Stage::new();
        let refusal = Error::new(51, "no Port_Binding for web.shop")
            .with_details("ovn-controller is not connected");
        let daemon = stage.answering(Answer::Failed(refusal));
        let said = stage.call(command, "1.1.0").run().fails(51, "1.1.0");
        daemon.join().unwrap();
        assert_eq!(said, "no Port_Binding for web.shop ovn-controller is not connected");
    }
}

#[test]
fn an_answer_to_another_question_is_an_error() {
    for (command, answer) in [("ADD", Answer::Done), ("DEL", attached())] {
        let stage = Stage::new();
        let daemon = stage.answering(answer);
        stage.call(command, "1.0.0").run().fails(101, "1.0.0");
        daemon.join().unwrap();
    }
}

#[test]
fn a_daemon_of_another_version_is_asked_again_later() {
    let stage = Stage::new();
    let daemon =
        stage.daemon(|mut stream| stream.write_all(b"{\"version\":2,\"result\":\"?\"}\n").unwrap());
    let said = stage.call("ADD", "1.0.0").run().fails(11, "1.0.0");
    daemon.join().unwrap();
    assert!(said.contains("different versions"), "{said}");
}

#[test]
fn an_answer_that_is_garbage_is_an_error() {
    let stage = Stage::new();
    let daemon = stage.daemon(|mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap());
    stage.call("ADD", "1.0.0").run().fails(101, "1.0.0");
    daemon.join().unwrap();
}
