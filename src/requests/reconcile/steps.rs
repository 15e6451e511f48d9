//! The steps for one description. Each happens once. The caller reads the lists between them.

use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::survey::{Survey, Verdict};
use crate::engine::Engine;
use crate::error::{Difference, Error, Incomplete, NotReplicated, VALUE};
use crate::key::{CreatedKey, KeyId, KeyInfo};
use crate::requests::create::{Created, Known};
use crate::requests::delete::delete;
use crate::requests::get::get;
use crate::requests::new_key::{NewKey, Origin};
use crate::requests::replication::{self, Wanted};
use crate::requests::rotate::{check_nodes, nodes_unavailable};

/// A key that exists with the wanted description and scope. The result of [`EnsureKey`](crate::EnsureKey), and for
/// each spec of a [`Plan`](crate::Plan).
#[derive(Debug)]
#[non_exhaustive]
pub struct EnsuredKey {
    /// The key that exists.
    pub key: KeyInfo,
    /// Its value, if this run created the key or was given the value.
    pub value: Option<SecretString>,
    /// Whether this run created the key. With a value of your own, also `false` if a response was lost and the key was
    /// then found in a list.
    pub created: bool,
    /// The keys that this run deleted because this key replaces them.
    pub replaced: Vec<KeyId>,
    /// Other keys with this description, whatever their scope, that this run did not change. They may be left over
    /// from an interrupted run.
    pub duplicates: Vec<KeyId>,
}

pub(in crate::requests) struct Steps<'a> {
    engine: &'a Engine,
    key: &'a NewKey,
    replace_on_drift: bool,
    pub(in crate::requests) deadline: Instant,
    created: Option<Created>,
    replaced: Vec<KeyId>,
}

impl<'a> Steps<'a> {
    pub(in crate::requests) fn new(
        engine: &'a Engine,
        key: &'a NewKey,
        replace_on_drift: bool,
        deadline: Instant,
    ) -> Self {
        Self { engine, key, replace_on_drift, deadline, created: None, replaced: Vec::new() }
    }

    /// The key that this run created, if it did.
    pub(in crate::requests) fn created(&self) -> Option<&CreatedKey> {
        self.created.as_ref().map(|created| &created.key)
    }

    /// Whether `after` was listed by a node that knows the key that this run created.
    pub(in crate::requests) fn is_shown_by(&self, after: &Survey) -> bool {
        self.created().is_none_or(|own| own.info().may_be_purged() || after.has(own.id))
    }

    /// Creates the key. `may_exist`: an earlier process may have created it with the same value.
    pub(in crate::requests) fn create(&mut self, before: &Survey, may_exist: bool) -> Result<(), Error> {
        if let Verdict::Replace { key: old, .. } = before.verdict(self.replace_on_drift) {
            // A missing permission is reported as such.
            match get(self.engine, old.id, self.deadline) {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            check_nodes(self.engine, old.id, None, self.deadline)?;
        }
        let known = Known { may_exist, others: &before.ids() };
        self.created = Some(self.key.create(self.engine, self.deadline, known)?);
        Ok(())
    }

    /// This run created a key, and `after` was listed since. Keeps the key unless another key takes precedence.
    pub(in crate::requests) fn settle(mut self, before: &Survey, after: &Survey) -> Result<EnsuredKey, Error> {
        let Some((own, is_certain)) = self.created.as_ref().map(|created| (created.key.info(), created.is_certain))
        else {
            return Err(Error::invalid("key", "was not created"));
        };
        let is_in_the_way = |(key, differences): &&(KeyInfo, Vec<Difference>)| {
            key.id < own.id || differences.iter().any(|difference| difference.field == VALUE)
        };
        if let Some((key, differences)) = after.drifted.iter().find(is_in_the_way).filter(|_| !self.replace_on_drift)
        {
            let drift = drift(key, differences);
            if !is_certain {
                return Err(self.interrupted(None, drift));
            }
            self.undo(own.id)?;
            return Err(drift);
        }
        match after.wanted.iter().find(|key| key.id < own.id) {
            // The key with the lowest id stays: a list that shows a key also shows the keys with lower ids.
            Some(first) if is_certain => {
                self.undo(own.id)?;
                self.conclude(first, before, after.ids().into_iter().filter(|id| *id != own.id).collect())
            }
            _ => self.conclude(&own, before, after.ids()),
        }
    }

    /// `stays` has the wanted scope. Deletes the keys that it replaces and the keys that expired long ago.
    ///
    /// `seen`: the keys with this description in the last list.
    pub(in crate::requests) fn conclude(
        mut self,
        stays: &KeyInfo,
        before: &Survey,
        mut seen: Vec<KeyId>,
    ) -> Result<EnsuredKey, Error> {
        if self.key.origin != Origin::Provided {
            let drifted: Vec<_> = before.replaced_by(Some(stays.id), self.replace_on_drift).collect();
            if let Some(first) = drifted.first() {
                let known =
                    replication::wait(self.engine, Wanted::Known(stays), self.key.known_value(), self.deadline, None);
                known.map_err(|lag| match self.created {
                    Some(_) => self.interrupted(Some(*first), Error::NotReplicated(lag)),
                    None => nodes_unavailable(self.engine, None, lag.nodes),
                })?;
            }
            for id in drifted.into_iter().chain(before.long_expired()) {
                self.delete(id)?;
                self.replaced.push(id);
            }
        }
        seen.retain(|id| !self.replaced.contains(id));
        Ok(self.ensured(stays.clone(), seen))
    }

    /// Deletes the key that this run created.
    fn undo(&mut self, own: KeyId) -> Result<(), Error> {
        self.delete(own)?;
        self.created = None;
        Ok(())
    }

    fn delete(&mut self, id: KeyId) -> Result<(), Error> {
        match delete(self.engine, id, self.deadline) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(self.interrupted(Some(id), cause)),
        }
    }

