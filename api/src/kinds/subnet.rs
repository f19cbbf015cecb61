//! `Subnet`: a logical switch, its addresses and its way out.

mod plan;
mod rules;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use plan::{Invalid, Plan, check_name};
pub use rules::{GatewayNode, GatewayType, NatAction, NatRule};

use super::crd::{integer, unsigned};
use super::{Condition, Count, is_default};

/// Reasons of a subnet's conditions and events, §3.17 of the contract.
pub mod reason {
    pub const VALIDATE_SUCCESS: &str = "ValidateLogicalSwitchSuccess";
    pub const VALIDATE_FAILED: &str = "ValidateLogicalSwitchFailed";
    pub const VALIDATE_VLAN_FAILED: &str = "ValidateSubnetVlanFailed";
    pub const SET_NON_OVN_SUCCESS: &str = "SetNonOvnSubnetSuccess";
    pub const ADD_LB_FAILED: &str = "AddLbToLogicalSwitchFailed";
    pub const SET_PRIVATE_SUCCESS: &str = "SetPrivateLogicalSwitchSuccess";
    pub const SET_PRIVATE_FAILED: &str = "SetPrivateLogicalSwitchFailed";
    pub const RESET_ACL_SUCCESS: &str = "ResetLogicalSwitchAclSuccess";
    pub const RESET_ACL_FAILED: &str = "ResetLogicalSwitchAclFailed";
    pub const SET_ACLS_FAILED: &str = "SetLogicalSwitchAclsFailed";
    pub const NO_READY_GATEWAY: &str = "NoReadyGateway";
    pub const NO_ACTIVE_GATEWAY: &str = "NoActiveGatewayFound";
    pub const CENTRALIZED_SUCCESS: &str = "ReconcileCentralizedGatewaySuccess";
    pub const CHANGED_TO_DISTRIBUTED: &str = "ChangeToDistributedGw";
}

