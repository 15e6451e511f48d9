//! Delete a key, once.

use std::sync::Arc;

use super::options::{CallOptions, replication_method, timeout_method};
use super::replication::{self, Wanted};
use crate::engine::{Call, Engine, NO_BODY};
use crate::error::Error;
use crate::http::DecodeError;
use crate::key::{KeyId, KeyInfo};
use crate::operation::Operation;

/// A request to delete a key. Made by [`KeysClient::delete`](crate::KeysClient::delete).
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct DeleteKey {
    engine: Arc<Engine>,
    id: KeyId,
    pub(super) ignore_missing: bool,
    options: CallOptions,
}

impl DeleteKey {
    pub(crate) fn new(engine: Arc<Engine>, id: KeyId) -> Self {
        Self { engine, id, ignore_missing: false, options: CallOptions::default() }
    }

    /// Whether deleting a missing key succeeds. Defaults to `false`: [`Error::NotFound`].
    pub fn ignore_missing(mut self, ignore_missing: bool) -> Self {
        self.ignore_missing = ignore_missing;
        self
    }

    replication_method!("the key is deleted, waits until it is gone");
    timeout_method!();

    /// Deletes the key, and returns its id.
    ///
    /// If the response to an attempt is lost and the next attempt finds no such key, the lost attempt has deleted it (or
    /// none existed), and the call succeeds.
    ///
    /// # Errors
    ///
    /// * [`Error::NotFound`] if no key has this id,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:delete`,
    /// * [`Error::OutcomeUnknown`] if it is unknown whether the key is deleted (deleting it again does no harm: ids are never
    ///   reused),
    /// * [`Error::NotReplicated`] if it is deleted but not every node agrees in time,
    /// * a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<KeyId, Error> {
        self.send_by(&self.engine)
    }

    /// Sends the request with `engine`, which may belong to another client.
    pub(super) fn send_by(&self, engine: &Engine) -> Result<KeyId, Error> {
        let &Self { engine: _, id, ignore_missing, options } = self;
        let delete = if ignore_missing { ensure_deleted } else { delete };
        let call = options.call(engine)?;
        delete(call, id)?;
        replication::wait_for_all(call, Wanted::Gone(id), options.replicated_within).map_err(Error::NotReplicated)?;
        Ok(id)
    }
}

/// Checks that `key` still works, before the keys that it replaces are deleted. It may have expired during the steps.
pub(super) fn check_replacement(key: &KeyInfo) -> Result<(), Error> {
    if key.is_expired() {
        let why = format!("has passed, so key {} replaces no key: delete it, and set a later expiry", key.id);
        return Err(Error::invalid("expires_at", why));
    }
    Ok(())
}

/// Deletes the key, if it exists.
pub(super) fn ensure_deleted(call: Call<'_>, id: KeyId) -> Result<(), Error> {
    match delete(call, id) {
        Err(Error::NotFound { .. }) => Ok(()),
        result => result,
    }
}

fn delete(call: Call<'_>, id: KeyId) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    struct Response {
        id: KeyId,
    }
    let decode = |body: &[u8]| {
        let response: Response = serde_json::from_slice(body)?;
        if response.id == id { Ok(()) } else { Err(DecodeError::AnotherKey) }
    };
    match call.send(Operation::Delete(id), NO_BODY, decode) {
        Err(failure) if failure.is_already_applied() => Ok(()),
        result => Ok(result?),
    }
}
