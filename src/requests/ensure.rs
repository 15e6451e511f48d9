//! Ensure that a key with a description and scope exists, for scripts that run again and again.

mod run;
mod survey;

use std::sync::Arc;

use secrecy::SecretString;

use self::run::Run;
use super::new_key::{NewKey, Origin};
use super::options::{CallOptions, KeySettings, replication_method, scope_methods, timeout_method, value_methods};
use super::replication::{self, Wanted};
use crate::engine::Engine;
use crate::error::{Error, NotReplicated};
use crate::key::{CreatedKey, KeyId, KeyInfo};

/// A request that ensures that a key with a description and scope exists. Made by
/// [`KeysClient::ensure`](crate::KeysClient::ensure).
///
/// It is for deploy and build scripts, which run again and again, and sometimes twice at once:
///
/// | keys of this description | what happens |
/// |---|---|
/// | one with this scope | it is left alone |
/// | several with this scope | the one with the lowest id is returned, the others are reported |
/// | none | one is created |
/// | one with another scope | [`Error::Drift`]; with [`replace_on_drift`](Self::replace_on_drift), it is replaced |
/// | one that has expired | one is created beside it |
///
/// Every run lists all keys. The description must not be empty. The scope is the actions and collections, in any order;
/// `autodelete`, if it is set; and the expiry: never; or the very moment given by [`expires_at`](Self::expires_at); or,
/// with [`expires_in`](Self::expires_in), any future moment that is no further away. Another [`value`](Self::value) than
/// the one given counts as another scope.
///
/// **The value.** Only the run that creates the key learns a value that was generated: it must store it. With
/// [`value`](Self::value), every run knows it, and the server accepts it once. A list shows the first 4 bytes of a value,
/// so a run tries to create the key, and takes a listed one for it only if the server says that the value is in use, and
/// no other key of this description and scope has a value that begins alike.
///
/// **Several runs at once.** Of several keys that runs have created, the one with the lowest id stays. The other runs
/// delete theirs and return that one; a run that has lost the response to its create keeps its own key, and reports the
/// other. Runs that ask for *different* scopes under one description report each other's
/// keys as drift.
///
/// **Deletions.** A run deletes nothing but a key that it has created itself and, where the value is generated: with
/// `replace_on_drift`, keys that were listed with another scope before it created anything; and keys that expired more
/// than a day ago. Whatever else it saw is in [`EnsuredKey::duplicates`].
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
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct EnsureKey {
    engine: Arc<Engine>,
    settings: KeySettings,
    replace_on_drift: bool,
    options: CallOptions,
}

/// The result of an [`EnsureKey`].
#[derive(Debug)]
#[non_exhaustive]
pub struct EnsuredKey {
    /// The key that exists.
    pub key: KeyInfo,
    /// Its value, if this run has created it or was given it.
    pub value: Option<SecretString>,
    /// Whether this run has created it. With a [`value`](EnsureKey::value) of your own, `false` also where a response
    /// was lost and the key was then found in a list.
    pub created: bool,
    /// The keys that this run has deleted because this one replaces them.
    pub replaced: Vec<KeyId>,
    /// Other keys of this description, whatever their scope, that this run saw and left. They may be left over from a
    /// run that was interrupted.
    pub duplicates: Vec<KeyId>,
}

scope_methods!(EnsureKey);
value_methods!(EnsureKey, "never");
timeout_method!(EnsureKey);
replication_method!(EnsureKey, "everything else, waits until the key is known");

impl EnsureKey {
    pub(crate) fn new(engine: Arc<Engine>, description: String) -> Self {
        let settings = KeySettings { description, ..KeySettings::default() };
        Self { engine, settings, replace_on_drift: false, options: CallOptions::default() }
    }

    /// Whether to replace a key of this description that has another scope, and to delete those that an interrupted
    /// replacement has left beside a key with this scope. Every node knows the new key before an old one is deleted.
    /// Defaults to `false`: [`Error::Drift`].
    ///
    /// A key with [members that this crate does not know](KeyInfo::unknown_members) is never replaced: they may restrict
    /// it, and the new key might open more.
    ///
    /// Cannot be combined with [`value`](Self::value): the server accepts a value once, so the old key would have to be
    /// deleted first, and it is known only by its first 4 bytes.
    pub fn replace_on_drift(mut self, replace_on_drift: bool) -> Self {
        self.replace_on_drift = replace_on_drift;
        self
    }

    /// Looks for the key, and creates or replaces it if needed.
    ///
    /// # Errors
    ///
    /// It is safe to run it again after any error. With these, nothing was changed:
    ///
    /// * [`Error::Drift`] if the key has another scope,
    /// * [`Error::InvalidRequest`], before anything is sent,
    /// * [`Error::Conflict`] if another key has the value,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:list`, `keys:create`, `keys:delete` or `keys:get`,
    /// * [`Error::NodesUnavailable`] if a node cannot be asked before a key is replaced,
    /// * what prevents a call: see [`Error`].
    ///
    /// With these, a key may have been created or deleted:
    ///
    /// * [`Error::Incomplete`] if the run was interrupted after a change: it says which keys exist, and carries the new one,
    /// * [`Error::OutcomeUnknown`], with the value, if it is unknown whether the key exists,
    /// * [`Error::NotReplicated`], with the key if this run has created it, if not every node knows it in time.
    pub fn send(self) -> Result<EnsuredKey, Error> {
        let Self { engine, settings, replace_on_drift, options } = self;
        if settings.description.trim().is_empty() {
            return Err(Error::invalid("description", "is empty: `ensure` finds the key by it"));
        }
        let expiry = settings.expiry;
        let key = NewKey::try_from(settings)?;
        if replace_on_drift && key.origin == Origin::Provided {
            let why = "cannot be combined with `value`, as the old key would have to be deleted before the new one exists: \
                       leave `value` out, or delete the old key by its id, or give the new key another description";
            return Err(Error::invalid("replace_on_drift", why));
        }
        let deadline = engine.deadline(options.timeout);
        let ensured = Run::new(&engine, &key, expiry, replace_on_drift, deadline).finish()?;
        let Some(limit) = options.replicated_within else {
            return Ok(ensured);
        };
        let EnsuredKey { key, value, .. } = &ensured;
        match replication::wait(&engine, Wanted::Known(key), value.as_ref(), engine.deadline(Some(limit)), None) {
            Ok(()) => Ok(ensured),
            Err(lag) => {
                let EnsuredKey { key, value, created, .. } = ensured;
                // No later run could tell the value.
                let key = value.filter(|_| created).map(|value| CreatedKey::new(key, value));
                Err(Error::NotReplicated(Box::new(NotReplicated { key, ..*lag })))
            }
        }
    }
}
