//! One course, and what must hold after it: see [`courses`](super::courses).

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::model::{Act, Entry, Event, Model, NEVER, World, exposed, server_time};
use super::operations::{Before, CALLBACK_PANICS_AT, DOCS, Ensure, Operation, REPORTED, Rotate, Told, VALUE, Value};
use crate::client::KeysClient;
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};
use crate::secret::tests::{NEXT_RANDOM, Random};

/// One course: what it begins with, and what happens.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) operation: Operation,
    pub(super) before: Vec<Before>,
    /// By how many hours the server's clock is ahead of the local one.
    pub(super) ahead: i64,
    /// The server's time when the keys were created that exist before.
    pub(super) now: u64,
    pub(super) events: Vec<Event>,
    pub(super) killed_after: Option<usize>,
    /// Before which request the cluster becomes another one.
    pub(super) change: Option<(usize, World)>,
    pub(super) panic: Option<Panic>,
    pub(super) random: Random,
}

/// What panics, after so many calls. The transport does so by an [`Event`], and the random source by its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Panic {
    Clock(usize),
    Callback(usize),
}

impl Course {
    pub(super) fn new(operation: Operation, before: Vec<Before>, ahead: i64) -> Self {
        let (events, killed_after, change, panic, random) = (Vec::new(), None, None, None, Random::Gives(VALUE));
        Self { operation, before, ahead, now: server_time(ahead), events, killed_after, change, panic, random }
    }

    fn run(&self, client: &KeysClient) -> Told {
        REPORTED.take();
        CALLBACK_PANICS_AT.set(match self.panic {
            Some(Panic::Callback(calls)) => Some(calls),
            _ => None,
        });
        let key0 = self.key0();
        catch_unwind(AssertUnwindSafe(|| self.operation.run(client, key0.as_ref(), self.random)))
            .unwrap_or_else(|_| Told::Panicked(REPORTED.take()))
    }

    pub(super) fn key0(&self) -> Option<Entry> {
        self.before.first().map(|before| before.entry(0, self.now))
    }

    pub(super) fn succeeds_without_faults(&self) -> bool {
        self.operation_succeeds(self.operation)
    }

