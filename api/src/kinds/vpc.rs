//! `Vpc`: a logical router and what hangs on it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crd::integer;
use super::{Condition, is_default};

/// Label of a VPC that mirrors a router somebody else made; it is left alone.
pub const EXTERNAL_LABEL: &str = "ovn.kubernetes.io/vpc_external";

/// A virtual private cloud: subnets that route to each other, and nowhere else unless told to.
#[derive(Clone, Debug, Default, PartialEq, CustomResource, JsonSchema, Serialize, Deserialize)]
#[kube(
    group = "kubeovn.io",
    version = "v1",
    kind = "Vpc",
    plural = "vpcs",
    singular = "vpc",
    shortname = "vpc",
    status = "VpcStatus",
    derive = "PartialEq",
    doc = "A logical router with its subnets, routes and policies.",
    printcolumn(name = "EnableExternal", type_ = "boolean", json_path = ".status.enableExternal"),
    printcolumn(name = "EnableBfd", type_ = "boolean", json_path = ".status.enableBfd"),
    printcolumn(name = "Standby", type_ = "boolean", json_path = ".status.standby"),
    printcolumn(name = "Subnets", type_ = "string", json_path = ".status.subnets"),
    printcolumn(
        name = "ExtraExternalSubnets",
        type_ = "string",
        json_path = ".status.extraExternalSubnets"
    ),
    printcolumn(name = "Namespaces", type_ = "string", json_path = ".spec.namespaces"),
    printcolumn(
        name = "DefaultSubnet",
        type_ = "string",
        json_path = ".status.defaultLogicalSwitch"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(default, rename_all = "camelCase")]
pub struct VpcSpec {
    /// The subnet of the VPC's namespaces that are bound to none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub default_subnet: String,
    /// Namespaces that may bind the VPC's subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Routes of the VPC's router.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub static_routes: Vec<StaticRoute>,
    /// Policies of the VPC's router.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_routes: Vec<PolicyRoute>,
    /// Links to other VPCs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vpc_peerings: Vec<VpcPeering>,
    /// Attaches the router to the default external subnet.
    #[serde(skip_serializing_if = "is_default")]
    pub enable_external: bool,
    /// Attaches the router to these external subnets; the default one is then left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_external_subnets: Vec<String>,
    /// BFD between the router's external ports and their gateways.
    #[serde(skip_serializing_if = "is_default")]
    pub enable_bfd: bool,
    /// A router port for BFD sessions with egress and NAT gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bfd_port: Option<BfdPort>,
}

/// A static route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StaticRoute {
    /// policySrc or policyDst, which is also the meaning of nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// The network or address the route is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cidr: String,
    /// The next hop.
    #[serde(rename = "nextHopIP", skip_serializing_if = "String::is_empty")]
    pub next_hop_ip: String,
    /// ecmp_symmetric_reply, or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ecmp_mode: String,
    /// The BFD session that watches the next hop.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bfd_id: String,
    /// The router's route table; nothing is the main one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route_table: String,
}

/// A routing policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyRoute {
    /// 0 to 32767; the greater wins.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(schema_with = "integer")]
    pub priority: i64,
    /// An OVN expression.
    #[serde(rename = "match", skip_serializing_if = "String::is_empty")]
    pub match_: String,
    /// allow, drop or reroute.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// reroute only: the next hops between commas.
    #[serde(rename = "nextHopIP", skip_serializing_if = "String::is_empty")]
    pub next_hop_ip: String,
}

/// A link to another VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct VpcPeering {
    /// The other VPC.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_vpc: String,
    /// This router's address on the link with its prefix length; both families between a comma.
    #[serde(rename = "localConnectIP", skip_serializing_if = "String::is_empty")]
    pub local_connect_ip: String,
}

/// The router port for BFD sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BfdPort {
    /// Whether there is one.
    pub enabled: bool,
    /// Its addresses between a comma.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// The nodes that may hold it; without, at most three of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<LabelSelector>,
}

/// What the VPC is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct VpcStatus {
    pub conditions: Vec<Condition>,
    /// The router exists.
    pub standby: bool,
    /// This is the VPC of pods and nodes.
    pub default: bool,
    /// The subnet of namespaces that are bound to none.
    pub default_logical_switch: String,
    /// The logical router: the VPC's name.
    pub router: String,
    /// Names of its load balancers.
    pub tcp_load_balancer: String,
    pub udp_load_balancer: String,
    pub sctp_load_balancer: String,
    pub tcp_session_load_balancer: String,
    pub udp_session_load_balancer: String,
    pub sctp_session_load_balancer: String,
    /// Its subnets; while there are any it cannot be deleted.
    pub subnets: Vec<String>,
    /// VPCs it has links to.
    pub vpc_peerings: Vec<String>,
    pub enable_external: bool,
    pub extra_external_subnets: Vec<String>,
    pub enable_bfd: bool,
    pub bfd_port: BfdPortStatus,
}

/// The router port for BFD sessions that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BfdPortStatus {
    pub name: String,
    pub ip: String,
    /// Nodes that may hold it.
    pub nodes: Vec<String>,
}
