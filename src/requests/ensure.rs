//! Ensure that a key with a description and scope exists, for scripts that run repeatedly.

use std::sync::Arc;

use secrecy::SecretString;

use super::list;
use super::lookup::ROUNDS_FOR_GIVEN;
use super::options::{CallOptions, KeySettings};
use super::steps::{EnsuredKey, Steps, drift, interrupted};
use super::survey::{Change, Succession, Target};
use super::value::KeyValue;
use crate::engine::{Call, Engine};
use crate::error::Error;
use crate::key::KeyInfo;

/// A request that ensures that a key with a description and scope exists. Made by
/// [`KeysClient::ensure`](crate::KeysClient::ensure).
///
/// It is meant for deployment and build scripts, which run repeatedly and sometimes concurrently:
///
/// | keys with this description | result |
/// |---|---|
/// | one with this scope | it is kept |
/// | several with this scope | the one with the lowest id is returned, the others are reported |
/// | none | one is created |
/// | one with a different scope | [`Error::Drift`]; with [`replace_on_drift`](Self::replace_on_drift), it is replaced |
/// | one that expires soon | a new one is created beside it: see [`renew_before`](Self::renew_before) |
/// | one that has expired | a new one is created; with a given value that begins with the same four bytes, [`Error::Drift`] |
///
/// Every run lists all keys; for many keys, use a [`plan`](crate::KeysClient::plan). The description must not be empty.
/// The scope consists of
///
/// * the actions and collections, in any order,
/// * the expiry: never; or exactly the time given to [`expires_at`](Self::expires_at); or, with
///   [`expires_in`](Self::expires_in), any future time within that duration and five minutes, because clocks differ,
/// * [`autodelete`](Self::autodelete), if it is set,
/// * the [`value`](Self::value) or the [derived value](Self::derived_value), if it is given.
///
/// **The value.** Only the run that creates the key learns a generated value, and must store it. With
/// [`derived_value`](Self::derived_value), every run knows it. With [`value`](Self::value), every run knows it, too, and
/// [other rules](crate::guide::contract#values-of-your-own)
/// apply.
///
/// **Concurrent runs.** If several runs create a key, the key with the lowest id stays. The other runs delete their
/// keys and return that one, or report it as drift if its scope or its given value differs. With `replace_on_drift`, a
/// run keeps its own key beside one with another scope, and so does a run that lost the response to its create; each
/// reports the other key.
///
/// **Deletions.** The [contract](crate::guide::contract#what-is-deleted) lists the keys that a run may delete.
/// [`EnsuredKey::duplicates`] contains all other keys with this description.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// use typesense_keys::KeysClient;
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let ensure = || {
///     let ensure = client.ensure("docs import");
///     ensure.actions(["documents:import"]).collections(["docs"])
/// };
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
    value: KeyValue,
    succession: Succession,
    options: CallOptions,
}

impl EnsureKey {
    pub(crate) fn new(engine: Arc<Engine>, description: String) -> Self {
        let settings = KeySettings { description, ..KeySettings::default() };
        let (value, succession, options) = Default::default();
        Self { engine, settings, value, succession, options }
    }

    scope_methods!();
    value_method!();
    derived_value_method!();

    /// Sets the value that an earlier, interrupted run has stored for this key, or that was
    /// [generated](crate::generate_value) and stored for it before the first run.
    ///
    /// It is used if a key is created. If the earlier run has created the key, this run returns it and creates no second
    /// one. A key with this description and scope is kept, whatever its value; [`EnsuredKey::value`] is then the stored
    /// one if the key begins with the same four bytes, and `None` otherwise.
    ///
    /// An error before the key is created does not contain the value.
    ///
    /// Otherwise as for [`CreateKey::stored_value`](crate::CreateKey::stored_value): only for a value that this crate has
    /// generated, for this key alone. If a listed key that has expired or has another scope may have it, the result is
    /// [`Error::Drift`]: generate and store another one.
    pub fn stored_value(mut self, value: impl Into<SecretString>) -> Self {
        self.value = KeyValue::Stored(value.into());
        self
    }

    expiry_methods!(settings.expiry, "never");
    renewal_method!(succession.renew_before);
    autodelete_method!();

    /// Whether to replace a key with this description and a different scope, and to delete such keys that an
    /// interrupted replacement left beside a key with this scope. An old key is deleted only after every node knows
    /// the new one. Defaults to `false`: [`Error::Drift`].
    ///
    /// Two kinds of keys are never replaced: one with [unknown members](KeyInfo::unknown_members), which may restrict
    /// it, so that the new key might allow more; and one that may be the client's own, because it has the same prefix
    /// and may allow `keys:list`.
    ///
    /// Cannot be combined with [`value`](Self::value), because the old key may have this value and would have to be
    /// deleted first.
    pub fn replace_on_drift(mut self, replace_on_drift: bool) -> Self {
        self.succession.replace_on_drift = replace_on_drift;
        self
    }

    /// Whether [`replace_on_drift`](Self::replace_on_drift) leaves the old keys, so that consumers can be given the new
    /// value before an old key goes. Defaults to `false`. The next run without it deletes them. `true` without
    /// `replace_on_drift` is [`Error::InvalidRequest`].
    pub fn keep_old(mut self, keep_old: bool) -> Self {
        self.succession.keep_old = keep_old;
        self
    }

