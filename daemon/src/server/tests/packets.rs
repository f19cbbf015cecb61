//! What a pod gets, and that nothing stays of it.

use std::time::{Duration, Instant};

use api::cni::{AttachmentId, PortMapping, code};
use api::wire::{Answer, Call, Gc, Request};
use harness::Netns;

use super::site::{Site, attachment, container, ip, mac, on_a_node};

#[test]
fn two_pods_talk_and_leave_nothing() {
    on_a_node(async |site: Site| {
        site.subnet();
        let (a, b) = (Netns::new(), Netns::new());
        site.allocate("a", 10);
        site.allocate("b", 11);
        let first = site.add(attachment("a", &a)).await.unwrap();
        site.add(attachment("b", &b)).await.unwrap();
        assert!(a.pings(ip("10.16.0.11")), "{}", site.datapath.logs());
        assert!(b.pings(ip("10.16.0.1")), "the gateway should answer");
        let routes = site.datapath.net.run("ip", &["-6", "route", "show", "table", "all"]);
        let link = crate::plan::name::host_link(&container("a"), "eth0");
        assert!(!routes.contains(&link), "vswitchd reads routes nobody uses: {routes}");

        let made = &first.interfaces[0];
        assert_eq!(
            (made.name.as_str(), made.mac.as_str(), made.mtu),
            ("eth0", mac(10).as_str(), 1400)
        );
        assert_eq!(first.ips[0].address.to_string(), "10.16.0.10/16");
        assert_eq!(first.ips[0].gateway, Some(ip("10.16.0.1")));
        assert_eq!(first.routes.len(), 1, "{:?}", first.routes);

        let mut check = attachment("a", &a);
        check.previous = Some(first);
        site.call(Call::Check(check.clone()), 2_000).await.unwrap();
        a.run("ip", &["addr", "flush", "dev", "eth0"]);
        let error = site.call(Call::Check(check), 2_000).await.unwrap_err();
        assert_eq!(error.code, code::DIFFERS);
        assert!(error.details.contains("address 10.16.0.10/16 is missing"), "{error}");

        for _ in 0..2 {
            assert_eq!(site.call(Call::Del(attachment("a", &a)), 5_000).await, Ok(Answer::Done));
        }
        site.nothing_left(&container("a")).await;
        let del = attachment("b", &b);
        drop(b);
        site.call(Call::Del(del), 5_000).await.unwrap();
        site.nothing_left(&container("b")).await;
    });
}

#[test]
fn tcp_passes_the_userspace_datapath() {
    on_a_node(async |site: Site| {
        site.subnet();
        let (a, b) = (Netns::new(), Netns::new());
        site.allocate("a", 10);
        site.allocate("b", 11);
        site.add(attachment("a", &a)).await.unwrap();
        site.add(attachment("b", &b)).await.unwrap();
        assert_eq!(transfer(&a, &b, "10.16.0.11:8000"), 1 << 20);
    });
}

/// Sends a megabyte from one namespace to the other; what arrived.
fn transfer(from: &Netns, to: &Netns, at: &str) -> usize {
    use std::io::{Read, Write};
    let port = at.rsplit_once(':').unwrap().1;
    let listener = to.within(|| std::net::TcpListener::bind(format!("0.0.0.0:{port}")).unwrap());
    std::thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).unwrap();
            got.len()
        });
        from.within(|| {
            let mut stream =
                std::net::TcpStream::connect_timeout(&at.parse().unwrap(), Duration::from_secs(5))
                    .unwrap();
            stream.write_all(&vec![7; 1 << 20]).unwrap();
        });
        receiver.join().unwrap()
    })
}

#[test]
fn an_add_that_comes_before_the_allocation_waits_for_it() {
    on_a_node(async |site: Site| {
        site.subnet();
        let a = Netns::new();
        let adding = site.add(attachment("a", &a));
        let deciding = async {
            // The early half is done when the port is in OVS.
            while site.node.vswitch.look("a-0000000000_h").await.unwrap()
                == crate::vswitch::State::Absent
            {
                tokio::task::yield_now().await;
            }
            site.allocate("a", 10);
        };
        let (added, ()) = tokio::join!(adding, deciding);
        added.unwrap();
        assert!(a.pings(ip("10.16.0.1")));
        let ids = site.datapath.vsctl(&["get", "Interface", "a-0000000000_h", "external_ids"]);
        for id in [
            "iface-id=a.default",
            "iface-id-ver=uid-a",
            "ip=\"10.16.0.10\"",
            "pod_namespace=default",
            "vendor=kube-ovn",
        ] {
            assert!(ids.contains(id), "{id} should be among {ids}");
        }
    });
}

#[test]
fn a_deadline_names_the_missing_link() {
    on_a_node(async |mut site: Site| {
        site.subnet();
        let a = Netns::new();
        let late = async || site.call(Call::Add(attachment("a", &a)), 300).await.unwrap_err();
        let error = late().await;
        assert_eq!(error.code, code::TRY_AGAIN);
        assert!(error.msg.contains("API server has not shown"), "{error}");
        site.pod_object("a", "uid-of-another", Some(10));
        assert!(late().await.msg.contains("another pod of that name"));
        site.pod_object("a", "uid-a", None);
        assert!(late().await.msg.contains("has not allocated"));
        site.pod_object("a", "uid-a", Some(10));
        let error = late().await;
        assert!(error.msg.contains("ovn-controller"), "{error}");
        site.nothing_left(&container("a")).await;
        let told = site.failures.try_recv().expect("the failure should be told on the pod");
        assert!(told.pod.name == "a" && told.why.contains("API server has not shown"), "{told:?}");
    });
}

