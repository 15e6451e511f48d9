//! What a program can ask of any error.

use std::time::Duration;

use secrecy::SecretString;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Attempt, CallReport, Error, ErrorKind};
use crate::key::KeyId;

impl Error {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidRequest { .. } => ErrorKind::InvalidRequest,
            Self::Configuration { .. } => ErrorKind::Configuration,
            Self::Unauthorized(_) => ErrorKind::Unauthorized,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::AnotherKey { .. } => ErrorKind::AnotherKey,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::Rejected(_) => ErrorKind::Rejected,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Connection { .. } => ErrorKind::Connection,
            Self::Tls { .. } => ErrorKind::Tls,
            Self::UnexpectedResponse { .. } => ErrorKind::UnexpectedResponse,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::NodesUnavailable { .. } => ErrorKind::NodesUnavailable,
            Self::OutcomeUnknown(_) => ErrorKind::OutcomeUnknown,
            Self::NotReplicated(_) => ErrorKind::NotReplicated,
            Self::Incomplete(_) => ErrorKind::Incomplete,
            Self::Drift { .. } => ErrorKind::Drift,
            Self::PlanOutdated { .. } => ErrorKind::PlanOutdated,
            Self::CalledFromLogger => ErrorKind::CalledFromLogger,
            Self::RandomSource(_) => ErrorKind::RandomSource,
        }
    }

    /// Whether the server may have created or deleted a key although the call failed.
    ///
    /// `false` means that the call changed no key. `true` for every failure of a request that an earlier call may have
    /// carried out, such as one with a [`stored_value`](crate::CreateKey::stored_value).
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        matches!(self, Self::OutcomeUnknown(_) | Self::NotReplicated(_) | Self::Incomplete(_))
            || self.earlier_value().is_some()
    }

    /// The value of the key that an earlier call may have created.
    fn earlier_value(&self) -> Option<&SecretString> {
        self.report().and_then(|report| report.0.earlier.as_ref())
    }

    /// Whether the same call may succeed later without any change, and calling it again is safe.
    ///
    /// `false` for [`OutcomeUnknown`](Self::OutcomeUnknown), unless the request had a stored value: determine the outcome
    /// first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let is_repeatable = matches!(self, Self::OutcomeUnknown(_)) && self.earlier_value().is_some();
        is_repeatable
            || matches!(
                self.kind(),
                ErrorKind::RateLimited
                    | ErrorKind::Unavailable
                    | ErrorKind::Timeout
                    | ErrorKind::Connection
                    | ErrorKind::NodesUnavailable
            )
    }

    /// The value of a key that exists or may exist although the call failed: store it, or find the key and delete it.
    /// `None` if no value can be lost, or if the server generated the value and the response was lost.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let server = typesense_keys::testing::FakeServer::start()?;
    /// # let (url, admin_key) = (server.url(), server.api_key());
    /// # fn store(_: &secrecy::SecretString) {}
    /// use typesense_keys::{ErrorKind, KeysClient};
    ///
    /// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
    /// let request = client.create().actions(["documents:import"]);
    /// match request.collections(["docs"]).send() {
    ///     Ok(key) => store(&key.value),
    ///     Err(error) => {
    ///         if let Some(value) = error.value() {
    ///             store(value); // the key exists or may exist
    ///         } else if error.kind() == ErrorKind::Unauthorized {
    ///             eprintln!("check the admin key");
    ///         }
    ///         return Err(error.into());
    ///     }
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn value(&self) -> Option<&SecretString> {
        match self {
            Self::OutcomeUnknown(unknown) => unknown.value.as_ref(),
            Self::NotReplicated(lag) => lag.key.as_ref().map(|key| &key.value),
            Self::Incomplete(partial) => partial.key.as_ref().map(|key| &key.value).or_else(|| partial.cause.value()),
            _ => self.earlier_value(),
        }
    }

    /// The id of the key that the error is about, if it is known. If there is a [`value`](Self::value), it is that
    /// key's.
    pub fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::NotReplicated(lag) => Some(lag.id),
            Self::Incomplete(partial) => partial.key.as_ref().map(|key| key.id).or_else(|| partial.cause.key_id()),
            Self::Drift { key, .. } => Some(key.id),
            // The call was about another key, such as the old one of a rotation.
            _ if self.value().is_some() => None,
            _ => self.report().and_then(|report| report.0.operation.key_id()),
        }
    }

    /// The HTTP status of the last response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.report().and_then(CallReport::status)
    }

    /// How long the last response (429 or 503) asked to wait, by its `Retry-After`, if it did. Typesense sends none; a
    /// proxy in front of it may.
    pub fn retry_after(&self) -> Option<Duration> {
        self.report().and_then(|report| report.0.retry_after)
    }

    /// The report of the call that failed; `None` if none did, or if the error has its own list of nodes.
    pub fn report(&self) -> Option<&CallReport> {
        match self {
            Self::Unauthorized(report)
            | Self::NotFound(report)
            | Self::AnotherKey { report, .. }
            | Self::Conflict(report)
            | Self::Rejected(report)
            | Self::RateLimited(report)
            | Self::Unavailable(report)
            | Self::Timeout(report)
            | Self::Connection { report, .. }
            | Self::Tls { report, .. }
            | Self::UnexpectedResponse { report, .. }
            | Self::TooLarge(report) => Some(report),
            Self::OutcomeUnknown(unknown) => Some(&unknown.report),
            Self::Incomplete(partial) => partial.cause.report(),
            Self::InvalidRequest { .. }
            | Self::Configuration { .. }
            | Self::NodesUnavailable { .. }
            | Self::NotReplicated(_)
            | Self::Drift { .. }
            | Self::PlanOutdated { .. }
            | Self::CalledFromLogger
            | Self::RandomSource(_) => None,
        }
    }

    fn attempts(&self) -> &[Attempt] {
        match self {
            Self::NodesUnavailable { nodes, .. } => nodes,
            Self::NotReplicated(lag) => &lag.nodes,
            Self::Incomplete(partial) => partial.cause.attempts(),
            _ => self.report().map(CallReport::attempts).unwrap_or_default(),
        }
    }
}

/// `kind`, `message` (what `Display` writes), `status`, `key_id`, `may_have_acted`, `is_retryable`, `retry_after` (in whole
/// seconds) and `attempts`. What is not known is `null`. No secret.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut error = serializer.serialize_struct("Error", 8)?;
        error.serialize_field("kind", &self.kind())?;
        error.serialize_field("message", &self.to_string())?;
        error.serialize_field("status", &self.status())?;
        error.serialize_field("key_id", &self.key_id())?;
        error.serialize_field("may_have_acted", &self.may_have_acted())?;
        error.serialize_field("is_retryable", &self.is_retryable())?;
        error.serialize_field("retry_after", &self.retry_after().map(|wait| wait.as_secs()))?;
        error.serialize_field("attempts", self.attempts())?;
        error.end()
    }
}