    /// `seen`: the keys with this description in the last list.
    pub(in crate::requests) fn ensured(self, key: KeyInfo, mut seen: Vec<KeyId>) -> EnsuredKey {
        seen.retain(|id| *id != key.id);
        let Self { key: wanted, created, replaced, .. } = self;
        let is_provided = wanted.origin == Origin::Provided;
        EnsuredKey {
            value: (created.is_some() || is_provided).then(|| wanted.value.clone()),
            created: created.is_some_and(|created| created.is_certain || !is_provided),
            key,
            replaced,
            duplicates: seen,
        }
    }

    /// The error of a run that ends here. `left_over`: the key that should have been deleted.
    pub(in crate::requests) fn interrupted(&mut self, left_over: Option<KeyId>, cause: Error) -> Error {
        let created = self.created.take();
        let own = created.as_ref().map(|created| created.key.id);
        let created_as = created.iter().map(|Created { key, is_certain }| match is_certain {
            true => format!("key {} is created", key.id),
            false => format!("key {} was found after a lost response", key.id),
        });
        let replaced = self.replaced.iter().map(|id| format!("key {id} is deleted"));
        let others = left_over.filter(|id| own.is_some_and(|own| own != *id));
        let others = others.map(|id| format!("key {id} is to be deleted"));
        let story: Vec<_> = created_as.chain(replaced).chain(others).collect();
        if story.is_empty() {
            return cause;
        }
        Error::Incomplete(Box::new(Incomplete {
            what: story.join(", "),
            key: created.map(|created| created.key),
            left_over,
            cause,
            rest: None,
        }))
    }
}

impl EnsuredKey {
    /// Waits for at most `limit` until every node knows the key. Does not wait without a limit.
    pub(in crate::requests) fn replicated(self, engine: &Engine, limit: Option<Duration>) -> Result<Self, Error> {
        let Some(limit) = limit else { return Ok(self) };
        let deadline = engine.deadline(Some(limit));
        match replication::wait(engine, Wanted::Known(&self.key), self.value.as_ref(), deadline, None) {
            Ok(()) => Ok(self),
            Err(lag) => {
                let Self { key, value, created, .. } = self;
                // No later run knows the value.
                let key = value.filter(|_| created).map(|value| CreatedKey::new(key, value));
                Err(Error::NotReplicated(Box::new(NotReplicated { key, ..*lag })))
            }
        }
    }
}

pub(in crate::requests) fn drift(key: &KeyInfo, differences: &[Difference]) -> Error {
    Error::Drift { key: Box::new(key.clone()), differences: differences.to_vec() }
}
