//! Members of a key that this crate does not know.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The unknown members of a key, as the text of a JSON object; empty if there are none, as for nearly every key.
///
/// Parsed values would take many times the memory of their text, which a hostile server could exploit.
#[derive(Clone, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(from = "Map<String, Value>", into = "Map<String, Value>")]
pub(crate) struct UnknownMembers(pub(super) Box<str>);

impl From<Map<String, Value>> for UnknownMembers {
    fn from(members: Map<String, Value>) -> Self {
        if members.is_empty() { Self::default() } else { Self(Value::from(members).to_string().into()) }
    }
}

impl From<UnknownMembers> for Map<String, Value> {
    fn from(members: UnknownMembers) -> Self {
        serde_json::from_str(&members.0).unwrap_or_default()
    }
}

/// Only the names: a value could be a secret.
impl fmt::Debug for UnknownMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(Map::from(self.clone()).keys()).finish()
    }
}
