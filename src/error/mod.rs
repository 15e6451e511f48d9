//! Everything that can go wrong, as one enum: what happened, whether the server may have acted, and what to do. And what
//! its variants contain, and the errors of text that is read as an action, a collection, an expiry, an id or a version.

mod call_report;
mod difference;
mod inspect;
mod kind;
mod outcome;
mod snippet;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fmt;

pub use call_report::{Attempt, CallReport, Phase};
pub(crate) use call_report::{Details, joined};
pub use difference::Difference;
pub(crate) use difference::{CLIENT_KEY, DUPLICATE, GENERATION, UNKNOWN_MEMBERS, VALUE};
pub use kind::ErrorKind;
pub use outcome::{Incomplete, NotReplicated, OutcomeUnknown};
pub(crate) use snippet::{Quoted, Secrets, Shown, Snippet};

use crate::key::{KeyId, KeyInfo};
use crate::operation::Operation;
pub use crate::text::InvalidInput;

pub(crate) type Source = Box<dyn StdError + Send + Sync>;

/// Why a call did not succeed.
///
/// `{err}` is one line that says what happened and what to do next. The cause, if there is one, is the
/// [`source`](StdError::source). Neither `{err}` nor `{err:?}` ever shows a key's value. `{err:?}` counts the attempts,
/// and `{err:#?}` shows each of them. Serialized, an error is what the methods below return (not its value), with its
/// `message` and its `attempts`.
///
/// Each variant says whether the server may have acted; a program can ask [`may_have_acted`](Self::may_have_acted).
/// The value of a key that may exist is never lost: see [`value`](Self::value). The page on
/// [errors](crate::guide::errors) has all of them in one table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is invalid. The server did not act: at most, keys were read. Correct the named field.
    #[error("invalid request: `{field}`: {reason}")]
    #[non_exhaustive]
    InvalidRequest {
        /// The field by Typesense's name for it, or the method that sets it, such as `replace_on_drift`.
        field: &'static str,
        /// What is wrong with it, and what to write instead.
        reason: String,
    },

    /// A client setting is invalid. Nothing was sent. Correct the named setting.
    #[error("invalid configuration: `{setting}`: {reason}")]
    #[non_exhaustive]
    Configuration {
        /// The method of [`ClientBuilder`](crate::ClientBuilder), or the environment variable.
        setting: &'static str,
        /// What is wrong with it, and what to write instead.
        reason: String,
        /// The cause, if another library found the problem.
        source: Option<Source>,
    },

    /// Status 401: the client's key is wrong, has expired, or lacks the action. The server did not act.
    ///
    /// The response is the same in all three cases (seen with 0.24.1). If only some requests fail, the nodes of the
    /// cluster may have been started with different bootstrap keys.
    #[error(
        "{}: {} responded with 401: the client's key is wrong, has expired, or lacks the action `{}` ({}){}",
        .0.0.operation, .0.node(), .0.0.operation.needed_action(), .0.key_hint(), .0.tail()
    )]
    Unauthorized(CallReport),

    /// Status 404: no key has this [id](Self::key_id), which is `None` if the error contains the value of another key; the
    /// text names it. The server did not act.
    #[error("{}: {} has no key with this id{}", .0.0.operation, .0.node(), .0.tail())]
    NotFound(CallReport),

    /// The id belongs to another key than the one that is known, or to none. The server did not act. Only a key that looks
    /// as it did is deleted: after a restore or a failover, ids belong to other keys. List the keys again.
    #[error(
        "{}: not done, because key {id} of {} is missing or another one than before (was the server restored or replaced?): \
         list the keys again{}", .report.0.operation, .report.node(), .report.tail()
    )]
    #[non_exhaustive]
    AnotherKey {
        /// The id of the key that is missing or another one: of that which was to be deleted, or that replaces it.
        id: KeyId,
        /// The attempts of the call, and the last response.
        report: CallReport,
    },

    /// Status 409: a key already has the requested value. The server did not act.
    #[error(
        "{}: {} responded with 409: a key already has this value; if an earlier call may have created it, \
         look for it with `list().prefix(value)`; otherwise, choose another value, or leave `value` out{}",
        .0.0.operation, .0.node(), .0.tail()
    )]
    Conflict(CallReport),

    /// Any other refusal by a Typesense server, which did not act: status 400 or 422 with its message, or 404 for a path
    /// that it does not have.
    #[error("{}: {} refused with {}{}", .0.0.operation, .0.node(), .0.status_and_message(), .0.tail())]
    Rejected(CallReport),

    /// Status 429: too many requests. The server did not act. Call again later: see [`retry_after`](Self::retry_after).
    #[error(
        "{}: {} responded with 429, too many requests{}", .0.0.operation, .0.node(), .0.tail()
    )]
    RateLimited(CallReport),

    /// No node could serve the request before the deadline: status 408 or 500 to 599, for example while a cluster has
    /// no leader, or 422 because the node is out of resources or skips writes. The server did not act, or the call only
    /// reads. Call again later.
    #[error(
        "{}: {} responded with {}; the server or its cluster cannot serve requests now, try again later{}",
        .0.0.operation, .0.node(), .0.status_and_message(), .0.tail()
    )]
    Unavailable(CallReport),

    /// The deadline expired. The server did not act, or the call only reads. The last attempt of the report says in which
    /// [phase](Attempt::phase).
    #[error(
        "{}: {}: {}; is the node overloaded or stopped? (see `timeout` and `attempt_timeout`){}",
        .0.0.operation, .0.node(), .0.last_result(), .0.tail()
    )]
    Timeout(CallReport),

    /// No connection could be opened, or it broke. The server did not act, or the call only reads.
    #[error(
        "{}: {}: {}; is the address right (http or https?), and is the server running?{}",
        .report.0.operation, .report.node(), .report.last_result(), .report.tail()
    )]
    #[non_exhaustive]
    Connection {
        /// The attempts of the call, and the last response.
        report: CallReport,
        /// The cause.
        source: Option<Source>,
    },

    /// The node could not prove its identity, or did not speak TLS. No part of the request was sent.
    #[error("{}: {}: {}{}", .report.0.operation, .report.node(), .report.last_result(), .report.tail())]
    #[non_exhaustive]
    Tls {
        /// The attempts of the call, and the last response.
        report: CallReport,
        /// The cause.
        source: Option<Source>,
    },

    /// The response did not come from a Typesense server (a proxy's error page, or a 401 that asks for another password,
    /// for example). The server did not act, or the call only reads.
    #[error(
        "{}: {}: {}{}{}",
        .report.0.operation, .report.node(), .report.last_result(), .report.quotation(), .report.tail()
    )]
    #[non_exhaustive]
    UnexpectedResponse {
        /// The attempts of the call; [`CallReport::message`] is the beginning of the last response.
        report: CallReport,
        /// The cause, if the response could not be decoded.
        source: Option<Source>,
    },

    /// The response is larger than the limit. The call only reads.
    #[error(
        "{}: {}: {}{}{}", .0.0.operation, .0.node(), .0.last_result(), about_limit(.0.0.operation), .0.tail()
    )]
    TooLarge(CallReport),

    /// Too few nodes are available or know the new key, so no key was replaced. The server did not act. Call again when
    /// the named nodes are back.
    #[error(
        "nothing was changed: a replacement needs {needed} of {total} nodes to confirm the new key; these are not \
         ready: {}", joined(.nodes)
    )]
    #[non_exhaustive]
    NodesUnavailable {
        /// The unavailable nodes, each with the result of the attempt.
        nodes: Vec<Attempt>,
        /// How many nodes must confirm the new key.
        needed: usize,
        /// How many nodes the client has.
        total: usize,
    },

    /// **The server may have acted**, and the outcome could not be determined. The error contains the value of a
    /// key that may exist, if it is known.
    #[error(transparent)]
    OutcomeUnknown(Box<OutcomeUnknown>),

    /// The call succeeded, and **the server may have acted**, but some nodes did not confirm the result in time. Only
    /// calls with `wait_for_replication` return this. Until they catch up, the nodes in the error refuse a new key, or
    /// still accept a deleted one.
    #[error(transparent)]
    NotReplicated(Box<NotReplicated>),

    /// A rotation, an `ensure` or an `apply` **completed only some of its steps**. The error says which keys exist now.
    #[error(transparent)]
    Incomplete(Box<Incomplete>),

    /// A key with this description exists, but with a different scope, or it may have the given value. Nothing was
    /// changed. Only [`ensure`](crate::KeysClient::ensure) and [`Plan::apply`](crate::plan::Plan::apply) return this.
    #[error(
        "key {} (`{}`) differs from the request: {}; {}",
        .key.id, Shown(&.key.description), joined(.differences), difference::advice(.differences)
    )]
    #[non_exhaustive]
    Drift {
        /// The key, as the server has it.
        key: Box<KeyInfo>,
        /// What differs.
        differences: Vec<Difference>,
    },

    /// The server's keys have changed since the plan was made, so this key was not changed. Make a new plan. Only
    /// [`Plan::apply`](crate::plan::Plan::apply) returns this.
    #[error("the plan for `{}` is outdated: {reason}; make a new plan", Shown(.description))]
    #[non_exhaustive]
    PlanOutdated {
        /// The description of the key.
        description: String,
        /// What has changed.
        reason: String,
    },

    /// A logger made the call while its thread was making another one. It is refused, because it would be logged, too. The
    /// server did not act. Send it later, or in another thread. If an earlier call may have created the key of the
    /// request, the error is [`OutcomeUnknown`](Self::OutcomeUnknown), with the value.
    #[error("called from a logger while this thread was making another call: send it later, or in another thread")]
    CalledFromLogger,

    /// The operating system provided no random bytes, so no value could be generated. The server did not act: at most,
    /// keys were read. Give a value of your own.
    #[error("no random bytes from the operating system, so no value can be generated (give a value of your own)")]
    RandomSource(#[source] Source),
}

