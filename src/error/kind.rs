//! The kinds of errors, without their contents.

use std::fmt;

use serde::Serialize;

/// The kind of an [`Error`](crate::Error), for programs to match, log, count or map to an exit code.
///
/// Its names in `Display` and serde, such as `invalid_request`, are stable across versions.
///
/// ```
/// use typesense_keys::{ErrorKind, KeysClient};
///
/// let error = KeysClient::builder().build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Configuration);
/// assert_eq!(error.kind().to_string(), "configuration");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// See [`Error::InvalidRequest`](crate::Error::InvalidRequest).
    InvalidRequest,
    /// See [`Error::Configuration`](crate::Error::Configuration).
    Configuration,
    /// See [`Error::Unauthorized`](crate::Error::Unauthorized).
    Unauthorized,
    /// See [`Error::NotFound`](crate::Error::NotFound).
    NotFound,
    /// See [`Error::Conflict`](crate::Error::Conflict).
    Conflict,
    /// See [`Error::Rejected`](crate::Error::Rejected).
    Rejected,
    /// See [`Error::RateLimited`](crate::Error::RateLimited).
    RateLimited,
    /// See [`Error::Unavailable`](crate::Error::Unavailable).
    Unavailable,
    /// See [`Error::Timeout`](crate::Error::Timeout).
    Timeout,
    /// See [`Error::Connection`](crate::Error::Connection).
    Connection,
    /// See [`Error::Tls`](crate::Error::Tls).
    Tls,
    /// See [`Error::UnexpectedResponse`](crate::Error::UnexpectedResponse).
    UnexpectedResponse,
    /// See [`Error::TooLarge`](crate::Error::TooLarge).
    TooLarge,
    /// See [`Error::NodesUnavailable`](crate::Error::NodesUnavailable).
    NodesUnavailable,
    /// See [`Error::OutcomeUnknown`](crate::Error::OutcomeUnknown).
    OutcomeUnknown,
    /// See [`Error::NotReplicated`](crate::Error::NotReplicated).
    NotReplicated,
    /// See [`Error::Incomplete`](crate::Error::Incomplete).
    Incomplete,
    /// See [`Error::Drift`](crate::Error::Drift).
    Drift,
    /// See [`Error::PlanOutdated`](crate::Error::PlanOutdated).
    PlanOutdated,
    /// See [`Error::RandomSource`](crate::Error::RandomSource).
    RandomSource,
}

/// The name in `snake_case`.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
