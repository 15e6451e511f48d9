//! The kinds of errors, without their contents.

use std::fmt;

use serde::Serialize;

/// The kind of an [`Error`](crate::Error), for programs to match, log, count or map to an exit code: the variant of the
/// same name.
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
#[expect(missing_docs, reason = "the variants of `Error` say what each means")]
pub enum ErrorKind {
    InvalidRequest,
    Configuration,
    Unauthorized,
    NotFound,
    AnotherKey,
    Conflict,
    Rejected,
    RateLimited,
    Unavailable,
    Timeout,
    Connection,
    Tls,
    UnexpectedResponse,
    TooLarge,
    NodesUnavailable,
    OutcomeUnknown,
    NotReplicated,
    Incomplete,
    Drift,
    PlanOutdated,
    CalledFromLogger,
    RandomSource,
}

/// The name in `snake_case`.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
