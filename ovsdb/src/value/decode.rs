//! Values from the wire (RFC 7047 section 5.1): from bytes to values in one step, guided by the column's
//! type.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::{Atom, Real, Uuid, Value};
use crate::error::Error;
use crate::intern::Interner;
use crate::schema::{AtomType, ColumnType};

impl Value {
    /// Reads the wire form of a column of type `kind`.
    pub fn from_json(json: &serde_json::Value, kind: &ColumnType) -> Result<Self, Error> {
        ValueSeed { kind, interner: &mut Interner::default() }
            .deserialize(json)
            .map_err(|error| Error::Protocol(error.to_string()))
    }
}

/// Decodes one atom of a known type.
pub(crate) struct AtomSeed<'a> {
    pub(crate) kind: AtomType,
    pub(crate) interner: &'a mut Interner,
}

impl AtomSeed<'_> {
    fn mismatch<E: de::Error>(&self, found: de::Unexpected<'_>) -> E {
        E::invalid_type(found, &self.kind.name())
    }
}

impl<'de> DeserializeSeed<'de> for AtomSeed<'_> {
    type Value = Atom;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Atom, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AtomSeed<'_> {
    type Value = Atom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Atom, E> {
        match self.kind {
            AtomType::Boolean => Ok(Atom::Boolean(truth)),
            _ => Err(self.mismatch(de::Unexpected::Bool(truth))),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Atom, E> {
        match self.kind {
            AtomType::Integer => Ok(Atom::Integer(number)),
            AtomType::Real => Ok(Atom::Real(Real(number as f64))),
            _ => Err(self.mismatch(de::Unexpected::Signed(number))),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Atom, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) if self.kind == AtomType::Real => Ok(Atom::Real(Real(number as f64))),
            Err(_) => Err(self.mismatch(de::Unexpected::Unsigned(number))),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Atom, E> {
        match self.kind {
            AtomType::Real => Ok(Atom::Real(Real(number))),
            _ => Err(self.mismatch(de::Unexpected::Float(number))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Atom, E> {
        match self.kind {
            AtomType::String => Ok(Atom::String(self.interner.get(text))),
            _ => Err(self.mismatch(de::Unexpected::Str(text))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Atom, A::Error> {
        let Some(Tag::Uuid) = seq.next_element_seed(TagSeed(self.kind))?.map(|head| head.tag())
        else {
            return Err(self.mismatch(de::Unexpected::Seq));
        };
        uuid_after_tag(&mut seq).and_then(|uuid| end(&mut seq).map(|()| Atom::Uuid(uuid)))
    }
}

fn uuid_after_tag<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Uuid, A::Error> {
    seq.next_element()?.ok_or_else(|| de::Error::custom("a uuid without its text"))
}

fn end<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<(), A::Error> {
    match seq.next_element::<de::IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(de::Error::custom("more elements than the notation has")),
    }
}

enum Tag {
    Uuid,
    Set,
    Map,
}

/// The first element of an array: always a tag.
struct TagSeed(AtomType);

struct Head(Tag);

impl Head {
    fn tag(self) -> Tag {
        self.0
    }
}

impl<'de> DeserializeSeed<'de> for TagSeed {
    type Value = Head;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Head, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for TagSeed {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"set\", \"map\" or \"uuid\" before values of type {}", self.0.name())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Head, E> {
        match text {
            "uuid" if self.0 == AtomType::Uuid => Ok(Head(Tag::Uuid)),
            "set" => Ok(Head(Tag::Set)),
            "map" => Ok(Head(Tag::Map)),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }
}

/// Decodes a column's value: the scalar forms as `One`, sets and maps sorted.
pub(crate) struct ValueSeed<'a> {
    pub(crate) kind: &'a ColumnType,
    pub(crate) interner: &'a mut Interner,
}

impl ValueSeed<'_> {
    fn atom(&mut self) -> AtomSeed<'_> {
        AtomSeed { kind: self.kind.key.kind, interner: self.interner }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of type {}", self.kind.key.kind.name())
    }

    fn visit_bool<E: de::Error>(mut self, truth: bool) -> Result<Value, E> {
        self.atom().visit_bool(truth).map(Value::One)
    }

    fn visit_i64<E: de::Error>(mut self, number: i64) -> Result<Value, E> {
        self.atom().visit_i64(number).map(Value::One)
    }

    fn visit_u64<E: de::Error>(mut self, number: u64) -> Result<Value, E> {
        self.atom().visit_u64(number).map(Value::One)
    }

    fn visit_f64<E: de::Error>(mut self, number: f64) -> Result<Value, E> {
        self.atom().visit_f64(number).map(Value::One)
    }

    fn visit_str<E: de::Error>(mut self, text: &str) -> Result<Value, E> {
        self.atom().visit_str(text).map(Value::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let Self { kind, interner } = self;
        let missing = || de::Error::custom("a tag without its elements");
        let head = seq.next_element_seed(TagSeed(kind.key.kind))?.ok_or_else(missing)?;
        let value = match (head.tag(), &kind.value) {
            (Tag::Uuid, _) => Value::One(Atom::Uuid(uuid_after_tag(&mut seq)?)),
            (Tag::Set, _) => {
                let atoms = Atoms { kind: kind.key.kind, interner };
                Value::set(seq.next_element_seed(atoms)?.ok_or_else(missing)?)
            }
            (Tag::Map, Some(value)) => {
                let pairs = Pairs { key: kind.key.kind, value: value.kind, interner };
                Value::map(seq.next_element_seed(pairs)?.ok_or_else(missing)?)
            }
            (Tag::Map, None) => return Err(de::Error::custom("a map in a column that is none")),
        };
        end(&mut seq).map(|()| value)
    }
}

/// Decodes a set's value into its members in the order sent: nothing is sorted that goes into a hash set.
pub(crate) struct MembersSeed<'a> {
    pub(crate) kind: AtomType,
    pub(crate) interner: &'a mut Interner,
}

impl<'de> DeserializeSeed<'de> for MembersSeed<'_> {
    type Value = Vec<Atom>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Atom>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MembersSeed<'_> {
    type Value = Vec<Atom>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a set of {}", self.kind.name())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<Atom>, E> {
        Ok(vec![AtomSeed { kind: self.kind, interner: self.interner }.visit_i64(number)?])
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<Atom>, E> {
        Ok(vec![AtomSeed { kind: self.kind, interner: self.interner }.visit_u64(number)?])
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<Atom>, E> {
        Ok(vec![AtomSeed { kind: self.kind, interner: self.interner }.visit_str(text)?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Atom>, A::Error> {
        let missing = || de::Error::custom("a tag without its elements");
        let head = seq.next_element_seed(TagSeed(self.kind))?.ok_or_else(missing)?;
        let members = match head.tag() {
            Tag::Uuid => vec![Atom::Uuid(uuid_after_tag(&mut seq)?)],
            Tag::Set => {
                let atoms = Atoms { kind: self.kind, interner: self.interner };
                seq.next_element_seed(atoms)?.ok_or_else(missing)?
            }
            Tag::Map => return Err(de::Error::custom("a map in a column that is none")),
        };
        end(&mut seq).map(|()| members)
    }
}

/// The elements after `"set"`.
struct Atoms<'a> {
    kind: AtomType,
    interner: &'a mut Interner,
}

impl<'de> DeserializeSeed<'de> for Atoms<'_> {
    type Value = Vec<Atom>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Atom>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Atoms<'_> {
    type Value = Vec<Atom>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}", self.kind.name())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Atom>, A::Error> {
        let mut atoms = Vec::new();
        while let Some(atom) =
            seq.next_element_seed(AtomSeed { kind: self.kind, interner: self.interner })?
        {
            atoms.push(atom);
        }
        Ok(atoms)
    }
}

/// The elements after `"map"`.
struct Pairs<'a> {
    key: AtomType,
    value: AtomType,
    interner: &'a mut Interner,
}

impl<'de> DeserializeSeed<'de> for Pairs<'_> {
    type Value = Vec<(Atom, Atom)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Pairs<'_> {
    type Value = Vec<(Atom, Atom)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = seq.next_element_seed(Pair {
            key: self.key,
            value: self.value,
            interner: self.interner,
        })? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

struct Pair<'a> {
    key: AtomType,
    value: AtomType,
    interner: &'a mut Interner,
}

impl<'de> DeserializeSeed<'de> for Pair<'_> {
    type Value = (Atom, Atom);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_tuple(2, self)
    }
}

impl<'de> Visitor<'de> for Pair<'_> {
    type Value = (Atom, Atom);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key and a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let missing = || de::Error::custom("a pair of a map has two elements");
        let key = AtomSeed { kind: self.key, interner: self.interner };
        let key = seq.next_element_seed(key)?.ok_or_else(missing)?;
        let value = AtomSeed { kind: self.value, interner: self.interner };
        let value = seq.next_element_seed(value)?.ok_or_else(missing)?;
        end(&mut seq).map(|()| (key, value))
    }
}