#[test]
fn a_caller_that_hangs_up_leaves_nothing() {
    on_a_node(async |site: Site| {
        site.subnet();
        let a = Netns::new();
        let stream =
            site.send(&Request::new(Call::Add(attachment("a", &a)), 60_000).to_line()).await;
        while site.node.vswitch.look("a-0000000000_h").await.unwrap()
            == crate::vswitch::State::Absent
        {
            tokio::task::yield_now().await;
        }
        drop(stream);
        site.nothing_left(&container("a")).await;
        // Cut off at other points as well: before the port, and in the middle of it.
        for _ in 0..5 {
            drop(site.send(&Request::new(Call::Add(attachment("a", &a)), 60_000).to_line()).await);
        }
        site.allocate("a", 10);
        site.nothing_left(&container("a")).await;
        site.add(attachment("a", &a)).await.unwrap();
        assert!(a.pings(ip("10.16.0.1")));
    });
}

#[test]
fn a_stale_interface_cannot_claim_the_port() {
    on_a_node(async |site: Site| {
        site.subnet();
        let (old, new) = (Netns::new(), Netns::new());
        site.allocate("a", 10);
        let mut first = attachment("a", &old);
        first.container_id = container("old");
        site.add(first).await.unwrap();
        site.add(attachment("a", &new)).await.unwrap();
        assert!(new.pings(ip("10.16.0.1")));
        assert!(
            !site.datapath.vsctl(&["list-ports", "br-int"]).contains("old"),
            "the stale port should be gone"
        );
    });
}

#[test]
fn fifty_adds_at_once_all_succeed() {
    on_a_node(async |site: Site| {
        site.subnet();
        let pods: Vec<(String, Netns)> = (0..50).map(|n| (format!("p{n}"), Netns::new())).collect();
        for (number, (pod, _)) in (10..).zip(&pods) {
            site.allocate(pod, number);
        }
        let began = Instant::now();
        let adds = pods.iter().map(|(pod, netns)| site.add(attachment(pod, netns)));
        let added = futures::future::join_all(adds).await;
        let took = began.elapsed();
        let failed: Vec<_> = added.into_iter().filter_map(Result::err).collect();
        assert_eq!(failed, [], "after {took:?}");
        assert!(pods[49].1.pings(ip("10.16.0.10")));
        let dels =
            pods.iter().map(|(pod, netns)| site.call(Call::Del(attachment(pod, netns)), 5_000));
        assert!(
            futures::future::join_all(dels).await.into_iter().all(|done| done == Ok(Answer::Done))
        );
        site.nothing_left(&container("p49")).await;
    });
}

#[test]
fn what_the_runtime_no_longer_knows_is_collected() {
    on_a_node(async |site: Site| {
        site.subnet();
        let (a, b) = (Netns::new(), Netns::new());
        site.allocate("a", 10);
        site.allocate("b", 11);
        site.add(attachment("a", &a)).await.unwrap();
        site.add(attachment("b", &b)).await.unwrap();
        let valid =
            Some(vec![AttachmentId { container_id: container("b"), ifname: "eth0".into() }]);
        let other = Gc { network: "another".into(), valid: Some(vec![]) };
        site.call(Call::Gc(other), 5_000).await.unwrap();
        assert!(a.pings(ip("10.16.0.11")), "another network's GC is none of ours");
        site.call(Call::Gc(Gc { network: "kube-ovn".into(), valid }), 5_000).await.unwrap();
        site.nothing_left(&container("a")).await;
        assert!(b.pings(ip("10.16.0.1")));
    });
}

#[test]
fn a_namespace_that_went_without_del_leaves_its_port_to_the_sweep() {
    on_a_node(async |site: Site| {
        site.subnet();
        let a = Netns::new();
        site.allocate("a", 10);
        site.add(attachment("a", &a)).await.unwrap();
        drop(a);
        let deadline = Instant::now() + Duration::from_secs(10);
        while site.datapath.vsctl(&["list-ports", "br-int"]).contains("a-0000000000_h") {
            assert!(Instant::now() < deadline, "the port of a link that is gone should go");
            crate::server::sweep(&site.node).await.unwrap();
        }
    });
}

#[test]
fn a_host_port_leads_to_its_pod_and_goes_with_it() {
    on_a_node(async |site: Site| {
        site.subnet();
        let a = Netns::new();
        site.allocate("a", 10);
        let mut add = attachment("a", &a);
        let mapping = |port| PortMapping {
            host_port: port,
            container_port: 80,
            protocol: "tcp".into(),
            host_ip: None,
        };
        add.port_mappings = vec![mapping(8080), mapping(0)];
        site.add(add.clone()).await.unwrap();
        let rules =
            || site.datapath.net.run("nft", &["list", "map", "inet", "kube-ovn", "hostports4"]);
        assert!(rules().contains("tcp . 8080 : 10.16.0.10 . 80"), "{}", rules());
        assert!(!rules().contains(" . 0 :"), "port 0 maps nothing: {}", rules());
        site.call(Call::Del(add), 5_000).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while rules().contains("8080") {
            assert!(Instant::now() < deadline, "{}", rules());
            tokio::task::yield_now().await;
        }
    });
}
