//! Create a key, once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use secrecy::SecretString;

use super::new_key::NewKey;
use super::options::{
    CallOptions, KeySettings, autodelete_method, derived_value_method, expiry_methods, replication_method,
    scope_methods, timeout_method, value_method,
};
use super::replication::{self, Wanted};
use super::value::KeyValue;
use super::{get, list};
use crate::engine::{Call, CallFailure, Engine};
#[cfg(doc)]
use crate::error::OutcomeUnknown;
use crate::error::{Error, NotReplicated};
use crate::expiry::Expiry;
use crate::key::{CreatedKey, KeyId, KeyInfo};
use crate::operation::Operation;

/// How many times to read the list before concluding that the key with a given value is not listed.
pub(super) const ROUNDS_FOR_GIVEN: u32 = 6;

/// A request to create a key. Made by [`KeysClient::create`](crate::KeysClient::create).
///
/// At least one action and one collection are required. Description, actions and collections may have at most 128 KiB
/// of text in total, so that lists with the key remain readable.
///
/// By default, this crate generates the key's value from the operating system's random source, in the server's own
/// format. The request can therefore be repeated after a lost response, and still creates at most one key.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let client = server.client();
/// use typesense_keys::{Action, ExposeSecret};
///
/// let key = client
///     .create()
///     .description("nightly import")
///     .actions([Action::DOCUMENTS_IMPORT])
///     .collections(["docs", "prefix:blog_"])
///     .send()?;
/// assert_eq!(key.value.expose_secret().len(), 32);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct CreateKey {
    engine: Arc<Engine>,
    settings: KeySettings,
    value: KeyValue,
    options: CallOptions,
}

impl CreateKey {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, settings: KeySettings::default(), value: KeyValue::default(), options: CallOptions::default() }
    }

    /// Describes the purpose of the key for people who read a list of keys. Defaults to an empty text.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.settings.description = description.into();
        self
    }

    scope_methods!();
    value_method!();
    derived_value_method!();

    /// Sets the value that an earlier process has [prepared](Self::prepare) and stored for this key, so that this
    /// request completes the earlier one: it creates the key unless the earlier process has, and returns the key in
    /// both cases.
    ///
    /// The description, the actions, the collections and the expiry must be those of the earlier request. Otherwise,
    /// the key is not found: [`Error::OutcomeUnknown`], without candidates. An expiry given by
    /// [`expires_in`](Self::expires_in) may differ: the key keeps the one that it was created with.
    ///
    /// Only for a value that this crate has generated, and for this key alone. No other key has such a value, so that
    /// the key can be found in a list even if others have the same prefix: see the
    /// [contract](crate::guide::contract#a-listed-key-is-not-mistaken-for-a-new-one). Only the form of the value is
    /// checked: with another value of this form, the call may return the id of another key.
    ///
    /// Because the earlier process may have created the key, every error of the call contains the value, and
    /// [`may_have_acted`](Error::may_have_acted) is `true`. The request may be sent again after any of them; where this
    /// can help, [`is_retryable`](Error::is_retryable) is `true`.
    ///
    /// Once the key is known to exist, mark the stored value as done, and do not send it again: the value of a key that
    /// was deleted since would be created again.
    pub fn stored_value(mut self, value: impl Into<SecretString>) -> Self {
        self.value = KeyValue::Stored(value.into());
        self
    }

    /// Lets the server generate the value.
    ///
    /// Such a request cannot be repeated after a lost response: the call returns [`Error::OutcomeUnknown`], and a key
    /// may exist whose value nobody knows.
    pub fn server_generated(mut self) -> Self {
        self.value = KeyValue::ServerGenerated;
        self
    }

    expiry_methods!(settings.expiry, "never");
    autodelete_method!();
    replication_method!("the key is created, waits until it is known");
    timeout_method!();

    /// Checks the request and generates the value without sending anything, so that the value can be stored before
    /// the key exists: see [`PreparedCreate`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], also for a [`server_generated`](Self::server_generated) value;
    /// [`Error::RandomSource`].
    pub fn prepare(self) -> Result<PreparedCreate, Error> {
        let request = self.check()?;
        match request.key.value.known().cloned() {
            Some(value) => Ok(PreparedCreate { request, value }),
            None => {
                Err(Error::invalid("value", "is generated by the server, so it cannot be stored before: use `send`"))
            }
        }
    }

    /// Creates the key.
    ///
    /// If the response to an attempt is lost and the server then refuses the next attempt because the value is in use
    /// (409), the lost attempt has created the key. Its id is then looked up in a list, which requires `keys:list`. The
    /// [contract](crate::guide::contract#a-listed-key-is-not-mistaken-for-a-new-one) says which listed key is accepted.
    ///
    /// # Errors
    ///
    /// * [`Error::InvalidRequest`] or [`Error::RandomSource`], before anything is sent,
    /// * [`Error::Conflict`] if another key has this value,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:create`,
    /// * [`Error::OutcomeUnknown`], with the value, if it is unknown whether the key exists or which id it has: if
    ///   several listed keys may be it, with their ids as [candidates](OutcomeUnknown::candidates),
    /// * [`Error::NotReplicated`], with the key, if it exists but not every node knows it in time,
    /// * a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<CreatedKey, Error> {
        self.check()?.send()
    }

    pub(super) fn check(self) -> Result<CheckedCreate, Error> {
        let Self { engine, settings, value, options } = self;
        let mut key = NewKey::new(settings)?;
        key.set_value(value)?;
        Ok(CheckedCreate { engine, key, options, may_exist: AtomicBool::new(false), created: OnceLock::new() })
    }
}

