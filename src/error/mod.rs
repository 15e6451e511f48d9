//! Everything that can go wrong, as one enum: what happened, whether the server may have acted, and what to do.

mod call_report;
mod drift;
mod incomplete;
mod snippet;
mod text;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

pub use call_report::{Attempt, CallReport, Phase};
pub(crate) use call_report::{Details, List};
pub use drift::{Difference, Drift};
pub use incomplete::Incomplete;
pub(crate) use snippet::Snippet;

use crate::{CreatedKey, KeyId};

pub(crate) type Source = Box<dyn StdError + Send + Sync>;

/// Why a call did not succeed.
///
/// `{err}` is one line that says what happened and what to do next; the cause, where there is one, is the
/// [`source`](StdError::source). Neither it nor `{err:?}` ever shows a key.
///
/// Each variant says whether the server may have acted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The request is not valid. Nothing was sent. Correct the field that is named.
    #[non_exhaustive]
    InvalidRequest {
        /// The request's field, by Typesense's name for it.
        field: &'static str,
        /// What is wrong with it, and what to write instead.
        reason: String,
    },

    /// The client cannot be built so. Nothing was sent. Correct the setting that is named.
    #[non_exhaustive]
    Configuration {
        /// The [`ClientBuilder`](crate::ClientBuilder)'s method, or the environment variable.
        setting: &'static str,
        /// What is wrong with it, and what to write instead.
        reason: String,
        /// The cause, where another library found it.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// Status 401: the client's key is wrong, has expired, or lacks the action. The server did not act.
    ///
    /// It gives the same answer in all three cases (seen with 0.24.1).
    Unauthorized(CallReport),

    /// Status 404: there is no key with this id. The server did not act.
    #[non_exhaustive]
    NotFound {
        /// The id that was asked for.
        id: KeyId,
        /// What the call met.
        failure: CallReport,
    },

    /// Status 409: another key has the value that was asked for. The server did not act.
    Conflict(CallReport),

    /// Another status from 400 to 499: the server understood the request and refused it. It did not act.
    Rejected(CallReport),

    /// Status 429: too many requests. The server did not act. Call again later.
    #[non_exhaustive]
    RateLimited {
        /// How long the server asked to wait.
        retry_after: Option<Duration>,
        /// What the call met.
        failure: CallReport,
    },

    /// No node could answer until the deadline: status 500 to 599, as while a cluster has no leader. The call did
    /// not act, or was one that only reads. Call again later.
    Unavailable(CallReport),

    /// The time was up. The server did not act, or the call was one that only reads.
    #[non_exhaustive]
    Timeout {
        /// What the last attempt was doing.
        phase: Phase,
        /// What the call met.
        failure: CallReport,
    },

    /// No connection, or one that broke. The server did not act, or the call was one that only reads.
    #[non_exhaustive]
    Connection {
        /// What the call met.
        failure: CallReport,
        /// The cause.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The node could not prove who it is, or did not speak TLS. No part of the request was sent.
    #[non_exhaustive]
    Tls {
        /// What the call met.
        failure: CallReport,
        /// The cause.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The answer is none that a Typesense server gives: perhaps a proxy's. The server did not act, or the call was
    /// one that only reads.
    #[non_exhaustive]
    UnexpectedResponse {
        /// What the call met; [`CallReport::message`] is the beginning of the answer.
        failure: CallReport,
        /// The cause, where the answer could not be decoded.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The answer is larger than the limit. Only reading calls end so.
    #[non_exhaustive]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// What the call met.
        failure: CallReport,
    },

    /// **The server may have acted**, and it could not be found out whether it did. What may exist is in here.
    OutcomeUnknown(Box<OutcomeUnknown>),

    /// **The server has acted**, but not every node knows of it yet: only calls with `wait_for_replication` end so.
    /// Until they do, the nodes in here refuse a new key, or still accept a deleted one.
    NotReplicated(Box<NotReplicated>),

    /// Some nodes could not be asked before a rotation, or a replacement by `ensure`, was to begin: nothing was changed.
    NodesUnavailable(Box<NodesUnavailable>),

    /// A rotation, or an `ensure`, **did some of its steps**: which keys there are now is in here.
    Incomplete(Box<Incomplete>),

    /// There is a key of this description, but of another scope: only [`ensure`](crate::KeysClient::ensure) ends so.
    /// Nothing was changed.
    Drift(Box<Drift>),

    /// The operating system gave no random bytes, so no value could be drawn. Nothing was sent.
    RandomSource(Box<dyn StdError + Send + Sync>),
}

/// A create or delete of which it is not known whether the server did it.
///
/// After a create, a key may exist. If its value is known, it is [here](Self::value): keep it, or look for the key
/// (its value's first four characters are the `prefix` in a list) and delete it.
/// After a delete, the key may still exist: delete it again, which does no harm.
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

    /// After a create: the listed keys that may be the one that was created. They have its description and scope, and
    /// their values begin alike.
    #[must_use]
    pub fn candidates(&self) -> &[KeyId] {
        &self.candidates
    }

    /// The key that was to be deleted; `None` after a create, since the id is in the reply that was lost.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.failure.operation().key_id()
    }

    /// What the call met.
    #[must_use]
    pub fn failure(&self) -> &CallReport {
        &self.failure
    }
}

