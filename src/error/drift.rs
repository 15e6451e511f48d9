//! A key that is not, or no longer, what was asked for.

use std::fmt;

use super::List;
use crate::KeyInfo;

/// A key has the description that [`ensure`](crate::KeysClient::ensure) was given, but another scope.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "key {} (`{}`) is not as asked: {}; change what is asked, or say `replace_on_drift`",
    key.id, key.description.escape_debug(), List(differences)
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

    /// In what it differs.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}

/// One thing in which a key differs from what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The key's field, by Typesense's name for it.
    pub field: &'static str,
    /// What the server has.
    pub found: String,
    /// What was asked for.
    pub wanted: String,
}

/// `actions: ["keys:get"], not ["documents:search"]`
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, wanted } = self;
        write!(f, "`{field}` is {found}, not {wanted}")
    }
}