/// A checked request to create a key whose value is known before the key exists. Made by [`CreateKey::prepare`].
///
/// Store the value, then send the request: even if this program crashes, no key exists whose value is lost. A later
/// process completes the request with [`stored_value`](CreateKey::stored_value).
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # let mut vault = Vec::new();
/// use typesense_keys::{KeysClient, SecretString};
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let request = || {
///     let request = client.create().description("docs");
///     request.actions(["documents:import"]).collections(["docs"])
/// };
///
/// let prepared = request().prepare()?;
/// vault.push(prepared.value().clone()); // stored before the key exists
/// let key = prepared.send()?;
///
/// // After a crash at any moment, a later process completes the request:
/// let stored: SecretString = vault.remove(0);
/// let same = request().stored_value(stored).send()?;
/// assert_eq!(same.id, key.id);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct PreparedCreate {
    pub(super) request: CheckedCreate,
    value: SecretString,
}

impl PreparedCreate {
    /// The key's value. It works once the key is created.
    #[must_use]
    pub fn value(&self) -> &SecretString {
        &self.value
    }

    /// The key's description.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.request.key.description
    }

    /// When the key stops working, by the server's clock: what a later process gives to
    /// [`expires_at`](CreateKey::expires_at).
    #[must_use]
    pub fn expires_at(&self) -> Expiry {
        self.request.key.expires_at
    }

    /// Creates the key. May be called again after any result, and still creates at most one key.
    ///
    /// After `Ok`, the next call only gets the key: if it was deleted since, its value is not created again.
    ///
    /// With a value of your own, do not call it from several threads at once: only one of them gets the key, and the
    /// others get [`Error::Conflict`].
    ///
    /// # Errors
    ///
    /// As for [`CreateKey::send`]. [`Error::InvalidRequest`] if the expiry has passed before the first call. After `Ok`:
    /// [`Error::NotFound`] if the key was deleted since, [`Error::AnotherKey`] if its id belongs to another key, and
    /// [`Error::Unauthorized`] if the client's key lacks `keys:get`.
    pub fn send(&self) -> Result<CreatedKey, Error> {
        self.request.send()
    }
}

/// A checked request to create a key.
#[derive(Debug)]
pub(super) struct CheckedCreate {
    engine: Arc<Engine>,
    key: NewKey,
    options: CallOptions,
    /// Whether an earlier call may have created the key.
    may_exist: AtomicBool,
    /// The id of the key that an earlier call has created.
    created: OnceLock<KeyId>,
}

impl CheckedCreate {
    fn send(&self) -> Result<CreatedKey, Error> {
        self.send_by(&self.engine)
    }

    /// Whether sending the request again cannot create a second key.
    pub(super) fn is_repeatable(&self) -> bool {
        self.key.value.known().is_some() || !self.may_exist.load(Ordering::Relaxed)
    }

    /// Sends the request with `engine`, which may belong to another client than the request.
    pub(super) fn send_by(&self, engine: &Engine) -> Result<CreatedKey, Error> {
        let Self { engine: _, key, options, may_exist, created } = self;
        let was_sent = may_exist.load(Ordering::Relaxed);
        if !self.is_repeatable() {
            return Err(Error::invalid("value", "is generated by the server, which would create a second key"));
        }
        let call = options.call(engine)?;
        let result = match created.get() {
            Some(id) => key.get(call, *id),
            None => key.create(call, Prior { may_exist: was_sent, others: &[] }).map(|created| created.key),
        };
        if matches!(result, Ok(_) | Err(Error::OutcomeUnknown(_))) {
            may_exist.store(true, Ordering::Relaxed);
        }
        let key = result?;
        created.get_or_init(|| key.id);
        if options.replicated_within.is_none() {
            return Ok(key); // without the copy that only the wait needs
        }
        let info = key.info();
        let known = Wanted::Known(&info);
        match replication::wait_for_all(call.hiding(Some(&key.value)), known, options.replicated_within) {
            Ok(()) => Ok(key),
            Err(lag) => Err(Error::NotReplicated(Box::new(NotReplicated { key: Some(key), ..*lag }))),
        }
    }
}

impl CreatedKey {
    /// A listed key, with its value.
    pub(super) fn new(info: KeyInfo, value: SecretString) -> Self {
        let KeyInfo { id, description, actions, collections, expires_at, autodelete, .. } = info;
        Self { id, value, description, actions, collections, expires_at, autodelete }
    }
}

/// What is known before a key is created.
#[derive(Clone, Copy)]
pub(super) struct Prior<'a> {
    /// Whether an earlier call of this process may have created it.
    pub(super) may_exist: bool,
    /// Keys that existed before, so that none of them is the new one.
    pub(super) others: &'a [KeyId],
}

