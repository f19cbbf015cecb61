//! `CNI_ARGS`: `KEY=VALUE` pairs between semicolons, by which Kubernetes runtimes name the pod.

use super::{Error, code};

/// The keys of `CNI_ARGS` this plugin reads. Absent and empty are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `K8S_POD_NAME`
    pub pod: String,
    /// `K8S_POD_NAMESPACE`
    pub namespace: String,
    /// `K8S_POD_UID`; older runtimes leave it out.
    pub uid: String,
}

impl Arguments {
    /// # Errors
    /// [`code::ENVIRONMENT`] for a pair without `=`, a key that comes twice, and a key this plugin does not know unless
    /// `IgnoreUnknown` is true (libcni's `types.LoadArgs`).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |what: String| Error::new(code::ENVIRONMENT, format!("CNI_ARGS: {what}"));
        let mut found = Self::default();
        let mut unknown = Vec::new();
        let mut tolerant = false;
        let mut seen = Vec::new();
        for pair in text.split(';').filter(|pair| !pair.is_empty()) {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| bad(format!("{pair:?} is not KEY=VALUE")))?;
            if seen.contains(&key) {
                return Err(bad(format!("{key} comes twice")));
            }
            seen.push(key);
            match key {
                "K8S_POD_NAME" => value.clone_into(&mut found.pod),
                "K8S_POD_NAMESPACE" => value.clone_into(&mut found.namespace),
                "K8S_POD_UID" => value.clone_into(&mut found.uid),
                // The container runtime's own name for the sandbox: CNI_CONTAINERID again.
                "K8S_POD_INFRA_CONTAINER_ID" => {}
                "IgnoreUnknown" => {
                    tolerant =
                        truth(value).ok_or_else(|| bad(format!("IgnoreUnknown={value:?}")))?
                }
                _ => unknown.push(key),
            }
        }
        if tolerant || unknown.is_empty() {
            return Ok(found);
        }
        Err(bad(format!("unknown: {}; set IgnoreUnknown=1 to allow them", unknown.join(", "))))
    }
}

/// libcni's `UnmarshallableBool`.
fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}
