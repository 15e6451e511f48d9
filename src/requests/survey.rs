//! Compares the listed keys with the wanted key. Sends nothing.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;

use super::new_key::{CLOCK_TOLERANCE, NewKey, are_same_set};
use super::options::KeySettings;
use super::value::KeyValue;
use crate::error::{CLIENT_KEY, DUPLICATE, Difference, Error, GENERATION, Shown, UNKNOWN_MEMBERS, VALUE};
use crate::expiry::Expires;
use crate::key::{KeyId, KeyInfo};

/// How long ago a key must have expired before it is deleted, so that a wrong local clock does not delete a working
/// key.
const CLOCK_MARGIN: Duration = Duration::from_secs(86_400);

/// The key that should exist.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) key: NewKey,
    pub(super) succession: Succession,
}

/// How a new key succeeds one that exists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Succession {
    /// Whether to replace keys with the same description and a different scope.
    pub(super) replace_on_drift: bool,
    /// Whether to leave those that are replaced.
    pub(super) keep_old: bool,
    /// How long before the expiry of a key with the wanted scope it is succeeded by another.
    pub(super) renew_before: Option<Duration>,
}

impl Succession {
    /// Checks what does not depend on the key.
    pub(super) fn check(self) -> Result<(), Error> {
        let is_pointless = self.keep_old && !self.replace_on_drift;
        Error::invalid_if(is_pointless, "keep_old", "is only for `replace_on_drift`")
    }
}

impl Target {
    pub(super) fn new(settings: KeySettings, succession: Succession) -> Result<Self, Error> {
        let has_no_description = settings.description.trim().is_empty();
        Error::invalid_if(has_no_description, "description", "is empty: the key is found by it")?;
        succession.check()?;
        if let Some(before) = succession.renew_before {
            let all = settings.expiry.and_then(Expires::duration);
            Error::invalid_if(all.is_none(), "renew_before", "is only for keys with `expires_in`")?;
            let is_too_long = all.is_some_and(|all| before.saturating_add(CLOCK_TOLERANCE) >= all);
            let why = "must be shorter than `expires_in` by more than five minutes, because clocks differ";
            Error::invalid_if(is_too_long, "renew_before", why)?;
        }
        Ok(Self { key: NewKey::new(settings)?, succession })
    }

    fn expires_soon(&self, key: &KeyInfo) -> bool {
        self.succession.renew_before.is_some_and(|before| key.expires_at.is_within(before))
    }
}

/// What is to be done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// The listed key is as described, and is kept.
    Keep,
    /// No key has this description: one is to be created.
    Create,
    /// The listed key expires soon: one is to be created beside it. See
    /// [`KeySpec::renew_before`](crate::plan::KeySpec::renew_before).
    Renew,
    /// The listed keys differ: they are to be deleted after a new one is created (not with
    /// [`keep_old`](crate::plan::PlanKeys::keep_old)).
    Replace,
    /// The listed key differs, and may not be replaced: see
    /// [`PlanKeys::replace_on_drift`](crate::plan::PlanKeys::replace_on_drift). Or it differs, and another key with this
    /// description is as described: see [`PlanKeys::prune`](crate::plan::PlanKeys::prune).
    Drift,
    /// No spec describes the key, and it is to be deleted: see [`PlanKeys::prune`](crate::plan::PlanKeys::prune).
    Delete,
}

/// How a listed key compares with the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not expired, with the wanted scope.
    Wanted,
    /// Not expired, but soon, and otherwise with the wanted scope. Of any earlier generation.
    Expiring,
    /// Not expired, with a different scope, and may be replaced.
    Replaceable,
    /// Not expired, with a different scope, and may not be replaced.
    Irreplaceable,
    /// No key with the wanted value can be created because of it.
    Obstacle,
    /// Expired by the local clock.
    Expired,
    /// Expired long ago, and may be deleted.
    LongExpired,
}

