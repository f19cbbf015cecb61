//! Breaking a path on purpose: a table of our own in nftables, in the namespace where the path can be cut.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{
    Place,
    cells::Cell,
    probe::{Manner, Prober},
    stage::Pod,
};
use crate::{
    node,
    plan::Machine,
    process::{run, run_with_input},
    screen::Step,
    wait::{Look, until},
};

const TABLE: &str = "inet lab-cut";
/// A kubelet needs a period of its probe to notice; everything else notices at once.
const NOTICED: Duration = Duration::from_secs(10);
const QUICK: Manner = Manner { trips: 1, patience: Duration::from_millis(400), parallel: true };

/// Packets that will not get through, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) at: Place,
    pub(super) hook: Hook,
    /// As nft matches them.
    pub(super) packets: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// Dropped on arrival.
    Input,
    /// Dropped on departure.
    Output,
    /// Let through without connection tracking, so without address translation.
    Untracked,
}

impl Cut {
    /// Replaces whatever cut was there.
    fn ruleset(&self) -> String {
        let (hook, verdict) = match self.hook {
            Hook::Input => ("input", "drop"),
            Hook::Output => ("output", "drop"),
            Hook::Untracked => ("prerouting", "notrack"),
        };
        format!(
            "{}table {TABLE} {{\n chain cut {{\n type filter hook {hook} priority raw\n {} {verdict}\n }}\n}}\n",
            healed(),
            self.packets
        )
    }
}

/// Adding first makes the deletion of a missing table no error.
fn healed() -> String {
    format!("add table {TABLE}\ndelete table {TABLE}\n")
}

/// Cuts every path, tries the cells that use it, and mends it; the cells that did not turn red.
///
/// # Errors
/// A cut cannot be made or mended.
pub(super) fn prove<'a>(
    prober: &Prober<'_>,
    cells: &'a [Cell],
    step: &Step,
) -> Result<Vec<&'a Cell>> {
    let mut unnoticed = Vec::new();
    let mut rest: Vec<_> = cells.iter().collect();
    while let Some(cut) = rest.first().map(|cell| &cell.cut) {
        let (same, others): (Vec<_>, Vec<_>) = rest.iter().partition(|cell| cell.cut == *cut);
        let at = Namespace::find(prober, cut.at)?;
        at.nft(&cut.ruleset())?;
        let green = stays_green(prober, &same);
        at.nft(&healed())?;
        unnoticed.extend(green?);
        same.iter().for_each(|cell| {
            step.message(&cell.title());
            step.advance();
        });
        rest = others;
    }
    Ok(unnoticed)
}

/// The cells that work all the time although their path is cut.
fn stays_green<'a>(prober: &Prober<'_>, cells: &[&'a Cell]) -> Result<Vec<&'a Cell>> {
    let mut green = cells.to_vec();
    let noticed = until("red cells", NOTICED, || {
        let results = prober.try_all(&green, QUICK)?;
        let still =
            green.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(cell, _)| *cell);
        green = still.collect();
        Ok(if green.is_empty() { Look::Done(()) } else { Look::Not(green[0].title()) })
    });
    match noticed {
        Err(error) if green.is_empty() => Err(error),
        _ => Ok(green),
    }
}

/// A network namespace on a machine: the machine's own or a pod's.
struct Namespace<'a> {
    prober: &'a Prober<'a>,
    machine: Machine,
    pod: Option<String>,
}

impl<'a> Namespace<'a> {
    fn find(prober: &'a Prober<'a>, place: Place) -> Result<Self> {
        Ok(match place {
            Place::Machine(machine) => Self { prober, machine, pod: None },
            Place::Pod(pod) => {
                let machine = prober.stage.node_of(pod);
                Self { prober, machine, pod: Some(namespace_of(prober, machine, pod)?) }
            }
        })
    }

    fn nft(&self, ruleset: &str) -> Result<()> {
        let nft = ["nft", "-f", "-"];
        let words = match &self.pod {
            Some(name) => [&["ip", "netns", "exec", name][..], &nft].concat(),
            None => nft.to_vec(),
        };
        let mut command = node::enter(self.prober.layout, self.machine, &words)?;
        run_with_input(&mut command, ruleset.as_bytes())
            .with_context(|| format!("the rules were\n{ruleset}"))?;
        Ok(())
    }
}

/// The runtime names namespaces by random numbers: found by the pod's address.
fn namespace_of(prober: &Prober<'_>, machine: Machine, pod: Pod) -> Result<String> {
    let all = ["ip", "-all", "netns", "exec", "ip", "-4", "-o", "addr", "show"];
    let text = run(&mut node::enter(prober.layout, machine, &all)?)?;
    let address = prober.stage.pods[&pod].to_string();
    owner_of(&text, &address)
        .with_context(|| format!("no namespace on {machine} has address {address}"))
}

/// In the output of `ip -all netns exec ip -4 -o addr show`.
fn owner_of(text: &str, address: &str) -> Option<String> {
    let mut current = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("netns: ") {
            current = name.split_whitespace().next();
        } else if line.split_whitespace().any(|word| word.split('/').next() == Some(address)) {
            return current.map(str::to_owned);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_found_by_its_whole_address() {
        let text = "\nnetns: cni-a\n2: eth0    inet 10.16.0.12/16 brd 10.16.255.255 scope global eth0\n\n\
                    netns: cni-b\n1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 10.16.0.1/16 scope global eth0\n";
        assert_eq!(owner_of(text, "10.16.0.1").as_deref(), Some("cni-b"));
        assert_eq!(owner_of(text, "10.16.0.12").as_deref(), Some("cni-a"));
        assert_eq!(owner_of(text, "10.16.0.2"), None);
    }

    #[test]
    fn a_cut_replaces_the_one_before() {
        let cut =
            Cut { at: Place::Pod(Pod::Near), hook: Hook::Input, packets: "tcp dport 8080".into() };
        let rules = cut.ruleset();
        assert!(
            rules.starts_with(
                "add table inet lab-cut\ndelete table inet lab-cut\ntable inet lab-cut {"
            ),
            "{rules}"
        );
        assert!(rules.contains("hook input priority raw\n tcp dport 8080 drop\n"), "{rules}");
    }
}
