//! What we use of subnets and VPCs.

use std::net::IpAddr;
use std::sync::Arc;

use api::kinds;
use api::kinds::subnet::GatewayType;
use api::names::Provider;
use api::net::{Addresses, Cidr, Cidrs, IpRanges};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::pod::created;
use super::{Invalid, Key, Object};

/// What we use of a subnet.
#[derive(Clone, Debug, PartialEq)]
pub struct Subnet {
    /// Its name.
    pub name: Arc<str>,
    /// Which of the subnets of that name.
    pub uid: Arc<str>,
    /// Counts changes of the spec.
    pub generation: i64,
    /// Creation, seconds since 1970.
    pub created: i64,
    /// It goes when nothing is in it any more.
    pub deleting: bool,
    /// Whoever wants to be asked before it goes.
    pub finalizers: Vec<String>,
    /// What its spec means, or what is wrong with it.
    pub plan: Result<Arc<Plan>, Invalid>,
    /// The VPC and block it lays claim to, however wrong the rest of the spec may be.
    pub claim: (Arc<str>, Cidrs),
    /// The spec with its defaults written out, if it is not written so.
    pub filled: Option<Box<kinds::SubnetSpec>>,
    /// Namespaces it names.
    pub namespaces: Vec<String>,
    /// Namespaces it selects.
    pub selectors: Vec<LabelSelector>,
    /// What its status says.
    pub status: Box<kinds::SubnetStatus>,
}

/// What a valid spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The VPC.
    pub vpc: Arc<str>,
    /// One block of a family at most.
    pub cidrs: Cidrs,
    /// One gateway for each block.
    pub gateways: Addresses,
    /// Addresses only given to who asks for them by name.
    pub excluded: IpRanges,
    /// Whether pods leave through the node they are on.
    pub distributed: bool,
    /// Whether services are balanced on the switch.
    pub balanced: bool,
    /// Whether others are kept out.
    pub private: bool,
    /// Who may come in all the same.
    pub allowed: Vec<Cidr>,
}

impl Subnet {
    /// What decides which namespaces it binds.
    pub(super) fn binds(&self) -> (&[String], &[LabelSelector]) {
        (&self.namespaces, &self.selectors)
    }

    /// Whether its status says that it works as it is specified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let now = Some(self.generation);
        let mut conditions = self.status.conditions.iter();
        conditions.any(|one| {
            one.type_ == kinds::condition::READY && one.is_true() && one.observed_generation == now
        })
    }

    /// Whether its spec is sound and names this VPC.
    #[must_use]
    pub fn is_in(&self, vpc: &str) -> bool {
        self.plan.as_ref().is_ok_and(|plan| *plan.vpc == *vpc)
    }
}

impl Object for Subnet {
    fn key(&self) -> Key {
        Key::cluster(self.name.clone())
    }
}

impl From<&kinds::Subnet> for Subnet {
    fn from(subnet: &kinds::Subnet) -> Self {
        let meta = &subnet.metadata;
        let parsed = kinds::subnet::Plan::parse(&subnet.spec);
        let filled = parsed.as_ref().ok().map(|plan| plan.filled(&subnet.spec));
        Self {
            name: word(meta.name.as_ref()),
            uid: word(meta.uid.as_ref()),
            generation: meta.generation.unwrap_or(0),
            created: created(meta),
            deleting: meta.deletion_timestamp.is_some(),
            finalizers: meta.finalizers.clone().unwrap_or_default(),
            plan: parsed
                .map_err(|faults| join(&faults))
                .and_then(|plan| understand(meta, &subnet.spec, plan))
                .map(Arc::new),
            claim: claim(&subnet.spec),
            filled: filled.filter(|filled| *filled != subnet.spec).map(Box::new),
            namespaces: subnet.spec.namespaces.clone(),
            selectors: subnet.spec.namespace_selectors.clone(),
            status: Box::new(subnet.status.clone().unwrap_or_default()),
        }
    }
}

fn claim(spec: &kinds::SubnetSpec) -> (Arc<str>, Cidrs) {
    let vpc = if spec.vpc.is_empty() { api::names::DEFAULT_VPC } else { &spec.vpc };
    (vpc.into(), spec.cidr_block.parse().unwrap_or_default())
}

/// The first fault's field, and all that is wrong.
fn join(faults: &[kinds::subnet::Invalid]) -> Invalid {
    let field = faults.first().map(|fault| fault.field.clone()).unwrap_or_default();
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Invalid { field, message: all.join("; ") }
}

