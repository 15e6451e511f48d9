//! Everything that can go wrong, as one enum: what happened, whether the server may have acted, and what to do.

mod call_report;
mod drift;
mod incomplete;
mod snippet;

use std::error::Error as StdError;
use std::time::Duration;

use secrecy::SecretString;

pub use call_report::{Attempt, CallReport, Phase};
pub(crate) use call_report::{Details, List};
pub use drift::{Difference, Drift};
pub use incomplete::Incomplete;
pub(crate) use snippet::Snippet;

use crate::operation::Operation;
use crate::{CreatedKey, KeyId};

pub(crate) type Source = Box<dyn StdError + Send + Sync>;

/// Why a call did not succeed.
///
/// `{err}` is one line that says what happened and what to do next; the cause, where there is one, is the
/// [`source`](StdError::source). Neither it nor `{err:?}` ever shows a key.
///
/// Each variant says whether the server may have acted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is not valid. Nothing was sent. Correct the field that is named.
    #[error("invalid request: `{field}`: {reason}")]
    #[non_exhaustive]
    InvalidRequest {
        /// The request's field, by Typesense's name for it.
        field: &'static str,
        /// What is wrong with it, and what to write instead.
        reason: String,
    },

    /// The client cannot be built so. Nothing was sent. Correct the setting that is named.
    #[error("invalid configuration: `{setting}`: {reason}")]
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
    #[error(
        "{}: {} answered 401: the client's key is wrong, has expired, or lacks the action `{}` (the server does not tell \
         which){}",
        .0.operation(), .0.node(), .0.operation().needed_action(), .0.tail()
    )]
    Unauthorized(CallReport),

    /// Status 404: there is no key with this id. The server did not act.
    #[error("{}: there is none with this id on {}{}", failure.operation(), failure.node(), failure.tail())]
    #[non_exhaustive]
    NotFound {
        /// The id that was asked for.
        id: KeyId,
        /// What the call met.
        failure: CallReport,
    },

    /// Status 409: another key has the value that was asked for. The server did not act.
    #[error(
        "{}: {} answered 409: another key has this value already; choose another, or leave `value` out{}",
        .0.operation(), .0.node(), .0.tail()
    )]
    Conflict(CallReport),

    /// Another status from 400 to 499: the server understood the request and refused it. It did not act.
    #[error("{}: {} refused with {}{}", .0.operation(), .0.node(), .0.status_and_message(), .0.tail())]
    Rejected(CallReport),

    /// Status 429: too many requests. The server did not act. Call again later.
    #[error(
        "{}: {} answered 429, too many requests{}{}",
        failure.operation(), failure.node(), wait(*retry_after), failure.tail()
    )]
    #[non_exhaustive]
    RateLimited {
        /// How long the server asked to wait.
        retry_after: Option<Duration>,
        /// What the call met.
        failure: CallReport,
    },

    /// No node could answer until the deadline: status 500 to 599, as while a cluster has no leader. The call did
    /// not act, or was one that only reads. Call again later.
    #[error(
        "{}: {} answered {}; the server or its cluster is not able to answer now, try again later{}",
        .0.operation(), .0.node(), .0.status_and_message(), .0.tail()
    )]
    Unavailable(CallReport),

    /// The time was up. The server did not act, or the call was one that only reads.
    #[error(
        "{}: {}: {}; is the node overloaded or stopped? (see `timeout` and `attempt_timeout`){}",
        failure.operation(), failure.node(), failure.last_result(), failure.tail()
    )]
    #[non_exhaustive]
    Timeout {
        /// What the last attempt was doing.
        phase: Phase,
        /// What the call met.
        failure: CallReport,
    },

    /// No connection, or one that broke. The server did not act, or the call was one that only reads.
    #[error(
        "{}: {}: {}; is the address right, and the server up?{}",
        failure.operation(), failure.node(), failure.last_result(), failure.tail()
    )]
    #[non_exhaustive]
    Connection {
        /// What the call met.
        failure: CallReport,
        /// The cause.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The node could not prove who it is, or did not speak TLS. No part of the request was sent.
    #[error("{}: {}: {}{}", failure.operation(), failure.node(), failure.last_result(), failure.tail())]
    #[non_exhaustive]
    Tls {
        /// What the call met.
        failure: CallReport,
        /// The cause.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The answer is none that a Typesense server gives: perhaps a proxy's. The server did not act, or the call was
    /// one that only reads.
    #[error(
        "{}: {}: {}{}{}",
        failure.operation(), failure.node(), failure.last_result(), failure.quotation(), failure.tail()
    )]
    #[non_exhaustive]
    UnexpectedResponse {
        /// What the call met; [`CallReport::message`] is the beginning of the answer.
        failure: CallReport,
        /// The cause, where the answer could not be decoded.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The answer is larger than the limit. Only reading calls end so.
    #[error(
        "{}: the answer of {} is larger than the limit of {limit} bytes{}{}",
        failure.operation(), failure.node(), limit_of(failure.operation()), failure.tail()
    )]
    #[non_exhaustive]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// What the call met.
        failure: CallReport,
    },

    /// **The server may have acted**, and it could not be found out whether it did. What may exist is in here.
    #[error(transparent)]
    OutcomeUnknown(Box<OutcomeUnknown>),

    /// **The server has acted**, but not every node knows of it yet: only calls with `wait_for_replication` end so.
    /// Until they do, the nodes in here refuse a new key, or still accept a deleted one.
    #[error(transparent)]
    NotReplicated(Box<NotReplicated>),

    /// A rotation, or an `ensure`, **did some of its steps**: which keys there are now is in here.
    #[error(transparent)]
    Incomplete(Box<Incomplete>),

    /// There is a key of this description, but of another scope: only [`ensure`](crate::KeysClient::ensure) ends so.
    /// Nothing was changed.
    #[error(transparent)]
    Drift(Box<Drift>),

    /// The operating system gave no random bytes, so no value could be drawn. Nothing was sent.
    #[error(
        "no random bytes from the operating system, so no value can be drawn (set `value`, or `server_generated`)"
    )]
    RandomSource(#[source] Box<dyn StdError + Send + Sync>),
}

/// A create or delete of which it is not known whether the server did it.
///
/// After a create, a key may exist. If its value is known, it is [here](Self::value): keep it, or look for the key
/// (its value's first four characters are the `prefix` in a list) and delete it.
/// After a delete, the key may still exist: delete it again, which does no harm.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: {what}; last, {}: {}{}",
    failure.operation(), failure.node(), failure.last_result(), failure.tail()
)]
pub struct OutcomeUnknown {
    pub(crate) what: &'static str,
    pub(crate) value: Option<SecretString>,
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

/// A create or delete that the server has done, but that some node does not know of in time.
#[derive(Debug, thiserror::Error)]
#[error("key {id} is {done}, but not on every node within the time given: {}", List(nodes))]
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

/// The end of a sentence about a limit.
fn limit_of(operation: Operation) -> &'static str {
    match operation {
        Operation::List => " (see `max_list_size`)",
        _ => ", and so is none of a Typesense server's",
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default()
}

impl Error {
    /// Whether the same call may succeed later although nothing is changed, and calling it again is safe.
    ///
    /// `false` for [`OutcomeUnknown`](Self::OutcomeUnknown): find out first what became of it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable(_) | Self::Timeout { .. } | Self::Connection { .. } => true,
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
