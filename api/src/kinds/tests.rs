use expect_test::expect_file;
use serde_json::{Value, json};

use super::*;

fn definition(plural: &str) -> Value {
    let crd = crds().into_iter().find(|crd| crd.spec.names.plural == plural);
    serde_json::to_value(crd.expect("a kind of this plural")).unwrap()
}

fn schema(plural: &str) -> Value {
    definition(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// A schema as indented lines `field: type(format)`, sorted: the shape the contract lists, without descriptions.
fn shape(schema: &Value, depth: usize, out: &mut String) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, field) in properties {
        let (field, list) =
            if field["type"] == "array" { (&field["items"], "[]") } else { (field, "") };
        let kind = match &field["additionalProperties"]["type"] {
            Value::String(value) => format!("map[string]{value}"),
            _ => field["type"].as_str().unwrap_or("?").to_owned(),
        };
        let format =
            field["format"].as_str().map(|format| format!("({format})")).unwrap_or_default();
        out.push_str(&format!("{}{name}: {list}{kind}{format}\n", "  ".repeat(depth)));
        // The contract lists these without their insides.
        if name != "conditions" && name != "matchExpressions" {
            shape(field, depth + 1, out);
        }
    }
}

fn shape_of(plural: &str, part: &str) -> String {
    let mut out = String::new();
    shape(&schema(plural)["properties"][part], 0, &mut out);
    out
}

#[test]
fn the_fields_are_those_of_kube_ovn() {
    for (plural, part) in [
        ("ips", "spec"),
        ("subnets", "spec"),
        ("subnets", "status"),
        ("vpcs", "spec"),
        ("vpcs", "status"),
    ] {
        expect_file![format!("tests/{plural}.{part}.txt")].assert_eq(&shape_of(plural, part));
    }
}

#[test]
fn the_columns_are_those_of_kube_ovn() {
    let columns = |plural: &str| -> String {
        let columns = definition(plural)["spec"]["versions"][0]["additionalPrinterColumns"].clone();
        let line = |column: &Value| {
            let text = |key: &str| column[key].as_str().unwrap().to_owned();
            format!("{} {} {}\n", text("name"), text("type"), text("jsonPath"))
        };
        columns.as_array().unwrap().iter().map(line).collect()
    };
    for plural in ["ips", "subnets", "vpcs"] {
        expect_file![format!("tests/{plural}.columns.txt")].assert_eq(&columns(plural));
    }
}

#[test]
fn names_scope_and_subresources_are_those_of_kube_ovn() {
    for (plural, singular, kind, status) in [
        ("ips", "ip", "IP", false),
        ("subnets", "subnet", "Subnet", true),
        ("vpcs", "vpc", "Vpc", true),
    ] {
        let crd = definition(plural);
        assert_eq!(crd["metadata"]["name"], format!("{plural}.kubeovn.io"));
        assert_eq!(crd["spec"]["scope"], "Cluster");
        let names =
            json!({"kind": kind, "plural": plural, "singular": singular, "shortNames": [singular]});
        assert_eq!(crd["spec"]["names"], names);
        let version = &crd["spec"]["versions"][0];
        assert_eq!(
            (&version["name"], &version["served"], &version["storage"]),
            (&json!("v1"), &json!(true), &json!(true))
        );
        assert_eq!(
            version["subresources"],
            if status { json!({"status": {}}) } else { Value::Null }
        );
    }
}

#[test]
fn an_object_may_leave_out_anything() {
    for plural in ["ips", "subnets", "vpcs"] {
        let schema = schema(plural);
        assert_eq!(schema["required"], Value::Null, "{plural}");
        assert_eq!(schema["properties"]["spec"]["default"], json!({}), "{plural}");
        assert_eq!(schema["properties"]["spec"]["required"], Value::Null, "{plural}");
        assert_eq!(schema["properties"]["status"]["required"], Value::Null, "{plural}");
    }
}

/// Every place of a schema that has `key`.
fn places(schema: &Value, key: &str, path: &str, out: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (name, inner) in fields {
                if name == key {
                    out.push(format!("{path} {inner}"));
                }
                places(inner, key, &format!("{path}/{name}"), out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| places(item, key, path, out)),
        _ => {}
    }
}

#[test]
fn only_flags_that_are_columns_and_bfd_have_defaults() {
    let mut found = Vec::new();
    for plural in ["ips", "subnets", "vpcs"] {
        let schema = schema(plural);
        for part in ["spec", "status"] {
            places(&schema["properties"][part]["properties"], "default", plural, &mut found);
        }
    }
    // A field that is itself called default is no default.
    found.retain(|place| !place.contains("\"description\""));
    let expected = [
        "subnets/default false",
        "subnets/natOutgoing false",
        "subnets/private false",
        "vpcs/bfdPort/properties/enabled false",
    ];
    assert_eq!(found, expected);
}

#[test]
fn schemas_are_structural() {
    // The API server refuses these words outside of x- extensions, and any reference.
    for plural in ["ips", "subnets", "vpcs"] {
        let schema = schema(plural);
        for word in [
            "$ref",
            "definitions",
            "$defs",
            "patternProperties",
            "anyOf",
            "oneOf",
            "allOf",
            "dependencies",
        ] {
            let mut found = Vec::new();
            places(&schema, word, "", &mut found);
            assert!(found.is_empty(), "{plural}: {word} at {found:?}");
        }
        let mut formats = Vec::new();
        places(&schema, "format", "", &mut formats);
        let known = ["\"int32\"", "\"int64\"", "\"date-time\""];
        assert!(
            formats.iter().all(|place| known.iter().any(|format| place.ends_with(format))),
            "{formats:?}"
        );
    }
}