impl fmt::Display for OutcomeUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value: _, candidates, failure, source: _ } = self;
        let (operation, node) = (failure.operation(), failure.node());
        write!(f, "{operation}: {what}")?;
        if !candidates.is_empty() {
            write!(f, " (it may be key {})", List(candidates))?;
        }
        write!(f, "; last, {node}: {}{}", failure.last_result(), failure.tail())
    }
}

impl fmt::Debug for OutcomeUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, candidates, failure, source } = self;
        f.debug_struct("OutcomeUnknown")
            .field("what", what)
            .field("value", value)
            .field("candidates", candidates)
            .field("failure", failure)
            .field("source", source)
            .finish()
    }
}

impl StdError for OutcomeUnknown {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A create or delete that the server has done, but that some node does not know of in time.
#[derive(Debug)]
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

    /// The nodes that do not agree, each with its last answer.
    #[must_use]
    pub fn nodes(&self) -> &[Attempt] {
        &self.nodes
    }
}

impl fmt::Display for NotReplicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, done, key: _, nodes } = self;
        write!(f, "key {id} is {done}, but not on every node within the time given: {}", List(nodes))
    }
}

impl StdError for NotReplicated {}

/// The nodes that could not be asked before a key was to be replaced. Nothing was changed.
#[derive(Debug)]
pub struct NodesUnavailable {
    pub(crate) nodes: Vec<Attempt>,
    pub(crate) needed: usize,
    pub(crate) total: usize,
}

impl NodesUnavailable {
    /// The nodes that could not be asked, each with its last response.
    #[must_use]
    pub fn nodes(&self) -> &[Attempt] {
        &self.nodes
    }
}

impl fmt::Display for NodesUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, needed, total } = self;
        write!(
            f,
            "nothing was changed: {needed} of {total} nodes must confirm the new key before the old one is deleted, and \
             these could not be asked: {}",
            List(nodes)
        )
    }
}

impl StdError for NodesUnavailable {}

impl Error {
    /// Whether the same call may succeed later although nothing is changed, and calling it again is safe.
    ///
    /// `false` for [`OutcomeUnknown`](Self::OutcomeUnknown): find out first what became of it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unavailable(_)
            | Self::Timeout { .. }
            | Self::Connection { .. }
            | Self::NodesUnavailable(_) => true,
            Self::InvalidRequest { .. }
            | Self::Configuration { .. }
            | Self::Unauthorized(_)
            | Self::NotFound { .. }
            | Self::Conflict(_)
            | Self::Rejected(_)
            | Self::Tls { .. }
            | Self::UnexpectedResponse { .. }
            | Self::TooLarge { .. }
            | Self::OutcomeUnknown(_)
            | Self::NotReplicated(_)
            | Self::Incomplete(_)
            | Self::Drift(_)
            | Self::RandomSource(_) => false,
        }
    }

    /// The HTTP status of the last answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.failure().and_then(CallReport::status)
    }

    /// What the call met on the wire; `None` if it never came to that.
    #[must_use]
    pub fn failure(&self) -> Option<&CallReport> {
        match self {
            Self::Unauthorized(failure)
            | Self::NotFound { failure, .. }
            | Self::Conflict(failure)
            | Self::Rejected(failure)
            | Self::RateLimited { failure, .. }
            | Self::Unavailable(failure)
            | Self::Timeout { failure, .. }
            | Self::Connection { failure, .. }
            | Self::Tls { failure, .. }
            | Self::UnexpectedResponse { failure, .. }
            | Self::TooLarge { failure, .. } => Some(failure),
            Self::OutcomeUnknown(unknown) => Some(&unknown.failure),
            Self::Incomplete(incomplete) => incomplete.cause.failure(),
            Self::InvalidRequest { .. }
            | Self::Configuration { .. }
            | Self::NotReplicated(_)
            | Self::NodesUnavailable(_)
            | Self::Drift(_)
            | Self::RandomSource(_) => None,
        }
    }

    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidRequest { field, reason: reason.into() }
    }

    pub(crate) fn configuration(setting: &'static str, reason: impl Into<String>) -> Self {
        Self::Configuration { setting, reason: reason.into(), source: None }
    }
}
