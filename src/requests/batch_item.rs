//! What a request has in common with the others that a batch can send.

use std::fmt::Debug;

use secrecy::SecretString;

use super::lookup::{Lookup, Sent};
use crate::engine::{CallFailure, Engine};
use crate::error::Error;
use crate::key::KeyInfo;

/// A checked request that a [`SendMany`](super::SendMany) can send.
pub(crate) trait BatchItem<T>: Debug + Send + Sync {
    /// Whether the request can be sent again after it has failed.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// The value of the key that the request creates.
    fn value(&self) -> Option<&SecretString> {
        None
    }

    /// Sends the request through `engine`, which may belong to another client.
    fn send_by(&mut self, engine: &Engine) -> Result<Sent<T>, Error>;

    /// Looks for the key of the request in a list that was read since.
    fn find_in(&mut self, _: &Engine, lookup: Lookup, _: &[KeyInfo]) -> Result<Sent<T>, Error> {
        Ok(Sent::ToFind(Box::new(lookup)))
    }

    /// The error about a key that no list contains. `failure`: that of the list, if it could not be read.
    fn unlisted(&self, lookup: Lookup, _failure: Option<CallFailure>) -> Error {
        lookup.failure.into_error(None)
    }
}
