//! Rows as they are written: to see what changes, not to prove it right.

use controller::model::Scope;
use expect_test::expect;
use serde_json::json;

use crate::cluster::{Cluster, Watched};
use crate::rows;

fn of(cluster: &Cluster, scopes: &[&str]) -> String {
    let chosen =
        cluster.rows.iter().filter(|(scope, _)| scopes.contains(&scope.to_string().as_str()));
    // Names of rows elsewhere are looked up in all of them.
    let all = rows::text(&cluster.rows);
    let chosen: Vec<String> = chosen.map(|(scope, _): (&Scope, _)| scope.to_string()).collect();
    let mut keep = false;
    let lines = all.lines().filter(|line| {
        if !line.starts_with(' ') {
            keep = chosen.iter().any(|scope| scope == line);
        }
        keep
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_default_vpc_and_its_subnets() {
    let cluster = Cluster::with_nodes(1);
    expect![[r#"
        vpc//ovn-cluster
          Logical_Router router: name=ovn-cluster options={always_learn_from_arp_request=false, dynamic_neigh_routers=true, mac_binding_age_threshold=300}
          Logical_Router_Static_Route default/IPv4: ip_prefix=0.0.0.0/0 nexthop=100.64.0.1 policy=dst-ip
          <vpc//ovn-cluster router> static_routes += <vpc//ovn-cluster default/IPv4>
        subnet//join
          Logical_Router_Policy inside/IPv4: action=allow external_ids={subnet=join} match="ip4.dst == 100.64.0.0/16" priority=31000
          Logical_Router_Port link: external_ids={lr=ovn-cluster} mac=7e:d7:da:28:40:1a name=ovn-cluster-join networks=100.64.0.1/16
          Logical_Switch switch: name=join
          Logical_Switch_Port link: addresses=router external_ids={ls=join} name=join-ovn-cluster options={router-port=ovn-cluster-join} type=router
          <vpc//ovn-cluster router> policies += <subnet//join inside/IPv4>
          <vpc//ovn-cluster router> ports += <subnet//join link>
          <subnet//join switch> ports += <subnet//join link>
        subnet//ovn-default
          Logical_Router_Policy inside/IPv4: action=allow external_ids={subnet=ovn-default} match="ip4.dst == 10.16.0.0/16" priority=31000
          Logical_Router_Port link: external_ids={lr=ovn-cluster} mac=c6:f9:1a:eb:70:0d name=ovn-cluster-ovn-default networks=10.16.0.1/16
          Logical_Switch switch: name=ovn-default
          Logical_Switch_Port link: addresses=router external_ids={ls=ovn-default} name=ovn-default-ovn-cluster options={router-port=ovn-cluster-ovn-default} type=router
          <vpc//ovn-cluster router> policies += <subnet//ovn-default inside/IPv4>
          <vpc//ovn-cluster router> ports += <subnet//ovn-default link>
          <subnet//ovn-default switch> load_balancer += <globals//cluster udp-session>
          <subnet//ovn-default switch> load_balancer += <globals//cluster tcp>
          <subnet//ovn-default switch> load_balancer += <globals//cluster sctp>
          <subnet//ovn-default switch> load_balancer += <globals//cluster sctp-session>
          <subnet//ovn-default switch> load_balancer += <globals//cluster udp>
          <subnet//ovn-default switch> load_balancer += <globals//cluster tcp-session>
          <subnet//ovn-default switch> load_balancer_group += <globals//cluster balancers>
          <subnet//ovn-default switch> ports += <subnet//ovn-default link>
    "#]].assert_eq(&of(&cluster, &["vpc//ovn-cluster", "subnet//ovn-default", "subnet//join"]));
}

#[test]
fn a_node_and_its_gateway() {
    let cluster = Cluster::with_nodes(1);
    expect![[r#"
        node//n1
          Logical_Router_Policy to/172.30.0.11: action=reroute external_ids={address-family=4, node=n1} match="ip4.dst == 172.30.0.11" nexthops=100.64.0.2 priority=30000
          Logical_Switch_Port port: addresses="62:f1:62:bd:7d:3d 100.64.0.2" external_ids={ls=join} name=node-n1
          Port_Group group: external_ids={node=n1, np=node/n1} name=node.n1
          <vpc//ovn-cluster router> policies += <node//n1 to/172.30.0.11>
          <subnet//join switch> ports += <node//n1 port>
        gateway/ovn-default/n1
          Logical_Router_Policy out/IPv4: action=reroute external_ids={node=n1, subnet=ovn-default} match="ip4.src == $ovn.default.n1_ip4" nexthops=100.64.0.2 priority=29000
          Port_Group group: external_ids={node=n1, np=ovn-default/n1, subnet=ovn-default} name=ovn.default.n1
          <vpc//ovn-cluster router> policies += <gateway/ovn-default/n1 out/IPv4>
          <node//n1 group> ports += <subnet//ovn-default link>
          <gateway/ovn-default/n1 group> ports += <subnet//ovn-default link>
    "#]].assert_eq(&of(&cluster, &["node//n1", "gateway/ovn-default/n1"]));
}

#[test]
fn a_pod_and_a_service() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.pod_with("a", "n1", json!({"ovn.kubernetes.io/port_security": "true"}));
    cluster.service("web", "10.96.0.50", &["10.16.0.3", "10.16.0.2"]);
    cluster.settle();
    expect![[r#"
        globals//cluster
          Load_Balancer udp-session: name=cluster-udp-session-loadbalancer options={affinity_timeout=10800} protocol=udp selection_fields={ip_src, ipv6_src}
          Load_Balancer tcp: name=cluster-tcp-loadbalancer protocol=tcp
          Load_Balancer sctp: name=cluster-sctp-loadbalancer protocol=sctp
          Load_Balancer sctp-session: name=cluster-sctp-session-loadbalancer options={affinity_timeout=10800} protocol=sctp selection_fields={ip_src, ipv6_src}
          Load_Balancer udp: name=cluster-udp-loadbalancer options={ct_flush=true} protocol=udp
          Load_Balancer tcp-session: name=cluster-tcp-session-loadbalancer options={affinity_timeout=10800} protocol=tcp selection_fields={ip_src, ipv6_src}
          Load_Balancer_Group balancers: name=kube-ovn.io/balancers/globals//cluster
        pod/default/a
          Logical_Switch_Port port: addresses="7e:bb:bb:40:d7:22 10.16.0.2" external_ids={ls=ovn-default, pod=default/a} name=a.default options={iface-id-ver=pod-a-7} port_security="7e:bb:bb:40:d7:22 10.16.0.2"
          <subnet//ovn-default switch> ports += <pod/default/a port>
          <node//n1 group> ports += <pod/default/a port>
          <gateway/ovn-default/n1 group> ports += <pod/default/a port>
        service/default/web
          <globals//cluster tcp> vips += 10.96.0.50:80 -> "10.16.0.2:8080,10.16.0.3:8080"
    "#]].assert_eq(&of(&cluster, &["globals//cluster", "pod/default/a", "service/default/web"]));
}

#[test]
fn what_pod_node_and_namespace_are_told() {
    let mut cluster = Cluster::with_nodes(1);
    cluster.pod("a", "n1");
    cluster.settle();
    let annotations = |kind, name: &str| {
        let object = cluster.get(kind, name).unwrap();
        serde_json::to_string_pretty(&object["metadata"]["annotations"]).unwrap()
    };
    let all = [
        annotations(Watched::Pod, "a"),
        annotations(Watched::Node, "n1"),
        annotations(Watched::Namespace, "default"),
    ];
    expect![[r#"
        {
          "ovn.kubernetes.io/allocated": "true",
          "ovn.kubernetes.io/cidr": "10.16.0.0/16",
          "ovn.kubernetes.io/gateway": "10.16.0.1",
          "ovn.kubernetes.io/ip_address": "10.16.0.2",
          "ovn.kubernetes.io/logical_router": "ovn-cluster",
          "ovn.kubernetes.io/logical_switch": "ovn-default",
          "ovn.kubernetes.io/mac_address": "7e:bb:bb:40:d7:22",
          "ovn.kubernetes.io/pod_nic_type": "veth-pair",
          "ovn.kubernetes.io/routed": "true"
        }
        {
          "ovn.kubernetes.io/allocated": "true",
          "ovn.kubernetes.io/cidr": "100.64.0.0/16",
          "ovn.kubernetes.io/gateway": "100.64.0.1",
          "ovn.kubernetes.io/ip_address": "100.64.0.2",
          "ovn.kubernetes.io/logical_switch": "join",
          "ovn.kubernetes.io/mac_address": "62:f1:62:bd:7d:3d",
          "ovn.kubernetes.io/port_name": "node-n1"
        }
        {
          "ovn.kubernetes.io/cidr": "10.16.0.0/16",
          "ovn.kubernetes.io/exclude_ips": "10.16.0.1",
          "ovn.kubernetes.io/logical_switch": "ovn-default"
        }"#]]
    .assert_eq(&all.join("\n"));
}

fn with_a_pod() -> Cluster {
    let mut cluster = Cluster::with_nodes(1);
    cluster.pod("a", "n1");
    cluster.settle();
    cluster
}

#[test]
fn the_ip_object_of_a_pod() {
    let cluster = with_a_pod();
    let ip = cluster.get(Watched::Ip, "a.default").unwrap();
    let shown = json!({"labels": ip["metadata"]["labels"], "spec": ip["spec"]});
    expect![[r#"
        {
          "labels": {
            "ovn-default": "",
            "ovn.kubernetes.io/ip_reserved": "false",
            "ovn.kubernetes.io/node-name": "n1",
            "ovn.kubernetes.io/subnet": "ovn-default"
          },
          "spec": {
            "ipAddress": "10.16.0.2",
            "macAddress": "7e:bb:bb:40:d7:22",
            "namespace": "default",
            "nodeName": "n1",
            "podName": "a",
            "subnet": "ovn-default",
            "v4IpAddress": "10.16.0.2"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&shown).unwrap());
}

#[test]
fn the_status_of_a_subnet() {
    let cluster = with_a_pod();
    let mut subnet = cluster.get(Watched::Subnet, "ovn-default").unwrap().clone();
    let status = subnet["status"].as_object_mut().unwrap();
    status.retain(|_, value| *value != "" && *value != json!([]));
    let shown = json!({"finalizers": subnet["metadata"]["finalizers"], "status": subnet["status"]});
    expect![[r#"
        {
          "finalizers": [
            "kubeovn.io/kube-ovn-controller"
          ],
          "status": {
            "conditions": [
              {
                "lastTransitionTime": "2023-11-14T22:13:20Z",
                "lastUpdateTime": "2023-11-14T22:13:20Z",
                "observedGeneration": 2,
                "reason": "ValidateLogicalSwitchSuccess",
                "status": "True",
                "type": "Validated"
              },
              {
                "lastTransitionTime": "2023-11-14T22:13:20Z",
                "lastUpdateTime": "2023-11-14T22:13:20Z",
                "observedGeneration": 2,
                "reason": "ResetLogicalSwitchAclSuccess",
                "status": "True",
                "type": "Ready"
              }
            ],
            "v4availableIPrange": "10.16.0.3-10.16.255.254",
            "v4availableIPs": 65532,
            "v4usingIPrange": "10.16.0.2",
            "v4usingIPs": 1,
            "v6availableIPs": 0,
            "v6usingIPs": 0
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&shown).unwrap());
}

#[test]
fn the_status_of_a_vpc() {
    let mut vpc = with_a_pod().get(Watched::Vpc, "ovn-cluster").unwrap().clone();
    let status = vpc["status"].as_object_mut().unwrap();
    status.retain(|_, value| *value != json!(false) && *value != json!([]));
    expect![[r#"
        {
          "bfdPort": {
            "ip": "",
            "name": "",
            "nodes": []
          },
          "default": true,
          "defaultLogicalSwitch": "ovn-default",
          "router": "ovn-cluster",
          "sctpLoadBalancer": "cluster-sctp-loadbalancer",
          "sctpSessionLoadBalancer": "cluster-sctp-session-loadbalancer",
          "standby": true,
          "subnets": [
            "join",
            "ovn-default"
          ],
          "tcpLoadBalancer": "cluster-tcp-loadbalancer",
          "tcpSessionLoadBalancer": "cluster-tcp-session-loadbalancer",
          "udpLoadBalancer": "cluster-udp-loadbalancer",
          "udpSessionLoadBalancer": "cluster-udp-session-loadbalancer"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&vpc["status"]).unwrap());
}
