//! What follows a course that ended in an error or a kill: what the error advises, the next run, and the completion of a
//! rotation by a later process.

use std::collections::BTreeSet;

use super::contract::{Course, End, made};
use super::model::{Act, Entry, Event, Model, World, exposed};
use super::operations::{ANOTHER_VALUE, ENSURE, Ensure, Operation, ROTATION, Rotate, Told, VALUE, Value};
use crate::error::Error;
use crate::key::KeyId;
use crate::secret::tests::Random;

const GENERATED: Random = Random::Gives(VALUE);

impl Course {
    /// What the error advises comes to a good end. On another cluster, it does no harm.
    pub(super) fn check_way_out(&self, model: &Model, end: &End, error: Error) {
        model.heal();
        let client = model.client();
        let (key0, text) = (self.key0(), error.to_string());
        let run = |operation: Operation| operation.run(&client, key0.as_ref(), GENERATED);
        let last = match (self.operation, error) {
            (Operation::Create { value: Value::Generated }, Error::OutcomeUnknown(_)) => {
                run(Operation::Complete { expires_in_an_hour: false })
            }
            (Operation::Create { value: Value::Provided }, Error::OutcomeUnknown(_)) => {
                let ensure = Operation::Ensure(Ensure { value: Value::Provided, ..ENSURE });
                if !self.operation_succeeds(ensure) {
                    return; // another key has this description
                }
                run(ensure)
            }
            (Operation::Create { value: Value::ServerGenerated }, Error::OutcomeUnknown(_)) => return, // it is lost
            (Operation::Rotate(_), Error::Incomplete(_)) => {
                let is_here = model.state().keys.iter().any(|key| end.belongs_to_run(key));
                let rotation = ROTATION.take().expect("it was sent");
                let told = match rotation.send() {
                    Ok(key) => Told::Key(key.id, exposed(Some(&key.value))),
                    Err(error) => Told::Error(error),
                };
                let acts = model.state().acts.clone();
                let all: Vec<_> =
                    end.acts.iter().chain([&Act::Changed { lives_on: vec![] }]).chain(&acts).cloned().collect();
                self.check_acts(&end.first_shown, &all);
                let has_created = made(&acts).next().is_some();
                assert!(is_here || !has_created, "created on a cluster that has neither key: {self:?}: {text}");
                told
            }
            _ if self.change.is_some() => return,
            _ => run(self.operation),
        };
        if self.change.is_some() {
            return;
        }
        match last {
            Told::Error(Error::NotFound { .. }) if self.operation == Operation::Delete => {}
            Told::Error(error) if !self.is_ambiguous(&error, &model.state().keys) => {
                panic!("no way out: {self:?}: {text}, and then: {error}")
            }
            Told::Key(id, value) => {
                let keys = model.state().keys.clone();
                let key = keys.iter().find(|key| KeyId::from(key.id) == id).expect("`Ok` names a key");
                self.check_value(&end.before, self.events.contains(&Event::Lagging), key, value.as_deref());
            }
            _ => {}
        }
    }

    /// Whether it cannot be told which key has the value, because others look like it.
    fn is_ambiguous(&self, error: &Error, keys: &[Entry]) -> bool {
        match error {
            Error::OutcomeUnknown(unknown) => {
                let own = keys.iter().find(|key| key.value == VALUE);
                let of_prefix = keys.iter().filter(|key| own.is_some_and(|own| own.prefix() == key.prefix())).count();
                // A value of one's own may be that of any key with its prefix.
                unknown.candidates.len() > 1 || (self.operation.uses(Value::Provided) && of_prefix > 1)
            }
            Error::Incomplete(incomplete) => self.is_ambiguous(&incomplete.cause, keys),
            _ => false,
        }
    }

    /// After a kill, the operation is run again without faults: it reports whatever the killed one has left.
    pub(super) fn check_next_run(&self, model: &Model) {
        let operation = match self.operation {
            // The value was stored before.
            Operation::Create { value: Value::Generated } => Operation::Complete { expires_in_an_hour: false },
            Operation::Rotate(Rotate { value: Value::Generated | Value::Stored, keep_old, .. }) => {
                return self.check_later_processes(model, keep_old);
            }
            Operation::Create { .. } | Operation::Rotate(_) => return,
            other => other,
        };
        model.heal();
        let fresh = Self { events: Vec::new(), killed_after: None, ..self.clone() };
        let told = operation.run(&model.client(), self.key0().as_ref(), GENERATED);
        let state = model.state();
        let (after, acts) = (state.keys.clone(), state.acts.clone());
        fresh.check_acts(state.first_shown.as_deref().unwrap_or_default(), &acts);
        drop(state);
        match told {
            Told::Ensured(ensured) => {
                let seen: BTreeSet<_> = ensured.duplicates.iter().copied().chain([ensured.key.id]).collect();
                let listed = after.iter().filter(|key| key.description == "docs" && key.is_listed);
                assert_eq!(seen, listed.map(|key| KeyId::from(key.id)).collect(), "left over: {self:?}");
            }
            Told::Key(id, value) => {
                let key = after.iter().find(|key| KeyId::from(key.id) == id);
                let key = key.unwrap_or_else(|| panic!("not completed: {self:?}"));
                fresh.check_value(&self.entries(), false, key, value.as_deref());
            }
            Told::Error(Error::NotFound { .. }) if operation == Operation::Delete => {}
            Told::Error(error) if self.succeeds_without_faults() => {
                assert!(self.is_ambiguous(&error, &after), "never completed: {self:?}: {error}");
            }
            Told::Deleted | Told::Error(_) | Told::Panicked(_) => {}
        }
    }

