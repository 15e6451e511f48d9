//! What [`Plan::apply`](super::Plan::apply) tells its caller: each step as it happens, and the results.

use std::ops::ControlFlow;

use super::PlannedKey;
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};
use crate::requests::steps::EnsuredKey;

/// The progress of [`Plan::apply_with`](super::Plan::apply_with).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ApplyProgress<'a> {
    /// The number of changed keys that are finished.
    pub done: usize,
    /// The number of keys to change.
    pub total: usize,
    /// The description of the key that the event is about.
    pub description: &'a str,
    /// What has happened.
    pub event: ApplyEvent<'a>,
}

/// What has happened to a key of a plan.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ApplyEvent<'a> {
    /// The key was created: store its value. [`Ensured`](Self::Ensured) or [`Failed`](Self::Failed) follows.
    ///
    /// If [`EnsuredKey::value`] is `None` then, a concurrent run has created the same key earlier: that key is kept,
    /// this one is deleted, and only the other run knows the value.
    Created(&'a CreatedKey),
    /// The key exists as described, and what it replaces is deleted.
    Ensured(&'a EnsuredKey),
    /// The key, which no spec describes, is deleted.
    Deleted(KeyId),
    /// The change failed. The error says which keys exist.
    Failed(&'a Error),
}

/// The results of [`Plan::apply`](super::Plan::apply).
#[derive(Debug)]
#[must_use = "it holds the errors, and the values of the keys that were created"]
pub struct Applied(pub(in crate::requests) Vec<(String, Option<Result<Done, Error>>)>);

#[derive(Debug)]
pub(in crate::requests) enum Done {
    Ensured(Box<EnsuredKey>),
    Deleted(KeyId),
}

impl Applied {
    /// Whether every key is now as planned.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.iter().all(|(_, result)| matches!(result, Some(Ok(_))))
    }

    /// The keys that exist as described, including those that existed before, in the order of the specs.
    pub fn ensured(&self) -> impl Iterator<Item = &EnsuredKey> {
        self.0.iter().filter_map(|(_, result)| match result {
            Some(Ok(Done::Ensured(key))) => Some(&**key),
            _ => None,
        })
    }

    /// The keys that no spec describes and that are deleted, also those that another run has deleted.
    pub fn deleted(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().filter_map(|(_, result)| match result {
            Some(Ok(Done::Deleted(id))) => Some(*id),
            _ => None,
        })
    }

    /// The descriptions of the keys whose change failed, with the errors.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.0.iter().filter_map(|(description, result)| Some((&**description, result.as_ref()?.as_ref().err()?)))
    }

    /// The descriptions of the keys whose change was not started.
    pub fn not_started(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, result)| result.is_none()).map(|(description, _)| &**description)
    }
}

/// Collects the results, and tells the caller about each step.
pub(super) struct Report<'a> {
    pub(super) applied: Applied,
    keep_going: bool,
    progress: &'a mut dyn FnMut(&ApplyProgress<'_>) -> ControlFlow<()>,
    done: usize,
    pub(super) total: usize,
    pub(super) is_stopped: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        keys: &[PlannedKey],
        keep_going: bool,
        progress: &'a mut dyn FnMut(&ApplyProgress<'_>) -> ControlFlow<()>,
    ) -> Self {
        let applied = Applied(keys.iter().map(|key| (key.description.clone(), key.kept().map(Ok))).collect());
        let total = applied.not_started().count();
        Self { applied, keep_going, progress, done: 0, total, is_stopped: false }
    }

    pub(super) fn finish(&mut self, at: usize, result: Result<Done, Error>) {
        self.done += 1;
        self.event(
            at,
            match &result {
                Ok(Done::Ensured(key)) => ApplyEvent::Ensured(key),
                Ok(Done::Deleted(id)) => ApplyEvent::Deleted(*id),
                Err(error) => ApplyEvent::Failed(error),
            },
        );
        self.is_stopped |= result.is_err() && !self.keep_going;
        if let Some((_, place)) = self.applied.0.get_mut(at) {
            *place = Some(result);
        }
    }

    pub(super) fn event(&mut self, at: usize, event: ApplyEvent<'_>) {
        let Self { applied: Applied(results), progress, done, total, .. } = self;
        let description = results.get(at).map(|(description, _)| &**description).unwrap_or_default();
        let progress = progress(&ApplyProgress { done: *done, total: *total, description, event });
        self.is_stopped |= progress.is_break();
    }

    pub(super) fn flow(&self) -> ControlFlow<()> {
        if self.is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl PlannedKey {
    /// The result for a key that is kept as it is.
    fn kept(&self) -> Option<Done> {
        let key = self.key.clone().filter(|_| !self.is_change())?;
        let value = self.target.as_ref().and_then(|target| target.key.value_of(&key));
        let (replaced, duplicates) = (Vec::new(), self.duplicates.clone());
        Some(Done::Ensured(Box::new(EnsuredKey { key, value, created: false, replaced, duplicates })))
    }
}
