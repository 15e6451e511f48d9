//! Errors of calls that changed something, or may have.

use std::error::Error as StdError;
use std::fmt;

use secrecy::SecretString;

use super::{Attempt, CallReport, Error, Source, joined};
use crate::key::{CreatedKey, KeyId, KeyInfo};

/// A create or delete with an unknown outcome.
///
/// After a create, a key may exist. If this crate has generated its value, a create with the same settings and this
/// value as [`stored_value`](crate::CreateKey::stored_value) completes it. With a value of your own and without
/// [candidates](field@Self::candidates), [`ensure`](crate::KeysClient::ensure) with this value returns the key. If
/// there are candidates, nothing shows which of them has the value: choose another value. If the server generates the
/// value, find the key (a list shows the first four characters of its value as `prefix`) and delete it. After a delete,
/// the key may still exist: delete it again, which does no harm. If it is then not found, list the keys, because a node may
/// lag.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}{}{}", .report.0.operation, named(.candidates), last_attempt(.report))]
pub struct OutcomeUnknown {
    pub(crate) what: &'static str,
    /// The value of the key that may exist; `None` after a delete, or if the server generates the value.
    pub value: Option<SecretString>,
    /// After a create, the listed keys that may be the new key: those with its prefix, description and scope.
    ///
    /// Empty if no list was available. Possibly none of them is the new key, because four bytes do not identify a
    /// key: do not delete a key only because it is a candidate.
    pub candidates: Vec<KeyId>,
    /// The attempts of the call, and the last response.
    pub report: CallReport,
    pub(crate) source: Option<Source>,
}

fn last_attempt(report: &CallReport) -> String {
    if report.attempts().is_empty() {
        return String::new();
    }
    // An earlier call or attempt, perhaps with another client's key, has acted.
    let refused_key = match report.status() {
        Some(401) => ", so the client's key is wrong, has expired, or lacks an action",
        _ => "",
    };
    format!("; last attempt, {}: {}{refused_key}{}", report.node(), report.last_result(), report.tail())
}

fn named(candidates: &[KeyId]) -> String {
    match candidates {
        [] => String::new(),
        [id] => format!("; it may be key {id}"),
        ids => format!("; it may be one of the keys {}", joined(ids)),
    }
}

/// A call that succeeded, but whose result some nodes did not confirm in time.
#[derive(Debug, thiserror::Error)]
#[error("key {id} {state}, but these nodes did not confirm it in time: {}", joined(.nodes))]
pub struct NotReplicated {
    /// The key that the call created, ensured or deleted.
    pub id: KeyId,
    pub(crate) state: &'static str,
    /// The key, if the call created it.
    pub key: Option<CreatedKey>,
    /// The nodes that did not confirm the result, each with its last response.
    pub nodes: Vec<Attempt>,
}

/// A rotation, an `ensure` or an `apply` that was interrupted between its steps, or during one.
///
/// Nothing is undone, because a key that was created may be in use. The text says which keys exist. The fields contain
/// the new key, and the key that is left to delete.
#[derive(Debug)]
pub struct Incomplete {
    pub(crate) what: String,
    /// The key that this call created. It exists.
    pub key: Option<CreatedKey>,
    /// The key to delete as the only remaining step. It exists, or may exist if the [cause](field@Self::cause) is an
    /// [`Error::OutcomeUnknown`] or an [`Error::NotFound`] about its deletion. `None` if no step remains, or another one.
    pub left_over: Option<KeyInfo>,
    /// The error that interrupted the call. It contains the value of a key that the call may have created.
    pub cause: Error,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.cause)
    }
}

impl StdError for Incomplete {
    /// The source of the cause, because this error's text already contains that of the cause.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
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
}