fn about_limit(operation: Operation) -> &'static str {
    match operation {
        Operation::List => " (see `max_list_size`; one key may have at most 1 MiB)",
        _ => ", which no Typesense server sends",
    }
}

impl Error {
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidRequest { field, reason: reason.into() }
    }

    /// [`invalid`](Self::invalid) if `is_invalid`, else `Ok`.
    pub(crate) fn invalid_if(is_invalid: bool, field: &'static str, reason: &str) -> Result<(), Self> {
        if is_invalid { Err(Self::invalid(field, reason)) } else { Ok(()) }
    }

    /// The same error about one of several inputs. `which` says about which one.
    pub(crate) fn about(self, which: impl fmt::Display) -> Self {
        match self {
            Self::InvalidRequest { field, reason } => Self::invalid(field, format!("{reason} ({which})")),
            other => other,
        }
    }

    pub(crate) fn configuration(setting: &'static str, reason: impl Into<String>) -> Self {
        Self::Configuration { setting, reason: reason.into(), source: None }
    }

    pub(crate) fn configuration_from(
        setting: &'static str,
        reason: impl Into<String>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Self::Configuration { setting, reason: reason.into(), source: Some(source.into()) }
    }
}

impl From<InvalidInput> for Error {
    fn from(InvalidInput { field, why }: InvalidInput) -> Self {
        Self::invalid(field, why)
    }
}
