//! The steps that create a key once. Where a response was lost, the key is found in a list: see [`Lookup`].

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::get;
use super::lookup::{Lookup, ROUNDS_FOR_GIVEN};
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
    pub(super) fn note(&self, result: Result<Sent<Created>, Error>) -> Result<Sent<CreatedKey>, Error> {
        let (may_have_created, is_in_use, is_ambiguous) = match &result {
            Ok(Sent::Done(_)) => (true, false, false),
            Ok(Sent::ToFind(lookup)) => (true, lookup.is_in_use, false),
            Err(Error::OutcomeUnknown(unknown)) => (true, false, unknown.candidates.len() > 1),
            Err(_) => (false, false, false),
        };
        self.may_have_created.fetch_or(may_have_created, Ordering::Relaxed);
        self.is_in_use.fetch_or(is_in_use, Ordering::Relaxed);
        self.is_ambiguous.fetch_or(is_ambiguous, Ordering::Relaxed);
        Ok(match result? {
            Sent::ToFind(lookup) => Sent::ToFind(lookup),
            Sent::Done(Created { key, .. }) => {
                self.created.get_or_init(|| key.id);
                Sent::Done(key)
            }
        })
    }
}

/// What is known before a key is created.
#[derive(Debug, Default)]
pub(super) struct Prior {
    /// Whether an earlier call may have created it.
    pub(super) may_exist: bool,
    /// Keys that existed before, so that none of them is the new one.
    pub(super) others: Vec<KeyId>,
    /// Why the key may no longer be created, but only be found.
    pub(super) too_late: Option<CallFailure>,
}

/// A key that exists.
pub(super) struct Created {
    pub(super) key: CreatedKey,
    /// Whether the id comes from the response to the create. Otherwise, the key was found in a list by its prefix.
    pub(super) is_certain: bool,
}

/// The result of a request that may have to find its key in a list, which a batch reads once for all of its requests.
pub(crate) enum Sent<T> {
    Done(T),
    ToFind(Box<Lookup>),
}

impl<T> Sent<T> {
    /// The result of a request that looks for its key itself.
    pub(super) fn done(self) -> Result<T, Error> {
        match self {
            Self::Done(result) => Ok(result),
            Self::ToFind(lookup) => Err(lookup.failure.into_error(None)),
        }
    }
}

impl NewKey {
    /// Creates the key, or gets or finds the one that an earlier call of the same request has created.
    pub(super) fn create_once(&self, call: Call<'_>, earlier: &Earlier, prior: Prior) -> Result<CreatedKey, Error> {
        match self.send_once(call, earlier, prior)? {
            Sent::Done(key) => Ok(key),
            Sent::ToFind(lookup) => earlier.note(self.find(call, *lookup).map(Sent::Done))?.done(),
        }
    }

    /// As [`create_once`](Self::create_once), without finding it.
    pub(super) fn send_once(
        &self,
        call: Call<'_>,
        earlier: &Earlier,
        prior: Prior,
    ) -> Result<Sent<CreatedKey>, Error> {
        if let Some(id) = earlier.created.get() {
            return self.get(call, *id).map(Sent::Done);
        }
        let Prior { may_exist, others, too_late } = prior;
        // A value that is for this key alone was in use: if the key is gone, it was deleted since.
        if earlier.is_in_use.load(Ordering::Relaxed) && !self.value.is_provided() && too_late.is_none() {
            let failure = CallFailure::not_sent(self.operation());
            let is_ambiguous = earlier.is_ambiguous.load(Ordering::Relaxed);
            return Ok(Sent::ToFind(Box::new(Lookup { failure, is_in_use: true, is_ambiguous, others })));
        }
        let prior = Prior { may_exist: may_exist || earlier.may_have_created(), others, too_late };
        earlier.note(self.send(call, prior))
    }

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
                (Err(failure), _) => return Err(CallFailure { earlier: value.cloned(), ..*failure }.into_error(None)),
                (Ok(_), None) => return Err(Error::invalid("value", "is generated by the server")),
            }
        }
    }

    pub(super) fn create(&self, call: Call<'_>, prior: Prior) -> Result<Created, Error> {
        match self.send(call, prior)? {
            Sent::Done(created) => Ok(created),
            Sent::ToFind(lookup) => self.find(call, *lookup),
        }
    }

    pub(super) fn operation(&self) -> Operation {
        Operation::Create { repeatable: self.value.known().is_some() }
    }

    fn send(&self, call: Call<'_>, prior: Prior) -> Result<Sent<Created>, Error> {
        let call = call.hiding(self.value.known());
        call.guard(self.operation(), || self.send_unguarded(call, prior))
    }

    fn send_unguarded(&self, call: Call<'_>, prior: Prior) -> Result<Sent<Created>, Error> {
        if call.secrets.are_in(&self.description) {
            let why = "contains the client's own key or the new value, which every list of keys would show";
            return Err(Error::invalid("description", why));
        }
        let Prior { may_exist, others, too_late } = prior;
        let to_find = |failure, is_in_use| {
            Ok(Sent::ToFind(Box::new(Lookup { failure, is_in_use, is_ambiguous: false, others })))
        };
        if let Some(failure) = too_late {
            return to_find(failure, false);
        }
        if self.expires_at.is_past() {
            if may_exist {
                return to_find(CallFailure::not_sent(self.operation()), false);
            }
            return Err(Error::invalid("expires_at", "has passed since the request was checked: make a new one"));
        }
        let may_exist = may_exist || self.value.may_be_in_use();
        let secret = self.value.known();
        match call.send(self.operation(), &self.to_json()?, |response| self.decode(response)) {
            Ok(key) => Ok(Sent::Done(Created { key, is_certain: true })),
            Err(failure) if failure.is_already_applied() || self.is_created_by_conflict(&failure, may_exist) => {
                to_find(*failure, true)
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
}
