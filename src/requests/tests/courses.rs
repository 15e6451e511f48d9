//! Every course that an operation can take: which keys exist before, what becomes of each request, whose clock is wrong,
//! where the process is killed, before which request the cluster becomes another one, and where something panics. After
//! each course, the contract of the crate is checked:
//!
//! 1. Only what the contract names is deleted, and only if this run has seen it, as it is, after its last change.
//! 2. `Ok` names its own key.
//! 3. Whatever the operation has created is in `Ok` or in the error.
//! 4. An error that promises that nothing was changed has changed nothing.
//! 5. An operation creates one key at most on one cluster.
//! 6. After an error or a kill, the next run or what the error advises succeeds, if the operation would have without
//!    faults, unless it names several keys that look alike.
//! 7. A panic is an error; that of a callback passes on after it was told the values, and leaves the client usable.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::model::{Act, Entry, Event, Model, NEVER, World, exposed, generate_next, server_time};
use crate::client::KeysClient;
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};
use crate::requests::{Applied, ApplyEvent, EnsuredKey, KeySpec, PreparedRotation};

/// In the form of a generated value, so that it may also be a stored one.
const VALUE: &str = "abcdWanted0000000000000000000000";
/// What is generated where the stored one is not used.
const ANOTHER_VALUE: &str = "yyyy-generated";
const ALIKE: &str = "abcd-other";
const UNLIKE: &str = "zzzz-other";
pub(super) const DOCS: &str = r#"["docs"]"#;
const DAY: u64 = 86_400;
const HOUR: Duration = Duration::from_secs(3600);

thread_local! {
    /// After how many calls the caller's function panics.
    static CALLBACK_PANICS_AT: Cell<Option<usize>> = const { Cell::new(None) };
    /// The rotation that this run has sent.
    static ROTATION: RefCell<Option<PreparedRotation>> = const { RefCell::new(None) };
    /// The values that the caller's function was told.
    static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The function that a caller gives to `apply_with`.
fn report(event: ApplyEvent<'_>) -> ControlFlow<()> {
    if let ApplyEvent::Created(key) = event {
        REPORTED.with_borrow_mut(|values| values.extend(exposed(Some(&key.value))));
    }
    match CALLBACK_PANICS_AT.take() {
        Some(0) => resume_unwind(Box::new("the callback")),
        Some(calls) => CALLBACK_PANICS_AT.set(Some(calls - 1)),
        None => {}
    }
    ControlFlow::Continue(())
}

/// An operation with every option that changes what it creates or deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ensure {
    pub(super) value: Value,
    pub(super) replace_on_drift: bool,
    pub(super) expires_in_an_hour: bool,
    /// By `plan` and `apply`.
    pub(super) planned: bool,
}

pub(super) const ENSURE: Ensure =
    Ensure { value: Value::Generated, replace_on_drift: false, expires_in_an_hour: false, planned: false };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
            actions: r#"["documents:search"]"#.to_owned(),
            collections: if is_drifted { r#"["docs","blog"]"# } else { DOCS }.to_owned(),
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
    /// The call panicked, after the caller was told these values.
    Panicked(Vec<String>),
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
                let prepared = match value {
                    Value::Generated => request.prepare(),
                    value => request.value(value_of(value)).prepare(),
                };
                let rotation = prepared.expect("the request is valid");
                let told = created(rotation.send());
                ROTATION.set(Some(rotation));
                told
            }
            Self::Ensure(ensure) => match ensure.run(client, value_of(ensure.value)) {
                Ok(ensured) => Told::Ensured(ensured),
                Err(error) => Told::Error(error),
            },
        }
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
            let applied = plan.and_then(|plan| plan.apply_with(|progress| report(progress.event)));
            return applied.and_then(Applied::into_only);
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
    /// Before which request the cluster becomes another one.
    pub(super) change: Option<(usize, World)>,
    pub(super) panic: Option<Panic>,
}