/// What this release makes of a sound spec. A subnet of a sort it does not program is left as it
/// is in the database.
fn understand(
    meta: &ObjectMeta,
    spec: &kinds::SubnetSpec,
    plan: kinds::subnet::Plan,
) -> Result<Plan, Invalid> {
    let refuse = |field: &str, reason: &str| Err(Invalid::of(field, reason));
    let Some(vpc) = &plan.vpc else {
        return refuse("provider", "addresses for other plugins' interfaces are not supported");
    };
    kinds::subnet::check_name(meta.name.as_deref().unwrap_or_default(), vpc)
        .map_err(|fault| join(&[fault]))?;
    if plan.provider != Provider::Default {
        return refuse("provider", "attachments are not supported; leave it out or write ovn");
    }
    if !spec.vlan.is_empty() {
        return refuse("vlan", "underlay subnets are not supported");
    }
    if !spec.acls.is_empty() {
        return refuse("acls", "not supported; a private subnet has private and allowSubnets");
    }
    if plan.gateway_type == GatewayType::Centralized {
        return refuse("gatewayType", "centralized is not supported; use distributed");
    }
    Ok(Plan {
        vpc: vpc.as_str().into(),
        cidrs: plan.cidrs,
        gateways: plan.gateways,
        excluded: plan.excluded,
        distributed: true,
        balanced: spec.enable_lb.unwrap_or(true),
        private: spec.private,
        allowed: plan.allowed,
    })
}

/// What we use of a VPC.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vpc {
    /// Its name.
    pub name: Arc<str>,
    /// Which of the VPCs of that name.
    pub uid: Arc<str>,
    /// It goes when it has no subnets any more.
    pub deleting: bool,
    /// Whoever wants to be asked before it goes.
    pub finalizers: Vec<String>,
    /// The subnet of its namespaces.
    pub default_subnet: Option<Arc<str>>,
    /// Its namespaces.
    pub namespaces: Vec<String>,
    /// Routes users want on its router; those that make no sense are left out.
    pub static_routes: Vec<StaticRoute>,
    /// The first of those that make no sense.
    pub invalid: Option<Invalid>,
    /// What its status says.
    pub status: Box<kinds::VpcStatus>,
}

/// A route a user wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaticRoute {
    /// `src-ip` or `dst-ip`, the database's words.
    pub policy: &'static str,
    /// What is routed.
    pub destination: Cidr,
    /// Where to.
    pub next_hop: IpAddr,
    /// In which table; empty is the main one.
    pub table: String,
}

impl StaticRoute {
    /// What the route is for: no two of a router have this in common.
    #[must_use]
    pub fn role(&self) -> String {
        format!("static/{}/{}/{}/{}", self.table, self.policy, self.destination, self.next_hop)
    }
}

impl Object for Vpc {
    fn key(&self) -> Key {
        Key::cluster(self.name.clone())
    }
}

impl From<&kinds::Vpc> for Vpc {
    fn from(vpc: &kinds::Vpc) -> Self {
        let meta = &vpc.metadata;
        let routes = vpc.spec.static_routes.iter().enumerate();
        let (mut static_routes, mut faults) = (Vec::new(), Vec::new());
        for parsed in routes.map(|(at, route)| static_route(at, route)) {
            match parsed {
                Ok(route) => static_routes.push(route),
                Err(fault) => faults.push(fault),
            }
        }
        static_routes.sort();
        static_routes.dedup();
        let default_subnet = Some(&vpc.spec.default_subnet).filter(|name| !name.is_empty());
        Self {
            name: word(meta.name.as_ref()),
            uid: word(meta.uid.as_ref()),
            deleting: meta.deletion_timestamp.is_some(),
            finalizers: meta.finalizers.clone().unwrap_or_default(),
            default_subnet: default_subnet.map(|name| name.as_str().into()),
            namespaces: vpc.spec.namespaces.clone(),
            static_routes,
            invalid: faults.into_iter().next(),
            status: Box::new(vpc.status.clone().unwrap_or_default()),
        }
    }
}

fn static_route(at: usize, route: &kinds::vpc::StaticRoute) -> Result<StaticRoute, Invalid> {
    let fault =
        |field: &str, reason: String| Invalid::of(format!("staticRoutes[{at}].{field}"), reason);
    let policy = match route.policy.as_str() {
        "" | "policyDst" => "dst-ip",
        "policySrc" => "src-ip",
        other => {
            return Err(fault("policy", format!("{other:?} is neither policySrc nor policyDst")));
        }
    };
    let host = || -> Result<Cidr, api::net::Fault> {
        let address = api::net::address(&route.cidr)?;
        Ok(Cidr::from(ipnet::IpNet::from(address)))
    };
    let destination: Cidr =
        route.cidr.parse().or_else(|_| host()).map_err(|e| fault("cidr", e.to_string()))?;
    let next_hop =
        api::net::address(&route.next_hop_ip).map_err(|e| fault("nextHopIP", e.to_string()))?;
    if next_hop.is_ipv4() != destination.network().is_ipv4() {
        return Err(fault(
            "nextHopIP",
            format!("{next_hop} is not of the family of {destination}"),
        ));
    }
    Ok(StaticRoute { policy, destination, next_hop, table: route.route_table.clone() })
}

pub(super) fn word(word: Option<&String>) -> Arc<str> {
    word.map(String::as_str).unwrap_or_default().into()
}