/// A listed key with the wanted description.
#[derive(Clone)]
pub(super) struct Listed {
    pub(super) key: KeyInfo,
    pub(super) differences: Vec<Difference>,
    state: State,
    /// Whether it differs, and is to be deleted if another key is as wanted.
    is_unwanted: bool,
}

impl Listed {
    pub(super) fn is_drifted(&self) -> bool {
        matches!(self.state, State::Replaceable | State::Irreplaceable | State::Obstacle)
    }
}

/// The listed keys with one description, in the order of their ids.
#[derive(Clone)]
pub(super) struct Survey {
    listed: Vec<Listed>,
    keeps_old: bool,
    /// Whether a key as wanted may have the wanted value.
    has_holder: bool,
}

impl Survey {
    /// `created`: the key that this run created, which counts as wanted even if it has expired since.
    ///
    /// `client_prefix`: a key with this prefix that allows lists may be the client's own. It is neither replaced nor
    /// deleted, because the server would refuse all further requests.
    pub(super) fn of(keys: Vec<KeyInfo>, target: &Target, created: Option<&KeyInfo>, client_prefix: &str) -> Self {
        let listed = Vec::with_capacity(keys.len());
        let mut survey = Self { listed, keeps_old: target.succession.keep_old, has_holder: false };
        for key in keys {
            let (state, differences) = match created {
                Some(created) if created.is_same_as(&key) => (State::Wanted, Vec::new()),
                _ => survey.compare(&key, target, created.is_some(), client_prefix),
            };
            survey.has_holder |= state == State::Wanted && target.key.has_prefix_of(&key);
            survey.listed.push(Listed { key, differences, state, is_unwanted: false });
        }
        survey
    }

    /// Compares a key that this run has not created. `has_created`: whether it has created one.
    fn compare(
        &self,
        key: &KeyInfo,
        target: &Target,
        has_created: bool,
        client_prefix: &str,
    ) -> (State, Vec<Difference>) {
        let may_be_clients = key.may_be_clients(client_prefix);
        let mut differences = differences(key, target);
        let is_obstacle = !has_created && self.is_obstacle(key, &mut differences, target);
        if !is_obstacle && key.is_expired() {
            // An expired key may have the value of the caller.
            let may_go = !may_be_clients && !target.key.value.is_provided();
            let is_long_expired = may_go && key.expires_at.is_past_for(CLOCK_MARGIN);
            return (if is_long_expired { State::LongExpired } else { State::Expired }, differences);
        }
        let is_given = matches!(target.key.value, KeyValue::Provided(_) | KeyValue::Derived(_));
        if has_created && is_given && differences.is_empty() {
            // The server accepted the value for the created key, so this key has another one.
            differences.push(other_value(key));
        }
        if !is_obstacle && target.expires_soon(key) && differences.iter().all(|it| it.field == GENERATION) {
            let (found, wanted) = (format!("{:?}", key.expires_at), format!("{:?}", target.key.expires_at));
            differences.push(Difference { field: "expires_at", found, wanted });
            return (State::Expiring, differences);
        }
        if !differences.is_empty() && may_be_clients {
            let found = "perhaps the client's own key, which has the same prefix".to_owned();
            differences.push(Difference { field: CLIENT_KEY, found, wanted: "another".to_owned() });
        }
        let is_irreplaceable = |it: &Difference| [UNKNOWN_MEMBERS, CLIENT_KEY].contains(&it.field);
        let state = match differences.as_slice() {
            [] => State::Wanted,
            _ if is_obstacle => State::Obstacle,
            all if target.succession.replace_on_drift && !all.iter().any(is_irreplaceable) => State::Replaceable,
            _ => State::Irreplaceable,
        };
        (state, differences)
    }

