//! `bench cni`: ADD and DEL of the plugin, executed inside a node of the lab as a container runtime does.
//!
//! This half stays outside: it stops the node's kubelet, starts the inner half, reads what our processes cost at the
//! begin and end of each scenario, and asks northd how often it recomputed everything.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::node::Said;
use crate::procs::Costs;
use crate::stats::HEAD;

/// northd's counters of full recomputes that a plain pod must not move.
const ENGINE_NODES: [&str; 2] = ["northd", "lflow"];

/// Where the inner half lies inside the node.
const PLACE: &str = "run/bench";

/// Runs all scenarios on `node`.
pub(crate) fn run(node: &str) -> anyhow::Result<()> {
    let kubelet = kubelet(node)?;
    kill(kubelet, Signal::SIGSTOP).context("rest the kubelet")?;
    let outcome = enter(node).and_then(converse);
    kill(kubelet, Signal::SIGCONT).context("wake the kubelet")?;
    outcome
}

/// The node's kubelet, as the machine outside numbers it.
fn kubelet(node: &str) -> anyhow::Result<Pid> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let is_kubelet = words.first().is_some_and(|program| program.ends_with(b"kubelet"));
        let equals = format!("--hostname-override={node}");
        let of_node = words.contains(&equals.as_bytes())
            || words
                .windows(2)
                .any(|two| two == [b"--hostname-override".as_slice(), node.as_bytes()]);
        if is_kubelet && of_node {
            return Ok(Pid::from_raw(pid));
        }
    }
    bail!("no kubelet runs for {node}: is the lab up with that node?")
}

/// Starts the inner half in the node's namespaces.
fn enter(node: &str) -> anyhow::Result<Child> {
    let file = format!("target/lab/nodes/{node}/pid");
    let text = fs::read_to_string(&file).with_context(|| format!("read {file}"))?;
    let init: serde_json::Value = serde_json::from_str(&text).with_context(|| file.clone())?;
    let pid = init["pid"].as_i64().with_context(|| format!("{file} names no pid"))?;
    let place = Path::new("/proc").join(pid.to_string()).join("root").join(PLACE);
    fs::create_dir_all(&place).context("a folder in the node")?;
    fs::copy(std::env::current_exe()?, place.join("bench")).context("put the inner half there")?;
    fs::copy("target/lab/kubeconfig", place.join("kubeconfig")).context("and its kubeconfig")?;
    let words = ["exec", node, "--", "/run/bench/bench", "node", "--node", node];
    Command::new("target/lab/lab")
        .args(words)
        .args(["--kubeconfig", "/run/bench/kubeconfig"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start the inner half")
}

fn converse(mut inner: Child) -> anyhow::Result<()> {
    let mut answers = inner.stdin.take().context("no way to answer the inner half")?;
    let said = BufReader::new(inner.stdout.take().context("the inner half says nothing")?);
    let mut before = Costs::default();
    let mut recomputes = [0; 2];
    let mut plugins = 0;
    println!("{HEAD}");
    let mut costs = Vec::new();
    for line in said.lines() {
        let line = line?;
        let Ok(said) = serde_json::from_str::<Said>(&line) else {
            eprintln!("{line}");
            continue;
        };
        match said {
            Said::Begin(so_far) => {
                plugins = so_far;
                before = Costs::now();
                recomputes = engine()?;
            }
            Said::End(name, samples, so_far) => {
                println!("| {name} | {samples} |");
                for error in samples.errors.iter().take(3) {
                    eprintln!("  {error}");
                }
                let now = engine()?;
                let moved = [now[0] - recomputes[0], now[1] - recomputes[1]];
                let pods = samples.micros.len();
                let plugin = so_far - plugins;
                costs.push(Cost {
                    name,
                    pods,
                    after: Costs::now(),
                    before: before.clone(),
                    plugin,
                    moved,
                });
            }
        }
        go_on(&mut answers)?;
    }
    drop(answers);
    let status = inner.wait()?;
    ensure!(status.success(), "the inner half ended with {status}");
    costs_table(&costs);
    Ok(())
}

/// What a scenario cost.
struct Cost {
    name: String,
    pods: usize,
    before: Costs,
    after: Costs,
    /// CPU milliseconds of all plugins.
    plugin: u64,
    /// northd's full recomputes.
    moved: [u64; 2],
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a short run")]
fn costs_table(costs: &[Cost]) {
    println!(
        "\n| scenario | CPU ms a pod: controller | daemon | plugin | together | northd recomputes | lflow recomputes |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for cost in costs {
        let spent = cost.after.cpu_since(&cost.before);
        let of = |program: &str| spent.get(program).copied().unwrap_or_default();
        let each = |millis: u64| millis as f64 / cost.pods.max(1) as f64;
        let [controller, daemon] = [of("kube-ovn-controller"), of("kube-ovn-daemon")];
        let all = controller + daemon + cost.plugin;
        if all == 0 {
            // One at a time, the pod's DEL is in the costs of its ADD.
            continue;
        }
        let [northd, lflow] = cost.moved;
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {northd} | {lflow} |",
            cost.name,
            each(controller),
            each(daemon),
            each(cost.plugin),
            each(all)
        );
    }
    let rss = costs.last().map(|cost| cost.after.rss()).unwrap_or_default();
    println!("\n| process | largest RSS MiB |\n| --- | --- |");
    for (name, kib) in rss {
        println!("| {name} | {:.1} |", kib as f64 / 1024.0);
    }
}

fn go_on(answers: &mut ChildStdin) -> anyhow::Result<()> {
    answers.write_all(b"go on\n")?;
    Ok(answers.flush()?)
}

/// How often each of [`ENGINE_NODES`] has recomputed so far (ovn-northd(8), `inc-engine/show-stats`).
fn engine() -> anyhow::Result<[u64; 2]> {
    let exec =
        ["kubectl", "exec", "-n", "kube-system", "deploy/ovn-central", "-c", "ovn-central", "--"];
    let mut counts = [0; 2];
    for (count, name) in counts.iter_mut().zip(ENGINE_NODES) {
        let ask = ["ovn-appctl", "-t", "ovn-northd", "inc-engine/show-stats", name, "recompute"];
        let text = lab(&[&exec[..], &ask[..]].concat())?;
        *count = text.trim().parse().with_context(|| format!("northd said {text:?}"))?;
    }
    Ok(counts)
}

/// A word of the lab; what it printed.
fn lab(words: &[&str]) -> anyhow::Result<String> {
    let done = Command::new("target/lab/lab").args(words).stderr(Stdio::inherit()).output()?;
    ensure!(done.status.success(), "cargo lab {}: {}", words.join(" "), done.status);
    Ok(String::from_utf8(done.stdout)?)
}
