//! Fields that this version does not know: kept as they are and written back.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::limits;

/// The fields of an object that this version does not know, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
pub struct Unknown(Vec<(String, Json)>);

/// Any JSON value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that is not negative.
    Unsigned(u64),
    /// A negative whole number.
    Signed(i64),
    /// Any other number: the bits of the `f64`.
    Float(u64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Unknown),
}

impl Unknown {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &[(String, Json)] {
        &self.0
    }

    /// How many values there are, and how deep the deepest lies.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        size(self.0.iter().map(|(_, value)| value))
    }
}

impl Json {
    fn size(&self) -> (usize, usize) {
        match self {
            Self::List(values) => size(values.iter()),
            Self::Object(fields) => fields.size(),
            _ => (0, 0),
        }
    }
}

fn size<'a>(values: impl Iterator<Item = &'a Json>) -> (usize, usize) {
    values
        .map(Json::size)
        .fold((0, 0), |(count, depth), (inside, deep)| (count + inside + 1, depth.max(deep + 1)))
}

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Signed(value) => serializer.serialize_i64(*value),
            Self::Float(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(fields) => Serialize::serialize(fields, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(Visitor)? {
            Json::Object(fields) => Ok(fields),
            _ => Err(de::Error::custom("not an object")),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(u64::try_from(value).map_or(Json::Signed(value), Json::Unsigned))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value.to_bits()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            few(list.len())?;
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(String, Json)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            if fields.iter().any(|(known, _)| *known == key) {
                return Err(de::Error::custom(format_args!("duplicate field `{key}`")));
            }
            few(fields.len())?;
            fields.push((key, entries.next_value()?));
        }
        Ok(Json::Object(Unknown(fields)))
    }
}

/// Refuses a list that gets too long while it is read.
fn few<E: de::Error>(length: usize) -> Result<(), E> {
    if length < limits::LIST {
        return Ok(());
    }
    Err(E::custom(format_args!(
        "a field that this version does not know has more than {} entries",
        limits::LIST
    )))
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Unknown {
    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Unknown".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": true })
    }
}
