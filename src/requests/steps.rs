//! The steps for one description. Each happens once. The caller reads the lists between them.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;

use super::create_once::Prior;
use super::delete::{check_replacement, delete_known};
use super::get::get;
use super::lookup::{Created, ROUNDS_FOR_GIVEN};
use super::replication::{self, Awaited};
use super::survey::{Listed, Survey, Target};
use super::value::KeyValue;
use crate::engine::Call;
use crate::error::{Difference, Error, Incomplete, VALUE, joined};
use crate::key::{CreatedKey, KeyId, KeyInfo};

/// A key that exists with the wanted description and scope. The result of [`EnsureKey`](crate::EnsureKey), and for
/// each spec of a [`Plan`](crate::plan::Plan).
#[derive(Debug)]
#[non_exhaustive]
pub struct EnsuredKey {
    /// The key that exists.
    pub key: KeyInfo,
    /// Its value, if this run created the key or was given the value.
    pub value: Option<SecretString>,
    /// Whether this run created the key. With a stored value or one of your own, also `false` if a response was lost
    /// and the key was then found in a list.
    pub created: bool,
    /// The keys that this run deleted, or found deleted: those that this key replaces, and those that expired more than
    /// a day ago.
    pub replaced: Vec<KeyId>,
    /// Other keys with this description, whatever their scope, that this run did not change. They may be left over
    /// from an interrupted run. [Get](crate::KeysClient::get) one before you delete it, because more than its description
    /// may differ, and then [delete](crate::KeysClient::delete) the key and not its id.
    pub duplicates: Vec<KeyId>,
}

/// The steps for one description, before anything is changed.
#[derive(Clone)]
pub(super) struct Steps<'a> {
    pub(super) target: &'a Target,
    pub(super) before: Survey,
}

impl<'a> Steps<'a> {
    /// `listed`: the keys with this description.
    pub(super) fn new(call: Call<'_>, target: &'a Target, listed: Vec<KeyInfo>) -> Self {
        let before = Survey::of(listed, target, None, &call.engine.client_prefix());
        Self { target, before }
    }

