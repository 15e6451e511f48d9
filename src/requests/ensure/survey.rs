//! Which of the listed keys are as wanted, without a request.

use std::time::Duration;

use crate::error::Difference;
use crate::expiry::{Expires, Expiry};
use crate::key::{KeyId, KeyInfo};
use crate::requests::new_key::{NewKey, Origin};

/// How long a key must have expired before it is deleted: a local clock that is wrong by less than this deletes no key
/// that still works.
const CLOCK_MARGIN: Duration = Duration::from_secs(86_400);

/// What a [`Difference`] calls members that this crate does not know. They may restrict the key, so a replacement without
/// them might open more.
const UNKNOWN_MEMBERS: &str = "unknown members";

/// The listed keys of one description, by their ids.
pub(super) struct Survey {
    /// Not expired, and with the scope that is wanted.
    pub(super) wanted: Vec<KeyInfo>,
    /// Not expired, and with another scope.
    pub(super) drifted: Vec<(KeyInfo, Vec<Difference>)>,
    /// Expired by the local clock.
    pub(super) expired: Vec<KeyInfo>,
}

impl Survey {
    /// `own`: a key that this run has created, which is as wanted whatever the time.
    pub(super) fn of(keys: Vec<KeyInfo>, wanted: &NewKey, expiry: Option<Expires>, own: Option<KeyId>) -> Self {
        let mut survey = Self { wanted: Vec::new(), drifted: Vec::new(), expired: Vec::new() };
        for key in keys.into_iter().filter(|key| key.description == wanted.description) {
            if own == Some(key.id) {
                survey.wanted.push(key);
                continue;
            }
            let mut differences = differences(&key, wanted, expiry);
            if own.is_some() && wanted.origin == Origin::Provided && differences.is_empty() {
                // The server has accepted the value for another key.
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

    /// The ids of all keys, in order.
    pub(super) fn ids(&self) -> Vec<KeyId> {
        let Self { wanted, drifted, expired } = self;
        let drifted = drifted.iter().map(|(key, _)| key);
        let mut ids: Vec<_> = wanted.iter().chain(drifted).chain(expired).map(|key| key.id).collect();
        ids.sort_unstable();
        ids
    }

    /// A drifted key that must not be replaced.
    pub(super) fn irreplaceable(&self) -> Option<&(KeyInfo, Vec<Difference>)> {
        self.drifted.iter().rfind(|(_, differences)| !is_replaceable(differences))
    }

    /// The drifted keys that may be replaced.
    pub(super) fn replaceable(&self) -> impl Iterator<Item = KeyId> {
        self.drifted.iter().filter(|(_, differences)| is_replaceable(differences)).map(|(key, _)| key.id)
    }

    /// The keys that have been expired for so long that no clock is wrong by as much.
    pub(super) fn long_expired(&self) -> impl Iterator<Item = KeyId> {
        let latest =
            Expiry::at(std::time::SystemTime::now().checked_sub(CLOCK_MARGIN).unwrap_or(std::time::UNIX_EPOCH));
        self.expired.iter().filter(move |key| key.expires_at < latest).map(|key| key.id)
    }
}

fn differences(key: &KeyInfo, wanted: &NewKey, expiry: Option<Expires>) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |field, found: String, wanted: String, is_same: bool| {
        if !is_same {
            differences.push(Difference { field, found, wanted });
        }
    };
    let (found, asked) = (&key.actions, &wanted.actions);
    compare("actions", format!("{found:?}"), format!("{asked:?}"), are_the_same(found, asked));
    let (found, asked) = (&key.collections, &wanted.collections);
    compare("collections", format!("{found:?}"), format!("{asked:?}"), are_the_same(found, asked));
    let (found, asked) = (key.expires_at, wanted.expires_at);
    let is_same = match expiry {
        Some(Expires::In(_)) => !found.is_never() && found <= asked,
        _ => found == asked,
    };
    compare("expires_at", found.to_string(), asked.to_string(), is_same);
    if let (Some(found), Some(asked)) = (key.autodelete, wanted.autodelete) {
        compare("autodelete", found.to_string(), asked.to_string(), found == asked);
    }
    let unknown = key.unknown_members();
    if !unknown.is_empty() {
        let names = unknown.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
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
    let found = format!("another, which begins with `{}`", key.prefix);
    Difference { field: "value", found, wanted: "the one given".to_owned() }
}

/// In any order, and any number of times.
fn are_the_same<T: PartialEq>(some: &[T], others: &[T]) -> bool {
    some.iter().all(|one| others.contains(one)) && others.iter().all(|one| some.contains(one))
}
