//! Compares the listed keys with the wanted key. Sends nothing.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use crate::error::{Difference, UNKNOWN_MEMBERS, VALUE};
use crate::expiry::Expires;
use crate::key::{KeyId, KeyInfo};
use crate::requests::new_key::{NewKey, Origin};

/// How long ago a key must have expired before it is deleted, so that a wrong local clock does not delete a working
/// key.
const CLOCK_MARGIN: Duration = Duration::from_secs(86_400);

/// What the listed keys with one description call for.
pub(in crate::requests) enum Verdict<'a> {
    /// This key is as wanted. Drifted and expired ones may be left over.
    Keep(&'a KeyInfo),
    /// There is none.
    Create,
    /// The newest of the drifted keys, all of which may be replaced.
    Replace { key: &'a KeyInfo, differences: &'a [Difference] },
    /// The newest of the drifted keys that may not be replaced.
    Refuse { key: &'a KeyInfo, differences: &'a [Difference] },
}

/// The listed keys with one description, in the order of their ids.
#[derive(Clone)]
pub(in crate::requests) struct Survey {
    /// Not expired, with the wanted scope.
    pub(in crate::requests) wanted: Vec<KeyInfo>,
    /// Not expired, with a different scope.
    pub(in crate::requests) drifted: Vec<(KeyInfo, Vec<Difference>)>,
    /// Expired by the local clock.
    pub(in crate::requests) expired: Vec<KeyInfo>,
}

impl Survey {
    /// `own`: a key that this run created, which counts as wanted even if it has expired since.
    pub(in crate::requests) fn of(
        keys: Vec<KeyInfo>,
        wanted: &NewKey,
        expiry: Option<Expires>,
        own: Option<KeyId>,
    ) -> Self {
        let mut survey = Self { wanted: Vec::new(), drifted: Vec::new(), expired: Vec::new() };
        for key in keys.into_iter().filter(|key| key.description == wanted.description) {
            if own == Some(key.id) {
                survey.wanted.push(key);
                continue;
            }
            let mut differences = differences(&key, wanted, expiry);
            if own.is_some() && wanted.origin == Origin::Provided && differences.is_empty() {
                // The server accepted the value for the run's own key, so this key has another one.
                differences.push(other_value(&key));
            }
            if key.is_expired() {
                survey.expired.push(key);
            } else if differences.is_empty() {
                survey.wanted.push(key);
            } else {
                survey.drifted.push((key, differences));
            }
        }
        survey
    }

    /// Whether this key has the wanted scope.
    pub(in crate::requests) fn has(&self, id: KeyId) -> bool {
        self.wanted.iter().any(|key| key.id == id)
    }

    /// The ids of all keys, in order.
    pub(in crate::requests) fn ids(&self) -> Vec<KeyId> {
        let Self { wanted, drifted, expired } = self;
        let drifted = drifted.iter().map(|(key, _)| key);
        let mut ids: Vec<_> = wanted.iter().chain(drifted).chain(expired).map(|key| key.id).collect();
        ids.sort_unstable();
        ids
    }

    /// The key that has the value of `key`, which is known to be in use: the only one of the description whose value begins
    /// alike, if it is as wanted.
    pub(in crate::requests) fn holder(&self, key: &NewKey) -> Option<&KeyInfo> {
        let drifted = self.drifted.iter().map(|(key, _)| key);
        let mut alike =
            self.wanted.iter().chain(drifted).chain(&self.expired).filter(|listed| key.has_prefix_of(listed));
        let holder = alike.next().filter(|_| alike.next().is_none())?;
        self.wanted.contains(holder).then_some(holder)
    }

    /// What the listed keys call for.
    pub(in crate::requests) fn verdict(&self, replace_on_drift: bool) -> Verdict<'_> {
        if let Some(first) = self.wanted.first() {
            return Verdict::Keep(first);
        }
        let mut refused =
            self.drifted.iter().filter(|(_, differences)| !replace_on_drift || !is_replaceable(differences));
        match (refused.next_back(), self.drifted.last()) {
            (Some((key, differences)), _) => Verdict::Refuse { key, differences },
            (None, Some((key, differences))) => Verdict::Replace { key, differences },
            (None, None) => Verdict::Create,
        }
    }

    /// The drifted keys that a key with the wanted scope replaces. `stays`: its id, if it exists already.
    pub(in crate::requests) fn replaced_by(
        &self,
        stays: Option<KeyId>,
        replace_on_drift: bool,
    ) -> impl Iterator<Item = KeyId> {
        let replaceable =
            self.drifted.iter().filter(move |(_, differences)| replace_on_drift && is_replaceable(differences));
        replaceable.map(|(key, _)| key.id).filter(move |id| stays.is_none_or(|stays| *id < stays))
    }

    /// The key with this id.
    pub(in crate::requests) fn into_key(self, id: KeyId) -> Option<KeyInfo> {
        let Self { wanted, drifted, expired } = self;
        let drifted = drifted.into_iter().map(|(key, _)| key);
        wanted.into_iter().chain(drifted).chain(expired).find(|key| key.id == id)
    }

    /// The keys that expired longer than [`CLOCK_MARGIN`] ago.
    pub(in crate::requests) fn long_expired(&self) -> impl Iterator<Item = KeyId> {
        self.expired.iter().filter(|key| key.expires_at.is_past_for(CLOCK_MARGIN)).map(|key| key.id)
    }
}