/// What panics, after so many calls. The transport does so by an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Panic {
    Clock(usize),
    Callback(usize),
}

impl Course {
    fn new(operation: Operation, before: Vec<Before>, ahead: i64) -> Self {
        Self { operation, before, ahead, events: Vec::new(), killed_after: None, change: None, panic: None }
    }

    fn key0(&self) -> String {
        self.before.first().map_or(String::new(), |before| before.entry(0, self.ahead).value)
    }

    fn run(&self, client: &KeysClient) -> Told {
        let key0 = self.key0();
        REPORTED.take();
        CALLBACK_PANICS_AT.set(match self.panic {
            Some(Panic::Callback(calls)) => Some(calls),
            _ => None,
        });
        catch_unwind(AssertUnwindSafe(|| self.operation.run(client, &key0, VALUE)))
            .unwrap_or_else(|_| Told::Panicked(REPORTED.take()))
    }

    fn succeeds_without_faults(&self) -> bool {
        self.operation_succeeds(self.operation)
    }

    /// Whether an operation would succeed instead of this one, if nothing went wrong.
    fn operation_succeeds(&self, operation: Operation) -> bool {
        type Known = HashMap<(Operation, Vec<Before>, i64), bool>;
        thread_local! {
            static KNOWN: RefCell<Known> = RefCell::default();
        }
        let key = (operation, self.before.clone(), self.ahead);
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
            return known;
        }
        let model = Model::new(&self.entries(), &[]);
        let succeeds = !matches!(operation.run(&model.client(), &self.key0(), VALUE), Told::Error(_));
        KNOWN.with_borrow_mut(|all| all.insert(key, succeeds));
        succeeds
    }

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
        {
            let mut state = model.state();
            state.killed_after = self.killed_after;
            state.change = self.change;
            state.clock_panics_at = match self.panic {
                Some(Panic::Clock(calls)) => Some(calls),
                _ => None,
            };
        }
        let client = model.client();
        let told = self.run(&client);
        let has_panicked = CALLBACK_PANICS_AT.take().is_none();
        let mut state = model.state();
        if state.is_redundant || !has_panicked || state.clock_panics_at.is_some() {
            return None;
        }
        let requests = state.requests;
        let end = End {
            before,
            first_shown: state.first_shown.take().unwrap_or_default(),
            after: state.keys.clone(),
            acts: state.acts.clone(),
        };
        drop(state);
        self.check_acts(&end.first_shown, &end.acts);
        if self.killed_after.is_some() {
            self.check_next_run(&model);
            return Some(requests);
        }
        self.check_told(&end, &told);
        if self.panic.is_some()
            || self.events.iter().any(|event| matches!(event, Event::PanicBefore | Event::PanicAfter))
        {
            model.heal();
            client.list().send().unwrap_or_else(|error| panic!("the client is unusable: {self:?}: {error}"));
        }
        if let Told::Error(error) = told {
            if self.change.is_some() || self.succeeds_without_faults() {
                self.check_way_out(&model, &end, error);
            }
        }
        Some(requests)
    }

    /// What the error advises comes to a good end. On another cluster, it does no harm.
    fn check_way_out(&self, model: &Model, end: &End, error: Error) {
        model.heal();
        let client = model.client();
        let (key0, text) = (self.key0(), error.to_string());
        let last = match (self.operation, error) {
            (Operation::Create { value: Value::Generated }, Error::OutcomeUnknown(_)) => {
                Operation::Complete { expires_in_an_hour: false }.run(&client, &key0, VALUE)
            }
            (Operation::Create { value: Value::Provided }, Error::OutcomeUnknown(_)) => {
                let ensure = Operation::Ensure(Ensure { value: Value::Provided, ..ENSURE });
                if !self.operation_succeeds(ensure) {
                    return; // another key has this description
                }
                ensure.run(&client, &key0, VALUE)
            }
            (Operation::Create { value: Value::ServerGenerated }, Error::OutcomeUnknown(_)) => return, // it is lost
            (Operation::Rotate { .. }, Error::Incomplete(_)) => {
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
                let has_created = acts.iter().any(|act| matches!(act, Act::Created(_)));
                assert!(is_here || !has_created, "created on a cluster that has neither key: {self:?}: {text}");
                told
            }
            _ if self.change.is_some() => return,
            _ => self.operation.run(&client, &key0, VALUE),
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
            Error::Incomplete(incomplete) => self.is_ambiguous(incomplete.cause(), keys),
            _ => false,
        }
    }

    fn check_acts(&self, first_shown: &[Entry], acts: &[Act]) {
        let mut made: Vec<&Entry> = Vec::new();
        let mut made_here = 0;
        for act in acts {
            let Act::Deleted { key, others, is_confirmed } = act else {
                match act {
                    Act::Created(key) => {
                        made.push(key);
                        made_here += 1;
                        assert!(made_here <= 1, "created twice: {self:?}: {acts:?}");
                    }
                    _ => made_here = 0,
                }
                continue;
            };
            let is_own = made.contains(&key);
            let was_there = first_shown.contains(key);
            let is_replaced = others
                .iter()
                .any(|other| other.description == key.description && other.collections == DOCS && other.id > key.id);
            let is_allowed = match self.operation {
                Operation::Create { .. } | Operation::Complete { .. } => false,
                Operation::Delete => key.id == 0,
                Operation::Rotate { keep_old, .. } => {
                    let is_new = |other: &Entry| made.contains(&other) && other.id != key.id;
                    let is_known = others.iter().any(|other| is_new(other) && other.scope() == key.scope());
                    key.id == 0 && was_there && !keep_old && is_known
                }
                Operation::Ensure(ensure) if ensure.value == Value::Generated || ensure.planned => {
                    let is_dead = key.expires_at < server_time(self.ahead);
                    let is_old = was_there && key.description == "docs";
                    is_own
                        || (is_old && is_dead)
                        || (is_old && ensure.replace_on_drift && !self.is_wanted(key) && is_replaced)
                }
                Operation::Ensure(_) => is_own,
            };
            assert!(is_allowed, "deleted key {}: {self:?}: {acts:?}", key.id);
            let is_named = self.operation == Operation::Delete;
            assert!(*is_confirmed || is_named, "deleted key {} unseen: {self:?}: {acts:?}", key.id);
        }
    }

    /// Whether a key is as the operation asks for.
    fn is_wanted(&self, key: &Entry) -> bool {
        let is_expiry_wanted = match self.operation.expires_in_an_hour() {
            true => key.expires_at <= server_time(0) + 3601,
            false => key.expires_at == NEVER,
        };
        (key.scope() == ("docs", r#"["documents:search"]"#, DOCS)) && is_expiry_wanted
    }

    fn check_told(&self, end: &End, told: &Told) {
        let End { before, after, .. } = end;
        let acts = end.acts_of_this_cluster();
        let lagged = self.events.contains(&Event::Lagging);
        let alive: Vec<_> = end.lives_on().chain(after).collect();
        let find = |id: KeyId, value: Option<&str>| {
            // Both clusters may have a key with this id.
            let rank = |key: &&&Entry| {
                let (has_value, is_wanted) = (value.is_some_and(|value| key.value == value), self.is_wanted(key));
                (has_value && is_wanted, has_value, is_wanted)
            };
            let key = alive.iter().filter(|key| KeyId::from(key.id) == id).max_by_key(rank).copied();
            // It may be restored away after the last response that showed it.
            let was_there =
                |key: &&Entry| KeyId::from(key.id) == id && matches!(acts.last(), Some(Act::Changed { .. }));
            key.or_else(|| before.iter().chain(made(acts)).find(was_there))
                .unwrap_or_else(|| panic!("`Ok` names no key: {self:?}: {acts:?}"))
        };
        if let (Operation::Complete { .. }, Told::Error(error)) = (self.operation, told) {
            let is_known = error.may_have_acted() && exposed(error.value()).as_deref() == Some(VALUE);
            assert!(is_known, "an earlier process may have created it: {self:?}: {error}");
        }
        let is_unchanged = match told {
            Told::Key(id, value) => {
                self.check_value(before, lagged, find(*id, value.as_deref()), value.as_deref());
                false
            }
            Told::Ensured(ensured) => {
                let value = exposed(ensured.value.as_ref());
                let key = find(ensured.key.id, value.as_deref());
                assert!(self.is_wanted(key), "`Ok` names a key of another scope: {self:?}");
                self.check_value(before, lagged, key, value.as_deref());
                if !lagged && self.change.is_none() {
                    let seen: BTreeSet<_> = ensured.duplicates.iter().copied().chain([ensured.key.id]).collect();
                    let listed = after.iter().filter(|key| key.description == "docs" && key.is_listed);
                    assert_eq!(seen, listed.map(|key| KeyId::from(key.id)).collect(), "not reported: {self:?}");
                }
                !ensured.created && ensured.replaced.is_empty()
            }
            Told::Deleted => {
                let key0 = after.iter().find(|key| key.id == 0);
                assert!(self.change.is_some() || key0.is_none_or(|key| !key.is_listed), "not deleted: {self:?}");
                false
            }
            Told::Error(error) => !error.may_have_acted(),
            Told::Panicked(_) => {
                // The clock may panic before anything is created, or after `apply` has told the values.
                assert!(self.panic.is_some(), "a panic passed on: {self:?}: {acts:?}");
                false
            }
        };
        if is_unchanged && !self.is_undone(acts) {
            // With a value that was given, a run cannot tell whether it has created the key that it then finds.
            let may_have_created = matches!(told, Told::Ensured(ensured) if ensured.value.is_some());
            let has_changed = acts.iter().any(|act| !matches!(act, Act::Changed { .. }));
            assert!(!has_changed || may_have_created, "changed: {self:?}: {acts:?}");
        }
        for key in made(acts) {
            assert!(!alive.contains(&key) || self.is_told(key, told), "lost: {self:?}: {acts:?}");
        }
    }

    /// Whether all that was created was deleted again, and nothing else.
    fn is_undone(&self, acts: &[Act]) -> bool {
        let mut acts = acts.iter().filter(|act| !matches!(act, Act::Changed { .. }));
        let (first, second, third) = (acts.next(), acts.next(), acts.next());
        matches!((first, second), (Some(Act::Created(made)), Some(Act::Deleted { key, .. })) if made == key)
            && third.is_none()
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
            Told::Error(error) => is_value(error.value()),
            Told::Panicked(values) => values.contains(&key.value),
            Told::Deleted => false,
        }
    }

    /// The value that comes with a key is the key's own.
    ///
    /// A list shows the first four bytes of a value. So there are courses in which a key that existed before, and looks the
    /// same in every respect, is taken for the one with the value: the node that is asked lags and does not show the
    /// new one; or the value is that of a third key. The documentation says so.
    fn check_value(&self, before: &[Entry], lagged: bool, key: &Entry, value: Option<&str>) {
        let Some(value) = value else { return };
        let is_look_alike = before.contains(key) && value.get(..4) == Some(key.prefix());
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
    fn check_next_run(&self, model: &Model) {
        model.heal();
        let fresh = Self { events: Vec::new(), killed_after: None, ..self.clone() };
        let key0 = self.key0();
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
}

fn made(acts: &[Act]) -> impl Iterator<Item = &Entry> {
    acts.iter().filter_map(|act| if let Act::Created(key) = act { Some(key) } else { None })
}

/// How a course ends.
struct End {
    before: Vec<Entry>,
    first_shown: Vec<Entry>,
    after: Vec<Entry>,
    acts: Vec<Act>,
}

impl End {
    /// The keys of the first cluster, to which the address no longer leads.
    fn lives_on(&self) -> impl Iterator<Item = &Entry> {
        let lives_on = self
            .acts
            .iter()
            .filter_map(|act| if let Act::Changed { lives_on } = act { Some(lives_on) } else { None });
        lives_on.flatten()
    }

    /// What the run has done, without a key whose response was lost, and which was then created again on another cluster:
    /// the contract says that it may be left behind.
    fn acts_of_this_cluster(&self) -> &[Act] {
        let value = |act: &Act| if let Act::Created(key) = act { Some(key.value.clone()) } else { None };
        let at = self.acts.iter().position(|act| matches!(act, Act::Changed { .. })).unwrap_or_default();
        let (earlier, later) = self.acts.split_at(at);
        let is_repeated =
            earlier.iter().filter_map(value).any(|made| later.iter().filter_map(value).any(|it| it == made));
        if is_repeated { later } else { &self.acts }
    }

    /// Whether a rotation replaces this key, or has created it.
    fn belongs_to_run(&self, key: &Entry) -> bool {
        self.first_shown.contains(key) || self.acts.contains(&Act::Created(key.clone()))
    }
}

impl Entry {
    fn scope(&self) -> (&str, &str, &str) {
        (&self.description, &self.actions, &self.collections)
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
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    for requests in 1..requests {
        course.killed_after = Some(requests);
        taken += usize::from(course.take().is_some());
    }
    course.killed_after = None;
    taken
}

/// Lets the cluster become another one before each request, also if the response to the one before is lost.
fn explore_failovers(course: &mut Course) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    for (at, world) in (0..requests).flat_map(|at| World::ALL.map(|world| (at, world))) {
        course.change = Some((at, world));
        taken += usize::from(course.take().is_some());
        if let Some(before) = at.checked_sub(1) {
            course.events = [vec![Event::Normal; before], vec![Event::LostAfter]].concat();
            taken += usize::from(course.take().is_some());
            course.events.clear();
        }
    }
    course.change = None;
    taken
}

/// Lets the cluster become another one before each request, in every course.
fn explore_changes(course: &mut Course, kinds: &[Event], faults: usize) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    for at in 0..requests {
        for world in World::ALL {
            course.change = Some((at, world));
            taken += explore(course, kinds, 12, faults);
        }
    }
    course.change = None;
    taken
}

/// Lets the clock and the caller's function panic at each of their calls, also if a response was lost.
fn explore_panics(course: &mut Course) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    // Later, only deletes follow.
    for lost in 0..=requests.min(5) {
        course.events = vec![Event::Normal; lost];
        if lost < requests {
            course.events.push(Event::LostAfter);
        }
        for panic in [Panic::Clock, Panic::Callback] {
            for calls in 0..40 {
                course.panic = Some(panic(calls));
                match course.take() {
                    Some(_) => taken += 1,
                    None => break,
                }
            }
        }
    }
    (course.events, course.panic) = (Vec::new(), None);
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
                [0, 2, -2].into_iter().map(move |ahead| Course::new(operation, before.clone(), ahead))
            })
        })
        .filter(|course| !course.is_pointless())
}

