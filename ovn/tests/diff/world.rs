//! A small cluster as a function to states, with everything states can have: rows, members of sets of
//! rows and of addresses, entries of maps, references in columns, tables without marks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use ovn::identity::uuid_v5;
use ovn::nb;
use ovn::owner::Owner;
use ovn::state::State;
use ovsdb::value::Uuid;

/// Who there is, by small numbers; each with the version of its object, which makes its uid.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) subnets: BTreeMap<u8, Subnet>,
    pub(crate) ports: BTreeMap<u8, Port>,
    pub(crate) groups: BTreeMap<u8, u8>,
    pub(crate) services: BTreeMap<u8, u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) uid: u8,
    pub(crate) mtu: u8,
    /// Its switch has the load balancer.
    pub(crate) services: bool,
    /// It has a router port, route, policy and a binding of a MAC.
    pub(crate) routed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) uid: u8,
    pub(crate) subnet: u8,
    pub(crate) address: u8,
    pub(crate) groups: BTreeSet<u8>,
    /// An address that the set of the first group has for it.
    pub(crate) external: bool,
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let subnet = (0..2u8, 0..2u8, any::<bool>(), any::<bool>())
        .prop_map(|(uid, mtu, services, routed)| Subnet { uid, mtu, services, routed });
    let port = (0..2u8, 0..3u8, 0..3u8, btree_set(0..3u8, 0..3), any::<bool>()).prop_map(
        |(uid, subnet, address, groups, external)| Port { uid, subnet, address, groups, external },
    );
    (
        btree_map(0..3u8, subnet, 0..4),
        btree_map(0..5u8, port, 0..6),
        btree_map(0..3u8, 0..2u8, 0..4),
        btree_map(0..3u8, 0..3u8, 0..4),
    )
        .prop_map(|(subnets, ports, groups, services)| World {
            subnets,
            ports,
            groups,
            services,
        })
}

impl World {
    /// The same without ports that have nowhere to be.
    pub(crate) fn sound(mut self) -> Self {
        self.ports.retain(|_, port| self.subnets.contains_key(&port.subnet));
        for port in self.ports.values_mut() {
            port.groups.retain(|group| self.groups.contains_key(group));
        }
        self
    }

    /// All scopes there can be: those of nothing have empty states.
    pub(crate) fn states(&self) -> BTreeMap<Owner, State> {
        let mut states = BTreeMap::from([(globals(), self.globals())]);
        for name in 0..5u8 {
            states.insert(subnet(name), self.subnet(name));
            states.insert(port(name), self.port(name));
            states.insert(group(name), self.group(name));
            states.insert(service(name), self.service(name));
        }
        states
    }

    fn globals(&self) -> State {
        let mut state = State::default();
        state.put(&globals(), "", "router", nb::LogicalRouter::new().name("ovn-cluster"));
        let balancer = nb::LoadBalancer::new().name("cluster-tcp-loadbalancer").protocol("tcp");
        let balancer = state.put(&globals(), "", "balancer", balancer);
        let group = state.put(&globals(), "", "balancers", nb::LoadBalancerGroup::new());
        state.join(nb::load_balancer_group::edge::load_balancer(group, balancer));
        state
    }

    fn subnet(&self, name: u8) -> State {
        let mut state = State::default();
        let Some(facts) = self.subnets.get(&name) else { return state };
        let (owner, uid) = (subnet(name), facts.uid.to_string());
        let row = nb::LogicalSwitch::new()
            .name(format!("subnet{name}"))
            .other_config([("mtu", facts.mtu.to_string())])
            .external_ids([("plain", "kept")]);
        let switch = state.put(&owner, &uid, "switch", row);
        if facts.services {
            state.join(nb::logical_switch::edge::load_balancer(switch, balancer()));
        }
        let dhcp = nb::DhcpOptions::new().cidr(format!("10.{name}.0.0/16"));
        state.put(&owner, &uid, "dhcp", dhcp);
        if facts.routed {
            route(&mut state, &owner, &uid, name);
        }
        state
    }