    /// After a kill, later processes complete the rotation with the stored value: twice, with the old key or its id, on
    /// the same cluster and on any other.
    fn check_later_processes(&self, killed: &Model, keep_old: bool) {
        for by_key in [true, false] {
            let rotate = Operation::Rotate(Rotate { value: Value::Stored, keep_old, by_key });
            let fresh = Self { now: self.now, ..Self::new(rotate, self.before.clone(), self.ahead) };
            for world in World::ALL.map(Some).into_iter().chain([None]) {
                // By its id, another key is meant there.
                if by_key || world.is_none_or(|world| matches!(world, World::Restored(_) | World::Revoked)) {
                    fresh.check_later_process(&killed.copy(), world, self);
                }
            }
        }
    }

    /// `killed`: the course of the process before.
    fn check_later_process(&self, model: &Model, world: Option<World>, killed: &Self) {
        let acts_before = model.state().acts.clone();
        model.heal();
        let changes: Vec<_> = world.into_iter().filter(|world| model.become_another(*world)).collect();
        if changes.is_empty() && world.is_some() {
            return; // it makes no difference
        }
        let (old, keys) = (self.key0(), model.state().keys.clone());
        let has_old = old.as_ref().is_some_and(|old| keys.contains(old));
        let first = self.run_again(model);
        let acts = model.state().acts.clone();
        let context = format!("{self:?} {world:?} after {killed:?}: {acts_before:?}, then {acts:?}");
        let all: Vec<_> = acts_before.iter().chain(&acts).cloned().collect();
        self.check_acts(&[self.entries(), keys.clone()].concat(), &all);
        assert!(has_old || made(&acts).next().is_none(), "created although the old key is gone: {context}");
        let again = self.run_again(model);
        let changed = |acts: &[Act]| acts.iter().filter(|act| !matches!(act, Act::Changed { .. })).count();
        let after = model.state().keys.clone();
        match (first, again) {
            (Told::Key(id, value), again) => {
                let key = after.iter().find(|key| KeyId::from(key.id) == id).expect("`Ok` names a key");
                // Another key that looks the same in every respect is taken for the new one if that is gone.
                let is_lost = world.is_some() && !keys.iter().any(|key| key.value == VALUE);
                self.check_value(&self.entries(), is_lost && !has_old, key, value.as_deref());
                let is_old_left = old.is_some_and(|old| after.contains(&old));
                assert_eq!(is_old_left, self.keeps_old() && has_old, "`Ok`, and the old key: {context}");
                let is_same = match again {
                    Told::Key(other, _) => other == id,
                    Told::Error(error) => self.is_ambiguous(&error, &after),
                    _ => false,
                };
                assert!(is_same || (!self.is_by_key() && !is_old_left), "the second run ends otherwise: {context}");
                assert_eq!(changed(&model.state().acts), changed(&acts), "the second run acts: {context}");
            }
            (Told::Error(error), _) => {
                let is_known = error.may_have_acted() && exposed(error.value()).as_deref() == Some(VALUE);
                let is_invalid = matches!(error, Error::InvalidRequest { .. });
                assert!(is_known || is_invalid, "an earlier process may have created it: {context}: {error}");
                let may_fail = world.is_some()
                    || (!self.is_by_key() && !has_old)
                    || !killed.succeeds_without_faults()
                    || self.is_ambiguous(&error, &after);
                assert!(may_fail, "never completed: {context}: {error}");
            }
            _ => panic!("not a rotation: {context}"),
        }
    }

    fn run_again(&self, model: &Model) -> Told {
        self.operation.run(&model.client(), self.key0().as_ref(), Random::Gives(ANOTHER_VALUE))
    }

    fn keeps_old(&self) -> bool {
        matches!(self.operation, Operation::Rotate(Rotate { keep_old: true, .. }))
    }

    fn is_by_key(&self) -> bool {
        matches!(self.operation, Operation::Rotate(Rotate { by_key: true, .. }))
    }
}