    /// Whether an operation would succeed instead of this one, if nothing went wrong.
    pub(super) fn operation_succeeds(&self, operation: Operation) -> bool {
        type Known = HashMap<(Operation, Vec<Before>, i64), bool>;
        thread_local! {
            static KNOWN: RefCell<Known> = RefCell::default();
        }
        let key = (operation, self.before.clone(), self.ahead);
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
            return known;
        }
        let model = Model::new(&self.entries(), &[]);
        let succeeds =
            !matches!(operation.run(&model.client(), self.key0().as_ref(), Random::Gives(VALUE)), Told::Error(_));
        KNOWN.with_borrow_mut(|all| all.insert(key, succeeds));
        succeeds
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let ids = 0_u32..;
        self.before.iter().zip(ids).map(|(before, id)| before.entry(id, self.now)).collect()
    }

    /// Whether the server would never have accepted these keys, or the course says the same as another one.
    pub(super) fn is_pointless(&self) -> bool {
        let entries = self.entries();
        let values: BTreeSet<_> = entries.iter().map(|key| &key.value).collect();
        // Their keys may have expired.
        let makes_clocks_matter =
            matches!(self.operation, Operation::Ensure(_) | Operation::Complete { expires_in_an_hour: true });
        // A value that is generated is not in use, and one that an earlier process has generated is that of its key.
        let holder = entries.iter().find(|key| key.value == VALUE);
        let is_own = |key: &Entry| match self.operation {
            Operation::Rotate(_) => key.id != 0 && key.is_same_scope(&entries[0]),
            _ => self.is_wanted(key),
        };
        let is_anothers = holder.is_some_and(|key| !is_own(key) || !key.is_listed);
        values.len() < entries.len()
            || (self.ahead != 0 && !makes_clocks_matter)
            || (holder.is_some() && self.operation.uses(Value::Generated))
            || (is_anothers && self.operation.uses(Value::Stored))
            || (entries.is_empty() && self.operation.needs_key0())
    }

    /// Takes the course and checks the contract. Returns the number of requests, or `None` if the course is redundant.
    pub(super) fn take(&self) -> Option<usize> {
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
        let is_random_asked = matches!(self.random, Random::Gives(_)) || NEXT_RANDOM.get().is_none();
        if state.is_redundant || !has_panicked || !is_random_asked || state.clock_panics_at.is_some() {
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

    pub(super) fn check_acts(&self, first_shown: &[Entry], acts: &[Act]) {
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
                Operation::Rotate(Rotate { value, keep_old, by_key }) => {
                    // An earlier process may have created it.
                    let is_made =
                        |other: &Entry| made.contains(&other) || (value == Value::Stored && other.value == VALUE);
                    let is_new = |other: &Entry| is_made(other) && other.id != key.id;
                    let is_known = others.iter().any(|other| is_new(other) && other.scope() == key.scope());
                    let was_there = if by_key { self.key0().as_ref() == Some(key) } else { was_there };
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
        if let (true, Told::Error(error)) = (self.operation.is_completion(), told) {
            // Nothing is sent, or the old key has expired.
            let is_invalid = matches!(error, Error::InvalidRequest { .. });
            let is_known = error.may_have_acted() && exposed(error.value()).as_deref() == Some(VALUE);
            assert!(is_known || is_invalid, "an earlier process may have created it: {self:?}: {error}");
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
                assert!(
                    self.panic.is_some() || self.random == Random::Panics,
                    "a panic passed on: {self:?}: {acts:?}"
                );
                false
            }
        };
        assert!(matches!(self.random, Random::Gives(_)) || acts.is_empty(), "changed without a value: {self:?}");
        self.check_claims(end, &alive, told);
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

    /// What `Ok` says to be deleted is deleted. `alive`: the keys of all clusters.
    fn check_claims(&self, end: &End, alive: &[&Entry], told: &Told) {
        let claimed: Vec<KeyId> = match (self.operation, told) {
            (Operation::Rotate(Rotate { keep_old: false, .. }), Told::Key(..)) => vec![KeyId::from(0)],
            (_, Told::Ensured(ensured)) => ensured.replaced.clone(),
            _ => Vec::new(),
        };
        for id in claimed {
            let is_it = |key: &&Entry| KeyId::from(key.id) == id;
            let was_deleted = end.acts.iter().any(|act| matches!(act, Act::Deleted { key, .. } if is_it(&key)));
            // A key that is missing counts as deleted by another run: a cluster that never had it cannot be told apart.
            let is_missing = !end.after.iter().any(|key| is_it(&key));
            let is_alive = !is_missing && end.before.iter().filter(is_it).any(|key| alive.contains(&key));
            assert!(was_deleted || !is_alive, "claims that key {id} is deleted: {self:?}: {:?}", end.acts);
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
    /// new one; or the cluster has become one that does not have it; or the value is that of a third key. The
    /// documentation says so.
    pub(super) fn check_value(&self, before: &[Entry], lagged: bool, key: &Entry, value: Option<&str>) {
        let Some(value) = value else { return };
        let is_look_alike = before.contains(key) && value.get(..4) == Some(key.prefix());
        let is_held = |by: fn(&Entry) -> bool| before.iter().any(|other| other.value == value && by(other));
        let lagged = lagged || self.change.is_some();
        let cannot_be_told = match self.operation {
            Operation::Rotate(_) => lagged && key.id != 0,
            Operation::Create { .. } => lagged || is_held(|other| !other.is_listed),
            Operation::Complete { .. } | Operation::Ensure(Ensure { value: Value::Stored, .. }) => lagged,
            Operation::Ensure(Ensure { value: Value::Generated, .. }) | Operation::Delete => false,
            Operation::Ensure(_) => lagged || is_held(|other| !other.is_listed || other.description != "docs"),
        };
        let looks_alike = |other: &&Entry| {
            let is_same = other.is_same_scope(key);
            // A rotation knows that the old key is not the new one.
            let is_old = matches!(self.operation, Operation::Rotate(_)) && other.id == 0;
            is_same && !is_old && other.is_listed && other.value.get(..4) == value.get(..4)
        };
        // Of several that look alike, none is taken. Another cluster may have only one of them.
        let is_only = self.change.is_some() || before.iter().filter(looks_alike).count() == 1;
        assert!(
            key.value == value || (is_look_alike && is_only && cannot_be_told),
            "`Ok` names another's key {}: {self:?}",
            key.id
        );
    }
}

pub(super) fn made(acts: &[Act]) -> impl Iterator<Item = &Entry> {
    acts.iter().filter_map(|act| if let Act::Created(key) = act { Some(key) } else { None })
}

/// How a course ends.
pub(super) struct End {
    pub(super) before: Vec<Entry>,
    pub(super) first_shown: Vec<Entry>,
    after: Vec<Entry>,
    pub(super) acts: Vec<Act>,
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
    pub(super) fn belongs_to_run(&self, key: &Entry) -> bool {
        self.first_shown.contains(key) || self.acts.contains(&Act::Created(key.clone()))
    }
}

impl Entry {
    fn is_same_scope(&self, other: &Self) -> bool {
        self.scope() == other.scope() && self.expires_at == other.expires_at
    }

    fn scope(&self) -> (&str, &str, &str) {
        (&self.description, &self.actions, &self.collections)
    }
}
