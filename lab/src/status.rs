//! What runs, and what programs wrote.

use std::{fs, os::unix::process::CommandExt, path::Path};

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;

use crate::{
    golang::Programs,
    kube::{self, Kubectl, condition, items, unready},
    layout::Layout,
    net, node,
    plan::Machine,
    process::command,
    screen::print,
};

/// One table of machines, one of workloads.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn show(layout: &Layout) -> Result<()> {
    let disks = |machine: &Machine| layout.machine(*machine).0.exists();
    let machines: Vec<_> = Machine::networked().filter(disks).collect();
    if machines.is_empty() {
        return print("The lab is down: `cargo lab up`");
    }
    let kubectl = Programs::built().map(|programs| Kubectl::new(layout, &programs));
    let ask = |words: &[&str]| kubectl.as_ref().ok().and_then(|kubectl| kubectl.get(words).ok());
    let nodes = ask(&["nodes", "--request-timeout=3s"]);
    let workloads =
        ask(&["--namespace", "kube-system", "daemonsets,deployments", "--request-timeout=3s"]);
    let rows = machines.iter().map(|&machine| {
        let running = node::running(layout, machine);
        let state = match running {
            Some(_) if net::is_cut(machine) => "cut",
            Some(_) => "running",
            None => "stopped",
        };
        let pid = running.map(|pid| pid.to_string()).unwrap_or_default();
        [
            machine.to_string(),
            state.into(),
            machine.management().to_string(),
            pid,
            in_cluster(nodes.as_ref(), machine),
        ]
    });
    let mut text = table(["machine", "state", "address", "pid", "cluster"], rows);
    match &workloads {
        Some(list) => {
            let rows = items(list).iter().map(|object| {
                let kind = object["kind"].as_str().unwrap_or_default().to_owned();
                [
                    kube::name(object).to_owned(),
                    kind,
                    unready(object).unwrap_or_else(|| "ready".into()),
                ]
            });
            text.push_str("\n\n");
            text.push_str(&table(["workload", "kind", "state"], rows));
        }
        None => text.push_str("\n\nThe API server does not answer"),
    }
    print(&format!("{text}\n\nkubeconfig {}", layout.kubeconfig().display()))
}

fn in_cluster(nodes: Option<&Value>, machine: Machine) -> String {
    let Some(nodes) = nodes else { return String::new() };
    match items(nodes).iter().find(|node| kube::name(node) == machine.to_string()) {
        Some(node) if condition(node, "Ready") => "Ready",
        Some(_) => "NotReady",
        None => "",
    }
    .to_owned()
}

/// Columns without lines.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header).add_rows(rows);
    table.trim_fmt()
}

/// Prints what a program on a machine wrote, or names those that wrote something.
///
/// # Errors
/// There is no such program or machine.
pub(crate) fn logs(
    layout: &Layout,
    machine: Machine,
    program: Option<&str>,
    follow: bool,
) -> Result<()> {
    let folder = layout.machine(machine).logs();
    let Some(program) = program else { return print(&programs(&folder)?.join("\n")) };
    let path = folder.join(format!("{program}.log"));
    if !path.exists() {
        bail!("no log of {program} on {machine}; there are {}", programs(&folder)?.join(", "));
    }
    let mut show = command(
        if follow { "tail" } else { "cat" },
        if follow { &["-n", "100", "-F"][..] } else { &[] },
    );
    Err(show.arg(path).exec()).context("cannot show the log")
}

fn programs(folder: &Path) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("no logs in {}", folder.display()))?;
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}
