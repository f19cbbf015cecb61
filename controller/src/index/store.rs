//! Objects of one kind by key, and what a change to them was.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Key;

/// A slim object: equal when nothing we use differs.
pub trait Object: Clone + PartialEq {
    /// Namespace and name.
    fn key(&self) -> Key;
}

/// What a watch says of one kind.
#[derive(Clone, Debug)]
pub enum Change<T> {
    /// The object is there, new or changed.
    Apply(T),
    /// The object is gone.
    Delete(Key),
    /// These are all; others are gone.
    Reset(Vec<T>),
}

/// An object that differs from before.
#[derive(Clone, Debug)]
pub(super) struct Changed<T> {
    pub(super) key: Key,
    pub(super) old: Option<T>,
    pub(super) new: Option<T>,
}

#[derive(Clone, Debug)]
pub(super) struct Store<T>(BTreeMap<Key, T>);

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Object> Store<T> {
    pub(super) fn get(&self, key: &Key) -> Option<&T> {
        self.0.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &T)> {
        self.0.iter()
    }

    /// Takes in a change; the objects that differ from before.
    pub(super) fn change(&mut self, change: Change<T>) -> Vec<Changed<T>> {
        match change {
            Change::Apply(object) => self.apply(object).into_iter().collect(),
            Change::Delete(key) => self.delete(key).into_iter().collect(),
            Change::Reset(objects) => {
                let mut gone: BTreeMap<Key, ()> =
                    self.0.keys().map(|key| (key.clone(), ())).collect();
                let mut changed = Vec::new();
                for object in objects {
                    gone.remove(&object.key());
                    changed.extend(self.apply(object));
                }
                changed.extend(gone.into_keys().filter_map(|key| self.delete(key)));
                changed
            }
        }
    }

    fn apply(&mut self, object: T) -> Option<Changed<T>> {
        let key = object.key();
        if self.0.get(&key) == Some(&object) {
            return None;
        }
        let old = self.0.insert(key.clone(), object.clone());
        Some(Changed { key, old, new: Some(object) })
    }

    fn delete(&mut self, key: Key) -> Option<Changed<T>> {
        let old = Some(self.0.remove(&key)?);
        Some(Changed { key, old, new: None })
    }
}

impl Key {
    pub(super) fn of(meta: &ObjectMeta) -> Self {
        let word = |word: &Option<String>| word.as_deref().unwrap_or_default().to_owned();
        Self::new(word(&meta.namespace), word(&meta.name))
    }
}
