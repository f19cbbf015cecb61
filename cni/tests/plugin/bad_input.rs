//! Runtimes that say something wrong: the daemon never hears of it.

use serde_json::json;

use crate::run::Stage;

#[test]
fn garbage_on_stdin_is_a_decoding_failure() {
    let stage = Stage::new();
    for garbage in [&b""[..], b"{", b"null", b"[1]", b"\xff\xfe", b"cniVersion: 1.0.0"] {
        let said = stage.call("ADD", "1.0.0").run_with(garbage).fails(6, "1.1.0");
        assert!(said.contains("network configuration"), "{said}");
    }
    let endless = vec![b' '; 5 << 20];
    stage.call("ADD", "1.0.0").run_with(&endless).fails(6, "1.1.0");
}

#[test]
fn an_unknown_version_is_code_1_and_says_what_is_known() {
    let stage = Stage::new();
    for version in ["0.5.0", "1.2.0", "2.0.0", "next"] {
        for command in ["ADD", "DEL", "CHECK", "GC", "STATUS"] {
            let said = stage.call(command, version).run().fails(1, "1.1.0");
            assert!(said.contains(version) && said.contains("0.3.1"), "{said}");
        }
    }
}

#[test]
fn a_command_its_version_does_not_have_is_code_1() {
    let stage = Stage::new();
    for (command, version, since) in
        [("CHECK", "0.3.1", "0.4.0"), ("GC", "1.0.0", "1.1.0"), ("STATUS", "1.0.0", "1.1.0")]
    {
        let said = stage.call(command, version).run().fails(1, version);
        assert!(said.contains(since), "{said}");
    }
}

#[test]
fn every_missing_variable_is_named_at_once() {
    let stage = Stage::new();
    let said = stage
        .call("ADD", "1.0.0")
        .with("CNI_CONTAINERID", "")
        .with("CNI_NETNS", "")
        .run()
        .fails(4, "1.0.0");
    assert!(said.contains("CNI_CONTAINERID, CNI_NETNS"), "{said}");
    for (command, missing) in [
        ("CHECK", "CNI_NETNS"),
        ("DEL", "CNI_CONTAINERID"),
        ("DEL", "CNI_IFNAME"),
        ("ADD", "CNI_IFNAME"),
    ] {
        let said = stage.call(command, "1.0.0").with(missing, "").run().fails(4, "1.0.0");
        assert!(said.contains(missing), "{said}");
    }
}

#[test]
fn no_command_or_an_unknown_one_is_code_4() {
    let stage = Stage::new();
    let outcome = stage.call("", "1.0.0").run();
    outcome.fails(4, "1.1.0");
    assert!(
        outcome.stderr.contains("CNI plugin"),
        "a person is told what this is: {}",
        outcome.stderr
    );
    let said = stage.call("UPDATE", "1.0.0").run().fails(4, "1.1.0");
    assert!(said.contains("UPDATE"), "{said}");
}

#[test]
fn names_no_container_or_interface_can_have_are_refused() {
    let stage = Stage::new();
    for (variable, value) in [
        ("CNI_CONTAINERID", "../c1"),
        ("CNI_CONTAINERID", "-c1"),
        ("CNI_IFNAME", "a name"),
        ("CNI_IFNAME", "eth0/1"),
        ("CNI_IFNAME", "eth0:1"),
        ("CNI_IFNAME", ".."),
        ("CNI_IFNAME", "sixteen-letters."),
    ] {
        for command in ["ADD", "DEL"] {
            let said = stage.call(command, "1.0.0").with(variable, value).run().fails(4, "1.0.0");
            assert!(said.contains(variable), "{said}");
        }
    }
}

#[test]
fn unknown_arguments_are_refused_unless_the_runtime_says_to_ignore_them() {
    let stage = Stage::new();
    let pod = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web";
    let said = stage
        .call("ADD", "1.0.0")
        .with("CNI_ARGS", &format!("{pod};COLOUR=blue"))
        .run()
        .fails(4, "1.0.0");
    assert!(said.contains("COLOUR"), "{said}");
    stage.call("ADD", "1.0.0").with("CNI_ARGS", "K8S_POD_NAME").run().fails(4, "1.0.0");
    // Ignored, the order gets as far as the daemon, which is not there.
    let ignored = format!("IgnoreUnknown=true;{pod};COLOUR=blue");
    stage.call("ADD", "1.0.0").with("CNI_ARGS", &ignored).run().fails(11, "1.0.0");
}

#[test]
fn add_needs_to_know_the_pod() {
    let stage = Stage::new();
    for arguments in ["", "K8S_POD_NAME=web", "K8S_POD_NAMESPACE=shop"] {
        let said = stage.call("ADD", "1.0.0").with("CNI_ARGS", arguments).run().fails(4, "1.0.0");
        assert!(said.contains("K8S_POD_NAME"), "{said}");
    }
}

#[test]
fn a_namespace_that_does_not_exist_leaves_nothing_to_clean_up() {
    let stage = Stage::new();
    let said =
        stage.call("ADD", "1.0.0").with("CNI_NETNS", "/run/netns/no-such").run().fails(3, "1.0.0");
    assert!(said.contains("/run/netns/no-such"), "{said}");
}

#[test]
fn the_node_s_own_namespace_is_not_a_pod_s() {
    let stage = Stage::new();
    let said =
        stage.call("ADD", "1.0.0").with("CNI_NETNS", "/proc/self/ns/net").run().fails(4, "1.0.0");
    assert!(said.contains("own network namespace"), "{said}");
}

#[test]
fn a_configuration_that_is_not_valid_is_code_7_and_names_the_field() {
    let stage = Stage::new();
    for (field, value) in [
        ("name", json!("")),
        ("type", json!("bridge")),
        ("provider", json!("not.a.good.provider")),
        ("routes", json!([{"dst": "10.0.0.0/8", "gw": "fd00::1"}])),
    ] {
        let said = stage.call("ADD", "1.0.0").conf(field, value).run().fails(7, "1.0.0");
        assert!(said.contains(field), "{said}");
    }
}

#[test]
fn check_compares_with_a_result_it_must_be_given() {
    let stage = Stage::new();
    let said = stage.call("CHECK", "1.0.0").run().fails(7, "1.0.0");
    assert!(said.contains("prevResult"), "{said}");
    stage
        .call("CHECK", "1.0.0")
        .conf("prevResult", json!({"ips": [{"address": "10.16.0.7"}]}))
        .run()
        .fails(6, "1.0.0");
}
