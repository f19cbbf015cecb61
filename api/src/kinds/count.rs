//! Numbers of addresses, which an IPv6 subnet has more of than a JSON integer can say.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many addresses. Written as an integer; above 2^63 - 1 that is written, the largest the API server keeps exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(i64);

impl Count {
    pub fn get(self) -> u64 {
        self.0.unsigned_abs()
    }
}

impl From<u128> for Count {
    fn from(number: u128) -> Self {
        Self(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Count {
    /// Takes any number: Kube-OVN writes whole IPv6 subnets digit by digit, and the API server hands those back as floats.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(from)?;
        if let Some(whole) = number.as_u64() {
            return Ok(u128::from(whole).into());
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, which is what is meant"
        )]
        let rounded = number.as_f64().map_or(0, |float| float as i64);
        Ok(Self(rounded.max(0)))
    }
}

impl JsonSchema for Count {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}
