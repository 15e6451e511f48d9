//! Replace a key with a new one of the same scope, so that one of the two works at any time.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use secrecy::SecretString;

use super::batch_item::BatchItem;
use super::create_once::{Earlier, Prior};
use super::delete::{check_replacement, delete_known};
use super::key_ref::KeyRef;
use super::lookup::{Created, Sent};
use super::new_key::NewKey;
use super::options::CallOptions;
use super::replication::{self, Awaited};
use super::steps::interrupted;
use super::value::KeyValue;
use super::{get, list};
use crate::engine::{Call, CallFailure, Engine};
use crate::error::{CallReport, Error, Incomplete};
use crate::expiry::{Expires, Expiry};
use crate::key::{self, CreatedKey, KeyId, KeyInfo};
use crate::operation::Operation;

/// A request to replace a key with a new one that has the same description, actions, collections and expiry. Made by
/// [`KeysClient::rotate`](crate::KeysClient::rotate).
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # use std::time::Duration;
/// # use typesense_keys::KeysClient;
/// # fn deploy(_: &typesense_keys::CreatedKey) {}
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let create = client.create().actions(["documents:import"]);
/// let old = create.collections(["docs"]).send()?;
///
/// // The old key works until its users have the new one.
/// let new = client.rotate(&old).keep_old(true).send()?;
/// deploy(&new);
/// client.delete(&old).send()?;
/// # assert_eq!(client.list().send()?.len(), 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// If the program dies during [`send`](Self::send), a new key may exist whose value is lost. Where that matters,
/// [`prepare`](Self::prepare) the rotation, and store the new value before.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct RotateKey {
    engine: Arc<Engine>,
    key: KeyRef,
    value: KeyValue,
    expiry: Option<Expires>,
    keep_old: bool,
    accept_majority: bool,
    copy_unknown_members: bool,
    options: CallOptions,
}

impl RotateKey {
    pub(crate) fn new(engine: Arc<Engine>, key: KeyRef) -> Self {
        let (value, expiry, options) = Default::default();
        let [keep_old, accept_majority, copy_unknown_members] = [false; 3];
        Self { engine, key, value, expiry, keep_old, accept_majority, copy_unknown_members, options }
    }

    value_method!();

    /// Sets the value that an earlier process has [prepared](Self::prepare) and stored for this rotation, so that this
    /// request completes the earlier one, whatever it has done.
    ///
    /// Give the old key itself to [`rotate`](crate::KeysClient::rotate), as it was listed or created ([`KeyInfo`] can be
    /// stored as JSON). If it is deleted already, the new key is then found by the old one's description and scope and by
    /// its first four bytes. If you give only the id and the old key is gone, the call fails: with
    /// [`Error::OutcomeUnknown`] and the listed keys that begin like the value as
    /// [candidates](crate::error::OutcomeUnknown::candidates), or with [`Error::NotFound`] if there is none.
    ///
    /// Only for a value that this crate has generated, and for this rotation alone. Set [`keep_old`](Self::keep_old) and
    /// the expiry as in the earlier request; the same `expires_in` counts as the same expiry. The nodes are not checked
    /// before: an earlier process may have created the key. If the old key has `autodelete`, the new one is found, but not
    /// created.
    ///
    /// Every error of the call except [`Error::InvalidRequest`] contains the value, and
    /// [`may_have_acted`](Error::may_have_acted) is `true`: the request may be sent again after any of them.
    ///
    /// Once the rotation is completed, mark the stored value as done, and do not send it again: with `keep_old`, the value
    /// of a new key that was deleted since would be created again.
    pub fn stored_value(mut self, value: impl Into<SecretString>) -> Self {
        self.value = KeyValue::Stored(value.into());
        self
    }

    expiry_methods!(expiry, "that of the old key, which must not be past");

    /// Whether to keep the old key, so that the caller can [delete](crate::KeysClient::delete) it when it is no
    /// longer used. Defaults to `false`: the old key is deleted once every node knows the new one.
    pub fn keep_old(mut self, keep_old: bool) -> Self {
        self.keep_old = keep_old;
        self
    }