    /// Whether no key with the wanted value can be created because of this key, although it is not as wanted. Says why.
    fn is_obstacle(&self, key: &KeyInfo, differences: &mut Vec<Difference>, target: &Target) -> bool {
        let wanted = &target.key;
        let may_have_value = wanted.has_prefix_of(key);
        let (field, found, other) = match &wanted.value {
            KeyValue::Stored(_) if may_have_value => (VALUE, "the stored one".to_owned(), "another"),
            KeyValue::Derived(derived) if may_have_value => {
                (GENERATION, derived.generation.to_string(), "a higher one")
            }
            // The value of an earlier generation may have leaked.
            KeyValue::Derived(derived) => {
                return derived.other_generation(&key.prefix).is_some_and(|other| other > derived.generation);
            }
            _ => return false,
        };
        let why = if key.is_expired() {
            "it has expired"
        } else if !differences.is_empty() {
            "the server does not change a key"
        } else if target.expires_soon(key) {
            "it expires soon"
        } else if self.has_holder {
            "another key begins in the same way"
        } else {
            return false;
        };
        differences.push(Difference { field, found: format!("{found} ({why})"), wanted: other.to_owned() });
        true
    }

    /// Marks drifted keys as to be deleted if another key is as wanted.
    pub(super) fn prune(&mut self, is_unwanted: impl Fn(&KeyInfo) -> bool) {
        for listed in self.listed.iter_mut().filter(|listed| listed.is_drifted()) {
            let may_be_clients = listed.differences.iter().any(|difference| difference.field == CLIENT_KEY);
            listed.is_unwanted = !may_be_clients && is_unwanted(&listed.key);
        }
    }

    /// The ids of all keys.
    pub(super) fn ids(&self) -> BTreeSet<KeyId> {
        self.listed.iter().map(|listed| listed.key.id).collect()
    }

    /// The keys as wanted.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &KeyInfo> {
        self.listed.iter().filter(|listed| listed.state == State::Wanted).map(|listed| &listed.key)
    }

    pub(super) fn drifted(&self) -> impl DoubleEndedIterator<Item = &Listed> {
        self.listed.iter().filter(|listed| listed.is_drifted())
    }

    /// The key that may have the value of `key`: the first one as wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Drift`] about another key with the prefix of the value, even an expired one: it may have the value, too.
    pub(super) fn holder(&self, key: &NewKey) -> Result<Option<&KeyInfo>, Error> {
        let holder = self.wanted().next();
        let is_other = |listed: &&KeyInfo| holder.is_none_or(|holder| holder.id != listed.id);
        let mut others = self.listed.iter().map(|listed| &listed.key).filter(is_other);
        match others.find(|listed| key.has_prefix_of(listed)) {
            None => Ok(holder),
            Some(other) => {
                let found = format!("one that begins with `{}`, as the given one does", Shown(&other.prefix));
                let difference = Difference { field: VALUE, found, wanted: "one that begins differently".to_owned() };
                Err(Error::Drift { key: Box::new(other.clone()), differences: vec![difference] })
            }
        }
    }

    /// What the listed keys call for, and which of them it is about: the first one as wanted, or the newest of the others.
    pub(super) fn verdict(&self) -> (Change, Option<&Listed>) {
        let newest = |state| self.listed.iter().rfind(|listed| listed.state == state);
        let first_wanted = self.listed.iter().find(|listed| listed.state == State::Wanted);
        let verdicts = [
            (Change::Drift, newest(State::Obstacle)),
            (Change::Keep, first_wanted),
            (Change::Renew, newest(State::Expiring)),
            (Change::Drift, newest(State::Irreplaceable)),
            (Change::Replace, newest(State::Replaceable)),
        ];
        verdicts.into_iter().find(|(_, listed)| listed.is_some()).unwrap_or((Change::Create, None))
    }

    /// The newest drifted key that is left beside `kept`, which is as wanted. A key that replaces it would be newer.
    pub(super) fn left_beside(&self, kept: &KeyInfo) -> Option<Listed> {
        let is_deleted =
            |listed: &Listed| listed.is_unwanted || (listed.state == State::Replaceable && listed.key.id < kept.id);
        let mut left = self.drifted().rfind(|listed| !is_deleted(listed))?.clone();
        let found = format!("that of key {}, which is as described", kept.id);
        left.differences.push(Difference { field: DUPLICATE, found, wanted: "one of its own".to_owned() });
        Some(left)
    }

    /// The drifted keys to delete once another key is as wanted. `stays`: its id, if it exists already.
    pub(super) fn replaced_by(&self, stays: Option<KeyId>) -> impl Iterator<Item = &KeyInfo> {
        let is_replaced = move |listed: &&Listed| {
            let is_older = stays.is_none_or(|stays| listed.key.id < stays);
            (listed.is_unwanted && stays.is_some())
                || (listed.state == State::Replaceable && !self.keeps_old && is_older)
        };
        self.listed.iter().filter(is_replaced).map(|listed| &listed.key)
    }

    pub(super) fn long_expired(&self) -> impl Iterator<Item = &KeyInfo> {
        self.listed.iter().filter(|listed| listed.state == State::LongExpired).map(|listed| &listed.key)
    }
}

