//! See to it that there is one key of a description, with a given scope: for scripts that run again and again.

mod decision;
mod run;

use std::time::Duration;

use secrecy::SecretString;

use self::run::Run;
use super::new_key::NewKey;
use super::replication::{self, Wanted};
use super::settings::{Settings, scope_methods, value_methods};
use crate::{CreatedKey, Error, KeyId, KeyInfo, KeysClient, NotReplicated};

/// A request to have one key of a description, with a given scope. Made by [`KeysClient::ensure`].
///
/// It is for deploy and build scripts, which run again and again, and sometimes twice at once:
///
/// | what is there | what happens |
/// |---|---|
/// | a key of this description and scope | it is left alone |
/// | none of this description | one is created |
/// | one of this description and another scope | [`Error::Drift`]; with [`replace_on_drift`](Self::replace_on_drift), it is replaced |
/// | one that has expired | it is replaced, as it opens nothing |
///
/// The scope is the actions and collections, in whatever order, and the expiry: never; or the very moment given by
/// [`expires_at`](Self::expires_at); or, with [`expires_in`](Self::expires_in), any to come that is no further away.
///
/// **The value.** Only the run that creates the key learns a value that was drawn: it must store it. With
/// [`value`](Self::value), every run knows it, and the server itself sees to it that there is no second key.
///
/// **Runs at the same time.** Of several keys that runs have created at once, the one with the lowest id stays; the
/// other runs delete theirs and return that one. Runs that ask for *different* scopes under one description take each
/// other's for drift.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// use typesense_keys::KeysClient;
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let ensure = || client.ensure("docs site").actions(["documents:search"]).collections(["docs"]);
///
/// let first = ensure().send()?;
/// assert!(first.created);
/// let second = ensure().send()?;
/// assert!(!second.created && second.key.id == first.key.id);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct EnsureKey {
    client: KeysClient,
    settings: Settings,
    replace_on_drift: bool,
    timeout: Option<Duration>,
    replicated_within: Option<Duration>,
}

/// What an [`EnsureKey`] has seen to.
#[derive(Debug)]
#[non_exhaustive]
pub struct EnsuredKey {
    /// The key that there is now.
    pub key: KeyInfo,
    /// Its value, if this run has created it or was given it.
    pub value: Option<SecretString>,
    /// Whether this run has created it.
    pub created: bool,
    /// The keys that this run has deleted because this one replaces them.
    pub replaced: Vec<KeyId>,
}

scope_methods!(EnsureKey);
value_methods!(EnsureKey, "never");

impl EnsureKey {
    pub(crate) fn new(client: KeysClient, description: String) -> Self {
        let settings = Settings { description, ..Settings::default() };
        Self { client, settings, replace_on_drift: false, timeout: None, replicated_within: None }
    }

    /// Replaces a key of this description that has another scope: the new one is live on every node before the old
    /// one is deleted, unless both are to have the same [`value`](Self::value), which the server allows only one after
    /// the other. Defaults to [`Error::Drift`].
    pub fn replace_on_drift(mut self) -> Self {
        self.replace_on_drift = true;
        self
    }

    /// How long this may take in all. Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// At last, waits until every node of the client knows the key, for at most `limit`. Defaults to no waiting.
    pub fn wait_for_replication(mut self, limit: Duration) -> Self {
        self.replicated_within = Some(limit);
        self
    }

    /// Looks for the key, and creates or replaces it where that is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Drift`] if the key has another scope, [`Error::InvalidRequest`] before anything is sent,
    /// [`Error::Conflict`] if a key of another description has the value, [`Error::Unauthorized`] if the client's key
    /// lacks one of `keys:list`, `keys:create`, `keys:delete` and `keys:get`, [`Error::Incomplete`], which says which
    /// keys there are, if it was interrupted between two steps, [`Error::OutcomeUnknown`], with the value, if it cannot
    /// be told whether a key was created, [`Error::NotReplicated`], with the key if this run has created it, if not every
    /// node knows it in time, or what keeps a call from coming through: see [`Error`]. After all of them
    /// it is safe to run it again.
    pub fn send(self) -> Result<EnsuredKey, Error> {
        let Self { client, settings, replace_on_drift, timeout, replicated_within } = self;
        let deadline = client.deadline(timeout);
        if settings.description.trim().is_empty() {
            return Err(Error::invalid("description", "is empty: it is what the key is known by"));
        }
        let expiry = settings.expiry;
        let wanted = NewKey::try_from(settings)?;
        let run = Run::new(&client, wanted, expiry, replace_on_drift, deadline);
        let ensured = run.finish()?;
        if let Some(limit) = replicated_within {
            let EnsuredKey { key: KeyInfo { id, .. }, value, .. } = &ensured;
            if let Err(lag) = replication::wait(&client, *id, Wanted::Present, limit, value.as_ref()) {
                let EnsuredKey { key, value, created, .. } = ensured;
                // No later run could tell the value.
                let key = value.filter(|_| created).map(|value| CreatedKey::new(key, value));
                return Err(Error::NotReplicated(Box::new(NotReplicated { key, ..*lag })));
            }
        }
        Ok(ensured)
    }
}
