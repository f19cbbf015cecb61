//! `IP`: a record of one allocated address, or a user's reservation of one. It has no status.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{PortName, Provider};

/// An address and who has it. The object is named as the logical port: `<pod>.<namespace>`, with `.<provider>` for attachments, or
/// `node-<node>`.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, CustomResource, JsonSchema, Serialize, Deserialize,
)]
#[kube(
    group = "kubeovn.io",
    version = "v1",
    kind = "IP",
    root = "Ip",
    plural = "ips",
    singular = "ip",
    shortname = "ip",
    derive = "PartialEq",
    doc = "An address of a pod or node, allocated or reserved.",
    printcolumn(name = "V4IP", type_ = "string", json_path = ".spec.v4IpAddress"),
    printcolumn(name = "V6IP", type_ = "string", json_path = ".spec.v6IpAddress"),
    printcolumn(name = "Mac", type_ = "string", json_path = ".spec.macAddress"),
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.nodeName"),
    printcolumn(name = "Subnet", type_ = "string", json_path = ".spec.subnet")
)]
#[serde(default, rename_all = "camelCase")]
pub struct IpSpec {
    /// The pod; the virtual machine for its launchers; the node for a node's address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_name: String,
    /// The pod's namespace; empty for a node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The subnet the address is from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subnet: String,
    /// Not used; kept for compatibility.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attach_subnets: Vec<String>,
    /// The node the pod runs on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// Both addresses between a comma, IPv4 first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip_address: String,
    /// The IPv4 address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub v4_ip_address: String,
    /// The IPv6 address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub v6_ip_address: String,
    /// Not used; kept for compatibility.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attach_ips: Vec<String>,
    /// The interface's MAC address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
    /// Not used; kept for compatibility.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attach_macs: Vec<String>,
    /// Not used; kept for compatibility.
    #[serde(rename = "containerID", skip_serializing_if = "String::is_empty")]
    pub container_id: String,
    /// StatefulSet or VirtualMachine when the address outlives the pod; empty otherwise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_type: String,
}

/// Values of [`IpSpec::pod_type`].
pub mod pod_type {
    pub const STATEFUL_SET: &str = "StatefulSet";
    pub const VIRTUAL_MACHINE: &str = "VirtualMachine";
}

impl IpSpec {
    /// The name an object of this spec has for an interface of `provider`. A reservation under another name belongs to nobody.
    pub fn object_name(&self, provider: &Provider) -> PortName {
        if self.namespace.is_empty() {
            PortName::node(&self.pod_name)
        } else {
            PortName::pod(&self.pod_name, &self.namespace, provider)
        }
    }
}