    /// Whether a majority of the client's nodes is enough: to be available at the start, and to know the new key
    /// before the old one is deleted. A key can then be rotated while a node is down. Defaults to `false`: every node
    /// is required.
    ///
    /// A node that was down refuses the new key until it has caught up.
    pub fn accept_majority(mut self, accept_majority: bool) -> Self {
        self.accept_majority = accept_majority;
        self
    }

    /// Whether to copy unknown members of the old key to the new one, unchanged. Defaults to `false`:
    /// [`Error::InvalidRequest`], which names the members. Newer servers may restrict a key with such members, and a
    /// replacement without them might allow more.
    ///
    /// The server's response must confirm the members: if the server ignores them, the rotation returns
    /// [`Error::Incomplete`] and keeps the old key.
    pub fn copy_unknown_members(mut self, copy_unknown_members: bool) -> Self {
        self.copy_unknown_members = copy_unknown_members;
        self
    }

    call_methods!("the old key is deleted (not with `keep_old`), waits until it is gone");

    /// Checks the value and the expiry, and generates the value, without sending anything, so that the value can be
    /// stored before the new key exists: see [`PreparedRotation`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], [`Error::RandomSource`].
    pub fn prepare(mut self) -> Result<PreparedRotation, Error> {
        let expires_at = self.expiry.map(Expires::check).transpose()?;
        self.value = self.value.check(None)?;
        let why = "is generated by the server, so that the rotation cannot be repeated";
        let value = self.value.known().cloned().ok_or_else(|| Error::invalid("value", why))?;
        let (old, others, earlier) = Default::default();
        Ok(PreparedRotation { request: self, value, expires_at, old, others, earlier })
    }

    /// Creates the new key, waits until every node knows it, deletes the old one, and returns the new one.
    ///
    /// Before anything is created, the old key is requested from every node, so that an unavailable node is noticed
    /// first. The timeout of the call includes the wait for the new key.
    ///
    /// The given [`value`](Self::value) must not be that of the old key. Otherwise the result is [`Error::Conflict`] or,
    /// if a response is lost, an [`Error::Incomplete`] that no repetition finishes. The same happens after a lost response
    /// if another key begins with the same four bytes: it cannot be told which key has the value.
    ///
    /// Two concurrent rotations of one key create two new keys; each call returns its own. The client's own key can be
    /// rotated, but the client is unusable afterwards, so do not use
    /// [`wait_for_replication`](Self::wait_for_replication).
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`] if a step failed after the new key was or may have been created, for example because the
    /// client's key lacks `keys:delete`: it says which keys exist and contains the new value. Give this value to
    /// [`stored_value`](Self::stored_value) to finish the rotation. After an error whose
    /// [`may_have_acted`](Error::may_have_acted) is `false`, nothing was changed:
    ///
    /// * [`Error::NodesUnavailable`] if a node is unavailable,
    /// * [`Error::NotFound`] if no key has this id,
    /// * [`Error::AnotherKey`] if a key was given and its id belongs to another key,
    /// * [`Error::InvalidRequest`] if a setting is invalid, if the old key has expired and no new expiry is given, or if
    ///   it has unknown members that are not [copied](Self::copy_unknown_members), or texts in which this client hides its
    ///   own key,
    /// * [`Error::RandomSource`],
    /// * [`Error::Conflict`] if another key has the given [`value`](Self::value),
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:get` or `keys:create` (or `keys:list`, with a value of
    ///   your own),
    /// * a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<CreatedKey, Error> {
        self.prepare()?.send()
    }
}

