//! The whole lab, up and down. Every step looks at what is there first, so that `up` finishes what an earlier
//! one left, and changes what has changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{fcntl::Flock, sys::signal::Signal};

use crate::{
    addons,
    args::Up,
    cache,
    golang::Programs,
    images,
    kube::{self, Kubectl},
    layout::Layout,
    net, node,
    oci::Archive,
    pki::Pki,
    plan::{Machine, SWITCH},
    root,
    screen::{Screen, Step, print},
    wait::{Look, until},
};

/// Names the checkout whose lab runs: namespaces are the machine's, so there can be one only.
const OWNER: &str = "/run/kube-ovn-rs-lab";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// A busy machine with two processors starts an API server in ten seconds.
const API: Duration = Duration::from_secs(120);
const REGISTRATION: Duration = Duration::from_secs(60);

/// Held while something changes the lab.
pub(crate) struct Claim {
    _lock: Flock<fs::File>,
}

/// Waits for another command that changes the lab, and makes sure that no other checkout has one up.
///
/// # Errors
/// Not root, or another checkout's lab runs.
pub(crate) fn claim(layout: &Layout) -> Result<Claim> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the lab makes namespaces and mounts: run it as root"
    );
    let lock = cache::lock(&layout.state.join("lock"))?;
    if let Ok(owner) = fs::read_to_string(OWNER)
        && Path::new(&owner) != layout.repository
        && net::exists(SWITCH)
    {
        bail!("the lab of {owner} is up: run `cargo lab down` there first");
    }
    Ok(Claim { _lock: lock })
}

/// Everything from downloads to the last screen.
///
/// # Errors
/// The first step that failed.
pub(crate) fn up(layout: &Layout, up: &Up) -> Result<()> {
    let _claim = claim(layout)?;
    let screen = Screen::new();
    let root = root::ensure_made(&screen)?;
    let programs = Programs::ensure_built(layout, &screen)?;
    let own = images::Own::ensure_written(layout, &programs)?;
    let mut archives = own.all();
    let ours = if up.no_network { None } else { Some(addons::build_image(layout, &screen)?) };
    archives.extend(ours.iter().map(|ours| ours.archive.clone()));

    forget_before_reboot(layout)?;
    fs::write(OWNER, layout.repository.as_os_str().as_encoded_bytes())?;
    Pki::ensure_made(&layout.pki(), &layout.kubeconfig(), up.nodes)?;
    screen.step("Images", |step| images::ensure_template(layout, &root, &archives, step))?;
    let cluster = Cluster {
        layout,
        root,
        sees: sees(layout, &programs),
        kubectl: Kubectl::new(layout, &programs),
    };
    screen.step(&format!("Nodes (n1 to n{}) and the world outside", up.nodes), |step| {
        cluster.boot(up.nodes, &archives, step)
    })?;
    screen.step("API server", |_| cluster.kubectl.wait_for_api(API))?;
    screen.step("Nodes registered", |_| cluster.wait_for_nodes(up.nodes))?;
    addons::label_nodes(&cluster.kubectl, up.nodes)?;
    addons::install_dns(&cluster.kubectl, &own.coredns)?;
    if let Some(ours) = ours {
        screen.step("Chart", |step| addons::install_chart(layout, &programs, &ours, step))?;
        screen.step("Open vSwitch", |step| addons::replace_vswitches(&cluster.kubectl, step))?;
        screen.step("Network, nodes and DNS ready", |step| {
            addons::wait_for_all(&cluster.kubectl, up.nodes, step)
        })?;
    }
    print(&last_screen(layout, up, screen.elapsed()))
}

/// Ends every machine and removes all that `up` made, caches and the imported images aside.
///
/// # Errors
/// Something could not be removed; what comes after it is tried all the same.
pub(crate) fn down(layout: &Layout) -> Result<()> {
    let _claim = claim(layout)?;
    let screen = Screen::new();
    screen.step("Stopping nodes", |_| {
        let machines: Vec<_> = Machine::networked().chain([Machine::Images]).collect();
        let ended: Vec<_> = each(&machines, |machine| node::end(layout, machine, Signal::SIGKILL));
        let remains =
            [net::remove_switch(), cache::remove(&layout.nodes()), cache::remove(&layout.pki())];
        let files = [
            layout.kubeconfig(),
            layout.state.join("boot"),
            layout.state.join("values.json"),
            OWNER.into(),
        ];
        ended.into_iter().chain(remains).chain(files.iter().map(|path| remove_file(path))).collect()
    })
}

/// Boots a node that was stopped or killed.
///
/// # Errors
/// It was never booted, or does not boot.
pub(crate) fn start(layout: &Layout, machine: Machine) -> Result<()> {
    let _claim = claim(layout)?;
    ensure!(
        layout.machine(machine).imported().exists(),
        "{machine} never was: `cargo lab up --nodes N` adds nodes"
    );
    ensure!(node::running(layout, machine).is_none(), "{machine} runs already");
    let programs = Programs::built()?;
    node::boot(layout, machine, &root::entry().path()?, &sees(layout, &programs))
}