    call_methods!("all other steps, waits until the key is known");

    /// Checks the request without sending anything. [`send`](Self::send) makes the same checks.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], [`Error::RandomSource`].
    pub fn validate(&self) -> Result<(), Error> {
        self.clone().check().map(drop)
    }

    /// Looks for the key, and creates or replaces it if needed.
    ///
    /// # Errors
    ///
    /// It is safe to run it again after any error. After these, nothing was changed:
    ///
    /// * [`Error::Drift`] if the key has a different scope, or if another key with this description may have the given
    ///   value because it begins with the same four bytes,
    /// * [`Error::InvalidRequest`] or [`Error::RandomSource`], before anything is sent,
    /// * [`Error::Conflict`] if another key has the value,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:list`, `keys:create` or `keys:get` (without
    ///   `keys:delete`, which is needed last, the result is [`Error::Incomplete`]),
    /// * [`Error::NodesUnavailable`] if a node is unavailable before a key is replaced,
    /// * a failure of the call itself: see [`Error`].
    ///
    /// After these, a key may have been created or deleted:
    ///
    /// * [`Error::Incomplete`] if the run was interrupted after a change: it says which keys exist, and contains the
    ///   new one,
    /// * [`Error::OutcomeUnknown`], with the value, if it is unknown whether the key exists,
    /// * [`Error::NotReplicated`], with the key if this run created it, if not every node knows it in time.
    pub fn send(self) -> Result<EnsuredKey, Error> {
        let (engine, options) = (self.engine.clone(), self.options);
        let target = self.check()?;
        let call = options.call(&engine)?.hiding(target.key.value.known());
        // Before anything else shows or compares them.
        target.key.check_texts(call.secrets)?;
        let ensured = call.guard(target.key.operation(), || target.ensure(call))?;
        ensured.replicated(call, options.replicated_within)
    }

    fn check(self) -> Result<Target, Error> {
        let Self { settings, value, succession, .. } = self;
        let mut target = Target::new(settings, succession)?;
        target.key.value = value.check(target.key.autodelete)?;
        let is_provided = target.key.value.is_provided();
        let why = "cannot be combined with `value`: the server refuses the value of the key that expires";
        Error::invalid_if(is_provided && succession.renew_before.is_some(), "renew_before", why)?;
        let why = "cannot be combined with `value`, as the old key would have to be deleted before the new one exists: \
                   leave `value` out, or delete the old key by its id, or give the new key another description";
        Error::invalid_if(is_provided && succession.replace_on_drift, "replace_on_drift", why)?;
        Ok(target)
    }
}

/// One run of `ensure`: lists the keys between the [`Steps`].
impl Target {
    fn ensure(&self, call: Call<'_>) -> Result<EnsuredKey, Error> {
        let steps = self.steps(call)?;
        match steps.before.verdict() {
            (Change::Drift, Some(drifted)) => Err(drift(&drifted.key, &drifted.differences)),
            (Change::Keep | Change::Create, _) if self.key.value.is_provided() => self.prove(call, steps),
            (Change::Keep, Some(stays)) if !steps.needs_proof() => steps.keep(call, &stays.key),
            _ => self.create(call, steps),
        }
    }

    fn create(&self, call: Call<'_>, steps: Steps<'_>) -> Result<EnsuredKey, Error> {
        let creation = steps.create(call)?;
        let mut rounds = 0;
        // Until the list shows the key that this run created, because a node may lag.
        loop {
            match self.list(call).map(|listed| creation.survey(call, listed)) {
                Ok(Some(after)) => return creation.settle(call, &after),
                Ok(None) => {}
                Err(cause) => return Err(interrupted(Some(creation.created), &[], &[], cause)),
            }
            rounds += 1;
            call.pause_until(rounds);
        }
    }

    /// Any run may have created a key with the given value, and a list does not show whole values. So this run tries to
    /// create it. If the server refuses that because the value is in use, the listed key with this prefix is accepted
    /// if it is the only one. If it is not, nothing is created, because no later run could tell the keys apart.
    fn prove<'a>(&'a self, call: Call<'_>, mut steps: Steps<'a>) -> Result<EnsuredKey, Error> {
        steps.before.holder(&self.key)?;
        let conflict = match self.create(call, steps.clone()) {
            Err(conflict @ Error::Conflict(_)) => conflict,
            result => return result,
        };
        // A concurrent run may have created it, and a node may lag.
        let (mut rounds, mut may_pause) = (0, true);
        while may_pause && steps.before.wanted().next().is_none() {
            steps = self.steps(call)?;
            may_pause = steps.before.wanted().next().is_some() || call.pause(&mut rounds, ROUNDS_FOR_GIVEN);
        }
        match steps.before.holder(&self.key)? {
            Some(holder) => steps.keep(call, holder),
            None => Err(conflict),
        }
    }

    fn steps(&self, call: Call<'_>) -> Result<Steps<'_>, Error> {
        Ok(Steps::new(call, self, self.list(call)?))
    }

    /// Lists the keys with this description.
    fn list(&self, call: Call<'_>) -> Result<Vec<KeyInfo>, Error> {
        Ok(list::all(call, &|listed| listed.description == self.key.description)?)
    }
}
