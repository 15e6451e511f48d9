//! One run of `ensure`: list, create if needed, list again, and delete what the new key replaces. Each step happens
//! once.

use std::time::Instant;

use super::EnsuredKey;
use super::survey::Survey;
use crate::engine::{Engine, backoff};
use crate::error::{Difference, Drift, Error, Incomplete};
use crate::expiry::Expires;
use crate::key::{KeyId, KeyInfo};
use crate::operation::Operation;
use crate::requests::create::{Created, Known, ROUNDS_FOR_PROVIDED};
use crate::requests::delete::delete;
use crate::requests::get::get;
use crate::requests::list::{self, Filter};
use crate::requests::new_key::{NewKey, Origin};
use crate::requests::replication::{self, Wanted};
use crate::requests::rotate::{check_nodes, nodes_unavailable};

pub(super) struct Run<'a> {
    engine: &'a Engine,
    key: &'a NewKey,
    expiry: Option<Expires>,
    replace_on_drift: bool,
    deadline: Instant,
    created: Option<Created>,
    replaced: Vec<KeyId>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        key: &'a NewKey,
        expiry: Option<Expires>,
        replace_on_drift: bool,
        deadline: Instant,
    ) -> Self {
        Self { engine, key, expiry, replace_on_drift, deadline, created: None, replaced: Vec::new() }
    }

    pub(super) fn finish(mut self) -> Result<EnsuredKey, Error> {
        let before = self.survey()?;
        match (self.key.origin, before.wanted.first()) {
            (Origin::Provided, Some(_)) => self.prove(before),
            (_, Some(stays)) => {
                let stays = stays.clone();
                self.conclude(&stays, &before, before.ids())
            }
            (_, None) => {
                let refused = if self.replace_on_drift { before.irreplaceable() } else { before.drifted.last() };
                match refused {
                    Some((key, differences)) => Err(drift(key, differences)),
                    None => self.create(before),
                }
            }
        }
    }

    /// A listed key may have the given value. If the server refuses to create a second key with it, some key has the
    /// value. The listed key is accepted if it is the only candidate.
    fn prove(self, before: Survey) -> Result<EnsuredKey, Error> {
        match self.key.create(self.engine, self.deadline, Known { may_exist: false, others: &before.ids() }) {
            Ok(created) => self.settle(created, &before),
            Err(conflict @ Error::Conflict(_)) => match before.holder(self.key) {
                Some(holder) => Ok(self.ensured(holder.clone(), before.ids())),
                None => Err(conflict),
            },
            Err(error) => Err(error),
        }
    }

    /// No listed key has the wanted scope.
    fn create(mut self, before: Survey) -> Result<EnsuredKey, Error> {
        if let Some((old, _)) = before.drifted.first() {
            // A missing permission is reported as such.
            match get(self.engine, old.id, self.deadline) {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            check_nodes(self.engine, old.id, None, self.deadline)?;
        }
        match self.key.create(self.engine, self.deadline, Known { may_exist: false, others: &before.ids() }) {
            Ok(created) => self.settle(created, &before),
            // A concurrent run may have created it with the same value.
            Err(conflict @ Error::Conflict(_)) if self.key.origin == Origin::Provided => {
                let after = self.survey_with_wanted()?;
                match after.holder(self.key) {
                    Some(holder) => Ok(self.ensured(holder.clone(), after.ids())),
                    None => Err(conflict),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// This run created a key. Keeps it unless another key takes precedence.
    fn settle(mut self, created: Created, before: &Survey) -> Result<EnsuredKey, Error> {
        let (own, is_certain) = (created.key.info(), created.is_certain);
        self.created = Some(created);
        let after = self.survey_with_own(&own)?;
        let is_in_the_way = |(key, differences): &&(KeyInfo, Vec<Difference>)| {
            key.id < own.id || differences.iter().any(|difference| difference.field == "value")
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
    fn conclude(mut self, stays: &KeyInfo, before: &Survey, mut seen: Vec<KeyId>) -> Result<EnsuredKey, Error> {
        if self.key.origin != Origin::Provided {
            let drifted = before.replaceable().filter(|id| self.replace_on_drift && *id < stays.id);
            let drifted: Vec<_> = drifted.collect();
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

    fn survey(&mut self) -> Result<Survey, Error> {
        let value = self.key.known_value();
        let keys = list::all(self.engine, &Filter::default(), self.deadline, value)
            .map_err(|failure| self.interrupted(None, failure.into_error(Operation::List, None)))?;
        let own = self.created.as_ref().map(|created| created.key.id);
        Ok(Survey::of(keys, self.key, self.expiry, own))
    }

    /// Reads the list until it shows a key with the wanted scope, because a node may lag, or until it is unlikely to.
    fn survey_with_wanted(&mut self) -> Result<Survey, Error> {
        let mut rounds = 0;
        loop {
            let survey = self.survey()?;
            rounds += 1;
            let pause = backoff(rounds, &*self.engine.clock);
            let is_last = rounds >= ROUNDS_FOR_PROVIDED || pause >= self.engine.remaining(self.deadline);
            if is_last || !survey.wanted.is_empty() {
                return Ok(survey);
            }
            self.engine.clock.sleep(pause);
        }
    }

    /// Reads the list until it shows the key that this run created, because a node may lag.
    fn survey_with_own(&mut self, own: &KeyInfo) -> Result<Survey, Error> {
        let mut rounds = 0;
        loop {
            let survey = self.survey()?;
            if own.may_be_purged() || survey.wanted.iter().any(|key| key.id == own.id) {
                return Ok(survey);
            }
            rounds += 1;
            let pause = backoff(rounds, &*self.engine.clock);
            // After the deadline, the next list fails.
            self.engine.clock.sleep(pause.min(self.engine.remaining(self.deadline)));
        }
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
    fn ensured(self, key: KeyInfo, mut seen: Vec<KeyId>) -> EnsuredKey {
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
    fn interrupted(&mut self, left_over: Option<KeyId>, cause: Error) -> Error {
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

fn drift(key: &KeyInfo, differences: &[Difference]) -> Error {
    Error::Drift(Box::new(Drift { key: Box::new(key.clone()), differences: differences.to_vec() }))
}
