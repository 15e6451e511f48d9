//! One run of `ensure`: look at what the server lists, do one thing, and look again, until it is as wanted.

use std::thread;
use std::time::Instant;

use super::EnsuredKey;
use super::decision::{Standing, Step, Wanted};
use crate::engine::{SystemClock, backoff};
use crate::error::Drift;
use crate::expiry::Expires;
use crate::requests::new_key::NewKey;
use crate::requests::{incomplete, remaining, replication};
use crate::{CreatedKey, Error, KeyId, KeyInfo, KeysClient};

/// How often a list without the key that has a value is asked for again, before it is another's that is not listed.
const PATIENCE: u32 = 6;

pub(super) struct Run<'a> {
    client: &'a KeysClient,
    deadline: Instant,
    wanted: Wanted,
    created: Option<CreatedKey>,
    replaced: Vec<KeyId>,
    /// That a key of the value which is wanted was refused.
    conflict: Option<Error>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        client: &'a KeysClient,
        key: NewKey,
        expiry: Option<Expires>,
        replace_on_drift: bool,
        deadline: Instant,
    ) -> Self {
        let wanted =
            Wanted { key, expiry, replace_on_drift, own: None, standing: Standing::Unknown, removed: Vec::new() };
        Self { client, deadline, wanted, created: None, replaced: Vec::new(), conflict: None }
    }

    pub(super) fn finish(mut self) -> Result<EnsuredKey, Error> {
        let mut waits = 0;
        loop {
            let keys = match self.client.list().timeout(remaining(self.deadline)).send() {
                Ok(keys) => keys,
                Err(cause) => return Err(self.interrupted(None, cause)),
            };
            match self.wanted.next(&keys) {
                Step::Done(key) => {
                    let key = key.clone();
                    return Ok(self.ensured(key));
                }
                Step::Refuse(key, differences) => {
                    let drift = Drift { key: Box::new(key.clone()), differences };
                    return Err(self.interrupted(None, Error::Drift(Box::new(drift))));
                }
                Step::Create => match self.wanted.key.create(self.client, self.deadline, false) {
                    Ok(created) => {
                        self.wanted.own = Some(created.id);
                        self.wanted.standing = Standing::Free;
                        self.created = Some(created);
                    }
                    Err(conflict @ Error::Conflict(_)) if self.wanted.key.is_own_value => {
                        self.wanted.standing = Standing::Taken;
                        self.conflict = Some(conflict);
                    }
                    Err(cause) => return Err(self.interrupted(None, cause)),
                },
                Step::Undo => {
                    if let Some(own) = self.wanted.own {
                        self.delete(own)?;
                    }
                    self.wanted.own = None;
                    self.created = None;
                }
                Step::Remove { old, by, was_live } => {
                    if let Some(by) = by.filter(|_| was_live) {
                        let value = self.wanted.key.value.as_ref();
                        let live = replication::wait(
                            self.client,
                            by,
                            replication::Wanted::Present,
                            remaining(self.deadline),
                            value,
                        );
                        live.map_err(|lag| self.interrupted(Some(old), Error::NotReplicated(lag)))?;
                    }
                    self.delete(old)?;
                    self.replaced.push(old);
                    if by.is_none() {
                        self.wanted.standing = Standing::Unknown;
                    }
                }
                Step::Wait => {
                    waits += 1;
                    let pause = backoff(waits, &SystemClock);
                    let is_patient = waits <= PATIENCE && pause < remaining(self.deadline);
                    if let Some(conflict) = self.conflict.take_if(|_| self.created.is_none() && !is_patient) {
                        return Err(self.interrupted(None, conflict));
                    }
                    thread::sleep(pause.min(remaining(self.deadline)));
                }
            }
        }
    }

    fn delete(&mut self, id: KeyId) -> Result<(), Error> {
        match self.client.delete(id).timeout(remaining(self.deadline)).send() {
            Ok(_) | Err(Error::NotFound { .. }) => {
                self.wanted.removed.push(id);
                Ok(())
            }
            Err(cause) => Err(self.interrupted(Some(id), cause)),
        }
    }

    fn ensured(self, key: KeyInfo) -> EnsuredKey {
        let Self { wanted, created, replaced, .. } = self;
        let is_created = created.is_some();
        let own = wanted.key.value.filter(|_| wanted.key.is_own_value);
        EnsuredKey { key, value: created.map(|key| key.value).or(own), created: is_created, replaced }
    }

    /// The error for a run that ends here. `left_over`: what was to be removed.
    fn interrupted(&mut self, left_over: Option<KeyId>, cause: Error) -> Error {
        let created = self.created.take();
        let replaced = self.replaced.iter().map(|id| format!("key {id} is deleted"));
        let own = created.as_ref().map(|key| key.id);
        let others = left_over.filter(|id| own.is_some_and(|own| own != *id));
        let others = others.map(|id| format!("key {id} is to be deleted"));
        let created_as = created.iter().map(|key| format!("key {} is created", key.id));
        let story: Vec<_> = created_as.chain(replaced).chain(others).collect();
        if story.is_empty() {
            return cause;
        }
        incomplete(story.join(", "), created, left_over, cause)
    }
}
