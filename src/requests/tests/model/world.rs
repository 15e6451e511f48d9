//! A world that changes: between two requests, the cluster becomes another one.

use super::{Act, EVERYTHING, Entry, State};
use crate::key::KeyId;
use crate::operation::Operation;

/// What the cluster becomes between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::requests::tests) enum World {
    /// The server after so many of the changes of this course: first those that made the keys that exist before, then
    /// those of the run. A restore does so.
    Restored(usize),
    /// Another cluster, to which the address now leads. Each id belongs to another key.
    Standby(Others),
    /// Somebody deletes the keys that the run has created.
    Revoked,
}

/// The keys of another cluster, compared with those that have the same ids on the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::requests::tests) enum Others {
    SameDescription,
    OtherDescription,
    /// And the same description.
    SamePrefix,
    /// There are none.
    None,
}

impl World {
    pub(in crate::requests::tests) const ALL: [Self; 10] = [
        Self::Restored(0),
        Self::Restored(1),
        Self::Restored(2),
        Self::Restored(3),
        Self::Restored(4),
        Self::Standby(Others::SameDescription),
        Self::Standby(Others::OtherDescription),
        Self::Standby(Others::SamePrefix),
        Self::Standby(Others::None),
        Self::Revoked,
    ];
}

impl State {
    /// Before `operation`. Nothing can help a delete whose key was confirmed a moment ago.
    pub(super) fn become_another(&mut self, world: World, operation: Operation) {
        let is_confirmed = |id| self.just_shown && self.confirmed.iter().any(|key| KeyId::from(key.id) == id);
        self.is_redundant |= matches!(operation, Operation::Delete(id) if is_confirmed(id));
        let (keys, next_id) = (self.keys.clone(), self.next_id);
        let is_made = |key: &Entry| self.acts.iter().any(|act| matches!(act, Act::Created(made) if made == key));
        match world {
            World::Restored(changes) => match self.history.get(changes) {
                Some((keys, next_id)) => (self.keys, self.next_id) = (keys.clone(), *next_id),
                None => self.is_redundant = true,
            },
            World::Standby(others) => {
                self.keys = keys.iter().filter_map(|key| others.instead_of(key)).collect();
                self.next_id = if self.keys.is_empty() { 0 } else { next_id };
            }
            World::Revoked => self.keys = keys.iter().filter(|key| !is_made(key)).cloned().collect(),
        }
        self.is_redundant |= self.keys == keys && self.next_id == next_id;
        let lives_on = if matches!(world, World::Standby(_)) { keys } else { Vec::new() };
        self.before.clone_from(&self.keys);
        let keys = &self.keys;
        self.confirmed.retain(|key| keys.contains(key));
        self.acts.push(Act::Changed { lives_on });
    }
}

impl Others {
    fn instead_of(self, key: &Entry) -> Option<Entry> {
        let (value, description) = match self {
            Self::SameDescription => ("stby-same", key.description.as_str()),
            Self::OtherDescription => ("stby-other", "payments backend"),
            Self::SamePrefix => (key.prefix(), key.description.as_str()),
            Self::None => return None,
        };
        Some(Entry {
            value: format!("{value}-standby-{}", key.id),
            description: description.to_owned(),
            actions: EVERYTHING.to_owned(),
            ..key.clone()
        })
    }
}
