//! 64-bit values in JSON are hexadecimal strings, because JavaScript loses bits above 2^53.
//!
//! Use as `#[serde(with = "faultline_abi::hex")]` on a `u64`.

use core::fmt;

use serde::{Deserializer, Serializer, de};

/// Writes `value` as `"0x1a2b"`.
///
/// # Errors
/// Whatever the serializer reports.
pub fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:#x}"))
}

/// Reads `"0x1a2b"`.
///
/// # Errors
/// Where the text has no `0x`, is not hexadecimal, or does not fit 64 bits.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_str(HexVisitor)
}

/// Parses `0x1a2b` (upper or lower case digits, at most 64 bits).
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// The same for a number that may be absent.
pub mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Hex(#[serde(with = "super")] u64);

    /// Writes `value` as `"0x1a2b"` or `null`.
    ///
    /// # Errors
    /// Whatever the serializer reports.
    #[allow(clippy::ref_option, reason = "serde's `with` fixes the signature")]
    pub fn serialize<S: Serializer>(value: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Hex).serialize(serializer)
    }

    /// Reads `"0x1a2b"` or `null`.
    ///
    /// # Errors
    /// As for the number alone.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Ok(Option::<Hex>::deserialize(deserializer)?.map(|Hex(value)| value))
    }
}

struct HexVisitor;

impl de::Visitor<'_> for HexVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a 64-bit number as a hexadecimal string such as \"0x1a2b\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_a_prefixed_64_bit_number_parses() {
        assert_eq!(parse("0x0"), Some(0));
        assert_eq!(parse("0xffffffffffffffff"), Some(u64::MAX));
        for bad in ["", "0x", "12", "0x+1", "0x1ffffffffffffffff", "0xg", "-0x1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