/// All of them with `CI=true`, and else every fifth, which meets every operation, every key and every clock.
fn chosen(courses: impl Iterator<Item = Course>) -> impl Iterator<Item = Course> {
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    courses.step_by(if is_ci { 1 } else { 5 })
}

fn now(size: usize) -> impl Iterator<Item = Course> {
    courses(size).filter(|course| course.ahead == 0)
}

/// Takes all courses, also after one has failed: each failure says which.
fn take(courses: impl Iterator<Item = Course>, explore: impl Fn(&mut Course) -> usize) {
    let explored = courses.map(|mut course| catch_unwind(AssertUnwindSafe(|| explore(&mut course))));
    let (taken, failed): (Vec<_>, Vec<_>) = explored.partition(Result::is_ok);
    let taken: usize = taken.into_iter().flatten().sum();
    println!("{taken} courses");
    assert!(failed.is_empty() && taken > 2_000, "{} groups of courses have failed, {taken} are taken", failed.len());
}

#[test]
fn contract_holds_with_two_keys_before_and_a_fault_in_any_request() {
    take(chosen(courses(2)), |course| explore(course, &Event::DIFFERENT, 12, 1));
}

#[test]
fn contract_holds_with_one_key_before_and_two_faults() {
    take(chosen(courses(1)), |course| explore(course, &Event::DIFFERENT, 12, 2));
}

