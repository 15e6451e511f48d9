//! Compares the listed keys with the wanted key. Sends nothing.

use std::fmt::Debug;
use std::time::Duration;

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

impl Target {
    pub(super) fn new(settings: KeySettings, succession: Succession) -> Result<Self, Error> {
        let Succession { replace_on_drift, keep_old, renew_before } = succession;
        if settings.description.trim().is_empty() {
            return Err(Error::invalid("description", "is empty: the key is found by it"));
        }
        if keep_old && !replace_on_drift {
            return Err(Error::invalid("keep_old", "is only for `replace_on_drift`"));
        }
        match (renew_before, settings.expiry) {
            (None, _) => {}
            (Some(before), Some(Expires::In(all))) if before.saturating_add(CLOCK_TOLERANCE) < all => {}
            (Some(_), Some(Expires::In(_))) => {
                let why = "must be shorter than `expires_in` by more than five minutes, because clocks differ";
                return Err(Error::invalid("renew_before", why));
            }
            (Some(_), _) => return Err(Error::invalid("renew_before", "is only for keys with `expires_in`")),
        }
        Ok(Self { key: NewKey::new(settings)?, succession })
    }

    fn expires_soon(&self, key: &KeyInfo) -> bool {
        self.succession.renew_before.is_some_and(|before| key.expires_at.is_within(before))
    }
}

