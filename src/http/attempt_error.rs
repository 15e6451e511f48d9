//! Why an attempt failed, and whether the server may have acted.

use std::io;
use std::time::Duration;

use super::response::ProtocolError;
#[cfg(feature = "tls")]
use super::tls::explain;
use crate::error::{Phase, Snippet, Source};

/// Why one attempt has no result.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// No connection could be opened, or it broke.
    Connection { phase: Phase, result: String, source: Option<Source> },
    /// The TLS handshake failed.
    Tls { result: String, source: Option<Source> },
    /// The deadline expired.
    Timeout { phase: Phase },
    /// The response did not come from a Typesense server, or cannot be decoded.
    Unexpected {
        status: Option<u16>,
        content_type: Snippet,
        message: Snippet,
        result: String,
        source: Option<Source>,
    },
    /// A status that does not mean success.
    Status { status: u16, content_type: Snippet, message: Snippet, retry_after: Option<Duration> },
    /// A successful response whose body exceeds the limit, in bytes.
    TooLarge { limit: u64 },
    /// A logger made this call while its thread was making another call.
    Reentrant,
}

/// The effect of a failed attempt on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerEffect {
    /// The server did not receive the whole request, or was not ready for it. Another attempt may succeed.
    NotActed,
    /// The server asked to wait, and did not act.
    RateLimited,
    /// The node is unusable. Nothing was sent.
    NodeUnusable,
    /// The server may have acted.
    Unknown,
    /// The server acted, if the operation was a write, but its response cannot be decoded.
    ResponseUnreadable,
    /// The server did not act, and would not act on another attempt.
    Refused,
}

impl AttemptError {
    /// The error of a call that made no attempt.
    pub(crate) fn no_node() -> Self {
        Self::Connection { phase: Phase::Resolve, result: "no node can be used".to_owned(), source: None }
    }

    /// The same error without its source, which cannot be copied.
    pub(crate) fn without_source(&self) -> Self {
        match self {
            Self::Connection { phase, result, source: _ } => {
                Self::Connection { phase: *phase, result: result.clone(), source: None }
            }
            Self::Tls { result, source: _ } => Self::Tls { result: result.clone(), source: None },
            Self::Timeout { phase } => Self::Timeout { phase: *phase },
            Self::Unexpected { status, content_type, message, result, source: _ } => Self::Unexpected {
                status: *status,
                content_type: content_type.clone(),
                message: message.clone(),
                result: result.clone(),
                source: None,
            },
            Self::Status { status, content_type, message, retry_after } => Self::Status {
                status: *status,
                content_type: content_type.clone(),
                message: message.clone(),
                retry_after: *retry_after,
            },
            Self::TooLarge { limit } => Self::TooLarge { limit: *limit },
            Self::Reentrant => Self::Reentrant,
        }
    }

    /// The one table from an error to its effect on the server.
    pub(crate) fn effect(&self) -> ServerEffect {
        match self {
            Self::Tls { .. } => ServerEffect::NodeUnusable,
            Self::Connection { phase, .. } | Self::Timeout { phase } if phase.is_before_sending() => {
                ServerEffect::NotActed
            }
            Self::Connection { .. } | Self::Timeout { .. } => ServerEffect::Unknown,
            Self::Status { status: 429, .. } => ServerEffect::RateLimited,
            // The server's message while a node starts or catches up. Other 503s come from a proxy, which may have
            // forwarded the request.
            Self::Status { status: 503, message, .. } if message.as_str() == "Not Ready or Lagging" => {
                ServerEffect::NotActed
            }
            // From v0.25.0 on, a follower that cannot reach the leader in time responds with 408, although the leader
            // may have committed the write.
            Self::Status { status: 408 | 500..=599, .. } => ServerEffect::Unknown,
            // This node is short of disk or memory, or is configured to skip writes. Another node may accept the
            // write.
            Self::Status { status: 422, message, .. } if refuses_all_writes(message.as_str()) => {
                ServerEffect::NotActed
            }
            // A successful status, or no HTTP at all: the sender may have acted.
            Self::Unexpected { status: Some(200..=299) | None, .. } | Self::TooLarge { .. } => {
                ServerEffect::ResponseUnreadable
            }
            Self::Status { .. } | Self::Unexpected { .. } | Self::Reentrant => ServerEffect::Refused,
        }
    }

