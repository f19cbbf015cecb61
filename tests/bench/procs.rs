//! What our processes cost: CPU time and resident memory, read from /proc for every process of a name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The programs whose cost is reported.
const OURS: [&str; 4] =
    ["kube-ovn-controller", "kube-ovn-daemon", "kube-ovn-supervise", "kube-ovn"];
/// The parts of OVN and OVS beside them.
const OVN: [&str; 4] = ["ovn-northd", "ovn-controller", "ovsdb-server", "ovs-vswitchd"];

/// CPU time in milliseconds and resident set in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) cpu_ms: u64,
    pub(crate) rss_kib: u64,
}

/// The costs so far, by process name and pid. CPU time includes threads that ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs(BTreeMap<(String, u32), Cost>);

impl Costs {
    /// Reads /proc now.
    pub(crate) fn now() -> Self {
        let mut costs = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let Some(name) = program(&entry.path()) else { continue };
            if let Some(cost) = cost(&entry.path()) {
                costs.insert((name, pid), cost);
            }
        }
        Self(costs)
    }

    /// CPU milliseconds spent since `before`, by program; a process that is new counts whole.
    pub(crate) fn cpu_since(&self, before: &Self) -> BTreeMap<String, u64> {
        let mut spent = BTreeMap::new();
        for ((name, pid), cost) in &self.0 {
            let key = (name.clone(), *pid);
            let earlier = before.0.get(&key).map_or(0, |cost| cost.cpu_ms);
            *spent.entry(name.clone()).or_default() += cost.cpu_ms.saturating_sub(earlier);
        }
        spent
    }

    /// The largest resident set of each program, in KiB.
    pub(crate) fn rss(&self) -> BTreeMap<String, u64> {
        let mut largest: BTreeMap<String, u64> = BTreeMap::new();
        for ((name, _), cost) in &self.0 {
            let of = largest.entry(name.clone()).or_default();
            *of = cost.rss_kib.max(*of);
        }
        largest
    }
}

/// The program's name when it is one we report. `comm` is cut at 15 characters, so the command line decides.
fn program(process: &Path) -> Option<String> {
    let line = fs::read(process.join("cmdline")).ok()?;
    let first = line.split(|byte| *byte == 0).next()?;
    let name = String::from_utf8_lossy(first).rsplit('/').next()?.to_owned();
    OURS.iter().chain(&OVN).any(|known| *known == name).then_some(name)
}

/// proc(5): `utime` and `stime` are fields 14 and 15 of `stat`, in ticks of 10 ms; the name before them may
/// hold spaces, so fields are counted from its closing parenthesis.
fn cost(process: &Path) -> Option<Cost> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = fs::read_to_string(process.join("status")).ok()?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let rss_kib = rss.trim().trim_end_matches(" kB").parse().ok()?;
    Some(Cost { cpu_ms: ticks * 10, rss_kib })
}
