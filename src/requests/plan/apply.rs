//! Carries out a plan: lists again, creates, lists, and deletes what is replaced or unwanted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::applied::{Applied, ApplyEvent, ApplyProgress, Done, Report};
use super::{Change, Plan, PlannedKey, list_groups};
use crate::engine::Call;
use crate::error::Error;
use crate::key::KeyInfo;
use crate::operation::Operation;
use crate::requests::delete::delete_known;
use crate::requests::runner;
use crate::requests::steps::{Creation, Steps, drift, interrupted};
use crate::requests::survey::{Survey, Target};

impl Plan {
    /// Carries out the plan over a few connections.
    ///
    /// First lists the keys again. A key whose listed state no longer fits the plan is not changed:
    /// [`Error::PlanOutdated`]. Then creates all new keys, lists the keys, and deletes what was planned, as
    /// [`ensure`](crate::KeysClient::ensure) does for one key. A key that needs no change is not checked again, and a
    /// plan without changes sends nothing. The [`timeout`](super::PlanKeys::timeout) limits each list, and each step of a change.
    ///
    /// After an interruption, make a new plan from the same specs and apply it. If a node does not list a key yet that
    /// the interrupted run has created, the new plan creates a duplicate, which later plans show. To avoid this, use
    /// [`stored_values`](super::PlanKeys::stored_values).
    ///
    /// # Errors
    ///
    /// The error of the first list: nothing was changed. All later errors are in [`Applied`].
    pub fn apply(self) -> Result<Applied, Error> {
        self.apply_with(|_| ControlFlow::Continue(()))
    }

    /// Like [`apply`](Self::apply), and calls `progress` in this thread after each step.
    ///
    /// The requests wait for `progress`: there are never more unreported keys than
    /// [`connections`](super::PlanKeys::connections). After it returns [`ControlFlow::Break`], no further change is
    /// started; changes in progress are completed.
    ///
    /// # Errors
    ///
    /// As for [`apply`](Self::apply).
    pub fn apply_with(
        self,
        mut progress: impl FnMut(&ApplyProgress<'_>) -> ControlFlow<()>,
    ) -> Result<Applied, Error> {
        let mut report = Report::new(&self.keys, self.pace.keep_going, &mut progress);
        if report.total > 0 {
            self.change_all(&mut report)?;
        }
        Ok(report.applied)
    }
}

/// A change that creates no key.
struct Other<'a> {
    /// The position in the plan.
    at: usize,
    /// The key to delete; with `steps`, the key to keep.
    key: &'a KeyInfo,
    /// The steps that delete other keys with its description.
    steps: Option<Steps<'a>>,
}

/// One run. The lists serve all keys; each request has its own deadline.
impl Plan {
    fn change_all(&self, report: &mut Report<'_>) -> Result<(), Error> {
        let keys = &self.keys;
        let changed = || keys.iter().filter(|planned| planned.is_change());
        let targets = || changed().filter_map(|planned| planned.target.as_ref()).map(|target| &target.key);
        let unwanted = keys.iter().filter(|planned| planned.change == Change::Delete);
        let mut by_id = BTreeMap::new();
        by_id.extend(unwanted.filter_map(|planned| planned.key.as_ref()).map(|key| (key.id, key)));
        let has_changed = |key: &KeyInfo| by_id.get(&key.id).is_some_and(|planned| *planned != key);
        let descriptions = targets().map(|key| &*key.description);
        let values: Vec<_> = targets().filter_map(|key| key.value.known()).collect();
        let call = self.call().hiding_all(&values);
        let mut groups = list_groups(call, descriptions, has_changed)?;
        // On a server that was set up again, for example, other keys have these ids.
        let changed = groups.values().flatten().filter(|key| has_changed(key));
        let changed: BTreeSet<_> = changed.map(|key| key.id).collect();
        let (mut creations, mut others) = (Vec::new(), Vec::new());
        for (at, planned) in keys.iter().enumerate().filter(|(_, planned)| planned.is_change()) {
            match &planned.target {
                Some(target) => {
                    let listed = self.take_group(&mut groups, target);
                    let mut steps = Steps::new(self.call(), target, listed);
                    let deletes: BTreeSet<_> = planned.deletes.iter().map(|key| key.id).collect();
                    steps.before.prune(|key| deletes.contains(&key.id));
                    match planned.check(&steps) {
                        Ok(None) => creations.push((at, steps)),
                        Ok(Some(key)) => others.push(Other { at, key, steps: Some(steps) }),
                        Err(refused) => report.finish(at, Err(refused)),
                    }
                }
                None => match planned.deletes.iter().find(|key| changed.contains(&key.id)) {
                    Some(key) => report.finish(at, Err(planned.outdated(format!("key {} has changed", key.id)))),
                    None => others.extend(planned.deletes.iter().map(|key| Other { at, key, steps: None })),
                },
            }
        }
        if !report.is_stopped {
            let created = self.create(creations, report);
            self.settle(created, report);
        }
        if !report.is_stopped {
            self.finish(others, report);
        }
        Ok(())
    }

    /// Creates the keys. Returns those that exist now.
    fn create<'a>(
        &'a self,
        creations: Vec<(usize, Steps<'a>)>,
        report: &mut Report<'_>,
    ) -> Vec<(usize, Creation<'a>)> {
        let mut created = Vec::with_capacity(creations.len());
        let job = |(at, steps): (usize, Steps<'a>)| {
            let (call, operation) = (self.call_about(steps.target), steps.target.key.operation());
            (at, call.guard(operation, || steps.create(call)))
        };
        runner::run(self.pace.connections, &mut creations.into_iter(), job, |(at, result)| {
            match result {
                Ok(creation) => {
                    report.event(at, ApplyEvent::Created(&creation.created.key));
                    created.push((at, creation));
                }
                Err(error) => report.finish(at, Err(error)),
            }
            report.flow()
        });
        created
    }