fn differences(key: &KeyInfo, wanted: &NewKey, expiry: Option<Expires>) -> Vec<Difference> {
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
    let (found, asked) = (key.expires_at, wanted.expires_at);
    let is_same = match expiry {
        Some(Expires::In(_)) => !found.is_never() && found <= asked,
        _ => found == asked,
    };
    if !is_same {
        differ("expires_at", &found, &asked);
    }
    if let (Some(found), Some(asked)) = (key.autodelete, wanted.autodelete) {
        if found != asked {
            differ("autodelete", &found, &asked);
        }
    }
    let unknown = key.unknown_members();
    if !unknown.is_empty() {
        let names = unknown.keys().map(String::as_str).collect::<Vec<_>>().join(", ").escape_debug().to_string();
        differences.push(Difference { field: UNKNOWN_MEMBERS, found: names, wanted: "none".to_owned() });
    }
    if wanted.origin == Origin::Provided && !wanted.has_prefix_of(key) {
        differences.push(other_value(key));
    }
    differences
}

fn is_replaceable(differences: &[Difference]) -> bool {
    differences.iter().all(|difference| difference.field != UNKNOWN_MEMBERS)
}

fn other_value(key: &KeyInfo) -> Difference {
    let found = format!("another, which begins with `{}`", key.prefix.escape_debug());
    Difference { field: VALUE, found, wanted: "the one given".to_owned() }
}

/// Whether both contain the same items, ignoring order and repetition.
fn are_same_set<T: Eq + Hash>(left: &[T], right: &[T]) -> bool {
    // Mostly, the order is the same. A scope may have thousands of items.
    left == right || HashSet::<_>::from_iter(left) == HashSet::from_iter(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::collection::CollectionPattern;
    use crate::expiry::Expiry;
    use crate::requests::options::{KeySettings, Value};

    fn wanted(value: Value, expiry: Option<Expires>) -> NewKey {
        let settings = KeySettings {
            description: "docs".to_owned(),
            actions: vec![Action::DOCUMENTS_GET],
            collections: vec![CollectionPattern::exact("docs")],
            value,
            expiry,
            ..KeySettings::default()
        };
        NewKey::try_from(settings).unwrap()
    }

    fn listed(changes: &[(&str, serde_json::Value)]) -> KeyInfo {
        let mut key = serde_json::json!({
            "id": 7, "description": "docs", "actions": ["documents:get"], "collections": ["docs"],
            "expires_at": Expiry::NEVER, "value_prefix": "k3yA",
        });
        for (member, value) in changes {
            key[member] = value.clone();
        }
        serde_json::from_value(key).unwrap()
    }

    fn survey(key: KeyInfo, wanted: &NewKey, expiry: Option<Expires>) -> Survey {
        Survey::of(vec![key], wanted, expiry, None)
    }

    #[test]
    fn key_with_unknown_members_has_drifted_and_may_not_be_replaced() {
        let wanted = wanted(Value::Generated, None);
        let restricted = survey(listed(&[("synonym_sets\n", serde_json::json!(["shop"]))]), &wanted, None);
        let Verdict::Refuse { differences, .. } = restricted.verdict(true) else { panic!("replaceable") };
        assert_eq!((differences[0].field, differences[0].found.as_str()), ("unknown members", "synonym_sets\\n"));
        assert_eq!(restricted.replaced_by(None, true).count(), 0);

        let other = survey(listed(&[("collections", serde_json::json!(["*"]))]), &wanted, None);
        assert!(matches!(other.verdict(true), Verdict::Replace { .. }));
        assert!(matches!(other.verdict(false), Verdict::Refuse { .. }));
        assert_eq!(other.replaced_by(None, true).collect::<Vec<_>>(), [KeyId::from(7)]);
        assert_eq!(other.replaced_by(Some(KeyId::from(7)), true).count(), 0, "a newer key would be needed");
    }

    #[test]
    fn key_that_expires_later_than_asked_has_drifted() {
        let hour = Duration::from_secs(3600);
        let expiry = Some(Expires::In(hour));
        let wanted = wanted(Value::Generated, expiry);
        for (expires_at, is_wanted) in
            [(Expiry::after(hour / 2), true), (Expiry::after(2 * hour), false), (Expiry::NEVER, false)]
        {
            let key = listed(&[("expires_at", serde_json::json!(expires_at))]);
            assert_eq!(survey(key, &wanted, expiry).wanted.len() == 1, is_wanted, "{expires_at}");
        }
    }

    #[test]
    fn key_whose_value_begins_otherwise_than_the_provided_one_has_drifted() {
        for (value, is_wanted) in [("k3yA-value", true), ("k3yB-value", false)] {
            let wanted = wanted(Value::Provided(value.into()), None);
            let survey = survey(listed(&[]), &wanted, None);
            assert_eq!(
                (survey.wanted.len() == 1, survey.holder(&wanted).is_some()),
                (is_wanted, is_wanted),
                "{value}"
            );
        }
    }
}