    /// Whether no connection could be opened, because the host is unknown or refuses connections.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Connection { phase: Phase::Resolve | Phase::Connect, .. })
    }

    /// Whether the node sent a response.
    pub(crate) fn is_response(&self) -> bool {
        matches!(self, Self::Unexpected { .. } | Self::Status { .. } | Self::TooLarge { .. })
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Unexpected { status, .. } => *status,
            Self::Connection { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::Reentrant => None,
        }
    }

    /// The status, if a Typesense server sent it: a proxy's 404 or 409 says nothing about a key.
    pub(crate) fn typesense_status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long the server asked to wait before another attempt.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { status: 429 | 503, retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self {
            Self::Connection { phase, .. } | Self::Timeout { phase } => *phase,
            Self::Tls { .. } => Phase::Handshake,
            Self::Reentrant => Phase::Resolve,
            Self::Unexpected { .. } | Self::Status { .. } | Self::TooLarge { .. } => Phase::ReadResponse,
        }
    }

    /// A short description for the list of attempts.
    pub(crate) fn result(&self) -> String {
        match self {
            Self::Connection { result, .. } | Self::Tls { result, .. } | Self::Unexpected { result, .. } => {
                result.clone()
            }
            Self::Timeout { phase } => format!("timed out while {phase}"),
            Self::Status { status, .. } => format!("status {status}"),
            Self::TooLarge { limit } => format!("the response is larger than {limit} bytes"),
            Self::Reentrant => "called from a logger while this thread was making another call".to_owned(),
        }
    }

    /// `phase`: what the attempt was doing, which is more specific than ureq's error.
    pub(super) fn from_ureq(error: ureq::Error, phase: Phase) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Timeout { phase },
            ureq::Error::HostNotFound => {
                Self::Connection { phase, result: "host not found".to_owned(), source: None }
            }
            ureq::Error::ConnectProxyFailed(reason) => {
                let source = Some(ureq::Error::ConnectProxyFailed(reason).into());
                Self::Connection { phase, result: "the proxy refused to connect".to_owned(), source }
            }
            ureq::Error::Io(error) => Self::from_io(error, phase),
            ureq::Error::Other(error) if error.is::<ProtocolError>() => Self::not_http(error.to_string(), None),
            error if phase == Phase::Handshake => {
                let result = explain(&error, phase).unwrap_or("the TLS handshake failed");
                Self::Tls { result: result.to_owned(), source: Some(Box::new(error)) }
            }
            error if phase.is_before_sending() => Self::Connection {
                phase,
                result: "the proxy's response is not HTTP/1".to_owned(),
                source: Some(Box::new(error)),
            },
            error => Self::not_http(ProtocolError::NotHttp.to_string(), Some(Box::new(error))),
        }
    }

    fn not_http(result: String, source: Option<Source>) -> Self {
        let (content_type, message) = (Snippet::default(), Snippet::default());
        Self::Unexpected { status: None, content_type, message, result, source }
    }

    fn from_io(error: io::Error, phase: Phase) -> Self {
        if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
            return Self::Timeout { phase };
        }
        // The inner transport wraps ureq's errors so that they can pass through `std::io`.
        let error = match error.downcast::<ureq::Error>() {
            Ok(error) => return Self::from_ureq(error, phase),
            Err(error) => error,
        };
        if let Some(result) = explain(&error, phase) {
            return Self::Tls { result: result.to_owned(), source: Some(Box::new(error)) };
        }
        let result = match (error.kind(), phase) {
            (_, Phase::Resolve) => "host not found".to_owned(),
            (io::ErrorKind::UnexpectedEof, Phase::Handshake) => {
                "closed the connection during the TLS handshake (is it an http server?)".to_owned()
            }
            (io::ErrorKind::UnexpectedEof, Phase::AwaitResponse) => {
                "closed the connection without a response".to_owned()
            }
            (io::ErrorKind::UnexpectedEof, _) => format!("closed the connection while {phase}"),
            (kind, Phase::Connect) => kind.to_string(),
            (kind, _) => format!("{kind} while {phase}"),
        };
        Self::Connection { phase, result, source: Some(Box::new(error)) }
    }
}

/// Whether a 422 is about the node's own state and not about the request.
fn refuses_all_writes(message: &str) -> bool {
    message == "Skipping writes." || message.starts_with("Rejecting write: running out of resource type")
}

/// Without TLS, there is nothing to explain.
#[cfg(not(feature = "tls"))]
fn explain(_: &(dyn std::error::Error + 'static), _: Phase) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(status: u16, message: &str) -> ServerEffect {
        let (content_type, message) = (Snippet::default(), Snippet::new(message.as_bytes(), []));
        AttemptError::Status { status, content_type, message, retry_after: None }.effect()
    }

    #[test]
    fn status_and_message_determine_the_effect() {
        use ServerEffect::{NotActed, RateLimited, Refused, Unknown};
        for (status, message, expected) in [
            (400, "Bad JSON.", Refused),
            (401, "Forbidden", Refused),
            (404, "Not found.", Refused),
            (408, "", Unknown),
            (409, "API key generation conflict.", Refused),
            (422, "Rejecting write: running out of resource type: OUT_OF_DISK", NotActed),
            (422, "Rejecting write: running out of resource type: OUT_OF_MEMORY", NotActed),
            (422, "Skipping writes.", NotActed),
            (422, "Skipping writes. Or not.", Refused),
            (422, "A proxy says: Rejecting write: running out of resource type", Refused),
            (422, "", Refused),
            (429, "", RateLimited),
            (500, "", Unknown),
            (503, "Not Ready or Lagging", NotActed),
            (503, "Skipping writes.", Unknown),
        ] {
            assert_eq!(effect(status, message), expected, "{status} {message}");
        }
    }
}