/// A subnet: a network, who gets addresses from it, and how they reach the world.
///
/// The three flags that are columns are always written, `false` too, so that `kubectl get` shows them as it does with Kube-OVN.
#[derive(Clone, Debug, Default, PartialEq, CustomResource, JsonSchema, Serialize, Deserialize)]
#[kube(
    group = "kubeovn.io",
    version = "v1",
    kind = "Subnet",
    plural = "subnets",
    singular = "subnet",
    shortname = "subnet",
    status = "SubnetStatus",
    derive = "PartialEq",
    doc = "A logical switch, its addresses and its way out.",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider"),
    printcolumn(name = "Vpc", type_ = "string", json_path = ".spec.vpc"),
    printcolumn(name = "Vlan", type_ = "string", json_path = ".spec.vlan"),
    printcolumn(name = "Protocol", type_ = "string", json_path = ".spec.protocol"),
    printcolumn(name = "CIDR", type_ = "string", json_path = ".spec.cidrBlock"),
    printcolumn(name = "Private", type_ = "boolean", json_path = ".spec.private"),
    printcolumn(name = "NAT", type_ = "boolean", json_path = ".spec.natOutgoing"),
    printcolumn(name = "Default", type_ = "boolean", json_path = ".spec.default"),
    printcolumn(name = "GatewayType", type_ = "string", json_path = ".spec.gatewayType"),
    printcolumn(name = "V4Used", type_ = "number", json_path = ".status.v4usingIPs"),
    printcolumn(name = "V4Available", type_ = "number", json_path = ".status.v4availableIPs"),
    printcolumn(name = "V6Used", type_ = "number", json_path = ".status.v6usingIPs"),
    printcolumn(name = "V6Available", type_ = "number", json_path = ".status.v6availableIPs"),
    printcolumn(name = "ExcludeIPs", type_ = "string", json_path = ".spec.excludeIps"),
    printcolumn(
        name = "U2OInterconnectionIP",
        type_ = "string",
        json_path = ".status.u2oInterconnectionIP"
    )
)]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "!has(self.mtu) || self.mtu == 0 || self.mtu >= 1280 || !has(self.cidrBlock) || !self.cidrBlock.contains(':')", "message": "mtu must be at least 1280 in a subnet with IPv6"}]))]
#[serde(default, rename_all = "camelCase")]
pub struct SubnetSpec {
    /// This is the subnet of namespaces that are bound to none.
    pub default: bool,
    /// The VPC; nothing means ovn-cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "oldSelf == '' || self == oldSelf", "message": "vpc cannot be changed"}]))]
    pub vpc: String,
    /// IPv4, IPv6, Dual or Mac; follows from cidrBlock.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// Namespaces whose pods get addresses from here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// The same, by label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespace_selectors: Vec<LabelSelector>,
    /// The network; both families between a comma.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cidr_block: String,
    /// The gateway; nothing means the first address of each family.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Addresses and ranges first..last that are not given out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_ips: Vec<String>,
    /// ovn, `<nad>.<namespace>.ovn`, or `<nad>.<namespace>` for another CNI's interfaces.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// distributed: every node is the gateway of its own pods. centralized: gatewayNode is for all.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self in ['', 'distributed', 'centralized']", "message": "gatewayType must be distributed or centralized"}]))]
    pub gateway_type: String,
    /// centralized: the nodes between commas, each with `:address` if it should send from another than its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway_node: String,
    /// centralized: the nodes by label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateway_node_selectors: Vec<LabelSelector>,
    /// Traffic to outside the cluster gets the node's address.
    pub nat_outgoing: bool,
    /// Exceptions to natOutgoing, first match wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nat_outgoing_policy_rules: Vec<NatOutgoingPolicyRule>,
    /// Sends traffic to outside the cluster to this address, one per family; not together with natOutgoing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub external_egress_gateway: String,
    /// Priority of the node's rule for externalEgressGateway.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(schema_with = "unsigned")]
    pub policy_routing_priority: u32,
    /// Route table of the node's rule for externalEgressGateway, one per subnet.
    #[serde(rename = "policyRoutingTableID", skip_serializing_if = "is_default")]
    #[schemars(schema_with = "unsigned")]
    pub policy_routing_table_id: u32,
    /// In bytes; nothing means what the nodes' network leaves after encapsulation.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(schema_with = "unsigned")]
    pub mtu: u32,
    /// Only the subnet itself, the nodes and allowSubnets may reach its pods.
    pub private: bool,
    /// Networks that may reach a private subnet's pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_subnets: Vec<String>,
    /// The Vlan that makes this an underlay subnet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vlan: String,
    /// Addresses of virtual ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vips: Vec<String>,
    /// Underlay: the gateway is the logical router, not the wire's.
    #[serde(skip_serializing_if = "is_default")]
    pub logical_gateway: bool,
    /// Pods do not wait for their gateway to answer.
    #[serde(skip_serializing_if = "is_default")]
    pub disable_gateway_check: bool,
    /// The subnet is not advertised to other clusters.
    #[serde(skip_serializing_if = "is_default")]
    pub disable_inter_connection: bool,
    /// OVN answers DHCP requests.
    #[serde(rename = "enableDHCP", skip_serializing_if = "is_default")]
    pub enable_dhcp: bool,
    /// Options key=value between commas.
    #[serde(rename = "dhcpV4Options", skip_serializing_if = "String::is_empty")]
    pub dhcp_v4_options: String,
    /// Options key=value between commas.
    #[serde(rename = "dhcpV6Options", skip_serializing_if = "String::is_empty")]
    pub dhcp_v6_options: String,
    /// The router sends router advertisements.
    #[serde(rename = "enableIPv6RA", skip_serializing_if = "is_default")]
    pub enable_ipv6_ra: bool,
    /// Their settings, key=value between commas.
    #[serde(rename = "ipv6RAConfigs", skip_serializing_if = "String::is_empty")]
    pub ipv6_ra_configs: String,
    /// Access control on the switch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acls: Vec<Acl>,
    /// Pods of the subnet reach each other whatever acls say.
    #[serde(rename = "allowEWTraffic", skip_serializing_if = "is_default")]
    pub allow_ew_traffic: bool,
    /// Underlay: pods and the overlay reach each other through the logical router.
    #[serde(rename = "u2oInterconnection", skip_serializing_if = "is_default")]
    pub u2o_interconnection: bool,
    /// The router's address for that; nothing means the next free one.
    #[serde(rename = "u2oInterconnectionIP", skip_serializing_if = "String::is_empty")]
    pub u2o_interconnection_ip: String,
    #[serde(rename = "u2oFeatures", skip_serializing_if = "Option::is_none")]
    pub u2o_features: Option<U2oFeatures>,
    /// Whether the subnet's pods reach services through OVN's load balancers; nothing means as the controller's flag says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_lb: Option<bool>,
    /// centralized: all gateway nodes at once.
    #[serde(skip_serializing_if = "is_default")]
    pub enable_ecmp: bool,
    /// The switch learns who listens to multicast groups.
    #[serde(skip_serializing_if = "is_default")]
    pub enable_multicast_snoop: bool,
    /// Underlay: external addresses of services may lie in this subnet.
    #[serde(rename = "enableExternalLBAddress", skip_serializing_if = "is_default")]
    pub enable_external_lb_address: bool,
    /// The router's route table for traffic from here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route_table: String,
    /// The node network whose addresses carry the subnet's tunnels.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_network: String,
}

