//! A key that differs from the request.

use std::fmt;

use serde::Serialize;

use super::Joined;
use crate::key::KeyInfo;

/// A key has the description given to [`ensure`](crate::KeysClient::ensure), but a different scope. Nothing was
/// changed.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "key {} (`{}`) differs from the request: {}; change the request, or use `replace_on_drift`",
    .key.id, .key.description.escape_debug(), Joined(.differences)
)]
pub struct Drift {
    pub(crate) key: Box<KeyInfo>,
    pub(crate) differences: Vec<Difference>,
}

impl Drift {
    /// The key, as the server has it.
    #[must_use]
    pub fn key(&self) -> &KeyInfo {
        &self.key
    }

    /// What differs.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}

/// One field in which a key differs from the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The key's field, by Typesense's name for it.
    pub field: &'static str,
    /// What the server has.
    pub found: String,
    /// What was requested.
    pub wanted: String,
}

/// `` `actions` is ["keys:get"], not ["documents:search"] ``
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, wanted } = self;
        write!(f, "`{field}` is {found}, not {wanted}")
    }
}
