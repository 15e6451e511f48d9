//! What is to be done next, from what the server lists: the one table of `ensure`, without a request.

use crate::error::Difference;
use crate::expiry::Expires;
use crate::requests::new_key::NewKey;
use crate::{KeyId, KeyInfo};

/// What a run wants, and what it knows besides the list.
pub(super) struct Wanted {
    pub(super) key: NewKey,
    pub(super) expiry: Option<Expires>,
    pub(super) replace_on_drift: bool,
    /// The key that this run has created.
    pub(super) own: Option<KeyId>,
    pub(super) standing: Standing,
    /// The keys that this run has removed, which a node that lags may still list.
    pub(super) removed: Vec<KeyId>,
}

/// What the server has said of the value that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing, or it does not matter, as the value was drawn here.
    Unknown,
    /// It created a key with it: every other key, however like, has another.
    Free,
    /// It refused to create a key with it.
    Taken,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Create,
    /// Removes the key that this run has created: another is there, or may not be replaced.
    Undo,
    /// Removes what `by` replaces; `None`: what is in the way of another key of the same value.
    Remove {
        old: KeyId,
        by: Option<KeyId>,
        was_live: bool,
    },
    /// The node that was asked lags.
    Wait,
    Refuse(&'a KeyInfo, Vec<Difference>),
    Done(&'a KeyInfo),
}

/// A key of the description that is wanted, and in what else it is not as wanted.
type Known<'a> = (&'a KeyInfo, Vec<Difference>);

impl Wanted {
    /// `keys`: all that the server lists.
    pub(super) fn next<'a>(&self, keys: &'a [KeyInfo]) -> Step<'a> {
        // By their ids.
        let mut known: Vec<Known<'a>> = Vec::new();
        for key in keys {
            if key.description == self.key.description && !self.removed.contains(&key.id) {
                let place = known.partition_point(|(other, _)| other.id < key.id);
                known.insert(place, (key, self.differences(key)));
            }
        }
        if self.own.is_some_and(|own| known.iter().all(|(key, _)| key.id != own)) {
            return Step::Wait;
        }
        // Of several, that of the lowest id stays: whoever is shown a key is shown those before it, too.
        match known.iter().find(|(key, differences)| !key.is_expired() && differences.is_empty()) {
            Some((stays, _)) => self.keep(stays, &known),
            None => self.make(keys, &known),
        }
    }

    /// `stays` is as wanted: it is to be the only one.
    fn keep<'a>(&self, stays: &'a KeyInfo, known: &[Known<'a>]) -> Step<'a> {
        if self.own.is_some_and(|own| own != stays.id) {
            return Step::Undo;
        }
        if self.key.is_own_value && self.standing == Standing::Unknown {
            // That its value begins alike proves nothing: to be refused a second key of the value does.
            return Step::Create;
        }
        let before = || known.iter().map(|(key, _)| *key).take_while(|key| key.id < stays.id);
        if let Some(old) = before().find(|key| key.is_expired()) {
            return Step::Remove { old: old.id, by: Some(stays.id), was_live: false };
        }
        // Not like the one that stays, or it would be the one.
        match before().next() {
            Some(old) if self.replace_on_drift => Step::Remove { old: old.id, by: Some(stays.id), was_live: true },
            Some(_) if self.own.is_some() => Step::Undo,
            _ => Step::Done(stays),
        }
    }

    /// None of the known keys is as wanted.
    fn make<'a>(&self, keys: &[KeyInfo], known: &[Known<'a>]) -> Step<'a> {
        let refuse = |(key, differences): &Known<'a>| Step::Refuse(key, differences.clone());
        if self.standing == Standing::Taken {
            return match self.holder(keys, known) {
                None => Step::Wait,
                Some((holder, _)) if holder.is_expired() || self.replace_on_drift => {
                    Step::Remove { old: holder.id, by: None, was_live: false }
                }
                Some(holder) => refuse(holder),
            };
        }
        match known.iter().rfind(|(key, _)| !key.is_expired()) {
            Some(newest) if !self.replace_on_drift => refuse(newest),
            _ => Step::Create,
        }
    }

    /// The key that has the value which is taken, if there is no doubt which it is.
    fn holder<'a, 'b>(&self, keys: &[KeyInfo], known: &'b [Known<'a>]) -> Option<&'b Known<'a>> {
        let is_like = |key: &&KeyInfo| self.key.has_prefix_of(key) && !self.removed.contains(&key.id);
        let holder = known.iter().find(|(key, _)| is_like(key))?;
        (keys.iter().filter(is_like).count() == 1).then_some(holder)
    }

    fn differences(&self, key: &KeyInfo) -> Vec<Difference> {
        let wanted = &self.key;
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
        let is_same = match self.expiry {
            Some(Expires::In(_)) => !found.is_never() && found <= asked,
            _ => found == asked,
        };
        compare("expires_at", found.to_string(), asked.to_string(), is_same);
        if let (Some(found), Some(asked)) = (key.autodelete, wanted.autodelete) {
            compare("autodelete", found.to_string(), asked.to_string(), found == asked);
        }
        if wanted.is_own_value && self.own != Some(key.id) {
            let is_same = wanted.has_prefix_of(key) && self.standing != Standing::Free;
            compare(
                "value",
                format!("another, which begins with `{}`", key.prefix),
                "the one given".to_owned(),
                is_same,
            );
        }
        differences
    }
}

/// In whatever order, and however often.
fn are_the_same<T: PartialEq>(some: &[T], others: &[T]) -> bool {
    some.iter().all(|one| others.contains(one)) && others.iter().all(|one| some.contains(one))
}

#[cfg(test)]
mod tests;