/// A rotation whose new value is known before the new key exists. Made by [`RotateKey::prepare`].
///
/// Store the value, then send the rotation: wherever this program is interrupted, no key exists whose value is lost. A
/// later process completes the rotation with [`stored_value`](RotateKey::stored_value).
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # let mut vault = Vec::new();
/// use typesense_keys::{KeyInfo, KeysClient, SecretString};
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let create = client.create().actions(["documents:import"]);
/// let old = create.collections(["docs"]).send()?.info();
///
/// let prepared = client.rotate(&old).prepare()?;
/// // Stored before the new key exists, with the key to replace.
/// vault.push((serde_json::to_string(&old)?, prepared.value().clone()));
/// let new = prepared.send()?;
///
/// // After a crash at any moment, a later process completes the rotation:
/// let (old, value): (String, SecretString) = vault.remove(0);
/// let old: KeyInfo = serde_json::from_str(&old)?;
/// let same = client.rotate(&old).stored_value(value).send()?;
/// assert_eq!(same.id, new.id);
/// # assert_eq!(client.list().send()?.len(), 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct PreparedRotation {
    request: RotateKey,
    value: SecretString,
    /// The expiry, if one is set.
    expires_at: Option<Expiry>,
    /// The old key, as it was first found.
    old: OnceLock<KeyInfo>,
    /// The keys of the same scope that existed before, if the value may be that of one of them.
    others: OnceLock<BTreeSet<KeyId>>,
    earlier: Earlier,
}

impl PreparedRotation {
    /// The value of the new key. It works once the new key is created.
    #[must_use]
    pub fn value(&self) -> &SecretString {
        &self.value
    }

    /// The old key, as it was given to [`rotate`](crate::KeysClient::rotate) or found by [`send`](Self::send).
    #[must_use]
    pub fn old(&self) -> Option<&KeyInfo> {
        self.old.get().or(self.request.key.known.as_deref())
    }

    /// Creates the new key, waits until every node knows it, deletes the old one, and returns the new one: see
    /// [`RotateKey::send`].
    ///
    /// May be called again after any result, and completes what the earlier calls have done. It still creates at most one
    /// key: if the server has once confirmed it or refused its value as in use, it is not created again. For a value of your
    /// own, see the [contract](crate::guide::contract#values-of-your-own).
    ///
    /// Do not call it from several threads at once.
    ///
    /// # Errors
    ///
    /// As for [`RotateKey::send`]. If an earlier call may have created the key, every error contains the value.
    pub fn send(&self) -> Result<CreatedKey, Error> {
        self.send_alone(&self.request.engine)
    }

    /// Creates the new key, or gets the one that an earlier call has created.
    fn create(&self, call: Call<'_>) -> Result<Sent<Created>, Error> {
        let KeyRef { id, known: _ } = self.request.key;
        let known = self.old();
        let may_exist = self.earlier.may_have_created() || self.request.value.may_be_in_use();
        let found = get::known(call, id, |found| known.is_none_or(|known| found.is_same_as(known)));
        let (old, too_late) = match (found, known) {
            (Ok(found), _) => (self.old.get_or_init(|| found), None),
            // The old key is deleted only after the new one exists.
            (Err(failure), Some(known)) if failure.is_missing() && may_exist => (known, Some(*failure)),
            (Err(failure), None) if failure.is_missing() && may_exist => return Err(self.guess(call, *failure)),
            (Err(failure), _) => {
                let earlier = may_exist.then(|| self.value.clone());
                return Err(CallFailure { earlier, ..*failure }.into_error(None));
            }
        };
        let key = self.new_key(old, may_exist)?;
        if !may_exist {
            replication::check_nodes(call, id, self.request.accept_majority)?;
        }
        // After a lost response, none of these keys can be the new one.
        let mut others = BTreeSet::from([id]);
        if key.value.is_provided() {
            if self.others.get().is_none() {
                let listed = list::all(call, &|listed| key.may_be(listed))?;
                self.others.get_or_init(|| listed.iter().map(|listed| listed.id).collect());
            }
            others.extend(self.others.get().into_iter().flatten());
        }
        let is_there = too_late.is_none();
        // A stored value may not be created again for such a key: see `CreateKey::autodelete`.
        let is_final = key.autodelete == Some(true) && self.request.value.may_be_in_use();
        let too_late = too_late.or_else(|| is_final.then(|| CallFailure::not_sent(key.operation())));
        let prior = Prior { may_exist, others, too_late };
        let sent = key.send(call, &self.earlier, prior);
        sent.map_err(|error| if is_there { self.explained(error) } else { error })
    }

