//! Errors of calls that changed something, or may have.

use secrecy::SecretString;

use super::{Attempt, CallReport, Joined, Source};
use crate::key::{CreatedKey, KeyId};

/// A create or delete with an unknown outcome.
///
/// After a create, a key may exist. If its [value](Self::value) is known, keep it, or find the key (a list shows the
/// first four characters of its value as `prefix`) and delete it. After a delete, the key may still exist: delete it
/// again, which does no harm.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: {what}{}; last attempt, {}: {}{}{}",
    .report.operation(), named(.candidates), .report.node(), .report.last_result(), refused_key(.report),
    .report.tail()
)]
pub struct OutcomeUnknown {
    pub(crate) what: &'static str,
    pub(crate) value: Option<SecretString>,
    pub(crate) candidates: Vec<KeyId>,
    pub(crate) report: CallReport,
    pub(crate) source: Option<Source>,
}

impl OutcomeUnknown {
    /// The value of the key that may exist; `None` after a delete, or if the server generates the value.
    #[must_use]
    pub fn value(&self) -> Option<&SecretString> {
        self.value.as_ref()
    }

    /// The same, as an owned value.
    #[must_use]
    pub fn into_value(self) -> Option<SecretString> {
        self.value
    }

    /// The key to delete; `None` after a create, because the id was in the lost response.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.report.operation().key_id()
    }

    /// After a create, the listed keys that may be the new key: those with its prefix, description and scope.
    ///
    /// Empty if no list was available. Possibly none of them is the new key, because four bytes do not identify a
    /// key: do not delete a key only because it is a candidate.
    #[must_use]
    pub fn candidates(&self) -> &[KeyId] {
        &self.candidates
    }

    /// The attempts of the call, and the last response.
    #[must_use]
    pub fn report(&self) -> &CallReport {
        &self.report
    }
}

/// The call may end with 401 although an earlier call or attempt, perhaps with another client's key, has acted.
fn refused_key(report: &CallReport) -> &'static str {
    match report.status() {
        Some(401) => ", so the client's key is wrong, has expired, or lacks an action",
        _ => "",
    }
}

fn named(candidates: &[KeyId]) -> String {
    match candidates {
        [] => String::new(),
        [id] => format!("; it may be key {id}"),
        ids => format!("; it may be one of the keys {}", Joined(ids)),
    }
}

/// A create or delete that the server carried out, but that some nodes did not confirm in time.
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

    /// The same, as an owned value.
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

/// A rotation that did not start because too few nodes are available to confirm the new key.
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
    /// The unavailable nodes, each with the result of the attempt.
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