#[test]
fn contract_holds_and_the_next_run_reports_what_is_left_when_killed() {
    take(chosen(courses(2)), explore_kills);
}

#[test]
fn contract_holds_if_the_cluster_becomes_another_one_before_any_request() {
    take(now(1), explore_failovers);
}

#[test]
fn contract_holds_if_anything_panics() {
    take(chosen(now(1)), |course| explore(course, &Event::ALL, 12, 1) + explore_panics(course));
}

/// The value of a key that was deleted is not created again, whoever has deleted it.
#[test]
fn prepared_request_that_is_sent_again_creates_nothing() {
    for (at, world) in (0..8).flat_map(|at| World::ALL.map(|world| (at, world))) {
        for fault in Event::DIFFERENT {
            for position in 0..4 {
                let model = Model::new(&[], &[]);
                let client = model.client();
                generate_next(VALUE);
                let request = client.create().description("docs").actions(["documents:search"]).collections(["docs"]);
                let prepared = request.prepare().unwrap();
                let first = prepared.send().unwrap();
                let mut state = model.state();
                let requests = state.requests;
                state.change = Some((requests + at, world));
                state.events = [vec![Event::Normal; requests + position], vec![fault]].concat();
                state.acts.clear();
                drop(state);
                let second = prepared.send();
                let state = model.state();
                let is_there = state.keys.iter().any(|key| key.value == VALUE);
                let case = format!("{at}, {world:?}, {fault:?}, {position}: {second:?}");
                assert!(!state.acts.iter().any(|act| matches!(act, Act::Created(_))), "{case}");
                match second {
                    Ok(second) => assert!(is_there && second.id == first.id, "{case}"),
                    Err(error) => assert!(!is_there || fault != Event::Normal, "{case}: {error}"),
                }
            }
        }
    }
}