/// An exception to natOutgoing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct NatOutgoingPolicyRule {
    #[serde(rename = "match", skip_serializing_if = "is_default")]
    pub match_: NatOutgoingPolicyMatch,
    /// nat or forward.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
}

/// Addresses and networks between commas; nothing matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NatOutgoingPolicyMatch {
    #[serde(rename = "srcIPs", skip_serializing_if = "String::is_empty")]
    pub src_ips: String,
    #[serde(rename = "dstIPs", skip_serializing_if = "String::is_empty")]
    pub dst_ips: String,
}

/// A rule of access control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Acl {
    /// from-lport: traffic from pods. to-lport: traffic to pods.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub direction: String,
    /// 0 to 32767; the greater wins.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(schema_with = "integer")]
    pub priority: i64,
    /// An OVN expression.
    #[serde(rename = "match", skip_serializing_if = "String::is_empty")]
    pub match_: String,
    /// allow, allow-related, allow-stateless, drop, reject or pass.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
}

/// Details of u2oInterconnection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct U2oFeatures {
    /// Only traffic to the overlay takes the logical router.
    #[serde(skip_serializing_if = "is_default")]
    pub overlay_only_routing: bool,
}

/// What the subnet is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SubnetStatus {
    pub conditions: Vec<Condition>,
    #[serde(rename = "v4availableIPs")]
    pub v4_available_ips: Count,
    #[serde(rename = "v4availableIPrange")]
    pub v4_available_ip_range: String,
    #[serde(rename = "v4usingIPs")]
    pub v4_using_ips: Count,
    #[serde(rename = "v4usingIPrange")]
    pub v4_using_ip_range: String,
    #[serde(rename = "v6availableIPs")]
    pub v6_available_ips: Count,
    #[serde(rename = "v6availableIPrange")]
    pub v6_available_ip_range: String,
    #[serde(rename = "v6usingIPs")]
    pub v6_using_ips: Count,
    #[serde(rename = "v6usingIPrange")]
    pub v6_using_ip_range: String,
    /// centralized: the node that is the gateway now.
    #[serde(rename = "activateGateway")]
    pub activate_gateway: String,
    #[serde(rename = "dhcpV4OptionsUUID")]
    pub dhcp_v4_options_uuid: String,
    #[serde(rename = "dhcpV6OptionsUUID")]
    pub dhcp_v6_options_uuid: String,
    #[serde(rename = "u2oInterconnectionIP")]
    pub u2o_interconnection_ip: String,
    #[serde(rename = "u2oInterconnectionMAC")]
    pub u2o_interconnection_mac: String,
    #[serde(rename = "u2oInterconnectionVPC")]
    pub u2o_interconnection_vpc: String,
    #[serde(rename = "mcastQuerierIP")]
    pub mcast_querier_ip: String,
    #[serde(rename = "mcastQuerierMAC")]
    pub mcast_querier_mac: String,
    #[serde(rename = "natOutgoingPolicyRules")]
    pub nat_outgoing_policy_rules: Vec<NatOutgoingPolicyRuleStatus>,
}

/// An exception to natOutgoing that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NatOutgoingPolicyRuleStatus {
    /// Twelve hexadecimal digits.
    #[serde(rename = "ruleID")]
    pub rule_id: String,
    #[serde(rename = "match")]
    pub match_: NatOutgoingPolicyMatch,
    pub action: String,
}