/// A key that exists.
pub(super) struct Created {
    pub(super) key: CreatedKey,
    /// Whether the id comes from the response to the create. Otherwise, the key was found in a list by its prefix.
    pub(super) is_certain: bool,
}

impl NewKey {
    /// The key that an earlier call has created. It is not created again: it may have been deleted since.
    fn get(&self, call: Call<'_>, id: KeyId) -> Result<CreatedKey, Error> {
        let mut rounds = 0;
        loop {
            rounds += 1;
            let value = self.value.known();
            match (get::known(call.hiding(value), id, |found| self.may_be(found)), value) {
                (Ok(found), Some(value)) => return Ok(CreatedKey::new(found, value.clone())),
                // A node that lags does not know the key yet.
                (Err(failure), _) if failure.is_missing() && rounds < ROUNDS_FOR_GIVEN && call.pause(rounds) => {}
                (Err(failure), _) => return Err(failure.into()),
                (Ok(_), None) => return Err(Error::invalid("value", "is generated by the server")),
            }
        }
    }

    pub(super) fn create(&self, call: Call<'_>, prior: Prior<'_>) -> Result<Created, Error> {
        let call = call.hiding(self.value.known());
        call.guard(self.operation(), || self.create_unguarded(call, prior))
    }

    pub(super) fn operation(&self) -> Operation {
        Operation::Create { repeatable: self.value.known().is_some() }
    }

    fn create_unguarded(&self, call: Call<'_>, prior: Prior<'_>) -> Result<Created, Error> {
        let may_exist = prior.may_exist || self.value.may_be_in_use();
        if !prior.may_exist && self.expires_at.is_past() {
            return Err(Error::invalid("expires_at", "has passed since the request was checked: make a new one"));
        }
        let secret = self.value.known();
        match call.send(self.operation(), &self.to_json()?, |response| self.decode(response)) {
            Ok(key) => Ok(Created { key, is_certain: true }),
            Err(failure) if failure.is_already_applied() || self.is_created_by_conflict(&failure, may_exist) => {
                self.find(call, prior.others, *failure)
            }
            Err(failure) => {
                let earlier = secret.filter(|_| may_exist).cloned();
                Err(CallFailure { earlier, ..*failure }.into_error(secret))
            }
        }
    }

    /// Whether a 409 to the first attempt means that the key exists: an earlier call created it, or an intermediary
    /// such as a load balancer repeated the request.
    fn is_created_by_conflict(&self, failure: &CallFailure, may_exist: bool) -> bool {
        failure.last.typesense_status() == Some(409) && (may_exist || self.value.is_generated())
    }

    /// Finds the key in a list after the server has refused its value as in use.
    ///
    /// The node may lag behind the one that knows the key, so the list is read again until it contains the key.
    fn find(&self, call: Call<'_>, others: &[KeyId], conflict: CallFailure) -> Result<Created, Error> {
        let secret = self.value.known();
        let mut rounds = 0;
        let (what, candidates) = loop {
            rounds += 1;
            // The value may be that of any key that has the same prefix, whatever its description and scope.
            let holders = match list::all(call, |key| self.has_prefix_of(key)) {
                Ok(keys) => keys,
                Err(failure) => {
                    let what =
                        "the value is in use, but the key's id could not be looked up; its value is in this error";
                    let earlier = secret.filter(|_| self.value.may_be_in_use()).cloned();
                    let failure = CallFailure { earlier, ..conflict.followed_by(*failure) };
                    return Err(failure.into_outcome_unknown(what, secret, Vec::new()));
                }
            };
            // The caller's own value may belong to a key that existed before, of another description or scope.
            let is_proof = holders.len() == 1 || !self.value.is_provided();
            let new = |key: &KeyInfo| self.may_be(key) && !others.contains(&key.id);
            let mut new: Vec<_> = holders.into_iter().filter(new).collect();
            let candidates: Vec<_> = new.iter().map(|key| key.id).collect();
            match new.pop() {
                Some(found) if new.is_empty() && is_proof && found.is_expired() => {
                    break ("the key exists, but has expired; its value is in this error", candidates);
                }
                Some(found) => match secret {
                    Some(value) if new.is_empty() && is_proof => {
                        return Ok(Created { key: CreatedKey::new(found, value.clone()), is_certain: false });
                    }
                    _ => {
                        let what = "the value is in use, and several listed keys may have it; it is in this error";
                        break (what, candidates);
                    }
                },
                None => {
                    let is_last = !self.value.is_generated() && rounds >= ROUNDS_FOR_GIVEN;
                    if is_last || !call.pause(rounds) {
                        let what = match others {
                            [] => "the value is in use, but no new key of this scope is listed; it is in this error",
                            _ => {
                                "the value is in use, but no new key of this scope is listed; if it is that of an older \
                                 key, run `ensure` again, or rotate to another value; it is in this error"
                            }
                        };
                        break (what, candidates);
                    }
                }
            }
        };
        Err(conflict.into_outcome_unknown(what, secret, candidates))
    }
}
