//! Objects as sentences: `annotated(pod("a"), "ovn.kubernetes.io/ip_address", "10.16.0.9")`.

use api::kinds::subnet::{Subnet, SubnetSpec};
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    Container, Pod, PodSpec, PodTemplateSpec, Service, ServicePort, ServiceSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::Resource;

/// The lab's own image: it pauses, serves and dials.
const IMAGE: &str = "docker.io/lab/agnhost:1";

/// A pod that pauses, labelled `app=<name>`.
#[must_use]
pub fn pod(name: &str) -> Pod {
    Pod { metadata: named(name), spec: Some(pod_spec(&["pause"])), status: None }
}

/// The same object with one more annotation.
#[must_use]
pub fn annotated<K: Resource>(mut object: K, key: &str, value: &str) -> K {
    let annotations = object.meta_mut().annotations.get_or_insert_default();
    annotations.insert(key.to_owned(), value.to_owned());
    object
}

/// A stateful set of pods that pause.
#[must_use]
pub fn stateful_set(name: &str, replicas: i32) -> StatefulSet {
    let template =
        PodTemplateSpec { metadata: Some(named(name)), spec: Some(pod_spec(&["pause"])) };
    let spec = StatefulSetSpec {
        replicas: Some(replicas),
        selector: LabelSelector { match_labels: named(name).labels, ..LabelSelector::default() },
        service_name: Some(name.to_owned()),
        template,
        ..StatefulSetSpec::default()
    };
    StatefulSet { metadata: named(name), spec: Some(spec), status: None }
}

/// A service of the pods labelled `app=<name>`.
#[must_use]
pub fn service(name: &str, port: i32) -> Service {
    let ports = vec![ServicePort { port, ..ServicePort::default() }];
    let selector = named(name).labels;
    let spec = ServiceSpec { ports: Some(ports), selector, ..ServiceSpec::default() };
    Service { metadata: named(name), spec: Some(spec), status: None }
}

/// A subnet with a network; the rest by the builder's verbs.
#[must_use]
pub fn subnet(name: &str, cidr: &str) -> SubnetBuilder {
    let spec = SubnetSpec { cidr_block: cidr.to_owned(), ..SubnetSpec::default() };
    SubnetBuilder(Subnet::new(name, spec))
}

/// Builds a subnet.
#[derive(Clone, Debug)]
pub struct SubnetBuilder(Subnet);

impl SubnetBuilder {
    /// With this gateway.
    #[must_use]
    pub fn gateway(mut self, gateway: &str) -> Self {
        self.0.spec.gateway = gateway.to_owned();
        self
    }

    /// Without these addresses or ranges `a..b`.
    #[must_use]
    pub fn without(mut self, addresses: &[&str]) -> Self {
        self.0.spec.exclude_ips = addresses.iter().map(|&text| text.to_owned()).collect();
        self
    }

    /// For the pods of this namespace.
    #[must_use]
    pub fn of(mut self, namespace: &str) -> Self {
        self.0.spec.namespaces = vec![namespace.to_owned()];
        self
    }

    /// The object.
    #[must_use]
    pub fn build(self) -> Subnet {
        self.0
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some([("app".to_owned(), name.to_owned())].into()),
        ..ObjectMeta::default()
    }
}

fn pod_spec(args: &[&str]) -> PodSpec {
    let container = Container {
        name: "main".to_owned(),
        image: Some(IMAGE.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(args.iter().map(|&word| word.to_owned()).collect()),
        ..Container::default()
    };
    PodSpec {
        containers: vec![container],
        termination_grace_period_seconds: Some(0),
        ..PodSpec::default()
    }
}