fn differences(key: &KeyInfo, target: &Target) -> Vec<Difference> {
    let wanted = &target.key;
    let (autodelete, asked) = (key.autodelete.unwrap_or_default(), wanted.autodelete.unwrap_or_default());
    // Neither is known for servers before v26 and requests that leave it out.
    let is_unknown = key.autodelete.is_none() || wanted.autodelete.is_none();
    let compared: [(_, bool, &dyn Debug, &dyn Debug); 4] = [
        ("actions", are_same_set(&key.actions, &wanted.actions), &key.actions, &wanted.actions),
        ("collections", are_same_set(&key.collections, &wanted.collections), &key.collections, &wanted.collections),
        ("expires_at", wanted.accepts(key.expires_at), &key.expires_at, &wanted.expires_at),
        ("autodelete", is_unknown || autodelete == asked, &autodelete, &asked),
    ];
    let mut differences = Vec::new();
    // The texts are written only for what differs: most keys are as wanted.
    for (field, _, found, wanted) in compared.iter().filter(|(_, is_same, ..)| !is_same) {
        let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
        differences.push(Difference { field, found, wanted });
    }
    let unknown = key.unknown_members();
    if !unknown.is_empty() {
        let names = Shown(&unknown.keys().map(String::as_str).collect::<Vec<_>>().join(", ")).to_string();
        differences.push(Difference { field: UNKNOWN_MEMBERS, found: names, wanted: "none".to_owned() });
    }
    match &wanted.value {
        _ if wanted.has_prefix_of(key) => {}
        KeyValue::Provided(_) => differences.push(other_value(key)),
        KeyValue::Derived(derived) => {
            let found = match derived.other_generation(&key.prefix) {
                Some(generation) => generation.to_string(),
                None => format!("none: the value begins with `{}`", Shown(&key.prefix)),
            };
            let wanted = derived.generation.to_string();
            differences.push(Difference { field: GENERATION, found, wanted });
        }
        _ => {}
    }
    differences
}