/// A rotation whose new key may exist creates nothing on a cluster that has no such old key.
#[test]
fn rotation_is_not_completed_on_another_cluster() {
    for world in World::ALL.into_iter().filter(|world| matches!(world, World::Standby(_))) {
        let before = [Before::Unlike.entry(0, 0)];
        // The response to the create, after the old key and both nodes were asked, is that of another key.
        let events = [Event::Normal, Event::Normal, Event::Normal, Event::Foreign];
        let model = Model::new(&before, &events);
        let rotation = model.client().rotate(0).prepare().unwrap();
        let error = rotation.send().unwrap_err();
        assert!(matches!(error, Error::Incomplete(_)), "{error}");
        let requests = model.state().requests;
        model.heal();
        model.state().change = Some((requests, world));
        assert!(rotation.send().is_err(), "{world:?}");
        let has_acted = model.state().acts.iter().any(|act| !matches!(act, Act::Changed { .. }));
        assert!(!has_acted, "{world:?}");
    }
}

/// Takes minutes: `cargo test --release --lib every_course -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes; the tests above take the courses that matter most"]
fn contract_holds_in_every_course() {
    take(courses(3), |course| explore(course, &Event::DIFFERENT, 12, 2));
    take(courses(2), explore_kills);
    take(courses(1), |course| explore(course, &Event::ALL, 12, 6));
    take(courses(2), |course| explore(course, &Event::ALL, 12, 1) + explore_panics(course));
    take(now(2), explore_failovers);
    take(now(1), |course| explore_changes(course, &Event::DIFFERENT, 1));
}
