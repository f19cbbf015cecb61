//! The half of `bench cni` that runs inside a node: makes namespaces, executes the plugin as a container runtime does.
//!
//! It tells the half outside where a scenario begins and ends on standard output and waits for an answer, so that
//! the costs of our processes are read at those moments.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::cluster;
use crate::stats::Samples;

const CONF: &str = "/etc/cni/net.d/01-kube-ovn.conflist";
const PLUGIN: &str = "/opt/cni/bin/kube-ovn";

/// What the inner half tells the outer one.
#[derive(Serialize, Deserialize)]
pub(crate) enum Said {
    /// A scenario begins; the CPU milliseconds of all plugins so far.
    Begin(u64),
    /// A scenario's name, its samples, and the CPU milliseconds of all plugins so far.
    End(String, Samples, u64),
}

/// A pod to attach: its object is made before (warm) or right before the plugin runs (cold).
struct Attachment {
    name: String,
    uid: Option<String>,
}

pub(crate) struct Inside {
    client: Client,
    node: String,
    conf: String,
    runtime: Handle,
}

impl Inside {
    pub(crate) fn new(client: Client, node: String) -> anyhow::Result<Self> {
        let text = fs::read_to_string(CONF).with_context(|| format!("read {CONF}"))?;
        let list: serde_json::Value = serde_json::from_str(&text)?;
        let mut conf = list["plugins"][0].clone();
        conf["name"] = list["name"].clone();
        conf["cniVersion"] = "1.1.0".into();
        Ok(Self { client, node, conf: conf.to_string(), runtime: Handle::current() })
    }

    /// Every scenario of the table, one after the other.
    pub(crate) fn all(&self) -> anyhow::Result<()> {
        // The first pod pays for connections and lazily made state; it is measured apart.
        self.scenario("first", 1, 1, true)?;
        self.scenario("cold, one at a time", 100, 1, true)?;
        self.scenario("allocated long before", 100, 1, false)?;
        self.scenario("100 pods, 10 at a time, cold", 100, 10, true)?;
        self.scenario("200 pods, 50 at a time, cold", 200, 50, true)?;
        self.many_ports()
    }

    /// Attaches `count` pods, `width` at a time, then detaches them; both are measured.
    fn scenario(&self, name: &str, count: usize, width: usize, cold: bool) -> anyhow::Result<()> {
        let prefix = format!("b{}-", uuid::Uuid::new_v4().simple());
        let names: Vec<String> = (0..count).map(|i| format!("{}{i}", &prefix[..8])).collect();
        let pods = self.prepare(&names, cold)?;
        if width == 1 {
            self.in_turn(name, &pods)?;
        } else {
            self.all_at_once(name, &pods, width)?;
        }
        self.forget(&names)
    }

    /// Each pod goes before the next one comes: the node's other ports stay as they are.
    fn in_turn(&self, name: &str, pods: &[Attachment]) -> anyhow::Result<()> {
        let (mut added, mut deleted) = (Samples::default(), Samples::default());
        let take = |samples: &mut Samples, done: anyhow::Result<Instant>| match done {
            Ok(begun) => samples.add(begun.elapsed()),
            Err(error) => samples.fail(format!("{error:#}")),
        };
        say(&Said::Begin(plugins()?))?;
        for pod in pods {
            take(&mut added, self.add(pod));
            take(&mut deleted, self.plugin("DEL", pod));
        }
        say(&Said::End(format!("ADD {name}"), added, plugins()?))?;
        say(&Said::Begin(plugins()?))?;
        say(&Said::End(format!("DEL {name}"), deleted, plugins()?))
    }

    fn all_at_once(&self, name: &str, pods: &[Attachment], width: usize) -> anyhow::Result<()> {
        say(&Said::Begin(plugins()?))?;
        let added = self.each(pods, width, |pod| self.add(pod));
        say(&Said::End(format!("ADD {name}"), added, plugins()?))?;
        say(&Said::Begin(plugins()?))?;
        let deleted = self.each(pods, width, |pod| self.plugin("DEL", pod));
        say(&Said::End(format!("DEL {name}"), deleted, plugins()?))
    }

    /// One more pod beside 250 that are there.
    fn many_ports(&self) -> anyhow::Result<()> {
        let fill: Vec<String> = (0..250).map(|i| format!("fill-{i}")).collect();
        let filled = self.prepare(&fill, false)?;
        let added = self.each(&filled, 10, |pod| self.add(pod));
        ensure!(added.errors.is_empty(), "filling the node: {}", added.errors[0]);
        self.scenario("allocated, with 250 ports on the node", 50, 1, false)?;
        self.each(&filled, 10, |pod| self.plugin("DEL", pod));
        self.forget(&fill)
    }

