//! Create a key, once.

use std::sync::Arc;

use secrecy::SecretString;

use super::batch_item::BatchItem;
use super::create_once::{Earlier, Prior};
use super::lookup::{Created, Sent};
use super::new_key::NewKey;
use super::options::{
    CallOptions, KeySettings, autodelete_method, derived_value_method, expiry_methods, replication_method,
    scope_methods, timeout_method, value_method,
};
use super::replication::{self, Awaited};
use super::value::KeyValue;
use crate::engine::{Call, Engine};
use crate::error::Error;
#[cfg(doc)]
use crate::error::OutcomeUnknown;
use crate::expiry::Expiry;
use crate::key::CreatedKey;

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
    /// Because the earlier process may have created the key, every error of the call except [`Error::InvalidRequest`]
    /// contains the value, and [`may_have_acted`](Error::may_have_acted) is `true`. The request may be sent again after any
    /// of them; where this can help, [`is_retryable`](Error::is_retryable) is `true`.
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
        let request = self.check()?;
        request.send_alone(&request.engine)
    }

    pub(super) fn check(self) -> Result<CheckedCreate, Error> {
        let Self { engine, settings, value, options } = self;
        let mut key = NewKey::new(settings)?;
        key.set_value(value)?;
        Ok(CheckedCreate { engine, key, options, earlier: Earlier::default() })
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
    request: CheckedCreate,
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
    /// After `Ok`, the next call only gets the key, and after the server has refused a generated value as in use, it only
    /// looks for the key: if it was deleted since, its value is not created again.
    ///
    /// Do not call it from several threads at once. With a value of your own, only one of them gets the key, and the others
    /// get [`Error::Conflict`].
    ///
    /// # Errors
    ///
    /// As for [`CreateKey::send`]. [`Error::InvalidRequest`] if the expiry has passed before the first call. After `Ok`:
    /// [`Error::NotFound`] if the key was deleted since, [`Error::AnotherKey`] if its id belongs to another key, and
    /// [`Error::Unauthorized`] if the client's key lacks `keys:get`.
    pub fn send(&self) -> Result<CreatedKey, Error> {
        self.request.send_alone(&self.request.engine)
    }
}

/// A checked request to create a key.
#[derive(Debug)]
pub(super) struct CheckedCreate {
    engine: Arc<Engine>,
    key: NewKey,
    options: CallOptions,
    earlier: Earlier,
}

impl CheckedCreate {
    fn replicated(&self, call: Call<'_>, key: CreatedKey) -> Result<CreatedKey, Error> {
        let (info, call) = (key.info(), call.hiding(Some(&key.value)));
        let created = || Some(CreatedKey::new(info.clone(), key.value.clone()));
        replication::wait_for_all(call, Awaited::Known(&info), self.options.replicated_within, created)?;
        Ok(key)
    }
}

impl BatchItem<CreatedKey> for CheckedCreate {
    /// Whether sending the request again cannot create a second key.
    fn is_repeatable(&self) -> bool {
        self.key.value.known().is_some() || !self.earlier.may_have_created()
    }

    fn begin<'a>(&'a self, engine: &'a Engine) -> Result<Call<'a>, Error> {
        if !self.is_repeatable() {
            return Err(Error::invalid("value", "is generated by the server, which would create a second key"));
        }
        Ok(self.options.call(engine)?.hiding(self.key.value.known()))
    }

    fn send_in(&self, call: Call<'_>) -> Result<Sent<CreatedKey>, Error> {
        self.found(call, self.key.send(call, &self.earlier, Prior::default()))
    }

    fn found(&self, call: Call<'_>, found: Result<Sent<Created>, Error>) -> Result<Sent<CreatedKey>, Error> {
        self.earlier.noted(found)?.and_then(|created| self.replicated(call, created.key))
    }
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