    pub(super) fn create(self, call: Call<'_>) -> Result<Creation<'a>, Error> {
        let Self { target, before } = &self;
        if let Some(old) = before.replaced_by(None).last() {
            // A missing permission is reported as such.
            match get(call, old.id) {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            replication::check_nodes(call, old.id, false)?;
        }
        let mut others = before.ids();
        if target.key.value.may_be_in_use() {
            before.wanted().for_each(|key| _ = others.remove(&key.id));
        }
        let prior = Prior { others, ..Prior::default() };
        let created = target.key.create(call, prior)?;
        Ok(Creation { steps: self, created })
    }

    /// Whether a listed key is as wanted, but only its prefix shows that it has the derived value, and others are to be
    /// deleted because of it. Then the key is created: the server refuses a value that it has.
    pub(super) fn needs_proof(&self) -> bool {
        let stays = self.before.wanted().next().map(|key| key.id);
        let is_derived = matches!(self.target.key.value, KeyValue::Derived(_));
        is_derived && stays.is_some() && self.before.replaced_by(stays).next().is_some()
    }

    /// Keeps `stays`, which is listed with the wanted scope.
    pub(super) fn keep(&self, call: Call<'_>, stays: &KeyInfo) -> Result<EnsuredKey, Error> {
        let kept = self.conclude(call, None, stays, self.before.ids())?;
        Ok(EnsuredKey { value: self.target.key.value_of(stays), ..kept })
    }

    /// `stays` has the wanted scope. Deletes the keys that it replaces and the keys that expired long ago.
    ///
    /// `seen`: the keys with this description in the last list.
    fn conclude(
        &self,
        call: Call<'_>,
        created: Option<Created>,
        stays: &KeyInfo,
        mut seen: BTreeSet<KeyId>,
    ) -> Result<EnsuredKey, Error> {
        let before = &self.before;
        let drifted: Vec<_> = before.replaced_by(Some(stays.id)).collect();
        if !drifted.is_empty() {
            if let Err(lag) = replication::wait(call, Awaited::Known(stays), false) {
                return Err(match created {
                    None => replication::nodes_unavailable(call.engine, lag.nodes, false),
                    created => interrupted(created, &[], &drifted, Error::NotReplicated(lag)),
                });
            }
        }
        let mut replaced = Vec::new();
        let to_delete: Vec<_> = drifted.iter().copied().chain(before.long_expired()).collect();
        for (at, key) in to_delete.iter().copied().enumerate() {
            let replaces = at < drifted.len();
            let check = if replaces { check_replacement(stays) } else { Ok(()) };
            match check.and_then(|()| delete_known(call, key, Some(stays))) {
                // Otherwise, another run has deleted it.
                Ok(()) | Err(Error::NotFound { .. }) => replaced.push(key),
                // A key that has expired can stay, for example because a node that lags does not know the new one.
                Err(Error::AnotherKey { .. }) if !replaces => {}
                Err(cause) => {
                    let left = to_delete.get(at..).unwrap_or_default();
                    return Err(interrupted(created, &replaced, left, cause));
                }
            }
        }
        let replaced: Vec<_> = replaced.into_iter().map(|key| key.id).collect();
        replaced.iter().chain([&stays.id]).for_each(|id| _ = seen.remove(id));
        Ok(EnsuredKey {
            key: stays.clone(),
            created: created
                .as_ref()
                .is_some_and(|created| created.is_certain || self.target.key.value.is_generated()),
            value: created.map(|created| created.key.value),
            replaced,
            duplicates: seen.into_iter().collect(),
        })
    }
}

/// The steps after this run has created the key.
pub(super) struct Creation<'a> {
    pub(super) steps: Steps<'a>,
    pub(super) created: Created,
}

impl<'a> Creation<'a> {
    /// Compares the keys with this description, listed since. `None` if they were listed by a node that lags, and does
    /// not know the created key.
    pub(super) fn survey(&self, call: Call<'_>, listed: Vec<KeyInfo>) -> Option<Survey> {
        let own = self.created.key.info();
        let after = Survey::of(listed, self.steps.target, Some(&own), &call.engine.client_prefix());
        let is_shown = after.wanted().any(|key| own.is_same_as(key)) || own.may_be_purged();
        is_shown.then_some(after)
    }

    /// Keeps the created key unless another key takes precedence.
    pub(super) fn settle(self, call: Call<'_>, after: &Survey) -> Result<EnsuredKey, Error> {
        let (own, is_certain) = (self.created.key.info(), self.created.is_certain);
        let replace_on_drift = self.steps.target.succession.replace_on_drift;
        // A renewal is begun although these are listed.
        let before = self.steps.before.ids();
        let is_in_the_way = |drifted: &&Listed| match drifted.differences.iter().any(|it| it.field == VALUE) {
            // A key that was found by its prefix may be any key that has the same prefix.
            true => drifted.key.id < own.id || !is_certain,
            false => drifted.key.id < own.id && !replace_on_drift && !before.contains(&drifted.key.id),
        };
        if let Some(drifted) = after.drifted().find(is_in_the_way) {
            return match is_certain {
                true => self.undo(call, None).and_then(|_| Err(drift(&drifted.key, &drifted.differences))),
                false => Err(interrupted(Some(self.created), &[], &[], drift(&drifted.key, &drifted.differences))),
            };
        }
        match after.wanted().find(|key| key.id < own.id) {
            // The key with the lowest id stays: a list that shows a key also shows the keys with lower ids.
            Some(first) if is_certain => {
                let mut left = after.ids();
                left.remove(&own.id);
                self.undo(call, Some(first))?.conclude(call, None, first, left)
            }
            _ => self.steps.conclude(call, Some(self.created), &own, after.ids()),
        }
    }

