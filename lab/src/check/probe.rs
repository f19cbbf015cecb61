//! Trying cells: the test program's `dial` where the path begins, or a look at the kubelet's verdict.

use std::{
    collections::{BTreeMap, HashMap},
    result,
    time::{Duration, Instant},
};

use anyhow::{Context, Result as Outcome};
use serde::Deserialize;

use super::{
    Place,
    cells::{Cell, Probe},
    stage::{NAMESPACE, Pod, Stage},
};
use crate::{
    kube::{Kubectl, condition},
    layout::Layout,
    node,
    screen::Step,
};

/// A round trip's latency where there is one to measure, or why there was none.
pub(super) type Result = result::Result<Option<Duration>, String>;

/// Round trips per cell when latency counts; the median stands in the table.
const TRIPS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(1);

/// How the cells of one go are tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) trips: u32,
    pub(super) patience: Duration,
    /// All at once: quick, and latencies mean nothing.
    pub(super) parallel: bool,
}

/// A line of `agnhost dial`.
#[derive(Debug, Deserialize)]
struct Line {
    url: String,
    microseconds: u64,
    #[serde(default)]
    error: String,
}

pub(super) struct Prober<'a> {
    pub(super) layout: &'a Layout,
    kubectl: &'a Kubectl,
    pub(super) stage: &'a Stage,
}

impl<'a> Prober<'a> {
    pub(super) fn new(layout: &'a Layout, kubectl: &'a Kubectl, stage: &'a Stage) -> Self {
        Self { layout, kubectl, stage }
    }

    /// Tries all cells until all work or the time is over, then measures them one after the other.
    ///
    /// # Errors
    /// A program that tries could not be started.
    pub(super) fn settle(
        &self,
        cells: &[Cell],
        patience: Duration,
        step: &Step,
    ) -> Outcome<Vec<Result>> {
        let start = Instant::now();
        let all: Vec<_> = cells.iter().collect();
        loop {
            let results =
                self.try_all(&all, Manner { trips: 1, patience: PATIENCE, parallel: true })?;
            let failed = results.iter().filter(|result| result.is_err()).count();
            step.message(&format!("{failed} do not work yet"));
            if failed == 0 {
                break;
            }
            if start.elapsed() > patience {
                return Ok(results);
            }
        }
        step.message("measuring");
        self.try_all(&all, Manner { trips: TRIPS, patience: PATIENCE, parallel: false })
    }

    /// Tries the cells, those from one place in one go; results in their order.
    ///
    /// # Errors
    /// A program that tries could not be started.
    pub(super) fn try_all(&self, cells: &[&Cell], manner: Manner) -> Outcome<Vec<Result>> {
        let mut urls: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
        for cell in cells {
            if let Probe::Dial { from, url } = &cell.probe {
                urls.entry(*from).or_default().push(url);
            }
        }
        let mut dialled = HashMap::new();
        for (place, urls) in urls {
            dialled.insert(place, self.dial(place, &urls, manner)?);
        }
        let result = |cell: &&Cell| match &cell.probe {
            Probe::Dial { from, url } => Ok(dialled[from]
                .get(url)
                .cloned()
                .unwrap_or_else(|| Err("the test program did not answer".into()))),
            Probe::Ready(pod) => self.readiness(*pod),
        };
        cells.iter().map(result).collect()
    }

    fn dial(
        &self,
        place: Place,
        urls: &[&str],
        manner: Manner,
    ) -> Outcome<HashMap<String, Result>> {
        let trips = format!("-count={}", manner.trips);
        let patience = format!("-timeout={}ms", manner.patience.as_millis());
        let parallel = format!("-parallel={}", manner.parallel);
        let dial = [&["dial", &trips, &patience, &parallel], urls].concat();
        let mut command = match place {
            Place::Pod(pod) => {
                let exec = ["--namespace", NAMESPACE, "exec", pod.name(), "--", "/agnhost"];
                self.kubectl.command(&[&exec[..], &dial].concat())
            }
            Place::Machine(machine) => {
                let program = format!("{}/agnhost", node::AGNHOST);
                node::enter(self.layout, machine, &[&[program.as_str()], &dial[..]].concat())?
            }
        };
        // It ends with 1 when a path does not work, and says so line by line.
        let output = command.output().context("cannot run the test program")?;
        let lines = parse(&String::from_utf8_lossy(&output.stdout));
        if lines.is_empty() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Ok(urls.iter().map(|&url| (url.to_owned(), Err(reason.clone()))).collect());
        }
        Ok(lines)
    }

    fn readiness(&self, pod: Pod) -> Outcome<Result> {
        let pod = self.kubectl.get(&["--namespace", NAMESPACE, "pod", pod.name()])?;
        Ok(if condition(&pod, "Ready") { Ok(None) } else { Err("the pod is not ready".into()) })
    }
}

fn parse(text: &str) -> HashMap<String, Result> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines
        .map(|line| {
            let latency = Duration::from_micros(line.microseconds);
            (line.url, if line.error.is_empty() { Ok(Some(latency)) } else { Err(line.error) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_test_program_become_latencies_and_reasons() {
        let text = "{\"url\":\"tcp://a:1\",\"microseconds\":250}\nnoise\n\
                    {\"url\":\"udp://b:2\",\"microseconds\":0,\"error\":\"i/o timeout\"}\n";
        let results = parse(text);
        assert_eq!(results["tcp://a:1"], Ok(Some(Duration::from_micros(250))));
        assert_eq!(results["udp://b:2"], Err("i/o timeout".into()));
        assert_eq!(results.len(), 2);
    }
}