    /// Says which keys there are if the new one may exist.
    fn explained(&self, error: Error) -> Error {
        let id = self.request.key.id;
        let is_about_old = |report: &CallReport| matches!(report.0.operation, Operation::Get(about) if about == id);
        // If the report is about the old key, that key is missing.
        if !error.may_have_acted() || error.report().is_some_and(is_about_old) {
            return error;
        }
        let what = match self.earlier.created() {
            Some(new) => {
                format!("key {id} is as it was, and key {new}, which was created to replace it, is not confirmed")
            }
            None => format!("key {id} is as it was, and a key to replace it may exist"),
        };
        Error::Incomplete(Box::new(Incomplete { what, key: None, left_over: None, cause: error }))
    }

    fn new_key(&self, old: &KeyInfo, may_exist: bool) -> Result<NewKey, Error> {
        let RotateKey { value, expiry, copy_unknown_members, .. } = &self.request;
        let mut key = NewKey::like(old, *copy_unknown_members)?;
        // A stored value was checked, and completes what an earlier process has begun.
        match value.may_be_in_use() {
            true => key.value = value.clone(),
            false => key.value = value.clone().check(key.autodelete)?,
        }
        if let Some(expires_at) = self.expires_at {
            key.expires_at = expires_at;
            key.expires_in = expiry.and_then(Expires::duration);
        } else if old.is_expired() && !may_exist {
            let why =
                format!("key {} has expired, and its replacement would have the same expiry: set a new one", old.id);
            return Err(Error::invalid("expires_at", why));
        }
        Ok(key)
    }

    /// The error if the old key is missing, and only its id is known: the new key may be any that begins as the value.
    fn guess(&self, call: Call<'_>, missing: CallFailure) -> Error {
        let value = Some(&self.value);
        let prefix = key::shown_prefix(&self.value);
        let (what, candidates) = match list::all(call, &|listed| listed.prefix == prefix) {
            Ok(keys) if keys.is_empty() => {
                return CallFailure { earlier: value.cloned(), ..missing }.into_error(None);
            }
            Ok(keys) => {
                let what = "the new key may exist: give the old key itself to `rotate`; the value is in this error";
                (what, keys.iter().map(|key| key.id).collect())
            }
            Err(_) => ("the new key may exist, but could not be looked up; its value is in this error", Vec::new()),
        };
        missing.into_outcome_unknown(what, value, candidates)
    }

    /// The new key exists: replaces the old one.
    fn finish(&self, call: Call<'_>, created: Created) -> Result<CreatedKey, Error> {
        let Some(old) = self.old() else { return Ok(created.key) }; // it was found before the new key was created
        let RotateKey { keep_old, accept_majority, options, .. } = &self.request;
        let info = created.key.info();
        let mut is_deleted = false;
        let replaced = call.guard(Operation::Delete(old.id), || {
            replication::wait(call, Awaited::Known(&info), *accept_majority).map_err(Error::NotReplicated)?;
            if *keep_old {
                return Ok(());
            }
            check_replacement(&info)?;
            match delete_known(call, old, Some(&info)) {
                // Another rotation, or an earlier call, has deleted it.
                Ok(()) | Err(Error::NotFound { .. }) => is_deleted = true,
                Err(cause) => return Err(cause),
            }
            replication::wait_for_all(call, Awaited::Gone(old.id), options.replicated_within, || None)
        });
        let Err(cause) = replaced else { return Ok(created.key) };
        let [deleted, to_delete]: [&[_]; 2] = match is_deleted {
            true => [&[old], &[]],
            false if *keep_old => [&[], &[]],
            false => [&[], &[old]],
        };
        Err(interrupted(Some(created), deleted, to_delete, cause))
    }
}

impl BatchItem<CreatedKey> for PreparedRotation {
    fn begin<'a>(&'a self, engine: &'a Engine) -> Result<Call<'a>, Error> {
        Ok(self.request.options.call(engine)?.hiding(Some(&self.value)))
    }

    fn send_in(&self, call: Call<'_>) -> Result<Sent<CreatedKey>, Error> {
        let sent = call.guard(Operation::Create { repeatable: true }, || self.create(call))?;
        sent.and_then(|created| self.finish(call, created))
    }

    fn proceed(&self, call: Call<'_>, created: Result<Sent<Created>, Error>) -> Result<Sent<CreatedKey>, Error> {
        let created = self.earlier.noted(created).map_err(|error| self.explained(error))?;
        created.and_then(|created| self.finish(call, created))
    }
}
