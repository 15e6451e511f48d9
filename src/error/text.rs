//! What an [`Error`] says: one line, what happened and what to do next.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::{CallReport, Error};
use crate::operation::Operation;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tell = |failure: &CallReport, what: fmt::Arguments<'_>| {
            write!(f, "{}: {what}{}", failure.operation(), failure.tail())
        };
        match self {
            Self::InvalidRequest { field, reason } => write!(f, "invalid request: `{field}`: {reason}"),
            Self::Configuration { setting, reason, source: _ } => {
                write!(f, "invalid configuration: `{setting}`: {reason}")
            }
            Self::Unauthorized(failure) => tell(
                failure,
                format_args!(
                    "{} answered 401: the client's key is wrong, has expired, or lacks the action `{}` (the server does \
                     not tell which)",
                    failure.node(),
                    failure.operation().needed_action()
                ),
            ),
            Self::NotFound { id: _, failure } => {
                tell(failure, format_args!("there is none with this id on {}", failure.node()))
            }
            Self::Conflict(failure) => tell(
                failure,
                format_args!(
                    "{} answered 409: another key has this value already; choose another, or leave `value` out",
                    failure.node()
                ),
            ),
            Self::Rejected(failure) => tell(
                failure,
                format_args!("{} refused with {}: {}", failure.node(), status_of(failure), message_of(failure)),
            ),
            Self::RateLimited { retry_after, failure } => tell(
                failure,
                format_args!("{} answered 429, too many requests{}", failure.node(), wait(*retry_after)),
            ),
            Self::Unavailable(failure) => tell(
                failure,
                format_args!(
                    "{} answered {}: {}; the server or its cluster is not able to answer now, try again later",
                    failure.node(),
                    status_of(failure),
                    message_of(failure)
                ),
            ),
            Self::Timeout { phase: _, failure } => tell(
                failure,
                format_args!(
                    "{}: {}; is the node overloaded or stopped? (see `timeout` and `attempt_timeout`)",
                    failure.node(),
                    failure.last_result()
                ),
            ),
            Self::Connection { failure, source: _ } => tell(
                failure,
                format_args!(
                    "{}: {}; is the address right, and the server up?",
                    failure.node(),
                    failure.last_result()
                ),
            ),
            Self::Tls { failure, source: _ } => {
                tell(failure, format_args!("{}: {}", failure.node(), failure.last_result()))
            }
            Self::UnexpectedResponse { failure, source: _ } => tell(
                failure,
                format_args!(
                    "{}: {}{}{}",
                    failure.node(),
                    failure.last_result(),
                    content_type_of(failure),
                    quote(failure)
                ),
            ),
            Self::TooLarge { limit, failure } => tell(
                failure,
                format_args!(
                    "the answer of {} is larger than the limit of {limit} bytes{}",
                    failure.node(),
                    limit_of(failure)
                ),
            ),
            Self::OutcomeUnknown(unknown) => unknown.fmt(f),
            Self::NotReplicated(lag) => lag.fmt(f),
            Self::NodesUnavailable(nodes) => nodes.fmt(f),
            Self::Incomplete(incomplete) => incomplete.fmt(f),
            Self::Drift(drift) => drift.fmt(f),
            Self::RandomSource(_) => f.write_str(
                "no random bytes from the operating system, so no value can be drawn (set `value`, or \
                 `server_generated`)",
            ),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Configuration { source, .. }
            | Self::Connection { source, .. }
            | Self::Tls { source, .. }
            | Self::UnexpectedResponse { source, .. } => source.as_deref().map(|source| source as _),
            Self::RandomSource(source) => Some(&**source),
            Self::OutcomeUnknown(unknown) => unknown.source(),
            Self::Incomplete(incomplete) => incomplete.source(),
            Self::InvalidRequest { .. }
            | Self::Unauthorized(_)
            | Self::NotFound { .. }
            | Self::Conflict(_)
            | Self::Rejected(_)
            | Self::RateLimited { .. }
            | Self::Unavailable(_)
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::NotReplicated(_)
            | Self::NodesUnavailable(_)
            | Self::Drift(_) => None,
        }
    }
}

fn status_of(failure: &CallReport) -> String {
    failure.status().map(|status| status.to_string()).unwrap_or_default()
}

fn message_of(failure: &CallReport) -> &str {
    failure.message().unwrap_or("it gave no reason")
}

fn content_type_of(failure: &CallReport) -> String {
    failure.content_type().map(|text| format!(" ({text})")).unwrap_or_default()
}

fn quote(failure: &CallReport) -> String {
    failure.message().map(|text| format!(": \"{text}\"")).unwrap_or_default()
}

fn limit_of(failure: &CallReport) -> &'static str {
    match failure.operation() {
        Operation::List => " (see `max_list_size`)",
        _ => ", and so is none of a Typesense server's",
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default()
}