/// What the listed keys with one description call for.
pub(super) enum Verdict<'a> {
    /// This key is as wanted. Drifted and expired ones may be left over.
    Keep(&'a KeyInfo),
    /// There is none.
    Create,
    /// The newest of the keys that expire soon, and are otherwise as wanted.
    Renew(&'a Drifted),
    /// The newest of the drifted keys, all of which may be replaced.
    Replace(&'a Drifted),
    /// The newest of the drifted keys that may not be replaced.
    Refuse(&'a Drifted),
}

/// A key with a different scope than the wanted one.
#[derive(Clone)]
pub(super) struct Drifted {
    pub(super) key: KeyInfo,
    pub(super) differences: Vec<Difference>,
    is_replaceable: bool,
    /// Whether no key with the wanted value can be created because of this one.
    is_obstacle: bool,
    /// Whether it is to be deleted if another key is as wanted.
    is_unwanted: bool,
}

impl Drifted {
    pub(super) fn has_other_value(&self) -> bool {
        self.differences.iter().any(|difference| difference.field == VALUE)
    }
}

/// The listed keys with one description, in the order of their ids.
#[derive(Clone, Default)]
pub(super) struct Survey {
    /// Not expired, with the wanted scope.
    pub(super) wanted: Vec<KeyInfo>,
    /// Not expired, with a different scope.
    pub(super) drifted: Vec<Drifted>,
    /// Not expired, but soon, and otherwise with the wanted scope. Of any earlier generation.
    expiring: Vec<Drifted>,
    /// Expired by the local clock.
    expired: Vec<KeyInfo>,
    /// Expired long ago, so that they may be deleted.
    pub(super) long_expired: Vec<KeyInfo>,
    keeps_old: bool,
}

impl Survey {
    /// `created`: the key that this run created, which counts as wanted even if it has expired since.
    ///
    /// `client_prefix`: a key with this prefix that allows lists may be the client's own. It is neither replaced nor
    /// deleted, because the server would refuse all further requests.
    pub(super) fn of(keys: Vec<KeyInfo>, target: &Target, created: Option<&KeyInfo>, client_prefix: &str) -> Self {
        let mut survey = Self { keeps_old: target.succession.keep_old, ..Self::default() };
        for key in keys {
            if created.is_some_and(|created| created.is_same_as(&key)) {
                survey.wanted.push(key);
                continue;
            }
            let may_be_clients = key.may_be_clients(client_prefix);
            let mut differences = differences(&key, target);
            let is_obstacle = created.is_none() && survey.is_obstacle(&key, &mut differences, target);
            if !is_obstacle && key.is_expired() {
                let is_long_expired = key.expires_at.is_past_for(CLOCK_MARGIN) && !may_be_clients;
                if is_long_expired { &mut survey.long_expired } else { &mut survey.expired }.push(key);
                continue;
            }
            let is_given = matches!(target.key.value, KeyValue::Provided(_) | KeyValue::Derived(_));
            if created.is_some() && is_given && differences.is_empty() {
                // The server accepted the value for the created key, so this key has another one.
                differences.push(other_value(&key));
            }
            if !is_obstacle && target.expires_soon(&key) && differences.iter().all(|it| it.field == GENERATION) {
                let (found, wanted) = (format!("{:?}", key.expires_at), format!("{:?}", target.key.expires_at));
                differences.push(Difference { field: "expires_at", found, wanted });
                let (is_replaceable, is_unwanted) = (false, false);
                survey.expiring.push(Drifted { key, differences, is_replaceable, is_obstacle, is_unwanted });
                continue;
            }
            if differences.is_empty() {
                survey.wanted.push(key);
                continue;
            }
            if may_be_clients {
                let found = "perhaps the client's own key, which has the same prefix".to_owned();
                differences.push(Difference { field: CLIENT_KEY, found, wanted: "another".to_owned() });
            }
            let is_replaceable = target.succession.replace_on_drift
                && !is_obstacle
                && !differences.iter().any(|difference| [UNKNOWN_MEMBERS, CLIENT_KEY].contains(&difference.field));
            survey.drifted.push(Drifted { key, differences, is_replaceable, is_obstacle, is_unwanted: false });
        }
        survey
    }

    /// Whether no key with the wanted value can be created because of this key, although it is not as wanted. Says why.
    fn is_obstacle(&self, key: &KeyInfo, differences: &mut Vec<Difference>, target: &Target) -> bool {
        let wanted = &target.key;
        let may_have_value = wanted.has_prefix_of(key);
        let (field, found, advice) = match &wanted.value {
            KeyValue::Stored(_) if may_have_value => (VALUE, "the stored one".to_owned(), "store another"),
            KeyValue::Derived(derived) if may_have_value => {
                (GENERATION, derived.generation.to_string(), "raise `generation`")
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
        } else if self.wanted.iter().any(|other| wanted.has_prefix_of(other)) {
            "another key begins in the same way"
        } else {
            return false;
        };
        let found = format!("{found}, and {why}: {advice}");
        differences.push(Difference { field, found, wanted: "another".to_owned() });
        true
    }

    /// Marks drifted keys as to be deleted if another key is as wanted.
    pub(super) fn prune(&mut self, is_unwanted: impl Fn(&KeyInfo) -> bool) {
        for drifted in &mut self.drifted {
            let may_be_clients = drifted.differences.iter().any(|difference| difference.field == CLIENT_KEY);
            drifted.is_unwanted = !may_be_clients && is_unwanted(&drifted.key);
        }
    }

    fn keys(&self) -> impl Iterator<Item = &KeyInfo> {
        let drifted = self.drifted.iter().chain(&self.expiring).map(|drifted| &drifted.key);
        self.wanted.iter().chain(drifted).chain(&self.expired).chain(&self.long_expired)
    }

    /// The ids of all keys, in order.
    pub(super) fn ids(&self) -> Vec<KeyId> {
        let mut ids: Vec<_> = self.keys().map(|key| key.id).collect();
        ids.sort_unstable();
        ids
    }

    /// The key that may have the value of `key`: the first one as wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Drift`] about another key with the prefix of the value, even an expired one: it may have the value, too.
    pub(super) fn holder(&self, key: &NewKey) -> Result<Option<&KeyInfo>, Error> {
        let holder = self.wanted.first();
        let is_other = |listed: &&KeyInfo| holder.is_none_or(|holder| holder.id != listed.id);
        match self.keys().filter(is_other).find(|listed| key.has_prefix_of(listed)) {
            None => Ok(holder),
            Some(other) => {
                let found = format!("one that begins with `{}`, as the given one does", Shown(&other.prefix));
                let difference = Difference { field: VALUE, found, wanted: "one that begins differently".to_owned() };
                Err(Error::Drift { key: Box::new(other.clone()), differences: vec![difference] })
            }
        }
    }

    /// What the listed keys call for.
    pub(super) fn verdict(&self) -> Verdict<'_> {
        if let Some(obstacle) = self.drifted.iter().rfind(|drifted| drifted.is_obstacle) {
            return Verdict::Refuse(obstacle);
        }
        if let Some(first) = self.wanted.first() {
            return Verdict::Keep(first);
        }
        if let Some(newest) = self.expiring.last() {
            return Verdict::Renew(newest);
        }
        match (self.drifted.iter().rfind(|drifted| !drifted.is_replaceable), self.drifted.last()) {
            (Some(refused), _) => Verdict::Refuse(refused),
            (None, Some(newest)) => Verdict::Replace(newest),
            (None, None) => Verdict::Create,
        }
    }

    /// The newest drifted key that is left beside `kept`, which is as wanted. A key that replaces it would be newer.
    pub(super) fn left_beside(&self, kept: &KeyInfo) -> Option<Drifted> {
        let is_left =
            |drifted: &&Drifted| !(drifted.is_unwanted || drifted.is_replaceable && drifted.key.id < kept.id);
        let mut left = self.drifted.iter().rfind(is_left)?.clone();
        let found = format!("that of key {}, which is as described", kept.id);
        left.differences.push(Difference { field: DUPLICATE, found, wanted: "one of its own".to_owned() });
        Some(left)
    }

    /// The drifted keys to delete once a key is as wanted. `stays`: its id, if it exists already.
    pub(super) fn replaced_by(&self, stays: Option<KeyId>) -> impl Iterator<Item = &KeyInfo> {
        let is_replaced = move |drifted: &&Drifted| match stays {
            Some(stays) => {
                drifted.is_unwanted || (drifted.is_replaceable && !self.keeps_old && drifted.key.id < stays)
            }
            None => drifted.is_replaceable && !self.keeps_old,
        };
        self.drifted.iter().filter(is_replaced).map(|drifted| &drifted.key)
    }
}

fn differences(key: &KeyInfo, target: &Target) -> Vec<Difference> {
    let wanted = &target.key;
    let mut differences = Vec::new();
    // The texts are written only for what differs: most keys are as wanted.
    let mut differ = |field, found: &dyn Debug, wanted: &dyn Debug| {
        differences.push(Difference { field, found: format!("{found:?}"), wanted: format!("{wanted:?}") });
    };
    if !are_same_set(&key.actions, &wanted.actions) {
        differ("actions", &key.actions, &wanted.actions);
    }
    if !are_same_set(&key.collections, &wanted.collections) {
        differ("collections", &key.collections, &wanted.collections);
    }
    if !wanted.accepts(key.expires_at) {
        differ("expires_at", &key.expires_at, &wanted.expires_at);
    }
    if let (Some(found), Some(asked)) = (key.autodelete, wanted.autodelete) {
        if found != asked {
            differ("autodelete", &found, &asked);
        }
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
        target.key.set_value(value).unwrap();
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
        let Verdict::Refuse(Drifted { differences, .. }) = restricted.verdict() else { panic!("replaceable") };
        assert_eq!((differences[0].field, differences[0].found.as_str()), ("unknown members", "synonym_sets\\n"));
        assert_eq!(restricted.replaced_by(None).count(), 0);

        let other = |target| survey(("collections", serde_json::json!(["*"])), target);
        assert!(matches!(other(&keep).verdict(), Verdict::Refuse(_)));
        let other = other(&replace);
        assert!(matches!(other.verdict(), Verdict::Replace(_)));
        assert_eq!(other.replaced_by(None).map(|key| key.id).collect::<Vec<_>>(), [KeyId::from(7)]);
        assert_eq!(other.replaced_by(Some(KeyId::from(7))).count(), 0, "a newer key would be needed");
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
            assert_eq!(survey.wanted.len() == 1, is_wanted, "{expires_at}");
        }
    }

    #[test]
    fn key_with_another_prefix_than_the_provided_value_has_drifted() {
        for (value, is_wanted) in [("k3yA-value", true), ("k3yB-value", false)] {
            let target = target(KeyValue::Provided(value.into()), None, false);
            let survey = survey(("id", 7.into()), &target);
            assert_eq!(
                (survey.wanted.len() == 1, survey.holder(&target.key).unwrap().is_some()),
                (is_wanted, is_wanted)
            );
        }
    }
}