#[test]
fn the_rules_refuse_what_kube_ovn_refuses_and_no_more() {
    let mut found = Vec::new();
    for plural in ["ips", "subnets", "vpcs"] {
        places(&schema(plural), "x-kubernetes-validations", plural, &mut found);
    }
    found.sort();
    let expected = [
        r#"subnets/properties/spec [{"message":"mtu must be at least 1280 in a subnet with IPv6","rule":"!has(self.mtu) || self.mtu == 0 || self.mtu >= 1280 || !has(self.cidrBlock) || !self.cidrBlock.contains(':')"}]"#,
        r#"subnets/properties/spec/properties/gatewayType [{"message":"gatewayType must be distributed or centralized","rule":"self in ['', 'distributed', 'centralized']"}]"#,
        r#"subnets/properties/spec/properties/vpc [{"message":"vpc cannot be changed","rule":"oldSelf == '' || self == oldSelf"}]"#,
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_empty_object_reads_and_is_written_back_with_the_columns_flags_only() {
    let subnet: Subnet = serde_json::from_value(json!({
        "apiVersion": "kubeovn.io/v1", "kind": "Subnet", "metadata": {"name": "blue"}, "spec": {}
    }))
    .unwrap();
    let flags = json!({"default": false, "natOutgoing": false, "private": false});
    assert_eq!(serde_json::to_value(&subnet.spec).unwrap(), flags);
    assert_eq!(serde_json::to_value(VpcSpec::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(IpSpec::default()).unwrap(), json!({}));
}

#[test]
fn a_subnet_kube_ovn_wrote_reads_with_fields_of_its_future() {
    let written = json!({
        "apiVersion": "kubeovn.io/v1", "kind": "Subnet",
        "metadata": {"name": "ovn-default", "finalizers": ["kubeovn.io/kube-ovn-controller"]},
        "spec": {
            "cidrBlock": "10.16.0.0/16", "default": true, "enableLb": true, "excludeIps": ["10.16.0.1"], "gateway": "10.16.0.1",
            "gatewayType": "distributed", "natOutgoing": true, "private": false, "protocol": "IPv4", "provider": "ovn",
            "vpc": "ovn-cluster", "mtu": 1400, "enableEcmp": false, "someField": {"of": "tomorrow"}
        },
        "status": {
            "activateGateway": "", "conditions": [{
                "lastTransitionTime": "2026-01-02T03:04:05Z", "lastUpdateTime": null, "reason": "ResetLogicalSwitchAclSuccess",
                "status": "True", "type": "Validated"
            }],
            "v4availableIPs": 65524, "v4usingIPs": 9, "v6availableIPs": 1.8446744073709552e19, "v6usingIPs": 0,
            "v4usingIPrange": "10.16.0.2-10.16.0.10", "someField": 1
        }
    });
    let subnet: Subnet = serde_json::from_value(written).unwrap();
    assert_eq!((subnet.spec.mtu, subnet.spec.enable_lb), (1400, Some(true)));
    let status = subnet.status.unwrap();
    assert!(status.conditions[0].is_true());
    assert_eq!(status.v4_using_ips, Count::from(9));
    assert_eq!(status.v6_available_ips.get(), i64::MAX as u64);
}

#[test]
fn a_count_is_an_integer_as_long_as_that_is_exact() {
    let json = |number: u128| serde_json::to_string(&Count::from(number)).unwrap();
    assert_eq!(json(65_533), "65533");
    assert_eq!(json((1 << 53) + 1), "9007199254740993");
    assert_eq!(json(u128::MAX), "9223372036854775807");
    let read = |text: &str| serde_json::from_str::<Count>(text).unwrap();
    assert_eq!(read("9223372036854775807"), Count::from(u128::MAX));
    assert_eq!(read("3.4e38"), Count::from(u128::MAX));
    assert_eq!((read("-1"), read("12.0")), (Count::default(), Count::from(12)));
    serde_json::from_str::<Count>("\"12\"").unwrap_err();
}

#[test]
fn a_status_is_written_whole_so_that_a_patch_can_empty_a_field() {
    let status = serde_json::to_value(SubnetStatus::default()).unwrap();
    assert_eq!(status["v4usingIPs"], json!(0));
    assert_eq!(status["v4usingIPrange"], json!(""));
    assert_eq!(status["conditions"], json!([]));
}

#[test]
fn a_condition_said_again_keeps_its_times() {
    let at = |second: i64| jiff::Timestamp::from_second(second).unwrap();
    let say = |status: bool, message: &str| {
        Condition::new(condition::READY, status, "Because", message, 3)
    };
    let mut conditions = Vec::new();
    assert!(condition::set(&mut conditions, say(true, "fine"), at(1)));
    assert!(
        !condition::set(&mut conditions, say(true, "fine"), at(2)),
        "nothing new, nothing to write"
    );
    assert!(condition::set(&mut conditions, say(true, "still fine"), at(3)));
    let updated = |conditions: &[Condition]| {
        let second = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
            time.as_ref().unwrap().0.as_second()
        };
        (second(&conditions[0].last_update_time), second(&conditions[0].last_transition_time))
    };
    assert_eq!(updated(&conditions), (3, 1), "the status did not change at 3");
    assert!(condition::set(&mut conditions, say(false, "not fine"), at(4)));
    assert_eq!((updated(&conditions), conditions.len()), ((4, 4), 1));
}

#[test]
fn an_ip_object_is_named_as_its_port() {
    use crate::names::Provider;
    let pod = IpSpec { pod_name: "web-0".into(), namespace: "shop".into(), ..IpSpec::default() };
    assert_eq!(pod.object_name(&Provider::Default).as_str(), "web-0.shop");
    let node = IpSpec { pod_name: "n1".into(), ..IpSpec::default() };
    assert_eq!(node.object_name(&Provider::Default).as_str(), "node-n1");
}
