//! The cluster's API, by `kubectl`.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    golang::Programs,
    layout::Layout,
    process::{command, run, run_with_input},
    wait::{Look, until},
};

/// `kubectl` with the lab's administrator.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub(crate) fn new(layout: &Layout, programs: &Programs) -> Self {
        Self { program: programs.kubectl(), kubeconfig: layout.kubeconfig() }
    }

    /// To be run by the caller.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut kubectl = command(&self.program, words);
        // Nodes are next door, whatever way the machine has to the world.
        kubectl.env("KUBECONFIG", &self.kubeconfig).env("NO_PROXY", "172.30.0.0/24");
        kubectl
    }

    /// What it printed.
    ///
    /// # Errors
    /// The API server cannot be reached, or refused.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        run(&mut self.command(words))
    }

    /// `get … -o json`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn get(&self, words: &[&str]) -> Result<Value> {
        let text = self.run(&[&["get", "-o", "json"], words].concat())?;
        serde_json::from_str(&text).context("kubectl printed no JSON")
    }

    /// Creates or changes the objects.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn apply(&self, objects: &[Value]) -> Result<()> {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let words =
            ["apply", "--server-side", "--force-conflicts", "--field-manager=lab", "-f", "-"];
        run_with_input(&mut self.command(&words), list.to_string().as_bytes()).map(drop)
    }

    /// Until the API server says it is ready.
    ///
    /// # Errors
    /// It does not within the time.
    pub(crate) fn wait_for_api(&self, patience: Duration) -> Result<()> {
        until("API server", patience, || {
            Ok(match self.run(&["get", "--raw=/readyz", "--request-timeout=2s"]) {
                Ok(_) => Look::Done(()),
                Err(error) => Look::Not(last_line(&error)),
            })
        })
    }
}

/// Of several lines the one that says most.
pub(crate) fn last_line(error: &anyhow::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().to_owned()
}

/// The items of a list.
pub(crate) fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// An object's name.
pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Whether a condition of the object's status is true.
pub(crate) fn condition(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    conditions.iter().any(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// A workload that has not all the pods it wants, in words.
pub(crate) fn unready(workload: &Value) -> Option<String> {
    let count =
        |path: &[&str]| path.iter().fold(workload, |value, &key| &value[key]).as_u64().unwrap_or(0);
    let (ready, wanted, updated) = match workload["kind"].as_str() {
        // A DaemonSet that updates on deletion stays behind on purpose.
        Some("DaemonSet") if workload["spec"]["updateStrategy"]["type"] == "OnDelete" => {
            let wanted = count(&["status", "desiredNumberScheduled"]);
            (count(&["status", "numberReady"]), wanted, wanted)
        }
        Some("DaemonSet") => (
            count(&["status", "numberReady"]),
            count(&["status", "desiredNumberScheduled"]),
            count(&["status", "updatedNumberScheduled"]),
        ),
        _ => (
            count(&["status", "readyReplicas"]),
            count(&["spec", "replicas"]),
            count(&["status", "updatedReplicas"]),
        ),
    };
    let seen = count(&["status", "observedGeneration"]) >= count(&["metadata", "generation"]);
    let missing = !seen || ready < wanted || updated < wanted;
    missing.then(|| format!("{} {ready}/{wanted}", name(workload)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn daemon_set(generation: u64, wanted: u64, ready: u64, updated: u64, strategy: &str) -> Value {
        json!({"kind": "DaemonSet", "metadata": {"name": "d", "generation": generation},
            "spec": {"updateStrategy": {"type": strategy}},
            "status": {"observedGeneration": 2, "desiredNumberScheduled": wanted, "numberReady": ready,
                "updatedNumberScheduled": updated}})
    }

    #[test]
    fn a_workload_is_ready_when_all_its_new_pods_are() {
        assert_eq!(unready(&daemon_set(2, 3, 3, 3, "RollingUpdate")), None);
        assert_eq!(unready(&daemon_set(2, 3, 2, 3, "RollingUpdate")).as_deref(), Some("d 2/3"));
        assert!(unready(&daemon_set(2, 3, 3, 1, "RollingUpdate")).is_some(), "two old pods");
        assert!(
            unready(&daemon_set(3, 3, 3, 3, "RollingUpdate")).is_some(),
            "the change is not seen yet"
        );
        assert_eq!(unready(&daemon_set(2, 3, 3, 1, "OnDelete")), None);
    }

    #[test]
    fn a_deployment_counts_replicas() {
        let status = json!({"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 2});
        let deployment = json!({"kind": "Deployment", "metadata": {"name": "c", "generation": 1},
            "spec": {"replicas": 2}, "status": status});
        assert_eq!(unready(&deployment).as_deref(), Some("c 1/2"));
    }

    #[test]
    fn a_condition_must_be_true() {
        let node = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
        assert!(!condition(&node, "Ready") && !condition(&json!({}), "Ready"));
    }
}
