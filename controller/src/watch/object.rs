//! What the API server sends, and how the index's objects come of it.

use std::borrow::Cow;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Something the API server sends of which the index's `O` can be made.
pub(super) trait Readable<O> {
    /// # Errors
    /// Why it cannot.
    fn read(self) -> Result<O, String>;
}

/// An object of a kind built into the API server: it was checked there, whole and typed.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Whole<K>(K);

impl<K, O> Readable<O> for Whole<K>
where
    O: for<'a> From<&'a K>,
{
    fn read(self) -> Result<O, String> {
        Ok(O::from(&self.0))
    }
}

impl<K: Resource> Resource for Whole<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &K::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &K::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

/// An object of a kind of our own, whose definition in the cluster may be older or newer than this program: when it does
/// not fit, its name is still known.
#[derive(Clone, Debug)]
pub(super) struct Guarded<K> {
    meta: ObjectMeta,
    object: Result<K, String>,
}

#[derive(Deserialize)]
struct OnlyMeta {
    metadata: ObjectMeta,
}

impl<'de, K: DeserializeOwned + Resource> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(from)?;
        match serde_json::from_str::<K>(text.get()) {
            Ok(object) => Ok(Self { meta: object.meta().clone(), object: Ok(object) }),
            Err(error) => {
                let only: OnlyMeta = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
                Ok(Self { meta: only.metadata, object: Err(error.to_string()) })
            }
        }
    }
}

impl<K, O> Readable<O> for Guarded<K>
where
    O: for<'a> From<&'a K>,
{
    fn read(self) -> Result<O, String> {
        self.object.map(|object| O::from(&object))
    }
}

impl<K: Resource<Scope = ClusterResourceScope>> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &K::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &K::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}
