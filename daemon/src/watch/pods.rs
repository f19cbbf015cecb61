//! The pods of this node, and who waits for one of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::follow::Change;
use super::slim;

/// Namespace and name of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// What we know of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) uid: String,
    /// The uid a kubelet uses for it when it is the mirror of a static pod.
    pub(crate) mirror: Option<String>,
    /// Those of networks.
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Pod {
    /// Whether the runtime means this pod by `uid`; a runtime that does not say means it.
    pub(crate) fn is(&self, uid: Option<&str>) -> bool {
        uid.is_none_or(|uid| self.uid == uid || self.mirror.as_deref() == Some(uid))
    }
}

/// The pods of this node. Cheap to clone; clones share the pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pods(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    pods: HashMap<Key, Pod>,
    waiting: HashMap<Key, watch::Sender<()>>,
}

impl Pods {
    /// The pod of that name.
    pub(crate) fn get(&self, key: &Key) -> Option<Pod> {
        self.state().pods.get(key).cloned()
    }

    /// Waits until `found` finds in the pod what it looks for. It is asked again only when this pod changes.
    pub(crate) async fn wait<T>(
        &self,
        key: &Key,
        mut found: impl FnMut(Option<&Pod>) -> Option<T>,
    ) -> T {
        let mut changes = {
            let mut state = self.state();
            if let Some(found) = found(state.pods.get(key)) {
                return found;
            }
            state.waiting.entry(key.clone()).or_default().subscribe()
        };
        let _forget = Forget { pods: self, key };
        loop {
            if changes.changed().await.is_err() {
                changes = self.state().waiting.entry(key.clone()).or_default().subscribe();
            }
            if let Some(found) = found(self.state().pods.get(key)) {
                return found;
            }
        }
    }

    /// Takes what the API server said.
    pub(crate) fn take(&self, change: Change<slim::Pod>) {
        let mut state = self.state();
        match change {
            Change::Apply(pod) => {
                let (key, pod) = read(pod);
                state.set(key, Some(pod));
            }
            Change::Delete(pod) => state.set(read(pod).0, None),
            Change::Reset(pods) => {
                let mut new: HashMap<Key, Pod> = pods.into_iter().map(read).collect();
                let gone: Vec<Key> =
                    state.pods.keys().filter(|key| !new.contains_key(key)).cloned().collect();
                for key in gone {
                    state.set(key, None);
                }
                for (key, pod) in new.drain() {
                    state.set(key, Some(pod));
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn set(&mut self, key: Key, pod: Option<Pod>) {
        if let Some(waiting) = self.waiting.get(&key) {
            waiting.send_replace(());
        }
        match pod {
            Some(pod) => self.pods.insert(key, pod),
            None => self.pods.remove(&key),
        };
    }
}

/// Drops a pod's list of those who wait with the last of them.
struct Forget<'a> {
    pods: &'a Pods,
    key: &'a Key,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        let mut state = self.pods.state();
        // The receiver of the one who drops this may still count.
        if state.waiting.get(self.key).is_some_and(|waiting| waiting.receiver_count() <= 1) {
            state.waiting.remove(self.key);
        }
    }
}

fn read(pod: slim::Pod) -> (Key, Pod) {
    let meta = pod.metadata;
    let key =
        Key { namespace: meta.namespace.unwrap_or_default(), name: meta.name.unwrap_or_default() };
    let mut annotations = meta.annotations.unwrap_or_default();
    let mirror = annotations.remove(slim::MIRROR);
    (key, Pod { uid: meta.uid.unwrap_or_default(), mirror, annotations })
}
