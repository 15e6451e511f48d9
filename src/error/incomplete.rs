//! An interrupted call of several steps.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;

use secrecy::SecretString;

use super::Error;
use crate::key::{CreatedKey, KeyId};

/// A rotation or an `ensure` that was interrupted between its steps, or during one.
///
/// Nothing is undone, because a key that was created may be in use. The text says which keys exist, and the methods
/// tell the same to a program.
pub struct Incomplete {
    pub(crate) what: String,
    pub(crate) key: Option<CreatedKey>,
    pub(crate) left_over: Option<KeyId>,
    pub(crate) cause: Error,
    /// The remaining steps of a rotation. Their type is private to the module of that request.
    pub(crate) rest: Option<Box<dyn Any + Send + Sync>>,
}

impl Incomplete {
    /// The key that this call created. It exists.
    #[must_use]
    pub fn key(&self) -> Option<&CreatedKey> {
        self.key.as_ref()
    }

    /// The same, as an owned value.
    #[must_use]
    pub fn into_key(self) -> Option<CreatedKey> {
        self.key
    }

    /// The value of a key that this call may have created, if the response was lost.
    #[must_use]
    pub fn value(&self) -> Option<&SecretString> {
        match self.cause() {
            Error::OutcomeUnknown(unknown) if self.key.is_none() => unknown.value(),
            _ => None,
        }
    }

    /// The key whose deletion is all that is left to do. It exists, or may exist if [`cause`](Self::cause) is an
    /// [`Error::OutcomeUnknown`] about its deletion. `None` if it is deleted, or must stay until more is done.
    #[must_use]
    pub fn left_over(&self) -> Option<KeyId> {
        self.left_over
    }

    /// The error that interrupted the call, as an owned value.
    #[must_use]
    pub fn into_cause(self) -> Error {
        self.cause
    }

    /// The error that interrupted the call.
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
    /// The source of the cause, because this error's text already contains that of the cause.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}
