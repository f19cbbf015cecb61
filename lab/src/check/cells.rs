//! Every path that the check tries, and how each is broken to prove that the check would notice. Pure.

use super::{
    Place,
    cut::{Cut, Hook},
    stage::{
        HOST_TCP, HOST_UDP, NAMESPACE, NODE_TCP, NODE_UDP, Pod, SERVICE_TCP, SERVICE_UDP, Stage,
        TCP, UDP,
    },
};
use crate::plan::{API_SERVICE, DNS_SERVICE, DOMAIN, Machine, OUTSIDE, OUTSIDE_TCP, OUTSIDE_UDP};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    Tcp,
    Udp,
    Icmp,
}

/// One path, tried one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// The row of the table.
    pub(super) path: &'static str,
    pub(super) protocol: Protocol,
    pub(super) probe: Probe,
    pub(super) cut: Cut,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// A round trip, by the test program's `dial`.
    Dial { from: Place, url: String },
    /// The kubelet's own probe of the pod says it is ready.
    Ready(Pod),
}

impl Cell {
    pub(super) fn title(&self) -> String {
        format!("{}, {}", self.path, self.protocol.name())
    }
}

impl Protocol {
    pub(super) const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Icmp];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
        }
    }
}

/// Where a server listens, and where its packets can be stopped.
struct Server {
    host: String,
    /// TCP and UDP port as the client names them.
    ports: (u16, u16),
    /// What it must call itself, and as whom it must see the client, as a query.
    query: String,
    /// TCP and UDP port where it listens in the end.
    listens: (u16, u16),
    at: Place,
}

impl Server {
    fn url(&self, protocol: Protocol) -> String {
        let Self { host, ports: (tcp, udp), query, .. } = self;
        match protocol {
            Protocol::Tcp => format!("tcp://{host}:{tcp}?{query}"),
            Protocol::Udp => format!("udp://{host}:{udp}?{query}"),
            Protocol::Icmp => format!("icmp://{host}"),
        }
    }

    /// Its packets vanish on arrival.
    fn cut(&self, protocol: Protocol) -> Cut {
        Cut { at: self.at, hook: Hook::Input, packets: arriving(protocol, self.listens) }
    }

    fn cells(&self, path: &'static str, from: Place, protocols: &[Protocol]) -> Vec<Cell> {
        let cell = |&protocol| {
            let probe = Probe::Dial { from, url: self.url(protocol) };
            Cell { path, protocol, probe, cut: self.cut(protocol) }
        };
        protocols.iter().map(cell).collect()
    }
}

fn arriving(protocol: Protocol, (tcp, udp): (u16, u16)) -> String {
    match protocol {
        Protocol::Tcp => format!("tcp dport {tcp}"),
        Protocol::Udp => format!("udp dport {udp}"),
        Protocol::Icmp => "icmp type echo-request".into(),
    }
}

const ALL: &[Protocol] = &Protocol::ALL;
/// A service has ports, and nothing that answers an echo request.
const PORTS: &[Protocol] = &[Protocol::Tcp, Protocol::Udp];
const CLIENT: Place = Place::Pod(Pod::Client);

/// All cells for what is there.
pub(super) fn cells(stage: &Stage) -> Vec<Cell> {
    let home = Place::Machine(stage.home);
    let near = |query: &str| direct(stage, Pod::Near, query);
    let as_client = format!("seen={}", stage.pods[&Pod::Client]);
    let mut cells = vec![near(&as_client).cells("pod → pod, same node", CLIENT, ALL)];
    let far = stage.away.map(|away| (direct(stage, Pod::Far, &as_client), away));
    cells.extend(far.as_ref().map(|(far, _)| far.cells("pod → pod, other node", CLIENT, ALL)));
    cells.push(service(stage, Pod::Near).cells("pod → ClusterIP, same node", CLIENT, PORTS));
    if far.is_some() {
        cells.push(service(stage, Pod::Far).cells("pod → ClusterIP, other node", CLIENT, PORTS));
    }
    cells.push(service(stage, Pod::Client).cells("pod → itself by ClusterIP", CLIENT, PORTS));
    cells.push(names(stage));
    cells.push(vec![api_server()]);
    cells.push(node(stage.home).cells("pod → its node", CLIENT, ALL));
    cells.extend(stage.away.map(|away| node(away).cells("pod → other node", CLIENT, ALL)));
    cells.push(near("").cells("node → its pod", home, ALL));
    if let Some((_, away)) = far {
        cells.push(direct(stage, Pod::Far, "").cells("node → pod, other node", home, ALL));
        cells.push(service(stage, Pod::Far).cells("node → ClusterIP, other node", home, PORTS));
        cells.push(outside(stage, Pod::Far, "pod → outside, from other node"));
        cells.push(host_port(stage).cells(
            "node → hostPort, other node",
            Place::Machine(away),
            PORTS,
        ));
    }
    cells.push(outside(stage, Pod::Client, "pod → outside as its node"));
    cells.push(host_port(stage).cells(
        "outside → hostPort",
        Place::Machine(Machine::Router),
        PORTS,
    ));
    cells.push(vec![readiness()]);
    cells.concat()
}

fn direct(stage: &Stage, pod: Pod, query: &str) -> Server {
    Server {
        host: stage.pods[&pod].to_string(),
        ports: (TCP, UDP),
        query: format!("name={}&{query}", pod.name()),
        listens: (TCP, UDP),
        at: Place::Pod(pod),
    }
}

fn service(stage: &Stage, pod: Pod) -> Server {
    let host = stage.services[&pod].to_string();
    Server { host, ports: (SERVICE_TCP, SERVICE_UDP), ..direct(stage, pod, "") }
}

