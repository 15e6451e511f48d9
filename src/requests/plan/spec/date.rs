//! The text of a date.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// How the crate `toml` shows a date that is not quoted: a map with this one member, whose value is the date's text.
const TOML_DATE: &str = "$__toml_private_datetime";

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Date>::deserialize(deserializer)?.map(|Date(text)| text))
}

struct Date(String);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyDate)
    }
}

struct AnyDate;

impl<'de> Visitor<'de> for AnyDate {
    type Value = Date;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in UTC such as \"2030-01-01T00:00:00Z\", in quotes, or \"never\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Date, E> {
        Ok(Date(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Date, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((name, text)) if name == TOML_DATE => Ok(Date(text)),
            _ => Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self)),
        }
    }
}