    /// Deletes what the created keys replace, or a created key itself if another one takes precedence.
    fn settle<'a>(&'a self, created: Vec<(usize, Creation<'a>)>, report: &mut Report<'_>) {
        let job = |(at, creation, after): (usize, Creation<'a>, Survey)| {
            let (call, operation) = (self.call_about(creation.steps.target), creation.steps.target.key.operation());
            let ensured = call
                .guard(operation, || creation.settle(call, &after)?.replicated(call, self.options.replicated_within));
            (at, ensured.map(|ensured| Done::Ensured(Box::new(ensured))))
        };
        // Most keys are the only ones with their description, which takes no request and is not worth a thread.
        let waits = self.options.replicated_within.is_some();
        let listed = self.list_until_shown(created, report).into_iter();
        let is_alone = |(_, creation, after): &(usize, Creation<'a>, Survey)| {
            !waits && creation.steps.before.ids().is_empty() && after.ids().len() == 1
        };
        let (alone, others): (Vec<_>, Vec<_>) = listed.partition(is_alone);
        for (at, done) in alone.into_iter().map(job) {
            report.finish(at, done);
        }
        runner::run(self.pace.connections, &mut others.into_iter(), job, |(at, done)| {
            report.finish(at, done);
            // These keys exist already.
            ControlFlow::Continue(())
        });
    }

    /// Lists the keys until all created ones are shown, because a node may lag.
    fn list_until_shown<'a>(
        &'a self,
        mut created: Vec<(usize, Creation<'a>)>,
        report: &mut Report<'_>,
    ) -> Vec<(usize, Creation<'a>, Survey)> {
        let call = self.call();
        let mut shown = Vec::with_capacity(created.len());
        let mut rounds = 0;
        while !created.is_empty() {
            let keys = || created.iter().map(|(_, creation)| &creation.steps.target.key);
            let secrets: Vec<_> = keys().filter_map(|key| key.value.known()).collect();
            let descriptions = keys().map(|key| &*key.description);
            let mut groups = match list_groups(call.hiding_all(&secrets), descriptions, |_| false) {
                Ok(groups) => groups,
                Err(failure) => {
                    for (at, creation) in created {
                        let cause = failure.copy().into_error(None);
                        report.finish(at, Err(interrupted(Some(creation.created), &[], &[], cause)));
                    }
                    break;
                }
            };
            let mut missing = Vec::new();
            for (at, creation) in created {
                let listed = self.take_group(&mut groups, creation.steps.target);
                match creation.survey(call, listed) {
                    Some(after) => shown.push((at, creation, after)),
                    None => missing.push((at, creation)),
                }
            }
            created = missing;
            if !created.is_empty() {
                rounds += 1;
                call.pause_until(rounds);
            }
        }
        shown
    }

    /// Makes the changes that create no key.
    fn finish<'a>(&'a self, others: Vec<Other<'a>>, report: &mut Report<'_>) {
        let job = |Other { at, key, steps }: Other<'a>| match steps {
            Some(steps) => {
                let call = self.call_about(steps.target);
                let ensured = call.guard(Operation::Delete(key.id), || steps.keep(call, key));
                (at, ensured.map(|ensured| Done::Ensured(Box::new(ensured))))
            }
            None => match delete_known(self.call(), key, None) {
                // It is gone already.
                Ok(()) | Err(Error::NotFound { .. }) => (at, Ok(Done::Deleted(key.id))),
                Err(error) => (at, Err(error)),
            },
        };
        runner::run(self.pace.connections, &mut others.into_iter(), job, |(at, done)| {
            report.finish(at, done);
            report.flow()
        });
    }

    /// The listed keys with the description of `target`, which do not show its value.
    fn take_group(&self, groups: &mut BTreeMap<String, Vec<KeyInfo>>, target: &Target) -> Vec<KeyInfo> {
        let secrets = self.call_about(target).secrets;
        let listed = groups.remove(&target.key.description).unwrap_or_default();
        listed.into_iter().map(|key| secrets.hide_in(key)).collect()
    }

    fn call(&self) -> Call<'_> {
        self.engine.call(self.options.timeout)
    }

    fn call_about<'a>(&'a self, target: &'a Target) -> Call<'a> {
        self.call().hiding(target.key.value.known())
    }
}

impl PlannedKey {
    /// Checks that the change still fits the listed keys. Returns the key that is kept, if none is to be created.
    fn check(&self, steps: &Steps<'_>) -> Result<Option<&KeyInfo>, Error> {
        let now = Self::of(&steps.before, &self.description);
        let Self { change, key, differences, deletes, .. } = &now;
        if (&self.change, &self.key, &self.differences, &self.deletes) != (change, key, differences, deletes) {
            // An error is one line.
            let [then, now] = [self, &now].map(|planned| planned.to_string().replace("\n    ", ", "));
            return Err(self.outdated(format!("it says: {then}; and would now say: {now}")));
        }
        if steps.target.key.expires_at.is_past() {
            return Err(self.outdated("the expiry of the new key has passed".to_owned()));
        }
        match (self.change, &self.key) {
            (Change::Drift, Some(key)) => Err(drift(key, &self.differences)),
            (Change::Keep, kept) if !steps.needs_proof() => Ok(kept.as_ref()),
            _ => Ok(None),
        }
    }

    fn outdated(&self, reason: String) -> Error {
        Error::PlanOutdated { description: self.description.clone(), reason }
    }
}