fn host_port(stage: &Stage) -> Server {
    let host = stage.home.management().to_string();
    Server { host, ports: (HOST_TCP, HOST_UDP), ..direct(stage, Pod::Client, "") }
}

fn node(machine: Machine) -> Server {
    Server {
        host: machine.management().to_string(),
        ports: (NODE_TCP, NODE_UDP),
        query: format!("name=on-{machine}"),
        listens: (NODE_TCP, NODE_UDP),
        at: Place::Machine(machine),
    }
}

/// Lookups at the cluster's DNS, and a connection to a name as programs make it. Broken where they start.
fn names(stage: &Stage) -> Vec<Cell> {
    let answer = stage.services[&Pod::Near];
    let near = Pod::Near.name();
    let url = format!("dns://{DNS_SERVICE}/{near}.{NAMESPACE}.svc.{DOMAIN}?answer={answer}");
    let by_name = format!("tcp://{near}.{NAMESPACE}:{SERVICE_TCP}?name={near}");
    let cell = |path, protocol, url, packets: &str| {
        let cut = Cut { at: CLIENT, hook: Hook::Output, packets: packets.into() };
        Cell { path, protocol, probe: Probe::Dial { from: CLIENT, url }, cut }
    };
    vec![
        cell("pod → DNS", Protocol::Tcp, format!("{url}&tcp"), "tcp dport 53"),
        cell("pod → DNS", Protocol::Udp, url, "udp dport 53"),
        cell("pod → service by name", Protocol::Tcp, by_name, "udp dport 53"),
    ]
}

fn api_server() -> Cell {
    Cell {
        path: "pod → API server",
        protocol: Protocol::Tcp,
        probe: Probe::Dial { from: CLIENT, url: format!("https://{API_SERVICE}/readyz") },
        cut: Cut {
            at: CLIENT,
            hook: Hook::Output,
            packets: format!("ip daddr {API_SERVICE} tcp dport 443"),
        },
    }
}

/// The world knows no way to pods: it must see their node. Broken by keeping the node from translating, not
/// by stopping packets.
fn outside(stage: &Stage, pod: Pod, path: &'static str) -> Vec<Cell> {
    let node = stage.node_of(pod);
    let server = Server {
        host: OUTSIDE.to_string(),
        ports: (OUTSIDE_TCP, OUTSIDE_UDP),
        query: format!("name=outside&seen={}", node.management()),
        listens: (OUTSIDE_TCP, OUTSIDE_UDP),
        at: Place::Machine(node),
    };
    let mut cells = server.cells(path, Place::Pod(pod), ALL);
    for cell in &mut cells {
        cell.cut.hook = Hook::Untracked;
        cell.cut.packets =
            format!("ip daddr {OUTSIDE} {}", arriving(cell.protocol, server.listens));
    }
    cells
}

fn readiness() -> Cell {
    Cell {
        path: "kubelet → readiness probe",
        protocol: Protocol::Tcp,
        probe: Probe::Ready(Pod::Near),
        cut: Cut {
            at: Place::Pod(Pod::Near),
            hook: Hook::Input,
            packets: arriving(Protocol::Tcp, (TCP, UDP)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn stage(nodes: u8) -> Stage {
        let away = (nodes > 1).then_some(Machine::Node(2));
        let mut pods = vec![Pod::Client, Pod::Near];
        pods.extend(away.map(|_| Pod::Far));
        let address =
            |base: u8| move |(i, &pod): (usize, &Pod)| (pod, [10, base, 0, i as u8 + 2].into());
        let all = |base| pods.iter().enumerate().map(address(base)).collect();
        Stage { home: Machine::Node(1), away, pods: all(16), services: all(96) }
    }

    #[test]
    fn no_cell_stands_twice_and_every_one_can_be_broken() {
        let cells = cells(&stage(2));
        let places: HashSet<_> = cells.iter().map(Cell::title).collect();
        assert_eq!(places.len(), cells.len());
        assert!(cells.iter().all(|cell| !cell.cut.packets.is_empty()));
    }

    #[test]
    fn the_issue_s_paths_are_all_there() {
        let cells = cells(&stage(2));
        let has = |start: &str| cells.iter().filter(|cell| cell.path.starts_with(start)).count();
        for (path, at_least) in [
            ("pod → pod, same", 3),
            ("pod → pod, other", 3),
            ("pod → ClusterIP", 4),
            ("pod → DNS", 2),
            ("pod → service by name", 1),
            ("pod → API server", 1),
            ("pod → its node", 3),
            ("node → its pod", 3),
            ("pod → outside", 6),
            ("outside → hostPort", 2),
            ("kubelet", 1),
            ("pod → itself", 2),
        ] {
            assert!(has(path) >= at_least, "{path}: {}", has(path));
        }
    }

    #[test]
    fn a_single_node_has_every_path_that_stays_on_it() {
        let cells = cells(&stage(1));
        assert!(cells.iter().all(|cell| !cell.path.contains("other node")));
        assert!(cells.iter().any(|cell| cell.path == "pod → outside as its node"));
    }

    #[test]
    fn the_world_must_see_the_node_and_pods_must_see_pods() {
        let cells = cells(&stage(2));
        let url = |path: &str| match &cells.iter().find(|cell| cell.path == path).unwrap().probe {
            Probe::Dial { url, .. } => url.clone(),
            Probe::Ready(_) => unreachable!(),
        };
        assert_eq!(
            url("pod → outside as its node"),
            "tcp://198.51.100.1:8080?name=outside&seen=172.30.0.11"
        );
        assert_eq!(url("pod → pod, other node"), "tcp://10.16.0.4:8080?name=far&seen=10.16.0.2");
    }
}
