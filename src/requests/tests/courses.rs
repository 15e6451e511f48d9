//! Every course that an operation can take: which keys exist before, what becomes of each request, whose clock is wrong,
//! and where the process is killed. After each course, the contract of the crate is checked:
//!
//! 1. Only what the contract names is deleted.
//! 2. `Ok` names its own key.
//! 3. Whatever the operation has created is in `Ok` or in the error.
//! 4. An error that promises that nothing was changed has changed nothing.
//! 5. An operation creates one key at most.
//! 6. After an error or a kill, the next run or what the error advises succeeds, if the operation would have without
//!    faults, unless it names several keys that look alike.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::model::{Act, Entry, Event, Model, exposed, generate_next, server_time};
use crate::client::KeysClient;
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};
use crate::requests::{Applied, EnsuredKey, KeySpec, Plan};

/// In the form of a generated value, so that it may also be a stored one.
const VALUE: &str = "abcdWanted0000000000000000000000";
/// What is generated where the stored one is not used.
const ANOTHER_VALUE: &str = "yyyy-generated";
const ALIKE: &str = "abcd-other";
const UNLIKE: &str = "zzzz-other";
const NEVER: u64 = 64_723_363_199;
const DAY: u64 = 86_400;
const HOUR: Duration = Duration::from_secs(3600);

/// An operation with every option that changes what it creates or deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create {
        value: Value,
    },
    /// With the value that an earlier process has stored.
    Complete {
        expires_in_an_hour: bool,
    },
    Delete,
    /// Of key 0.
    Rotate {
        value: Value,
        keep_old: bool,
    },
    Ensure(Ensure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ensure {
    pub(super) value: Value,
    pub(super) replace_on_drift: bool,
    pub(super) expires_in_an_hour: bool,
    /// By `plan` and `apply`.
    pub(super) planned: bool,
}

pub(super) const ENSURE: Ensure =
    Ensure { value: Value::Generated, replace_on_drift: false, expires_in_an_hour: false, planned: false };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Generated,
    /// By an earlier process.
    Stored,
    Provided,
    /// That of key 0.
    OfKey0,
    ServerGenerated,
}