    /// Deletes the created key. `kept`: the key that stays instead.
    fn undo(self, call: Call<'_>, kept: Option<&KeyInfo>) -> Result<Steps<'a>, Error> {
        let Self { steps, created } = self;
        let own = created.key.info();
        let mut rounds = 0;
        loop {
            let Err(cause) = delete_known(call, &own, kept) else { return Ok(steps) };
            // A node that lags knows neither key yet, so that one is missing proves nothing.
            let is_kept = |id| kept.is_some_and(|kept| kept.id == id);
            let may_lag = cause.status() == Some(404) || matches!(cause, Error::AnotherKey { id, .. } if is_kept(id));
            if !may_lag || !call.pause(&mut rounds, ROUNDS_FOR_GIVEN) {
                return Err(interrupted(Some(created), &[], &[&own], cause));
            }
        }
    }
}

/// The error of a run that ends here, or only the cause if nothing was changed. `to_delete`: the keys that were still to
/// be deleted.
pub(super) fn interrupted(
    created: Option<Created>,
    deleted: &[&KeyInfo],
    to_delete: &[&KeyInfo],
    cause: Error,
) -> Error {
    if created.is_none() && deleted.is_empty() {
        return cause;
    }
    let (state, is_next) = match cause {
        // Nothing replaces them.
        Error::AnotherKey { .. } | Error::InvalidRequest { field: "expires_at", .. } => ("not deleted", false),
        // The nodes that do not know the created key need the old one.
        Error::NotReplicated(_) => ("not deleted yet", false),
        _ => ("to be deleted", true),
    };
    let own = created.as_ref().map(|created| created.key.id);
    let created_as = created.iter().map(|Created { key, is_certain }| match is_certain {
        true => format!("key {} is created", key.id),
        false => format!("key {} was found in a list", key.id),
    });
    let ids = |keys: &[&KeyInfo]| keys.iter().map(|key| key.id).filter(|id| own != Some(*id)).collect::<Vec<_>>();
    let what = created_as
        .chain(named(&ids(deleted), "deleted"))
        .chain(named(&ids(to_delete), state))
        .collect::<Vec<_>>()
        .join(", ");
    let left_over = match to_delete {
        [key] if is_next => Some((*key).clone()),
        _ => None,
    };
    let key = created.map(|created| created.key);
    Error::Incomplete(Box::new(Incomplete { what, key, left_over, cause }))
}

/// Which keys are `deleted`. Names a few of them, so that an error is a short line.
fn named(ids: &[KeyId], deleted: &str) -> Option<String> {
    const SHOWN: usize = 3;
    let (shown, others) = ids.split_at(ids.len().min(SHOWN));
    match (shown, others.len()) {
        ([], _) => None,
        ([id], _) => Some(format!("key {id} is {deleted}")),
        (ids, 0) => Some(format!("keys {} are {deleted}", joined(ids))),
        (ids, more) => Some(format!("keys {} and {more} more are {deleted}", joined(ids))),
    }
}

impl EnsuredKey {
    /// Waits for at most `limit` until every node knows the key. Does not wait without a limit.
    pub(super) fn replicated(self, call: Call<'_>, limit: Option<Duration>) -> Result<Self, Error> {
        // A value that this run was given is known to later runs; one that it generated is not.
        let value = self.value.as_ref().filter(|_| self.created);
        let created = || value.map(|value| CreatedKey::new(self.key.clone(), value.clone()));
        replication::wait_for_all(call, Awaited::Known(&self.key), limit, created)?;
        Ok(self)
    }
}

pub(super) fn drift(key: &KeyInfo, differences: &[Difference]) -> Error {
    Error::Drift { key: Box::new(key.clone()), differences: differences.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_many_keys_are_named() {
        let ids = [7, 8, 9, 10, 11].map(KeyId::from);
        let text = |count| named(&ids[..count], "deleted").unwrap_or_default();
        assert_eq!([0, 1, 3].map(text), ["", "key 7 is deleted", "keys 7, 8, 9 are deleted"]);
        assert_eq!(text(5), "keys 7, 8, 9 and 2 more are deleted");
    }
}
