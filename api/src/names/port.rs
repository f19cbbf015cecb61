//! Names of logical switch ports and logical router ports.

use super::Provider;

/// The name of a logical port; for pods and nodes also the `iface-id` on the node and the name of the IP object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortName(String);

impl PortName {
    /// `<pod>.<namespace>`, and `.<provider>` for any but the default network.
    pub fn pod(pod: &str, namespace: &str, provider: &Provider) -> Self {
        match provider {
            Provider::Default => Self(format!("{pod}.{namespace}")),
            other => Self(format!("{pod}.{namespace}.{other}")),
        }
    }

    /// `node-<node>`, the node's port on the join subnet.
    pub fn node(node: &str) -> Self {
        Self(format!("node-{node}"))
    }

    /// `<subnet>-<vpc>`, the switch's end of the link to its router.
    pub fn switch_to_router(subnet: &str, vpc: &str) -> Self {
        Self(format!("{subnet}-{vpc}"))
    }

    /// `<vpc>-<subnet>`, the router's end (a Logical_Router_Port).
    pub fn router_to_switch(vpc: &str, subnet: &str) -> Self {
        Self(format!("{vpc}-{subnet}"))
    }

    /// `localnet.<subnet>`, an underlay subnet's way to the wire.
    pub fn localnet(subnet: &str) -> Self {
        Self(format!("localnet.{subnet}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PortName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PortName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<PortName> for String {
    fn from(name: PortName) -> Self {
        name.0
    }
}
