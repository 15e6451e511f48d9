//! A call of several steps that was interrupted: which keys exist now.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;

use secrecy::SecretString;

use super::Error;
use crate::key::{CreatedKey, KeyId};

/// A rotation, or an `ensure`, that was interrupted between its steps, or in the middle of one.
///
/// Nothing is undone, so that no key is deleted that may be in use. The text says which keys exist; the methods say the
/// same to a program.
pub struct Incomplete {
    pub(crate) what: String,
    pub(crate) key: Option<CreatedKey>,
    pub(crate) left_over: Option<KeyId>,
    pub(crate) cause: Error,
    /// The steps that are left of a rotation; its type belongs to the module of that request.
    pub(crate) rest: Option<Box<dyn Any + Send + Sync>>,
}

impl Incomplete {
    /// The key that this call has created: it exists.
    #[must_use]
    pub fn key(&self) -> Option<&CreatedKey> {
        self.key.as_ref()
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_key(self) -> Option<CreatedKey> {
        self.key
    }

    /// The value of a key that this call may have created: the response was lost.
    #[must_use]
    pub fn value(&self) -> Option<&SecretString> {
        match self.cause() {
            Error::OutcomeUnknown(unknown) if self.key.is_none() => unknown.value(),
            _ => None,
        }
    }

    /// The key that this call was to delete. It exists; or it may exist, if [`cause`](Self::cause) is an
    /// [`Error::OutcomeUnknown`] about its deletion. `None` if it is deleted.
    #[must_use]
    pub fn left_over(&self) -> Option<KeyId> {
        self.left_over
    }

    /// What interrupted the call, to keep.
    #[must_use]
    pub fn into_cause(self) -> Error {
        self.cause
    }

    /// What interrupted the call.
    #[must_use]
    pub fn cause(&self) -> &Error {
        &self.cause
    }
}

impl fmt::Debug for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, key, left_over, cause, rest: _ } = self;
        f.debug_struct("Incomplete")
            .field("what", what)
            .field("key", key)
            .field("left_over", left_over)
            .field("cause", cause)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.cause)
    }
}

impl StdError for Incomplete {
    /// Of the cause: its own text is in this error's.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}
