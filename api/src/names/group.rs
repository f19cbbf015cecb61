//! Names of port groups, which OVN's expressions refer to: `[a-zA-Z_.][a-zA-Z_.0-9]*`, ovn-nb(5) Port_Group.

/// The name of a Port_Group. Its addresses are `$<name>_ip4` and `$<name>_ip6`.
///
/// Hyphens become dots, so `a-b` with `c` and `a` with `b-c` share a name; Kube-OVN's names are kept although they allow it, and the
/// database's index on the name refuses the second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

impl GroupName {
    /// `<subnet>.<node>`: the subnet's pods on that node, whose traffic leaves by it.
    pub fn subnet_node(subnet: &str, node: &str) -> Self {
        Self::legal(&format!("{subnet}.{node}"))
    }

    /// `node.<node>`: all pods of a node.
    pub fn node(node: &str) -> Self {
        Self::legal(&format!("node.{node}"))
    }

    /// Any text as a legal name: other characters become dots, a digit in front gets an underscore before it.
    pub fn legal(text: &str) -> Self {
        let dotted = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '.' };
        let mut name: String = text.chars().map(dotted).collect();
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            name.insert(0, '_');
        }
        Self(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address set of the group's IPv4 addresses, as an expression names it.
    pub fn ipv4_set(&self) -> String {
        format!("${}_ip4", self.0)
    }

    /// The address set of the group's IPv6 addresses, as an expression names it.
    pub fn ipv6_set(&self) -> String {
        format!("${}_ip6", self.0)
    }
}

impl AsRef<str> for GroupName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for GroupName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<GroupName> for String {
    fn from(name: GroupName) -> Self {
        name.0
    }
}
