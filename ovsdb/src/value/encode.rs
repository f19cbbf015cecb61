//! Values to the wire (RFC 7047 section 5.1): a scalar, `["uuid", …]`, `["set", […]]` or `["map", […]]`.

use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::{Atom, Real, Value};

impl Serialize for Atom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Real(Real(number)) => serializer.serialize_f64(*number),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::String(text) => serializer.serialize_str(text),
            Self::Uuid(uuid) => ("uuid", uuid).serialize(serializer),
        }
    }
}

struct Members<'a>(&'a [Atom]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for atom in self.0 {
            seq.serialize_element(atom)?;
        }
        seq.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(atom) => atom.serialize(serializer),
            Self::Set(atoms) => ("set", Members(atoms)).serialize(serializer),
            Self::Map(pairs) => ("map", &pairs[..]).serialize(serializer),
        }
    }
}

impl Value {
    /// The wire form. An empty value is written as a set: writing one to a map column takes the schema,
    /// which [`crate::op::Encoder`] has.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("atoms and arrays have a JSON form")
    }
}
