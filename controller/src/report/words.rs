//! From what the model wants told to requests.

use api::annotation::Annotations;
use api::kinds::IpSpec;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::events::{Events, Notice};
use super::target::{Aspect, Kind, Target, Urgency, Verb, Write};
use crate::desired::report::{About, Kind as Of, Report};
use crate::scope::Scope;
use crate::watch::Unreadable;

/// A target and what is to be done to it.
pub type Line = (Target, Write<Scope>);

/// Every field of an IP object's spec: those a spec leaves out are emptied.
const IP_FIELDS: [&str; 13] = [
    "attachIps",
    "attachMacs",
    "attachSubnets",
    "containerID",
    "ipAddress",
    "macAddress",
    "namespace",
    "nodeName",
    "podName",
    "podType",
    "subnet",
    "v4IpAddress",
    "v6IpAddress",
];

/// Puts reports into the API server's words, and remembers which events it has heard.
#[derive(Debug)]
pub struct Words {
    events: Events,
}

impl Words {
    /// `instance`: which replica speaks.
    pub fn new(instance: String) -> Self {
        Self { events: Events::new(instance) }
    }

    /// The request for `report`, made again from `origin` when it fails. `None`: the API server knows.
    pub fn write(
        &mut self,
        report: Report,
        origin: Option<&Scope>,
        now: Timestamp,
    ) -> Option<Line> {
        let (target, urgency, verb) = match report {
            Report::Annotate { about, annotations } => annotate(&about, &annotations),
            Report::CreateIp(ip) => {
                create(Kind::Ip, ip.metadata.name.as_deref(), Urgency::Record, &*ip)
            }
            Report::UpdateIp { about, labels, spec } => update_ip(&about, &labels, &spec),
            Report::Delete(about) => {
                let uid = about.uid.to_string();
                (target(&about, Aspect::Whole), Urgency::Record, Verb::Delete { uid })
            }
            Report::Finalizers { about, finalizers } => {
                let patch = json!({ "metadata": { "uid": about.uid, "finalizers": finalizers } });
                (target(&about, Aspect::Finalizers), Urgency::Record, merge(&patch))
            }
            Report::SubnetSpec { about, spec } => {
                let patch = json!({ "metadata": { "uid": about.uid }, "spec": spec });
                (target(&about, Aspect::Whole), Urgency::Record, merge(&patch))
            }
            Report::SubnetStatus { about, status } => write_status(&about, &*status),
            Report::VpcStatus { about, status } => write_status(&about, &*status),
            Report::CreateSubnet(subnet) => {
                create(Kind::Subnet, subnet.metadata.name.as_deref(), Urgency::Waited, &*subnet)
            }
            Report::CreateVpc(vpc) => {
                create(Kind::Vpc, vpc.metadata.name.as_deref(), Urgency::Waited, &*vpc)
            }
            Report::Event { about, warning, reason, message } => {
                return self.events.write(&notice(&about, warning, reason, message), now);
            }
        };
        Some((target, Write { verb, urgency, origin: origin.cloned() }))
    }

    /// The event of an object nobody can make sense of.
    pub fn unreadable(&mut self, object: &Unreadable, now: Timestamp) -> Option<Line> {
        let (api_version, kind, reason) = match object.kind {
            "subnets" => ("kubeovn.io/v1", "Subnet", "ValidateLogicalSwitchFailed"),
            "vpcs" => ("kubeovn.io/v1", "Vpc", "ValidateVpcFailed"),
            "ips" => ("kubeovn.io/v1", "IP", "AcquireAddressFailed"),
            _ => return None,
        };
        let notice = Notice {
            api_version,
            kind,
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            uid: object.uid.clone(),
            warning: true,
            reason,
            note: object.why.clone(),
        };
        self.events.write(&notice, now)
    }

    /// The event of an object whose rows the database refuses.
    pub fn rejected(&mut self, about: &About, error: &str, now: Timestamp) -> Option<Line> {
        let reason = match about.kind {
            Of::Pod | Of::Ip => "CreateOVNPortFailed",
            Of::Subnet => "ValidateLogicalSwitchFailed",
            Of::Node | Of::Namespace | Of::Vpc => "NorthboundRejected",
        };
        self.events.write(&notice(about, true, reason, error.to_owned()), now)
    }
}

fn annotate(
    about: &About,
    annotations: &std::collections::BTreeMap<String, Option<String>>,
) -> (Target, Urgency, Verb) {
    let patch = json!({ "metadata": { "uid": about.uid, "annotations": annotations } });
    let urgency = match about.kind {
        Of::Pod | Of::Node => Urgency::Waited,
        Of::Namespace | Of::Ip | Of::Subnet | Of::Vpc => Urgency::Status,
    };
    (target(about, Aspect::Annotations), urgency, merge(&patch))
}

fn update_ip(about: &About, labels: &Annotations, spec: &IpSpec) -> (Target, Urgency, Verb) {
    let mut fields = json!(spec);
    for field in IP_FIELDS {
        if fields.get(field).is_none() {
            fields[field] = Value::Null;
        }
    }
    let patch = json!({ "metadata": { "uid": about.uid, "labels": labels }, "spec": fields });
    (target(about, Aspect::Whole), Urgency::Record, merge(&patch))
}

