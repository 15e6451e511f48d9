//! Members of a key that this crate does not know.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The unknown members of a key, as the text of a JSON object; `None` if there are none, as for nearly every key.
///
/// Parsed values would take many times the memory of their text, which a hostile server could exploit.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct UnknownMembers(Option<Box<str>>);

impl UnknownMembers {
    /// Their JSON; empty if there are none.
    pub(super) fn json(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    pub(super) fn with_json(&self, change: impl Fn(&str) -> String) -> Self {
        Self(self.0.as_deref().map(|json| change(json).into()))
    }

    pub(crate) fn to_map(&self) -> Map<String, Value> {
        self.0.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for UnknownMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        if members.is_empty() {
            return Ok(Self(None));
        }
        let json = serde_json::to_string(&members).map_err(D::Error::custom)?;
        Ok(Self(Some(json.into())))
    }
}

impl Serialize for UnknownMembers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

/// Only the names: a value could be a secret.
impl fmt::Debug for UnknownMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.to_map().keys()).finish()
    }
}