/// Imports archives into every node that runs.
///
/// # Errors
/// No node runs, or one refused an archive.
pub(crate) fn load(layout: &Layout, paths: &[PathBuf]) -> Result<()> {
    let _claim = claim(layout)?;
    let archives: Vec<_> = paths.iter().map(|path| Archive::open(path)).collect::<Result<_>>()?;
    let nodes: Vec<_> =
        Machine::networked().filter(|&machine| is_node_up(layout, machine)).collect();
    ensure!(!nodes.is_empty(), "no node runs: `cargo lab up` first");
    Screen::new().step("Loading", |step| {
        each(&nodes, |node| images::import_missing(layout, node, &archives, step))
            .into_iter()
            .collect()
    })
}

fn is_node_up(layout: &Layout, machine: Machine) -> bool {
    matches!(machine, Machine::Node(_)) && node::running(layout, machine).is_some()
}

struct Cluster<'a> {
    layout: &'a Layout,
    root: PathBuf,
    sees: node::Sees,
    kubectl: Kubectl,
}

impl Cluster<'_> {
    fn boot(&self, nodes: u8, archives: &[Archive], step: &Step) -> Result<()> {
        net::ensure_switch()?;
        let machines: Vec<_> = [Machine::Router].into_iter().chain(Machine::nodes(nodes)).collect();
        each(&machines, |machine| self.boot_one(machine, archives, step)).into_iter().collect()
    }

    fn boot_one(&self, machine: Machine, archives: &[Archive], step: &Step) -> Result<()> {
        let is_node = matches!(machine, Machine::Node(_));
        if node::running(self.layout, machine).is_none() {
            step.message(&format!("{machine} boots"));
            if is_node {
                images::furnish(self.layout, machine)?;
            }
            node::end(self.layout, machine, Signal::SIGKILL)?;
            node::boot(self.layout, machine, &self.root, &self.sees)?;
        }
        if is_node { images::import_missing(self.layout, machine, archives, step) } else { Ok(()) }
    }

    fn wait_for_nodes(&self, nodes: u8) -> Result<()> {
        until("registration of the nodes", REGISTRATION, || {
            let list = self.kubectl.get(&["nodes"])?;
            let there: Vec<_> = kube::items(&list).iter().map(kube::name).collect();
            let missing: Vec<_> = Machine::nodes(nodes)
                .map(|node| node.to_string())
                .filter(|name| !there.contains(&name.as_str()))
                .collect();
            Ok(if missing.is_empty() {
                Look::Done(())
            } else {
                Look::Not(format!("{} missing", missing.join(", ")))
            })
        })
    }
}

fn sees(layout: &Layout, programs: &Programs) -> node::Sees {
    vec![
        (programs.kubernetes.clone(), node::KUBERNETES.into()),
        (programs.agnhost.clone(), node::AGNHOST.into()),
        (layout.pki(), node::KEYS.into()),
    ]
}

/// The same for all machines at once; results in their order.
fn each<T: Send>(machines: &[Machine], work: impl Fn(Machine) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let threads: Vec<_> = machines
            .iter()
            .map(|&machine| {
                scope.spawn({
                    let work = &work;
                    move || work(machine)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// etcd and containerd run without waiting for the disk: after the machine's own restart nothing of theirs
/// is to be trusted.
fn forget_before_reboot(layout: &Layout) -> Result<()> {
    let now = fs::read_to_string(BOOT_ID)?;
    let record = layout.state.join("boot");
    match fs::read_to_string(&record) {
        Ok(then) if then != now => {
            cache::remove(&layout.nodes())?;
            cache::remove(&layout.machine(Machine::Images).0)?;
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(fs::write(record, now)?)
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn last_screen(layout: &Layout, up: &Up, took: Duration) -> String {
    let kubeconfig = layout.kubeconfig();
    let network = if up.no_network {
        "no network: nodes stay NotReady until one is installed (`cargo lab up` installs ours)"
    } else {
        "kube-ovn-rs, from charts/kube-ovn, in namespace kube-system"
    };
    let nodes: Vec<_> =
        Machine::nodes(up.nodes).map(|node| format!("{node} {}", node.management())).collect();
    format!(
        "
The lab is up ({:.0} s): Kubernetes {}
  nodes      {}
  network    {network}
  kubeconfig {}

Try
  cargo lab check                     every kind of path, with latencies
  cargo lab kubectl get pods -A -o wide
  cargo lab exec n1 -- ip addr        a command on a node; `router` is the world outside
  cargo lab node kill n2              a power cut; `node start n2` boots it again
  cargo lab cut n2                    unplug it; `heal n2` plugs it in
  cargo lab logs n1 kubelet
  cargo lab down
",
        took.as_secs_f64(),
        crate::golang::kubernetes_version(),
        nodes.join(", "),
        kubeconfig.display(),
    )
}