const OPERATIONS: [Operation; 24] = [
    Operation::Create { value: Value::Generated },
    Operation::Create { value: Value::Provided },
    Operation::Create { value: Value::ServerGenerated },
    Operation::Complete { expires_in_an_hour: false },
    Operation::Complete { expires_in_an_hour: true },
    Operation::Delete,
    Operation::Rotate { value: Value::Generated, keep_old: false },
    Operation::Rotate { value: Value::Generated, keep_old: true },
    Operation::Rotate { value: Value::Provided, keep_old: false },
    Operation::Rotate { value: Value::OfKey0, keep_old: false },
    Operation::Ensure(ENSURE),
    Operation::Ensure(Ensure { replace_on_drift: true, ..ENSURE }),
    Operation::Ensure(Ensure { expires_in_an_hour: true, ..ENSURE }),
    Operation::Ensure(Ensure { replace_on_drift: true, expires_in_an_hour: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Provided, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Provided, replace_on_drift: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Provided, expires_in_an_hour: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::OfKey0, ..ENSURE }),
    Operation::Ensure(Ensure { planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { replace_on_drift: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { expires_in_an_hour: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { replace_on_drift: true, expires_in_an_hour: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Stored, replace_on_drift: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Stored, expires_in_an_hour: true, planned: true, ..ENSURE }),
];

/// A key that exists before, as it differs from the one that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    SameValue,
    SameValueUnlisted,
    Alike,
    Unlike,
    Drifted,
    DriftedAlike,
    OtherDescriptionSameValue,
    OtherDescriptionAlike,
    /// Works for half an hour more.
    EndsSoon,
    EndsSoonSameValue,
    ExpiredAnHourAgo,
    ExpiredTwoDaysAgo,
    ExpiredAlike,
    ExpiredSameValue,
}

const BEFORE: [Before; 14] = [
    Before::SameValue,
    Before::SameValueUnlisted,
    Before::Alike,
    Before::Unlike,
    Before::Drifted,
    Before::DriftedAlike,
    Before::OtherDescriptionSameValue,
    Before::OtherDescriptionAlike,
    Before::EndsSoon,
    Before::EndsSoonSameValue,
    Before::ExpiredAnHourAgo,
    Before::ExpiredTwoDaysAgo,
    Before::ExpiredAlike,
    Before::ExpiredSameValue,
];

impl Before {
    pub(super) fn entry(self, id: u32, ahead: i64) -> Entry {
        let now = server_time(ahead);
        let value = match self {
            Self::SameValue
            | Self::SameValueUnlisted
            | Self::OtherDescriptionSameValue
            | Self::EndsSoonSameValue
            | Self::ExpiredSameValue => VALUE,
            Self::Alike | Self::DriftedAlike | Self::OtherDescriptionAlike | Self::ExpiredAlike => ALIKE,
            _ => UNLIKE,
        };
        let is_drifted = matches!(self, Self::Drifted | Self::DriftedAlike);
        let is_other = matches!(self, Self::OtherDescriptionSameValue | Self::OtherDescriptionAlike);
        Entry {
            id,
            // The value that is the same exists once; others differ beyond their prefix.
            value: if value == VALUE { value.to_owned() } else { format!("{value}-{id}") },
            description: if is_other { "shop" } else { "docs" }.to_owned(),
            actions: json!(["documents:search"]),
            collections: if is_drifted { json!(["docs", "blog"]) } else { json!(["docs"]) },
            expires_at: match self {
                Self::EndsSoon | Self::EndsSoonSameValue => now + 1800,
                Self::ExpiredAnHourAgo | Self::ExpiredAlike | Self::ExpiredSameValue => now - 3600,
                Self::ExpiredTwoDaysAgo => now - 2 * DAY,
                _ => NEVER,
            },
            is_listed: self != Self::SameValueUnlisted,
        }
    }
}

/// What an operation has told its caller.
pub(super) enum Told {
    Key(KeyId, Option<String>),
    Ensured(EnsuredKey),
    Deleted,
    Error(Error),
}

impl Operation {
    /// Runs it. `key0`: the value of key 0; `generated`: the value that will be generated.
    pub(super) fn run(self, client: &KeysClient, key0: &str, generated: &'static str) -> Told {
        generate_next(generated);
        let value_of = |value| match value {
            Value::OfKey0 => key0.to_owned(),
            _ => VALUE.to_owned(),
        };
        let created = |result: Result<CreatedKey, Error>| match result {
            Ok(key) => Told::Key(key.id, exposed(Some(&key.value))),
            Err(error) => Told::Error(error),
        };
        let request = || client.create().description("docs").actions(["documents:search"]).collections(["docs"]);
        match self {
            Self::Create { value: Value::Generated } => created(request().send()),
            Self::Create { value: Value::ServerGenerated } => created(request().server_generated().send()),
            Self::Create { value } => created(request().value(value_of(value)).send()),
            Self::Complete { expires_in_an_hour: false } => created(request().stored_value(VALUE).send()),
            Self::Complete { expires_in_an_hour: true } => {
                created(request().stored_value(VALUE).expires_in(HOUR).send())
            }
            Self::Delete => match client.delete(0).send() {
                Ok(_) => Told::Deleted,
                Err(error) => Told::Error(error),
            },
            Self::Rotate { value, keep_old } => {
                let request = client.rotate(0).keep_old(keep_old);
                created(match value {
                    Value::Generated => request.send(),
                    value => request.value(value_of(value)).send(),
                })
            }
            Self::Ensure(ensure) => match ensure.run(client, value_of(ensure.value)) {
                Ok(ensured) => Told::Ensured(ensured),
                Err(error) => Told::Error(error),
            },
        }
    }

    fn succeeds_without_faults(self, before: &[Entry]) -> bool {
        let key0 = before.first().map_or("", |key| key.value.as_str());
        !matches!(self.run(&Model::new(before, &[]).client(), key0, VALUE), Told::Error(_))
    }

    fn uses(self, value: Value) -> bool {
        match self {
            Self::Create { value: used }
            | Self::Rotate { value: used, .. }
            | Self::Ensure(Ensure { value: used, .. }) => used == value,
            Self::Complete { .. } => value == Value::Stored,
            Self::Delete => false,
        }
    }

    fn expires_in_an_hour(self) -> bool {
        match self {
            Self::Complete { expires_in_an_hour } | Self::Ensure(Ensure { expires_in_an_hour, .. }) => {
                expires_in_an_hour
            }
            Self::Create { .. } | Self::Delete | Self::Rotate { .. } => false,
        }
    }
}

impl Ensure {
    fn run(self, client: &KeysClient, value: String) -> Result<EnsuredKey, Error> {
        let Self { value: source, replace_on_drift, expires_in_an_hour, planned } = self;
        if planned {
            let mut spec = KeySpec::new("docs").actions(["documents:search"]).collections(["docs"]);
            if expires_in_an_hour {
                spec = spec.expires_in(HOUR);
            }
            if source == Value::Stored {
                generate_next(ANOTHER_VALUE);
            }
            let stored = |_: &str| (source == Value::Stored).then(|| VALUE.into());
            let plan = client.plan([spec]).replace_on_drift(replace_on_drift).stored_values(stored).send();
            return plan.and_then(Plan::apply).and_then(Applied::into_only);
        }
        let mut request = client.ensure("docs").actions(["documents:search"]).collections(["docs"]);
        if expires_in_an_hour {
            request = request.expires_in(HOUR);
        }
        if source != Value::Generated {
            request = request.value(value);
        }
        request.replace_on_drift(replace_on_drift).send()
    }
}

/// One course: what it begins with, and what happens.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) operation: Operation,
    pub(super) before: Vec<Before>,
    /// By how many hours the server's clock is ahead of the local one.
    pub(super) ahead: i64,
    pub(super) events: Vec<Event>,
    pub(super) killed_after: Option<usize>,
}

impl Course {
    pub(super) fn entries(&self) -> Vec<Entry> {
        let ids = 0_u32..;
        self.before.iter().zip(ids).map(|(before, id)| before.entry(id, self.ahead)).collect()
    }

    /// Whether the server would never have accepted these keys, or the course says the same as another one.
    fn is_pointless(&self) -> bool {
        let entries = self.entries();
        let values: BTreeSet<_> = entries.iter().map(|key| &key.value).collect();
        // Their keys may have expired.
        let makes_clocks_matter =
            matches!(self.operation, Operation::Ensure(_) | Operation::Complete { expires_in_an_hour: true });
        // A value that is generated is not in use, and one that an earlier process has generated is that of its key.
        let holder = entries.iter().find(|key| key.value == VALUE);
        let is_anothers = holder.is_some_and(|key| !self.is_wanted(key) || !key.is_listed);
        values.len() < entries.len()
            || (self.ahead != 0 && !makes_clocks_matter)
            || (holder.is_some() && self.operation.uses(Value::Generated))
            || (is_anothers && self.operation.uses(Value::Stored))
            || (entries.is_empty() && self.operation.uses(Value::OfKey0))
    }

    /// Takes the course and checks the contract. Returns the number of requests, or `None` if the course is redundant.
    fn take(&self) -> Option<usize> {
        let before = self.entries();
        let model = Model::new(&before, &self.events);
        model.state().killed_after = self.killed_after;
        let told = self.operation.run(&model.client(), before.first().map_or("", |key| key.value.as_str()), VALUE);
        let state = model.state();
        if state.is_redundant {
            return None;
        }
        let (requests, after, acts) = (state.requests, state.keys.clone(), state.acts.clone());
        drop(state);
        self.check_acts(&before, &acts);
        if self.killed_after.is_none() {
            self.check_told(&before, &after, &acts, &told);
            if let (Told::Error(error), true) = (told, self.operation.succeeds_without_faults(&before)) {
                self.check_way_out(&model, &before, error);
            }
        } else {
            self.check_next_run(&model, &before);
        }
        Some(requests)
    }

    /// What the error advises comes to a good end.
    fn check_way_out(&self, model: &Model, before: &[Entry], error: Error) {
        model.heal();
        let client = model.client();
        let key0 = before.first().map_or("", |key| key.value.as_str());
        let text = error.to_string();
        let end = match (self.operation, error) {
            (Operation::Create { value: Value::Generated }, Error::OutcomeUnknown(_)) => {
                Operation::Complete { expires_in_an_hour: false }.run(&client, key0, VALUE)
            }
            (Operation::Create { value: Value::Provided }, Error::OutcomeUnknown(_)) => {
                let ensure = Operation::Ensure(Ensure { value: Value::Provided, ..ENSURE });
                if !ensure.succeeds_without_faults(before) {
                    return; // another key has this description
                }
                ensure.run(&client, key0, VALUE)
            }
            (Operation::Create { value: Value::ServerGenerated }, Error::OutcomeUnknown(_)) => return, // it is lost
            (Operation::Rotate { .. }, Error::Incomplete(incomplete)) => match incomplete.resume(&client) {
                Ok(key) => Told::Key(key.id, exposed(Some(&key.value))),
                Err(error) => Told::Error(error),
            },
            _ => self.operation.run(&client, key0, VALUE),
        };
        match end {
            Told::Error(Error::NotFound { .. }) if self.operation == Operation::Delete => {}
            Told::Error(error) if !self.is_ambiguous(&error, &model.state().keys) => {
                panic!("no way out: {self:?}: {text}, and then: {error}")
            }
            Told::Key(id, value) => {
                let keys = model.state().keys.clone();
                let key = keys.iter().find(|key| KeyId::from(key.id) == id).expect("`Ok` names a key");
                self.check_value(before, self.events.contains(&Event::Lagging), key, value.as_deref());
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
            Error::Incomplete(incomplete) => self.is_ambiguous(incomplete.cause(), keys),
            _ => false,
        }
    }

    fn check_acts(&self, before: &[Entry], acts: &[Act]) {
        let mut made: Vec<&Entry> = Vec::new();
        for act in acts {
            match act {
                Act::Created(key) => made.push(key),
                Act::Deleted { key, others } => {
                    let is_own = made.iter().any(|made| made.id == key.id);
                    let is_replaced = others.iter().any(|other| {
                        other.description == key.description
                            && other.collections == json!(["docs"])
                            && other.id > key.id
                    });
                    let is_allowed = match self.operation {
                        Operation::Create { .. } | Operation::Complete { .. } => false,
                        Operation::Delete => key.id == 0,
                        Operation::Rotate { keep_old, .. } => {
                            let is_known = made.iter().any(|made| made.scope() == key.scope() && made.id != key.id);
                            key.id == 0 && !keep_old && is_known
                        }
                        Operation::Ensure(ensure) if ensure.value == Value::Generated || ensure.planned => {
                            let was_there = before.contains(key) && key.description == "docs";
                            let is_dead = key.expires_at < server_time(self.ahead);
                            is_own
                                || (was_there && is_dead)
                                || (was_there && ensure.replace_on_drift && !self.is_wanted(key) && is_replaced)
                        }
                        Operation::Ensure(_) => is_own,
                    };
                    assert!(is_allowed, "deleted key {}: {self:?}: {acts:?}", key.id);
                }
            }
        }
        assert!(made.len() <= 1, "created twice: {self:?}: {acts:?}");
    }

    /// Whether a key is as the operation asks for.
    fn is_wanted(&self, key: &Entry) -> bool {
        let is_expiry_wanted = match self.operation.expires_in_an_hour() {
            true => key.expires_at <= server_time(0) + 3601,
            false => key.expires_at == NEVER,
        };
        key.description == "docs" && key.collections == json!(["docs"]) && is_expiry_wanted
    }

    fn check_told(&self, before: &[Entry], after: &[Entry], acts: &[Act], told: &Told) {
        let lagged = self.events.contains(&Event::Lagging);
        let find = |id: KeyId| after.iter().find(|key| KeyId::from(key.id) == id);
        if let (Operation::Complete { .. }, Told::Error(error)) = (self.operation, told) {
            assert!(
                matches!(error, Error::OutcomeUnknown(_)),
                "an earlier process may have created it: {self:?}: {error}"
            );
        }
        let is_unchanged = match told {
            Told::Key(id, value) => {
                let key = find(*id).unwrap_or_else(|| panic!("`Ok` names no key: {self:?}"));
                self.check_value(before, lagged, key, value.as_deref());
                false
            }
            Told::Ensured(ensured) => {
                let key = find(ensured.key.id).unwrap_or_else(|| panic!("`Ok` names no key: {self:?}"));
                assert!(self.is_wanted(key), "`Ok` names a key of another scope: {self:?}");
                let value = exposed(ensured.value.as_ref());
                self.check_value(before, lagged, key, value.as_deref());
                if !lagged {
                    let seen: BTreeSet<_> = ensured.duplicates.iter().copied().chain([ensured.key.id]).collect();
                    let listed = after.iter().filter(|key| key.description == "docs" && key.is_listed);
                    assert_eq!(seen, listed.map(|key| KeyId::from(key.id)).collect(), "not reported: {self:?}");
                }
                !ensured.created && ensured.replaced.is_empty()
            }
            Told::Deleted => {
                assert!(find(KeyId::from(0)).is_none_or(|key| !key.is_listed), "not deleted: {self:?}");
                false
            }
            Told::Error(Error::OutcomeUnknown(_) | Error::NotReplicated(_) | Error::Incomplete(_)) => false,
            Told::Error(_) => true,
        };
        if is_unchanged && !self.is_undone(acts) {
            // With a value that was given, a run cannot tell whether it has created the key that it then finds.
            let may_have_created = matches!(told, Told::Ensured(ensured) if ensured.value.is_some());
            assert!(before == after || may_have_created, "changed: {self:?}: {acts:?}");
        }
        for key in acts.iter().filter_map(|act| if let Act::Created(key) = act { Some(key) } else { None }) {
            assert!(!after.contains(key) || self.is_told(key, told), "lost: {self:?}: {acts:?}");
        }
    }

    /// Whether all that was created was deleted again, and nothing else.
    fn is_undone(&self, acts: &[Act]) -> bool {
        matches!(acts, [Act::Created(made), Act::Deleted { key, .. }] if made.id == key.id)
    }

    /// Whether the caller learns of a key that the operation has created.
    fn is_told(&self, key: &Entry, told: &Told) -> bool {
        let is_value = |value: Option<&secrecy::SecretString>| exposed(value).as_deref() == Some(key.value.as_str());
        let is_key = |made: Option<&CreatedKey>| made.is_some_and(|made| is_value(Some(&made.value)));
        match told {
            Told::Key(_, value) => value.as_deref() == Some(key.value.as_str()),
            Told::Ensured(ensured) => is_value(ensured.value.as_ref()),
            Told::Error(Error::OutcomeUnknown(unknown)) => {
                is_value(unknown.value.as_ref()) || self.operation.uses(Value::ServerGenerated)
            }
            Told::Error(error @ Error::Incomplete(_)) => is_value(error.value()),
            Told::Error(Error::NotReplicated(lag)) => is_key(lag.key.as_ref()),
            Told::Deleted | Told::Error(_) => false,
        }
    }

    /// The value that comes with a key is the key's own.
    ///
    /// A list shows the first four bytes of a value. So there are courses in which a key that existed before, and looks the
    /// same in every respect, is taken for the one with the value: the node that is asked lags and does not show the
    /// new one; or the value is that of a third key. The documentation says so.
    fn check_value(&self, before: &[Entry], lagged: bool, key: &Entry, value: Option<&str>) {
        let Some(value) = value else { return };
        let is_look_alike = before.contains(key) && key.prefix() == value.get(..4);
        let is_held = |by: fn(&Entry) -> bool| before.iter().any(|other| other.value == value && by(other));
        let cannot_be_told = match self.operation {
            Operation::Rotate { .. } => lagged && key.id != 0,
            Operation::Create { .. } => lagged || is_held(|other| !other.is_listed),
            Operation::Complete { .. } | Operation::Ensure(Ensure { value: Value::Stored, .. }) => lagged,
            Operation::Ensure(Ensure { value: Value::Generated, .. }) | Operation::Delete => false,
            Operation::Ensure(_) => lagged || is_held(|other| !other.is_listed || other.description != "docs"),
        };
        let looks_alike = |other: &&Entry| {
            let is_same = other.scope() == key.scope() && other.expires_at == key.expires_at;
            // A rotation knows that the old key is not the new one.
            let is_old = matches!(self.operation, Operation::Rotate { .. }) && other.id == 0;
            is_same && !is_old && other.is_listed && other.value.get(..4) == value.get(..4)
        };
        // Of several that look alike, none is taken.
        let is_only = before.iter().filter(looks_alike).count() == 1;
        assert!(
            key.value == value || (is_look_alike && is_only && cannot_be_told),
            "`Ok` names another's key {}: {self:?}",
            key.id
        );
    }

    /// After a kill, the operation is run again without faults: it reports whatever the killed one has left.
    fn check_next_run(&self, model: &Model, before: &[Entry]) {
        model.heal();
        let fresh = Self { events: Vec::new(), killed_after: None, ..self.clone() };
        let left = model.state().keys.clone();
        let key0 = before.first().map_or("", |key| key.value.as_str()).to_owned();
        let operation = match self.operation {
            // The value was stored before.
            Operation::Create { value: Value::Generated } => Operation::Complete { expires_in_an_hour: false },
            other => other,
        };
        let told = match operation {
            Operation::Ensure(_) | Operation::Complete { .. } | Operation::Delete => {
                operation.run(&model.client(), &key0, VALUE)
            }
            Operation::Create { .. } | Operation::Rotate { .. } => return,
        };
        let state = model.state();
        let (after, acts) = (state.keys.clone(), state.acts.clone());
        drop(state);
        fresh.check_acts(&left, &acts);
        match told {
            Told::Ensured(ensured) => {
                let seen: BTreeSet<_> = ensured.duplicates.iter().copied().chain([ensured.key.id]).collect();
                let listed = after.iter().filter(|key| key.description == "docs" && key.is_listed);
                assert_eq!(seen, listed.map(|key| KeyId::from(key.id)).collect(), "left over: {self:?}");
            }
            Told::Key(id, value) => {
                let key = after.iter().find(|key| KeyId::from(key.id) == id);
                let key = key.unwrap_or_else(|| panic!("not completed: {self:?}"));
                fresh.check_value(before, false, key, value.as_deref());
            }
            Told::Error(Error::NotFound { .. }) if operation == Operation::Delete => {}
            Told::Error(error) if self.operation.succeeds_without_faults(before) => {
                assert!(self.is_ambiguous(&error, &after), "never completed: {self:?}: {error}");
            }
            Told::Deleted | Told::Error(_) => {}
        }
    }
}

impl Entry {
    fn scope(&self) -> (&str, &serde_json::Value, &serde_json::Value) {
        (&self.description, &self.actions, &self.collections)
    }

    fn prefix(&self) -> Option<&str> {
        self.value.get(..4)
    }
}

/// Takes every course of the operation with these keys: up to `depth` requests, of which at most `faults` go wrong.
fn explore(course: &mut Course, kinds: &[Event], depth: usize, faults: usize) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 1;
    if course.events.len() >= depth || requests <= course.events.len() || faults == 0 {
        return taken;
    }
    // Ends with a fault: the normal courses lead on to later ones.
    for normal in 0..(depth - course.events.len()).min(requests - course.events.len()) {
        for fault in kinds.iter().copied().filter(|kind| *kind != Event::Normal) {
            let length = course.events.len();
            course.events.extend(std::iter::repeat_n(Event::Normal, normal));
            course.events.push(fault);
            taken += explore(course, kinds, depth, faults - 1);
            course.events.truncate(length);
        }
    }
    taken
}

/// Kills the process after each of its requests, in every course.
fn explore_kills(course: &mut Course) -> usize {
    let mut taken = 0;
    for requests in 1..12 {
        course.killed_after = Some(requests);
        taken += usize::from(course.take().is_some());
    }
    course.killed_after = None;
    taken
}

fn sets(size: usize) -> Vec<Vec<Before>> {
    let mut sets = vec![Vec::new()];
    let mut last = sets.clone();
    for _ in 0..size {
        last = last.iter().flat_map(|set| BEFORE.iter().map(|one| [set.as_slice(), &[*one]].concat())).collect();
        sets.extend(last.clone());
    }
    sets
}

fn courses(size: usize) -> impl Iterator<Item = Course> {
    sets(size)
        .into_iter()
        .flat_map(|before| {
            OPERATIONS.into_iter().flat_map(move |operation| {
                let before = before.clone();
                [0, 2, -2].into_iter().map(move |ahead| Course {
                    operation,
                    before: before.clone(),
                    ahead,
                    events: Vec::new(),
                    killed_after: None,
                })
            })
        })
        .filter(|course| !course.is_pointless())
}

/// All of them with `CI=true`, and else every fifth, which meets every operation, every key and every clock.
fn chosen(courses: impl Iterator<Item = Course>) -> impl Iterator<Item = Course> {
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    courses.step_by(if is_ci { 1 } else { 5 })
}

#[test]
fn contract_holds_with_two_keys_before_and_a_fault_in_any_request() {
    let taken: usize = chosen(courses(2)).map(|mut course| explore(&mut course, &Event::ALL, 6, 1)).sum();
    println!("{taken} courses");
    assert!(taken > 4_000, "{taken}");
}

#[test]
fn contract_holds_with_one_key_before_and_two_faults() {
    let taken: usize = chosen(courses(1)).map(|mut course| explore(&mut course, &Event::DIFFERENT, 6, 2)).sum();
    println!("{taken} courses");
    assert!(taken > 4_000, "{taken}");
}

#[test]
fn contract_holds_and_the_next_run_reports_what_is_left_when_killed() {
    let mut taken = 0;
    for mut course in chosen(courses(2)) {
        taken += explore_kills(&mut course);
    }
    println!("{taken} courses");
    assert!(taken > 4_000, "{taken}");
}

/// Takes minutes: `cargo test --release --lib every_course -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes; the tests above take the courses that matter most"]
fn contract_holds_in_every_course() {
    let three: usize = courses(3).map(|mut course| explore(&mut course, &Event::DIFFERENT, 6, 2)).sum();
    println!("{three} courses with three keys before and two faults");
    let one: usize = courses(1).map(|mut course| explore(&mut course, &Event::ALL, 6, 6)).sum();
    println!("{one} courses with one key before and six faults");
}
