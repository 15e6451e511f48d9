//! Finds a key in a list that was read after the server had refused its value as in use.

use std::collections::BTreeSet;

use super::list;
use super::new_key::NewKey;
use crate::engine::{Call, CallFailure};
use crate::error::Error;
use crate::key::{CreatedKey, KeyId, KeyInfo};

/// How many times to read the list before concluding that the key with a given value is not listed.
pub(super) const ROUNDS_FOR_GIVEN: u32 = 6;

/// A key that exists.
pub(crate) struct Created {
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
    /// Goes on with the result, unless the key is still to be found.
    pub(super) fn and_then<U>(self, next: impl FnOnce(T) -> Result<U, Error>) -> Result<Sent<U>, Error> {
        Ok(match self {
            Self::Done(result) => Sent::Done(next(result)?),
            Self::ToFind(lookup) => Sent::ToFind(lookup),
        })
    }
}

/// A key that exists, or may exist, and is to be found.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(super) key: NewKey,
    /// The refusal, or why the key may not be created any more.
    pub(super) failure: CallFailure,
    /// Whether the server has refused the value as in use.
    pub(super) is_in_use: bool,
    /// Whether several listed keys may have had it before.
    pub(super) is_ambiguous: bool,
    /// Keys that existed before, so that none of them is the new one.
    pub(super) others: BTreeSet<KeyId>,
}

impl Lookup {
    /// Reads the list until it contains the key, because the node may lag behind the one that knows the key. `call` hides
    /// the value.
    pub(super) fn find(mut self, call: Call<'_>) -> Result<Created, Error> {
        let (most, mut rounds) = (self.most_rounds(), 0);
        call.guard(self.failure.operation, move || {
            loop {
                let holders = match list::all(call, &|listed| self.key.has_prefix_of(listed)) {
                    Ok(holders) => holders,
                    Err(failure) => return Err(self.unlisted(Some(*failure))),
                };
                self = match self.find_in(&holders)? {
                    Sent::Done(created) => return Ok(created),
                    Sent::ToFind(lookup) => *lookup,
                };
                if !call.pause(&mut rounds, most) {
                    return Err(self.unlisted(None));
                }
            }
        })
    }

    /// How many lists are read for the key, if the deadline leaves the time.
    pub(super) fn most_rounds(&self) -> u32 {
        // If the server has just refused a value that this crate has generated for this call, the key certainly exists.
        let exists = self.key.value.is_generated() && self.failure.last.typesense_status() == Some(409);
        if exists { u32::MAX } else { ROUNDS_FOR_GIVEN }
    }

    /// Finds the key in a list, which must have been read after the value was refused: an earlier list may show another
    /// key that begins alike, and not yet this one.
    pub(super) fn find_in(self, listed: &[KeyInfo]) -> Result<Sent<Created>, Error> {
        let key = &self.key;
        // The value may be that of any key that has the same prefix, whatever its description and scope.
        let holders: Vec<_> = listed.iter().filter(|listed| key.has_prefix_of(listed)).collect();
        // The caller's own value may belong to a key that existed before, of another description or scope.
        let is_only = !key.value.is_provided() || (self.is_in_use && holders.len() == 1);
        let is_proof = is_only && !self.is_ambiguous;
        let new: Vec<_> =
            holders.into_iter().filter(|listed| key.may_be(listed) && !self.others.contains(&listed.id)).collect();
        let secret = key.value.known();
        let what = match (new.as_slice(), secret) {
            ([], _) => return Ok(Sent::ToFind(Box::new(self))),
            ([found], Some(value)) if is_proof && !found.is_expired() => {
                let key = CreatedKey::new((*found).clone(), value.clone());
                return Ok(Sent::Done(Created { key, is_certain: false }));
            }
            ([_], Some(_)) if is_proof => "the key exists, but has expired; its value is in this error",
            _ => {
                "it cannot be told which listed key has the value, which is in this error: create another key with another \
                 value, and then delete the one that has this value"
            }
        };
        let candidates = new.iter().map(|key| key.id).collect();
        Err(self.failure.into_outcome_unknown(what, secret, candidates))
    }

    /// The error about a key that no list contains. `failure`: that of the list, if it could not be read.
    pub(super) fn unlisted(self, failure: Option<CallFailure>) -> Error {
        let Self { key, failure: refusal, is_in_use, others, .. } = self;
        let secret = key.value.known();
        let earlier = secret.filter(|_| key.value.may_be_in_use() || refusal.is_missing()).cloned();
        let (what, failure) = match failure {
            Some(failure) => {
                let what = match is_in_use {
                    true => "the value is in use, but the key's id could not be looked up; it is in this error",
                    false => "the key may exist, but could not be looked up; its value is in this error",
                };
                (what, CallFailure { earlier, ..refusal.followed_by(failure) })
            }
            None if refusal.is_missing() => return CallFailure { earlier, ..refusal }.into_error(None),
            None => {
                let what = if !is_in_use {
                    "no new key of this scope is listed, and none may be created now (its expiry has passed, or it has \
                     `autodelete`); its value is in this error"
                } else if others.is_empty() || key.value.is_generated() {
                    "the value is in use, but no new key of this scope is listed; it is in this error"
                } else {
                    "the value is in use, but no new key of this scope and expiry is listed; if it is that of an older \
                     key, run `ensure` again, or rotate to another value; it is in this error"
                };
                (what, refusal)
            }
        };
        failure.into_outcome_unknown(what, secret, Vec::new())
    }
}
