//! What an ADD costs beside so many other ports: time, this process' CPU, and how often vswitchd goes over its ports.
//! `cargo test --profile lab -p daemon -- --ignored --nocapture what_an_add_costs`

use std::time::{Duration, Instant};

use api::wire::Call;
use futures::StreamExt;
use harness::Netns;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::site::{Site, attachment, on_a_node};

/// How many ADDs a figure is made of.
const SAMPLES: u16 = 40;

#[test]
#[ignore = "measures; run as the head of this file says"]
fn what_an_add_costs() {
    on_a_node(async |site: Site| {
        site.subnet();
        let mut stay = Vec::new();
        for (first, others) in [(0, 0), (0, 50), (50, 250)] {
            if others > first {
                let more = pods(&site, first, others - first);
                adds(&site, "fill", &more, 10).await;
                stay.extend(more);
            }
            for at_once in [1, 10, 40] {
                let measured = pods(&site, 1000, SAMPLES);
                adds(&site, &format!("{others} ports, ADD"), &measured, at_once).await;
                dels(&site, &format!("{others} ports, DEL"), &measured, at_once).await;
            }
        }
    });
}

/// Namespaces of pods, and all that their ADDs need.
fn pods(site: &Site, first: u16, count: u16) -> Vec<(String, Netns)> {
    let numbers = first..first + count;
    let mut args = vec!["--wait=hv".to_owned()];
    for number in numbers.clone() {
        let [high, low] = (number + 256).to_be_bytes();
        let (pod, mac) = (format!("p{number}"), format!("0a:00:00:00:{high:02x}:{low:02x}"));
        let (port, ip) = (format!("{pod}.default"), format!("10.16.{high}.{low}"));
        let words = ["--", "--may-exist", "lsp-add", "s", &port, "--", "lsp-set-addresses", &port];
        args.extend(words.map(str::to_owned));
        let set = ["--", "set", "Logical_Switch_Port", &port].map(str::to_owned);
        args.extend([format!("{mac} {ip}")].into_iter().chain(set));
        args.push(format!("options:iface-id-ver=uid-{pod}"));
        site.pod_object_with(&pod, &format!("uid-{pod}"), Some((mac, ip)));
    }
    site.datapath.north.nbctl(&args.iter().map(String::as_str).collect::<Vec<_>>());
    numbers.map(|number| (format!("p{number}"), Netns::new())).collect()
}

async fn adds(site: &Site, what: &str, pods: &[(String, Netns)], at_once: usize) {
    measure(site, what, pods, at_once, async |pod, netns| {
        site.add(attachment(pod, netns)).await.unwrap();
    })
    .await;
}

async fn dels(site: &Site, what: &str, pods: &[(String, Netns)], at_once: usize) {
    measure(site, what, pods, at_once, async |pod, netns| {
        site.call(Call::Del(attachment(pod, netns)), 20_000).await.unwrap();
    })
    .await;
}

async fn measure(
    site: &Site,
    what: &str,
    pods: &[(String, Netns)],
    at_once: usize,
    call: impl AsyncFn(&str, &Netns),
) {
    let before = (cpu(), reconfigures(site));
    let calls = pods.iter().map(|(pod, netns)| async {
        let began = Instant::now();
        call(pod, netns).await;
        began.elapsed()
    });
    let mut times: Vec<Duration> =
        futures::stream::iter(calls).buffer_unordered(at_once).collect().await;
    let used = cpu() - before.0;
    let each = |sum: f64| sum / pods.len() as f64;
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    println!(
        "{what}, {at_once} at once: min {:.1?} p50 {:.1?} p99 {:.1?}; cpu {:.2} ms; {:.1} reconfigures",
        times[0],
        at(50),
        at(99),
        each(used.as_secs_f64() * 1e3),
        each((reconfigures(site) - before.1) as f64),
    );
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

/// How often vswitchd compared its bridges with the database.
fn reconfigures(site: &Site) -> u64 {
    let count =
        site.datapath.appctl("ovs-vswitchd", &["coverage/read-counter", "bridge_reconfigure"]);
    count.trim().parse().unwrap()
}