fn create(
    kind: Kind,
    name: Option<&str>,
    urgency: Urgency,
    object: &impl Serialize,
) -> (Target, Urgency, Verb) {
    let name = name.unwrap_or_default().to_owned();
    let target = Target { kind, namespace: String::new(), name, aspect: Aspect::Whole };
    (target, urgency, Verb::Create(bytes(object)))
}

fn write_status(about: &About, status: &impl Serialize) -> (Target, Urgency, Verb) {
    let patch = json!({ "metadata": { "uid": about.uid }, "status": status });
    (target(about, Aspect::Status), Urgency::Status, merge(&patch))
}

fn merge(patch: &Value) -> Verb {
    Verb::Merge(bytes(patch))
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("objects of ours have a JSON form")
}

fn target(about: &About, aspect: Aspect) -> Target {
    let kind = match about.kind {
        Of::Pod => Kind::Pod,
        Of::Node => Kind::Node,
        Of::Namespace => Kind::Namespace,
        Of::Ip => Kind::Ip,
        Of::Subnet => Kind::Subnet,
        Of::Vpc => Kind::Vpc,
    };
    let (namespace, name) = (about.key.namespace.to_string(), about.key.name.to_string());
    Target { kind, namespace, name, aspect }
}

fn notice(about: &About, warning: bool, reason: &'static str, note: String) -> Notice {
    let (api_version, kind) = match about.kind {
        Of::Pod => ("v1", "Pod"),
        Of::Node => ("v1", "Node"),
        Of::Namespace => ("v1", "Namespace"),
        Of::Ip => ("kubeovn.io/v1", "IP"),
        Of::Subnet => ("kubeovn.io/v1", "Subnet"),
        Of::Vpc => ("kubeovn.io/v1", "Vpc"),
    };
    Notice {
        api_version,
        kind,
        namespace: about.key.namespace.to_string(),
        name: about.key.name.to_string(),
        uid: about.uid.to_string(),
        warning,
        reason,
        note,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::kinds::{Ip, Subnet};

    use super::*;
    use crate::index::Key;

    fn about(kind: Of, namespace: &str, name: &str) -> About {
        About { kind, key: Key::new(namespace, name), uid: Arc::from("5f3a") }
    }

    fn written(report: Report) -> (Target, Urgency, Value) {
        let line = Words::new("me".into()).write(report, None, Timestamp::UNIX_EPOCH);
        let (target, write) = line.expect("something to write");
        let body = match &write.verb {
            Verb::Create(body) | Verb::Merge(body) => serde_json::from_slice(body).unwrap(),
            Verb::Delete { uid } => json!({ "delete": uid }),
        };
        (target, write.urgency, body)
    }

    #[test]
    fn annotations_are_patched_for_one_pod_and_no_other_of_its_name() {
        let annotations = [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)].into();
        let report = Report::Annotate { about: about(Of::Pod, "default", "web"), annotations };
        let (target, urgency, patch) = written(report);
        assert_eq!(target.to_string(), "pods/default/web");
        assert_eq!(urgency, Urgency::Waited);
        assert_eq!(
            patch,
            json!({ "metadata": { "uid": "5f3a", "annotations": { "a": "1", "b": null } } })
        );
    }

    #[test]
    fn an_ip_object_is_updated_whole() {
        let spec = Box::new(IpSpec { subnet: "ovn-default".into(), ..IpSpec::default() });
        let report =
            Report::UpdateIp { about: about(Of::Ip, "", "web.default"), labels: [].into(), spec };
        let (_, _, patch) = written(report);
        assert_eq!(patch["spec"]["subnet"], "ovn-default");
        assert_eq!(patch["spec"]["nodeName"], Value::Null, "what is left out is emptied");
        assert_eq!(patch["spec"].as_object().unwrap().len(), IP_FIELDS.len());
    }

    #[test]
    fn every_field_of_an_ip_object_is_known() {
        let word = || "x".to_owned();
        let words = || vec!["x".to_owned()];
        let spec = IpSpec {
            pod_name: word(),
            namespace: word(),
            subnet: word(),
            attach_subnets: words(),
            node_name: word(),
            ip_address: word(),
            v4_ip_address: word(),
            v6_ip_address: word(),
            attach_ips: words(),
            mac_address: word(),
            attach_macs: words(),
            container_id: word(),
            pod_type: word(),
        };
        let fields: Vec<String> = json!(spec).as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, IP_FIELDS);
    }

    #[test]
    fn objects_are_made_as_their_kind() {
        let (target, _, body) =
            written(Report::CreateIp(Box::new(Ip::new("web.default", IpSpec::default()))));
        assert_eq!(target.collection(), "/apis/kubeovn.io/v1/ips");
        assert_eq!(
            (body["kind"].as_str(), body["apiVersion"].as_str()),
            (Some("IP"), Some("kubeovn.io/v1"))
        );
        let (target, urgency, body) =
            written(Report::CreateSubnet(Box::new(Subnet::new("join", Default::default()))));
        assert_eq!((target.name.as_str(), urgency), ("join", Urgency::Waited));
        assert_eq!(body["kind"], "Subnet");
    }

    #[test]
    fn an_object_of_another_uid_is_not_deleted() {
        let (target, _, body) = written(Report::Delete(about(Of::Ip, "", "web.default")));
        assert_eq!((target.aspect, body), (Aspect::Whole, json!({ "delete": "5f3a" })));
    }
}
