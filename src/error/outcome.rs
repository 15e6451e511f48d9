//! Errors of calls that change something, and that did not end in a plain yes or no.

use secrecy::SecretString;

use super::{Attempt, CallReport, Joined, Source};
use crate::key::{CreatedKey, KeyId};

/// A create or delete of which it is not known whether the server did it.
///
/// After a create, a key may exist. If its value is known, it is [here](Self::value): keep it, or look for the key
/// (its value's first four characters are the `prefix` in a list) and delete it.
/// After a delete, the key may still exist: delete it again, which does no harm.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: {what}{}; last attempt, {}: {}{}",
    .failure.operation(), named(.candidates), .failure.node(), .failure.last_result(), .failure.tail()
)]
pub struct OutcomeUnknown {
    pub(crate) what: &'static str,
    pub(crate) value: Option<SecretString>,
    pub(crate) candidates: Vec<KeyId>,
    pub(crate) failure: CallReport,
    pub(crate) source: Option<Source>,
}

impl OutcomeUnknown {
    /// The value of the key that may exist; `None` after a delete, and where the server was to draw it.
    #[must_use]
    pub fn value(&self) -> Option<&SecretString> {
        self.value.as_ref()
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_value(self) -> Option<SecretString> {
        self.value
    }

    /// The key that was to be deleted; `None` after a create, because the id was in the response that was lost.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.failure.operation().key_id()
    }

    /// After a create, the listed keys that may be the one: those with its prefix, description and scope.
    ///
    /// Empty where no list was available. None of them may be it, because four bytes do not identify a key: do not
    /// delete them for being in here.
    #[must_use]
    pub fn candidates(&self) -> &[KeyId] {
        &self.candidates
    }

    /// What the call met.
    #[must_use]
    pub fn failure(&self) -> &CallReport {
        &self.failure
    }
}

fn named(candidates: &[KeyId]) -> String {
    match candidates {
        [] => String::new(),
        [id] => format!("; it may be key {id}"),
        ids => format!("; it may be one of the keys {}", Joined(ids)),
    }
}

/// A create or delete that the server has done, but that some nodes did not confirm in time.
#[derive(Debug, thiserror::Error)]
#[error("key {id} is {done}, but these nodes did not confirm it in time: {}", Joined(.nodes))]
pub struct NotReplicated {
    pub(crate) id: KeyId,
    pub(crate) done: &'static str,
    pub(crate) key: Option<CreatedKey>,
    pub(crate) nodes: Vec<Attempt>,
}

impl NotReplicated {
    /// The key that was created or deleted.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The key that was created; `None` after a delete.
    #[must_use]
    pub fn key(&self) -> Option<&CreatedKey> {
        self.key.as_ref()
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_key(self) -> Option<CreatedKey> {
        self.key
    }

    /// The nodes that did not confirm it, each with its last response.
    #[must_use]
    pub fn nodes(&self) -> &[Attempt] {
        &self.nodes
    }
}

/// A rotation that was not begun because too few nodes could be asked to confirm the new key.
#[derive(Debug, thiserror::Error)]
#[error(
    "nothing was changed: rotate needs {needed} of {total} nodes to confirm the new key; these could not be asked: {}",
    Joined(.nodes)
)]
pub struct NodesUnavailable {
    pub(crate) nodes: Vec<Attempt>,
    pub(crate) needed: usize,
    pub(crate) total: usize,
}

impl NodesUnavailable {
    /// The nodes that could not be asked, each with what came of the attempt.
    #[must_use]
    pub fn nodes(&self) -> &[Attempt] {
        &self.nodes
    }

    /// How many nodes must confirm the new key.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// How many nodes the client has.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_named_by_their_number() {
        let ids = [3, 0, 7].map(KeyId::from);
        assert_eq!(named(&[]), "");
        assert_eq!(named(&ids[..1]), "; it may be key 3");
        assert_eq!(named(&ids), "; it may be one of the keys 3, 0, 7");
    }

    #[test]
    fn nodes_unavailable_says_which_and_how_many() {
        let nodes = vec![Attempt::example("connection refused"), Attempt::example("host not found")];
        assert_eq!(
            NodesUnavailable { nodes, needed: 2, total: 3 }.to_string(),
            "nothing was changed: rotate needs 2 of 3 nodes to confirm the new key; these could not be asked: \
             http://a.test:80: connection refused after 1.5 ms, http://a.test:80: host not found after 1.5 ms"
        );
    }
}
