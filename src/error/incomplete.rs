//! A call of several steps that came to a halt between two of them: which keys there are now.

use std::error::Error as StdError;
use std::fmt;

use secrecy::SecretString;

use super::Error;
use crate::{CreatedKey, KeyId};

/// A rotation, or an `ensure`, that was interrupted between its steps, or in the middle of one.
///
/// Nothing is undone, so that no key that may be in use is taken away. The text says which keys there are; the methods
/// say the same to a program.
#[derive(Debug)]
pub struct Incomplete {
    pub(crate) what: String,
    pub(crate) key: Option<CreatedKey>,
    pub(crate) left_over: Option<KeyId>,
    pub(crate) cause: Error,
}

impl Incomplete {
    /// The key that this call has made: it exists.
    #[must_use]
    pub fn key(&self) -> Option<&CreatedKey> {
        self.key.as_ref()
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_key(self) -> Option<CreatedKey> {
        self.key
    }

    /// The value of a key that this call may have made without learning of it.
    #[must_use]
    pub fn value(&self) -> Option<&SecretString> {
        match self.cause() {
            Error::OutcomeUnknown(unknown) if self.key.is_none() => unknown.value(),
            _ => None,
        }
    }

    /// The key that this call was to remove: it exists, or, where [`cause`](Self::cause) is
    /// [`Error::OutcomeUnknown`] about removing it, it may exist. `None` if it is gone.
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