    fn port(&self, name: u8) -> State {
        let mut state = State::default();
        let Some(facts) = self.ports.get(&name) else { return state };
        let (owner, uid) = (port(name), facts.uid.to_string());
        let dhcp = self.id("DHCP_Options", facts.subnet, "dhcp");
        let row = nb::LogicalSwitchPort::new()
            .name(format!("port{name}"))
            .addresses([format!("10.{}.0.{}", facts.subnet, facts.address)])
            .dhcpv4_options(dhcp);
        let row = state.put(&owner, &uid, "port", row);
        let switch = self.id("Logical_Switch", facts.subnet, "switch");
        state.join(nb::logical_switch::edge::ports(switch, row));
        for group in &facts.groups {
            state.join(nb::port_group::edge::ports(self.group_id("Port_Group", *group), row));
        }
        if let (true, Some(group)) = (facts.external, facts.groups.first()) {
            let set = self.group_id("Address_Set", *group);
            state.join(nb::address_set::edge::addresses(set, format!("192.0.2.{}", facts.address)));
        }
        state
    }

    fn group(&self, name: u8) -> State {
        let mut state = State::default();
        let Some(uid) = self.groups.get(&name).map(u8::to_string) else { return state };
        let owner = group(name);
        let row = nb::PortGroup::new().name(format!("group{name}"));
        let row = state.put(&owner, &uid, "group", row);
        let set = nb::AddressSet::new().name(format!("group{name}.ip4"));
        let set = state.put(&owner, &uid, "group", set);
        state.join(nb::address_set::edge::addresses(set, "198.51.100.1"));
        let acl = nb::Acl::new().action("drop").direction("to-lport").priority(2000);
        let acl = state.put(&owner, &uid, "drop", acl.r#match(format!("outport == @group{name}")));
        state.join(nb::port_group::edge::acls(row, acl));
        state
    }

    fn service(&self, name: u8) -> State {
        let mut state = State::default();
        let Some(backend) = self.services.get(&name) else { return state };
        let key = nb::load_balancer::edge::vips(balancer(), format!("10.96.0.{name}:80"));
        state.enter(key, format!("10.16.0.{backend}:8080"));
        state
    }

    fn id(&self, table: &'static str, name: u8, role: &'static str) -> Uuid {
        let uid = self.subnets.get(&name).map(|subnet| subnet.uid).unwrap_or_default();
        uuid_v5(table, &subnet(name), &uid.to_string(), &role.into())
    }

    fn group_id(&self, table: &'static str, name: u8) -> Uuid {
        let uid = self.groups.get(&name).copied().unwrap_or_default();
        uuid_v5(table, &group(name), &uid.to_string(), &"group".into())
    }
}

fn route(state: &mut State, owner: &Owner, uid: &str, name: u8) {
    let router = uuid_v5("Logical_Router", &globals(), "", &"router".into());
    let port = format!("ovn-cluster-subnet{name}");
    let row = nb::LogicalRouterPort::new()
        .name(&*port)
        .mac("02:00:00:00:00:01")
        .networks([format!("10.{name}.0.1/16")]);
    let row = state.put(owner, uid, "router-port", row);
    state.join(nb::logical_router::edge::ports(router, row));
    let policy = nb::LogicalRouterPolicy::new().priority(31000).action("allow");
    let policy = policy.r#match(format!("ip4.dst == 10.{name}.0.0/16"));
    let policy = state.put(owner, uid, "policy", policy);
    state.join(nb::logical_router::edge::policies(router, policy));
    let route = nb::LogicalRouterStaticRoute::new().ip_prefix("0.0.0.0/0").nexthop("100.64.0.1");
    let route = state.put(owner, uid, "route", route);
    state.join(nb::logical_router::edge::static_routes(router, route));
    let binding =
        nb::StaticMacBinding::new().logical_port(port).ip("10.0.0.9").mac("02:00:00:00:00:02");
    state.put(owner, uid, "binding", binding);
}

pub(crate) fn balancer() -> Uuid {
    uuid_v5("Load_Balancer", &globals(), "", &"balancer".into())
}

pub(crate) fn globals() -> Owner {
    Owner::cluster("globals", "northbound")
}

pub(crate) fn subnet(name: u8) -> Owner {
    Owner::cluster("subnet", format!("subnet{name}"))
}

pub(crate) fn port(name: u8) -> Owner {
    Owner::new("port", "default", format!("port{name}"))
}

pub(crate) fn group(name: u8) -> Owner {
    Owner::cluster("group", format!("group{name}"))
}

pub(crate) fn service(name: u8) -> Owner {
    Owner::new("service", "default", format!("service{name}"))
}
