//! Delete a key, once.

use std::sync::Arc;

use super::batch_item::BatchItem;
use super::get;
use super::key_ref::KeyRef;
use super::lookup::{Created, Sent};
use super::options::CallOptions;
use super::replication::{self, Awaited};
use crate::engine::{Call, CallFailure, Engine, NO_BODY};
use crate::error::Error;
use crate::http::{AttemptError, Cause, DecodeError};
use crate::key::{KeyId, KeyInfo};
use crate::node::Node;
use crate::operation::Operation;

/// A request to delete a key. Made by [`KeysClient::delete`](crate::KeysClient::delete).
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct DeleteKey {
    engine: Arc<Engine>,
    key: KeyRef,
    ignore_missing: bool,
    options: CallOptions,
}

impl DeleteKey {
    pub(crate) fn new(engine: Arc<Engine>, key: KeyRef) -> Self {
        Self { engine, key, ignore_missing: false, options: CallOptions::default() }
    }

    /// Whether deleting a missing key succeeds. Defaults to `false`: [`Error::NotFound`].
    pub fn ignore_missing(mut self, ignore_missing: bool) -> Self {
        self.ignore_missing = ignore_missing;
        self
    }

    call_methods!("the key is deleted, waits until it is gone");

    /// Deletes the key, and returns its id.
    ///
    /// If the response to an attempt is lost and the next attempt finds no such key, the lost attempt has deleted it (or
    /// none existed), and the call succeeds. If you gave a key, it succeeds only if this node has shown the key before.
    /// Another node may lag, so that it does not know the key yet: [`Error::OutcomeUnknown`].
    ///
    /// # Errors
    ///
    /// * [`Error::NotFound`] if no key has this id,
    /// * [`Error::AnotherKey`] if a key was given and its id belongs to another key,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:delete` or, if a key was given, `keys:get`,
    /// * [`Error::OutcomeUnknown`] if it is unknown whether the key is deleted (send the request again; if the key is then
    ///   not found, [list](crate::KeysClient::list) the keys, because a node may lag),
    /// * [`Error::NotReplicated`] if it is deleted but not every node agrees in time,
    /// * a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<KeyId, Error> {
        self.send_alone(&self.engine)
    }
}

impl BatchItem<KeyId> for DeleteKey {
    fn begin<'a>(&'a self, engine: &'a Engine) -> Result<Call<'a>, Error> {
        self.options.call(engine)
    }

    fn send_in(&self, call: Call<'_>) -> Result<Sent<KeyId>, Error> {
        let KeyRef { id, known } = &self.key;
        let id = *id;
        let result = call.guard(Operation::Delete(id), || match known {
            Some(key) => delete_known(call, key, None),
            None => deleted(call.send(Operation::Delete(id), NO_BODY, decode(id)), true),
        });
        match result {
            Err(Error::NotFound { .. }) if self.ignore_missing => {}
            result => result?,
        }
        replication::wait_for_all(call, Awaited::Gone(id), self.options.replicated_within, || None)?;
        Ok(Sent::Done(id))
    }

    /// Never called: a deletion looks for no key.
    fn proceed(&self, _: Call<'_>, created: Result<Sent<Created>, Error>) -> Result<Sent<KeyId>, Error> {
        created?.and_then(|created| Ok(created.key.id))
    }

    fn failed(&mut self, error: &Error) {
        // The key may be deleted, which stays true if the next call fails, too. A given key may be new to a node that lags.
        self.ignore_missing |= error.may_have_acted() && self.key.known.is_none();
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

/// Deletes `key`, as it was listed or created, and no other key: the only way to delete a key whose id is remembered.
///
/// The node that deletes it has just confirmed it. `kept`: the key that replaces it, which the node must have, too. If the
/// node does not have `key`, the result is [`Error::NotFound`], and with `kept`, another run has deleted it.
///
/// After a lost response, a node that does not have `key` may lag instead, if the key is new. So it is believed only if it has
/// shown the key, or has a newer `kept`.
pub(super) fn delete_known(call: Call<'_>, key: &KeyInfo, kept: Option<&KeyInfo>) -> Result<(), Error> {
    // If another client has listed it.
    let key = &call.secrets.hide_in(key.clone());
    let is_missing = |error: &AttemptError| error.typesense_status() == Some(404);
    // The node that has shown the key last, and whether the node that is asked would be believed.
    let (mut shown_by, mut is_believed) = (None, false);
    let attempt = |node: &Node, deadlines| {
        // A server that was restored or replaced counts its ids from an earlier number on.
        if kept.is_some_and(|kept| kept.id == key.id) {
            return Err(Cause::AnotherKey { id: key.id }.into());
        }
        let check = |key: &KeyInfo| {
            get::known_by(call, node, deadlines, key.id, |found| found.is_same_as(key)).map_err(|error| {
                let during = (!is_missing(&error)).then_some(Operation::Get(key.id));
                AttemptError { during, ..error }
            })
        };
        let found = check(key);
        if found.is_ok() {
            shown_by = Some(node.clone());
        }
        is_believed = shown_by.as_ref() == Some(node) || kept.is_some_and(|kept| kept.id > key.id);
        if let (Some(kept), true) = (kept, found.as_ref().err().is_none_or(is_missing)) {
            let or_another =
                |error| if is_missing(&error) { Cause::AnotherKey { id: kept.id }.into() } else { error };
            check(kept).map_err(or_another)?;
        }
        found?;
        call.attempt(node, Operation::Delete(key.id), NO_BODY, deadlines, decode(key.id))
    };
    let result = call.engine.run(Operation::Delete(key.id), call.deadline, attempt);
    deleted(result, is_believed)
}

/// Decodes the response to a request to delete key `id`.
fn decode(id: KeyId) -> impl Fn(&[u8]) -> Result<(), DecodeError> {
    #[derive(serde::Deserialize)]
    struct Body {
        id: KeyId,
        /// In the response to a request for the key, which an intermediary may take for the one to the deletion.
        actions: Option<serde::de::IgnoredAny>,
    }
    move |response| {
        let body: Body = serde_json::from_slice(response)?;
        if body.id == id && body.actions.is_none() { Ok(()) } else { Err(DecodeError::AnotherKey) }
    }
}

/// `is_gone`: whether a key that is missing after a lost response is deleted.
fn deleted(result: Result<(), Box<CallFailure>>, is_gone: bool) -> Result<(), Error> {
    match result {
        Err(failure) if is_gone && failure.is_already_applied() => Ok(()),
        result => Ok(result?),
    }
}