    /// Namespaces for all, and for warm runs the pods too, allocated.
    fn prepare(&self, names: &[String], cold: bool) -> anyhow::Result<Vec<Attachment>> {
        for name in names {
            ip(&["netns", "add", name])?;
        }
        let mut pods: Vec<Attachment> =
            names.iter().map(|name| Attachment { name: name.clone(), uid: None }).collect();
        if !cold {
            for pod in &mut pods {
                pod.uid = Some(self.create(&pod.name)?);
            }
            for pod in &pods {
                self.await_allocation(&pod.name)?;
            }
        }
        Ok(pods)
    }

    fn forget(&self, names: &[String]) -> anyhow::Result<()> {
        for name in names {
            ip(&["netns", "del", name])?;
        }
        self.runtime.block_on(cluster::clear(&self.client))
    }

    /// Runs `work` for every pod on `width` threads.
    fn each(
        &self,
        pods: &[Attachment],
        width: usize,
        work: impl Fn(&Attachment) -> anyhow::Result<Instant> + Sync,
    ) -> Samples {
        let queue: Mutex<VecDeque<&Attachment>> = Mutex::new(pods.iter().collect());
        let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
        let worker = || {
            let mut samples = Samples::default();
            while let Some(pod) = next() {
                match work(pod) {
                    Ok(begun) => samples.add(begun.elapsed()),
                    Err(error) => samples.fail(format!("{}: {error:#}", pod.name)),
                }
            }
            samples
        };
        let mut all = Samples::default();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..width).map(|_| scope.spawn(worker)).collect();
            for worker in workers {
                all.join(worker.join().unwrap_or_default());
            }
        });
        all
    }

    fn create(&self, name: &str) -> anyhow::Result<String> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), cluster::NAMESPACE);
        let pod = cluster::pod(name, &self.node);
        let params = PostParams::default();
        let made = self.runtime.block_on(pods.create(&params, &pod));
        made.context("create the pod")?.uid().context("a pod without uid")
    }

    fn await_allocation(&self, name: &str) -> anyhow::Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), cluster::NAMESPACE);
        let done = |pod: Option<&Pod>| pod.is_some_and(cluster::allocated);
        let wait = kube::runtime::wait::await_condition(pods, name, done);
        let limit = std::time::Duration::from_secs(30);
        self.runtime
            .block_on(async { tokio::time::timeout(limit, wait).await })
            .with_context(|| format!("{name} was not allocated"))??;
        Ok(())
    }

    fn add(&self, pod: &Attachment) -> anyhow::Result<Instant> {
        match &pod.uid {
            Some(_) => self.plugin("ADD", pod),
            None => {
                let uid = self.create(&pod.name)?;
                self.plugin("ADD", &Attachment { name: pod.name.clone(), uid: Some(uid) })
            }
        }
    }

    /// From the plugin's exec to its exit; the returned instant is the exec.
    fn plugin(&self, verb: &str, pod: &Attachment) -> anyhow::Result<Instant> {
        let uid = pod.uid.as_deref().unwrap_or_default();
        let args = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_UID={uid}",
            cluster::NAMESPACE,
            pod.name
        );
        let mut command = Command::new(PLUGIN);
        command
            .env_clear()
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", container_id(&pod.name))
            .env("CNI_NETNS", Path::new("/run/netns").join(&pod.name))
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", "/opt/cni/bin")
            .env("CNI_ARGS", args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| format!("start {PLUGIN}"))?;
        let mut stdin = child.stdin.take().context("the plugin has no standard input")?;
        stdin.write_all(self.conf.as_bytes())?;
        drop(stdin);
        let done = child.wait_with_output()?;
        if !done.status.success() {
            bail!("{verb}: {}", String::from_utf8_lossy(&done.stdout));
        }
        Ok(begun)
    }
}

/// The CPU time of all children that ended: they are the plugins, and a few calls of `ip`.
fn plugins() -> anyhow::Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros =
        [usage.user_time(), usage.system_time()].map(|t| t.tv_sec() * 1_000_000 + t.tv_usec());
    Ok(u64::try_from(micros.iter().sum::<i64>() / 1000)?)
}

/// Stable for a pod, unique among them in the first 12 characters, which name the host side of the link.
fn container_id(name: &str) -> String {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes());
    format!("{0}{0}", id.simple())
}

fn ip(args: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("ip").args(args).status().context("start ip")?;
    ensure!(status.success(), "ip {}: {status}", args.join(" "));
    Ok(())
}

/// Tells the outer half and waits until it has read the costs.
fn say(what: &Said) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(what)?);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(!answer.is_empty(), "the outer half is gone");
    Ok(())
}
