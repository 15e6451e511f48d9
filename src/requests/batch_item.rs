//! The requests that a batch sends.

use std::fmt::Debug;

use secrecy::SecretString;

use super::create::{CheckedCreate, CreateKey, PreparedCreate};
use super::delete::DeleteKey;
use super::lookup::{Lookup, Sent};
use super::rotate::{PreparedRotation, RotateKey};
use crate::engine::{CallFailure, Engine};
use crate::error::Error;
use crate::key::{CreatedKey, KeyId, KeyInfo};

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
    fn find_in(&mut self, engine: &Engine, lookup: Lookup, listed: &[KeyInfo]) -> Result<Sent<T>, Error>;

    /// The error about a key that no list contains. `failure`: that of the list, if it could not be read.
    fn unlisted(&self, lookup: Lookup, failure: Option<CallFailure>) -> Error;
}

/// A request of [`create_many`](crate::KeysClient::create_many): a [`CreateKey`] or a [`PreparedCreate`]. No user names
/// it, so it is public only for the bound of that method.
#[derive(Debug)]
pub struct CreateItem(pub(crate) Result<Box<dyn BatchItem<CreatedKey>>, Error>);

impl From<CreateKey> for CreateItem {
    fn from(request: CreateKey) -> Self {
        Self(request.check().map(|request| Box::new(request) as _))
    }
}

impl From<PreparedCreate> for CreateItem {
    fn from(request: PreparedCreate) -> Self {
        Self(Ok(Box::new(request.request)))
    }
}

impl BatchItem<CreatedKey> for CheckedCreate {
    fn is_repeatable(&self) -> bool {
        self.is_repeatable()
    }

    fn value(&self) -> Option<&SecretString> {
        self.value()
    }

    fn send_by(&mut self, engine: &Engine) -> Result<Sent<CreatedKey>, Error> {
        CheckedCreate::send_by(self, engine)
    }

    fn find_in(&mut self, engine: &Engine, lookup: Lookup, listed: &[KeyInfo]) -> Result<Sent<CreatedKey>, Error> {
        CheckedCreate::find_in(self, engine, lookup, listed)
    }

    fn unlisted(&self, lookup: Lookup, failure: Option<CallFailure>) -> Error {
        self.unlisted(lookup, failure)
    }
}

/// A request of [`rotate_many`](crate::KeysClient::rotate_many): a [`RotateKey`] or a [`PreparedRotation`]. No user names
/// it, so it is public only for the bound of that method.
#[derive(Debug)]
pub struct RotateItem(pub(crate) Result<Box<dyn BatchItem<CreatedKey>>, Error>);

impl From<RotateKey> for RotateItem {
    fn from(request: RotateKey) -> Self {
        Self(request.prepare().map(|request| Box::new(request) as _))
    }
}

impl From<PreparedRotation> for RotateItem {
    fn from(request: PreparedRotation) -> Self {
        Self(Ok(Box::new(request)))
    }
}

impl BatchItem<CreatedKey> for PreparedRotation {
    fn value(&self) -> Option<&SecretString> {
        Some(self.value())
    }

    fn send_by(&mut self, engine: &Engine) -> Result<Sent<CreatedKey>, Error> {
        PreparedRotation::send_by(self, engine, true)
    }

    fn find_in(&mut self, engine: &Engine, lookup: Lookup, listed: &[KeyInfo]) -> Result<Sent<CreatedKey>, Error> {
        PreparedRotation::find_in(self, engine, lookup, listed)
    }

    fn unlisted(&self, lookup: Lookup, failure: Option<CallFailure>) -> Error {
        self.unlisted(lookup, failure)
    }
}

impl BatchItem<KeyId> for DeleteKey {
    fn send_by(&mut self, engine: &Engine) -> Result<Sent<KeyId>, Error> {
        let result = DeleteKey::send_by(self, engine);
        // The key may be deleted, which stays true if the next call fails, too.
        self.ignore_missing |= result.as_ref().is_err_and(Error::may_have_acted);
        result.map(Sent::Done)
    }

    fn find_in(&mut self, engine: &Engine, _: Lookup, _: &[KeyInfo]) -> Result<Sent<KeyId>, Error> {
        BatchItem::send_by(self, engine) // not used: a deletion finds nothing
    }

    fn unlisted(&self, lookup: Lookup, _: Option<CallFailure>) -> Error {
        lookup.failure.into_error(None)
    }
}
