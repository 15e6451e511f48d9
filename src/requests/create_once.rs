//! The steps that create a key once. Where a response was lost, the key is found in a list: see [`Lookup`].

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::get;
use super::lookup::{Created, Lookup, ROUNDS_FOR_GIVEN, Sent};
use super::new_key::NewKey;
use crate::engine::{Call, CallFailure};
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};
use crate::operation::Operation;

/// What earlier calls of the same request have done.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    may_have_created: AtomicBool,
    /// Whether the server has refused the value as in use: one of them has created the key.
    is_in_use: AtomicBool,
    /// Whether several listed keys may have had the value. If only one of them is left, it need not be the right one.
    is_ambiguous: AtomicBool,
    /// The id of the key that one of them has created.
    created: OnceLock<KeyId>,
}

impl Earlier {
    pub(super) fn may_have_created(&self) -> bool {
        self.may_have_created.load(Ordering::Relaxed)
    }

    pub(super) fn created(&self) -> Option<KeyId> {
        self.created.get().copied()
    }

    /// Notes the result of a call.
    pub(super) fn noted(&self, result: Result<Sent<Created>, Error>) -> Result<Sent<Created>, Error> {
        match &result {
            Ok(Sent::Done(Created { key, .. })) => {
                self.created.get_or_init(|| key.id);
            }
            Ok(Sent::ToFind(lookup)) => {
                self.is_in_use.fetch_or(lookup.is_in_use, Ordering::Relaxed);
            }
            Err(Error::OutcomeUnknown(unknown)) => {
                self.is_ambiguous.fetch_or(unknown.candidates.len() > 1, Ordering::Relaxed);
            }
            Err(_) => return result,
        }
        self.may_have_created.store(true, Ordering::Relaxed);
        result
    }
}

/// What is known before a key is created.
#[derive(Debug, Default)]
pub(super) struct Prior {
    /// Whether an earlier call may have created it.
    pub(super) may_exist: bool,
    /// Keys that existed before, so that none of them is the new one.
    pub(super) others: BTreeSet<KeyId>,
    /// Why the key may no longer be created, but only be found.
    pub(super) too_late: Option<CallFailure>,
}

impl NewKey {
    /// Creates the key. `call` hides its value.
    pub(super) fn create(&self, call: Call<'_>, prior: Prior) -> Result<Created, Error> {
        match self.send(call, &Earlier::default(), prior)? {
            Sent::Done(created) => Ok(created),
            Sent::ToFind(lookup) => lookup.find(call),
        }
    }

    /// Creates the key, or gets the one that an earlier call of the same request has created. `call` hides its value.
    pub(super) fn send(&self, call: Call<'_>, earlier: &Earlier, prior: Prior) -> Result<Sent<Created>, Error> {
        earlier.noted(call.guard(self.operation(), || self.send_unguarded(call, earlier, prior)))
    }

    fn send_unguarded(&self, call: Call<'_>, earlier: &Earlier, prior: Prior) -> Result<Sent<Created>, Error> {
        let Prior { may_exist, others, too_late } = prior;
        let is_past = self.expires_at.is_past();
        if let Some(id) = earlier.created() {
            let key = self.get(call, id)?;
            // Values of the caller may begin alike, so after a restore, this may be another key. So the value is sent again below.
            if !self.value.is_provided() || is_past || too_late.is_some() {
                return Ok(Sent::Done(Created { key, is_certain: true }));
            }
        }
        self.check_texts(call.secrets)?;
        let may_exist = may_exist || earlier.may_have_created();
        let why = "has passed since the request was checked: make a new one";
        Error::invalid_if(is_past && !may_exist && too_late.is_none(), "expires_at", why)?;
        // A value that is for this key alone was in use: if the key is gone, it was deleted since.
        let [was_in_use, is_ambiguous] = [&earlier.is_in_use, &earlier.is_ambiguous]
            .map(|flag| flag.load(Ordering::Relaxed) && !self.value.is_provided());
        let to_find = |failure, is_in_use| {
            let lookup = Lookup { key: self.clone(), failure, is_in_use, is_ambiguous, others };
            Ok(Sent::ToFind(Box::new(lookup)))
        };
        let not_sent = || CallFailure::not_sent(self.operation());
        if let Some(failure) = too_late.or_else(|| (was_in_use || is_past).then(not_sent)) {
            return to_find(failure, was_in_use);
        }
        let may_exist = may_exist || self.value.may_be_in_use();
        let secret = self.value.known();
        let failure = match call.send(self.operation(), &self.to_json()?, |response| self.decode(response)) {
            Ok(key) => return Ok(Sent::Done(Created { key, is_certain: true })),
            Err(failure) => *failure,
        };
        // A 409 to the first attempt means that the key exists, too, if an earlier call created it, or an intermediary such
        // as a load balancer repeated the request.
        let is_conflict = failure.last.typesense_status() == Some(409);
        if failure.is_already_applied() || (is_conflict && (may_exist || self.value.is_generated())) {
            return to_find(failure, true);
        }
        let value = secret.filter(|_| may_exist).cloned();
        Err(CallFailure { earlier: value, ..failure }.into_error(secret))
    }

    /// The key that an earlier call has created. It is not created again: it may have been deleted since.
    fn get(&self, call: Call<'_>, id: KeyId) -> Result<CreatedKey, Error> {
        let Some(value) = self.value.known() else {
            return Err(Error::invalid("value", "is generated by the server"));
        };
        let mut rounds = 0;
        loop {
            match get::known(call, id, |found| self.may_be(found)) {
                Ok(found) => return Ok(CreatedKey::new(found, value.clone())),
                // A node that lags does not know the key yet.
                Err(failure) if failure.is_missing() && call.pause(&mut rounds, ROUNDS_FOR_GIVEN) => {}
                Err(failure) => {
                    return Err(CallFailure { earlier: Some(value.clone()), ..*failure }.into_error(None));
                }
            }
        }
    }

    pub(super) fn operation(&self) -> Operation {
        Operation::Create { repeatable: self.value.known().is_some() }
    }
}