fn other_value(key: &KeyInfo) -> Difference {
    let found = format!("another, which begins with `{}`", Shown(&key.prefix));
    Difference { field: VALUE, found, wanted: "the one given".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::collection::CollectionPattern;
    use crate::expiry::Expiry;
    use crate::requests::value::KeyValue;

    fn target(value: KeyValue, expiry: Option<Expires>, replace_on_drift: bool) -> Target {
        let settings = KeySettings {
            description: "docs".to_owned(),
            actions: vec![Action::DOCUMENTS_GET],
            collections: vec![CollectionPattern::exact("docs")],
            expiry,
            ..KeySettings::default()
        };
        let succession = Succession { replace_on_drift, ..Succession::default() };
        let mut target = Target::new(settings, succession).unwrap();
        target.key.value = value.check(None).unwrap();
        target
    }

    /// Of one key, which differs by `change` from the wanted one.
    fn survey(change: (&str, serde_json::Value), target: &Target) -> Survey {
        let mut key = serde_json::json!({
            "id": 7, "description": "docs", "actions": ["documents:get"], "collections": ["docs"],
            "expires_at": Expiry::NEVER, "value_prefix": "k3yA",
        });
        key[change.0] = change.1;
        Survey::of(vec![serde_json::from_value(key).unwrap()], target, None, "clnt")
    }

    #[test]
    fn key_with_unknown_members_has_drifted_and_may_not_be_replaced() {
        let [keep, replace] = [false, true].map(|replace| target(KeyValue::ToGenerate, None, replace));
        let restricted = survey(("synonym_sets\n", serde_json::json!(["shop"])), &replace);
        let (Change::Drift, Some(Listed { differences, .. })) = restricted.verdict() else { panic!("replaceable") };
        assert_eq!((differences[0].field, differences[0].found.as_str()), ("unknown members", "synonym_sets\\n"));
        assert_eq!(restricted.replaced_by(None).count(), 0);

        let other = |target| survey(("collections", serde_json::json!(["*"])), target);
        assert_eq!(other(&keep).verdict().0, Change::Drift);
        let other = other(&replace);
        assert_eq!(other.verdict().0, Change::Replace);
        assert_eq!(other.replaced_by(None).map(|key| key.id).collect::<Vec<_>>(), [KeyId::from(7)]);
        assert_eq!(other.replaced_by(Some(KeyId::from(7))).count(), 0, "a newer key would be needed");
    }

    #[test]
    fn autodelete_differs_only_if_both_the_server_and_the_request_name_it() {
        let mut target = target(KeyValue::ToGenerate, None, false);
        for (listed, wanted, is_same) in [
            (None, None, true),
            (None, Some(true), true),
            (Some(true), None, true),
            (Some(true), Some(true), true),
            (Some(false), Some(true), false),
            (Some(true), Some(false), false),
        ] {
            target.key.autodelete = wanted;
            let survey = survey(("autodelete", serde_json::json!(listed)), &target);
            assert_eq!(survey.wanted().count() == 1, is_same, "{listed:?} {wanted:?}");
        }
    }

    #[test]
    fn key_that_may_have_the_stored_value_is_wanted_beside_one_that_does_not() {
        let stored = KeyValue::Stored("k3yA0123456789abcdefghijklmnopqr".into());
        let target = target(stored, None, false);
        let key = |id: u32, prefix: &str| {
            let listed = survey(("id", id.into()), &target).listed.remove(0).key;
            KeyInfo { prefix: prefix.to_owned(), ..listed }
        };
        let keys = |prefixes: [&str; 2]| vec![key(7, prefixes[0]), key(8, prefixes[1])];
        let wanted = |keys| Survey::of(keys, &target, None, "clnt").wanted().count();
        assert_eq!(wanted(keys(["zzzz", "k3yA"])), 2);
        assert_eq!(wanted(keys(["k3yA", "k3yA"])), 1);
    }

    #[test]
    fn key_that_expires_later_than_asked_has_drifted() {
        let hour = Duration::from_secs(3600);
        let target = target(KeyValue::ToGenerate, Some(Expires::In(hour)), false);
        for (expires_at, is_wanted) in [
            (Expiry::after(hour / 2), true),
            (Expiry::after(hour + CLOCK_TOLERANCE / 2), true),
            (Expiry::after(hour + 2 * CLOCK_TOLERANCE), false),
            (Expiry::NEVER, false),
        ] {
            let survey = survey(("expires_at", serde_json::json!(expires_at)), &target);
            assert_eq!(survey.wanted().count() == 1, is_wanted, "{expires_at}");
        }
    }

    #[test]
    fn key_with_another_prefix_than_the_provided_value_has_drifted() {
        for (value, is_wanted) in [("k3yA-value", true), ("k3yB-value", false)] {
            let target = target(KeyValue::Provided(value.into()), None, false);
            let survey = survey(("id", 7.into()), &target);
            assert_eq!(
                (survey.wanted().count() == 1, survey.holder(&target.key).unwrap().is_some()),
                (is_wanted, is_wanted)
            );
        }
    }
}
