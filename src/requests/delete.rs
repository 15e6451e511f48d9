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
    /// none existed), and the call succeeds.
    ///
    /// # Errors
    ///
    /// * [`Error::NotFound`] if no key has this id,
    /// * [`Error::AnotherKey`] if a key was given and its id belongs to another key,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:delete` or, if a key was given, `keys:get`,
    /// * [`Error::OutcomeUnknown`] if it is unknown whether the key is deleted (send the request again),
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
        let deleted = call.guard(Operation::Delete(id), || match known {
            Some(key) => delete_known(call, key, None).map(drop),
            None => to_deleted(call.send(Operation::Delete(id), NO_BODY, decode(id))).map(drop),
        });
        match deleted {
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
        // The key may be deleted, which stays true if the next call fails, too.
        self.ignore_missing |= error.may_have_acted();
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
/// Returns [`Deleted::Unseen`] if a node does not have `key` after a lost response.
pub(super) fn delete_known(call: Call<'_>, key: &KeyInfo, kept: Option<&KeyInfo>) -> Result<Deleted, Error> {
    let is_missing = |error: &AttemptError| error.typesense_status() == Some(404);
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
        if let (Some(kept), true) = (kept, found.as_ref().err().is_none_or(is_missing)) {
            let or_another =
                |error| if is_missing(&error) { Cause::AnotherKey { id: kept.id }.into() } else { error };
            check(kept).map_err(or_another)?;
        }
        found?;
        call.attempt(node, Operation::Delete(key.id), NO_BODY, deadlines, decode(key.id))
    };
    to_deleted(call.engine.run(Operation::Delete(key.id), call.deadline, attempt))
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

/// How it is known that a key is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    /// By a response.
    Confirmed,
    /// The response was lost, and then a node did not have the key. If the key is new, the node may lag instead.
    Unseen,
}

fn to_deleted(result: Result<(), Box<CallFailure>>) -> Result<Deleted, Error> {
    match result {
        Err(failure) if failure.is_already_applied() => Ok(Deleted::Unseen),
        result => Ok(result.map(|()| Deleted::Confirmed)?),
    }
}
