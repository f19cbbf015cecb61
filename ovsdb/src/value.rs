//! Values of OVSDB columns in the shape the server's sets and maps have: sorted, compact, comparable.
//! They do not know their column; encoding and decoding that needs the column's type takes it.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use uuid::Uuid;

pub(crate) use decode::{MembersSeed, ValueSeed};

/// A float that can be a key: ordered and hashed by its bits' total order.
#[derive(Clone, Copy, Debug)]
pub struct Real(pub f64);

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Real {}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// One scalar (RFC 7047 section 5.1 `<atom>`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    Integer(i64),
    Real(Real),
    Boolean(bool),
    String(Arc<str>),
    Uuid(Uuid),
}

impl Atom {
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub fn as_int(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(truth) = self { Some(*truth) } else { None }
    }

    pub fn as_uuid(&self) -> Option<Uuid> {
        if let Self::Uuid(uuid) = self { Some(*uuid) } else { None }
    }
}

/// A column's value. A set of one is `One`, as on the wire; an empty set and an empty map are equal.
#[derive(Clone, Debug)]
pub enum Value {
    One(Atom),
    /// Sorted, without duplicates, never of length one.
    Set(Box<[Atom]>),
    /// Sorted by key, a key once.
    Map(Box<[(Atom, Atom)]>),
}

impl Value {
    /// No value: the empty set, and equal to the empty map.
    pub fn empty() -> Self {
        Self::Set(Box::default())
    }

    /// The set of `members`, in any order, duplicates dropped.
    pub fn set<T: Into<Atom>>(members: impl IntoIterator<Item = T>) -> Self {
        let mut members: Vec<Atom> = members.into_iter().map(Into::into).collect();
        members.sort_unstable();
        members.dedup();
        match members.pop() {
            Some(only) if members.is_empty() => Self::One(only),
            Some(last) => {
                members.push(last);
                Self::Set(members.into_boxed_slice())
            }
            None => Self::empty(),
        }
    }

    /// The map of `pairs`, in any order; of two pairs with one key the later counts.
    pub fn map<K: Into<Atom>, V: Into<Atom>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut pairs: Vec<(Atom, Atom)> =
            pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        // `dedup_by` keeps the former of two; the sort is stable, so swap the later one's value in.
        pairs.dedup_by(|later, former| {
            let same = later.0 == former.0;
            if same {
                std::mem::swap(later, former);
            }
            same
        });
        Self::Map(pairs.into_boxed_slice())
    }

    /// The atom, if there is exactly one.
    pub fn as_atom(&self) -> Option<&Atom> {
        if let Self::One(atom) = self { Some(atom) } else { None }
    }

    pub fn as_str(&self) -> Option<&str> {
        self.as_atom()?.as_str()
    }

    pub fn as_int(&self) -> Option<i64> {
        self.as_atom()?.as_int()
    }

    pub fn as_bool(&self) -> Option<bool> {
        self.as_atom()?.as_bool()
    }

    pub fn as_uuid(&self) -> Option<Uuid> {
        self.as_atom()?.as_uuid()
    }

    /// The members of a scalar or set, sorted; nothing for a map.
    pub fn atoms(&self) -> &[Atom] {
        match self {
            Self::One(atom) => std::slice::from_ref(atom),
            Self::Set(atoms) => atoms,
            Self::Map(_) => &[],
        }
    }

    /// The pairs of a map, sorted by key; nothing for a scalar or set.
    pub fn pairs(&self) -> &[(Atom, Atom)] {
        if let Self::Map(pairs) = self { pairs } else { &[] }
    }

    /// The string under a string key of a map.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_atom(key)?.as_str()
    }

    /// The value under a string key of a map; a clone of a string shares its allocation.
    pub fn get_atom(&self, key: &str) -> Option<&Atom> {
        let pairs = self.pairs();
        let at = pairs.binary_search_by(|(found, _)| match found {
            Atom::String(found) => (**found).cmp(key),
            Atom::Uuid(_) => Ordering::Greater,
            _ => Ordering::Less,
        });
        at.ok().map(|at| &pairs[at].1)
    }

    /// Whether `atom` is a member of the set, or the scalar itself.
    pub fn contains(&self, atom: &Atom) -> bool {
        self.atoms().binary_search(atom).is_ok()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of members or pairs.
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Set(atoms) => atoms.len(),
            Self::Map(pairs) => pairs.len(),
        }
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.atoms() == other.atoms() && self.pairs() == other.pairs()
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.atoms().cmp(other.atoms()).then_with(|| self.pairs().cmp(other.pairs()))
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.atoms().hash(state);
        self.pairs().hash(state);
    }
}

impl From<&str> for Atom {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<&String> for Atom {
    fn from(text: &String) -> Self {
        Self::String(text.as_str().into())
    }
}

impl From<String> for Atom {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Arc<str>> for Atom {
    fn from(text: Arc<str>) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Atom {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<i64> for Atom {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Atom {
    fn from(number: f64) -> Self {
        Self::Real(Real(number))
    }
}

impl From<Uuid> for Atom {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

impl From<&Atom> for Atom {
    fn from(atom: &Atom) -> Self {
        atom.clone()
    }
}

macro_rules! value_from {
    ($($scalar:ty),*) => {$(
        impl From<$scalar> for Value {
            fn from(scalar: $scalar) -> Self {
                Self::One(scalar.into())
            }
        }
    )*};
}

value_from!(&str, &String, String, Arc<str>, bool, i64, f64, Uuid, Atom);

impl<T: Into<Atom>> From<Option<T>> for Value {
    fn from(optional: Option<T>) -> Self {
        optional.map_or_else(Self::empty, |scalar| Self::One(scalar.into()))
    }
}
