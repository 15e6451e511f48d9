//! Why an attempt failed, and whether the server may have acted.

use std::borrow::Cow;
use std::io;
use std::time::{Duration, Instant};

use super::framing::ProtocolError;
use super::tls::explain;
use crate::error::{Attempt, Phase, Quoted, Source};
use crate::key::KeyId;
use crate::operation::Operation;

/// The message with 404 about an unknown id. For an unknown route, it is `Not Found`.
pub(super) const NO_SUCH_KEY: &str = "Not found.";

/// Why one attempt has no result.
#[derive(Debug)]
pub(crate) struct AttemptError {
    pub(crate) cause: Cause,
    /// The response, if there was one.
    pub(crate) quoted: Quoted,
    pub(crate) source: Option<Source>,
    /// The part of the operation that failed, if it has several requests.
    pub(crate) during: Option<Operation>,
}

#[derive(Debug, Clone)]
pub(crate) enum Cause {
    /// No connection could be opened, or it broke.
    Connection { phase: Phase, result: Cow<'static, str> },
    /// The TLS handshake failed.
    Tls { result: Cow<'static, str> },
    /// The deadline expired.
    Timeout { phase: Phase },
    /// The response did not come from a Typesense server, or cannot be decoded.
    Unexpected { status: Option<u16>, result: Cow<'static, str> },
    /// A status that does not mean success.
    Status { status: u16, retry_after: Option<Duration> },
    /// A successful response whose body exceeds the limit, in bytes.
    TooLarge { limit: u64 },
    /// A logger made this call while its thread was making another call.
    Reentrant,
    /// The key with this id is missing, or another one than before.
    AnotherKey { id: KeyId },
}

impl From<Cause> for AttemptError {
    fn from(cause: Cause) -> Self {
        Self { cause, quoted: Quoted::default(), source: None, during: None }
    }
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
        Cause::Connection { phase: Phase::Resolve, result: "no node can be used".into() }.into()
    }

    /// The error of an attempt that a panic interrupted, such as that of a logger.
    pub(crate) fn panicked() -> Self {
        Cause::Connection { phase: Phase::AwaitResponse, result: "a panic (of the logger?)".into() }.into()
    }

    /// The one table from an error to its effect on the server.
    pub(crate) fn effect(&self) -> ServerEffect {
        let message = self.quoted.message.as_str();
        match self.cause {
            Cause::Tls { .. } => ServerEffect::NodeUnusable,
            Cause::Connection { phase, .. } | Cause::Timeout { phase } if phase.is_before_sending() => {
                ServerEffect::NotActed
            }
            Cause::Connection { .. } | Cause::Timeout { .. } => ServerEffect::Unknown,
            Cause::Status { status: 429, .. } => ServerEffect::RateLimited,
            // The server's message while a node starts or catches up. Other 503s come from a proxy, which may have
            // forwarded the request.
            Cause::Status { status: 503, .. } if message == "Not Ready or Lagging" => ServerEffect::NotActed,
            // From v0.25.0 on, a follower that cannot reach the leader in time responds with 408, although the leader
            // may have committed the write.
            Cause::Status { status: 408 | 500..=599, .. } => ServerEffect::Unknown,
            // This node is short of disk or memory, or is configured to skip writes. Another node may accept the
            // write.
            Cause::Status { status: 422, .. } if refuses_all_writes(message) => ServerEffect::NotActed,
            // A successful status, or no HTTP at all: the sender may have acted.
            Cause::Unexpected { status: Some(200..=299) | None, .. } | Cause::TooLarge { .. } => {
                ServerEffect::ResponseUnreadable
            }
            Cause::Status { .. } | Cause::Unexpected { .. } | Cause::Reentrant | Cause::AnotherKey { .. } => {
                ServerEffect::Refused
            }
        }
    }

    /// Whether no connection could be opened, because the host is unknown or refuses connections.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self.cause, Cause::Connection { phase: Phase::Resolve | Phase::Connect, .. })
    }

    /// Whether the node sent a response.
    pub(crate) fn is_response(&self) -> bool {
        !matches!(self.cause, Cause::Connection { .. } | Cause::Tls { .. } | Cause::Timeout { .. } | Cause::Reentrant)
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self.cause {
            Cause::Unexpected { status, .. } => status,
            Cause::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// The status, if it is a Typesense server's answer about a key: neither a proxy's 404 or 409, nor the server's own
    /// 404 for an unknown route.
    pub(crate) fn typesense_status(&self) -> Option<u16> {
        match self.cause {
            Cause::Status { status: 404, .. } if self.quoted.message.as_str() != NO_SUCH_KEY => None,
            Cause::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// How long the server asked to wait before another attempt.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.cause {
            Cause::Status { status: 429 | 503, retry_after, .. } => retry_after,
            _ => None,
        }
    }

    /// What the attempt was doing, and a short description for the list of attempts.
    pub(crate) fn phase_and_result(&self) -> (Phase, Cow<'static, str>) {
        let read = |result: String| (Phase::ReadResponse, result.into());
        match &self.cause {
            Cause::Connection { phase, result } => (*phase, result.clone()),
            Cause::Tls { result } => (Phase::Handshake, result.clone()),
            Cause::Timeout { phase } => (*phase, format!("timed out while {phase}").into()),
            Cause::Unexpected { result, .. } => (Phase::ReadResponse, result.clone()),
            Cause::Status { status, .. } => read(format!("status {status}")),
            Cause::TooLarge { limit } => read(format!("the response is larger than the limit of {limit} bytes")),
            Cause::AnotherKey { id } => read(format!("key {id} is missing or another one than before")),
            Cause::Reentrant => {
                (Phase::Resolve, "called from a logger while this thread was making another call".into())
            }
        }
    }

    /// As the caller sees it.
    pub(crate) fn attempt(&self, node: String, started: Instant, elapsed: Duration) -> Attempt {
        let (phase, result) = self.phase_and_result();
        Attempt { node, phase, result: result.into(), started, elapsed }
    }

    /// The same error of an attempt that did not get beyond this proxy.
    pub(super) fn at_proxy(self, proxy: &str) -> Self {
        let (phase, result) = self.phase_and_result();
        let result = format!("the proxy {proxy}: {result}").into();
        let cause = match self.cause {
            Cause::Tls { .. } => Cause::Tls { result },
            _ => Cause::Connection { phase, result },
        };
        Self { cause, ..self }
    }

    /// `phase`: what the attempt was doing, which is more specific than ureq's error.
    pub(super) fn from_ureq(error: ureq::Error, phase: Phase) -> Self {
        let connection = |result: &'static str| Cause::Connection { phase, result: result.into() };
        let not_http = |result: String| Cause::Unexpected { status: None, result: result.into() };
        let cause = match error {
            ureq::Error::Timeout(_) => return Cause::Timeout { phase }.into(),
            ureq::Error::BodyExceedsLimit(limit) => return Cause::TooLarge { limit }.into(),
            ureq::Error::HostNotFound => return connection("host not found").into(),
            ureq::Error::Io(error) => return Self::from_io(error, phase),
            // ureq's text is `proxy server responded 407/…`, with the proxy's reason.
            ureq::Error::ConnectProxyFailed(ref reason) if reason.contains(" 407/") => {
                connection("it asks for a user and a password (in its address: `http://user:password@host:port`)")
            }
            ureq::Error::ConnectProxyFailed(_) => connection("it refused to connect"),
            ureq::Error::Other(error) if error.is::<ProtocolError>() => return not_http(error.to_string()).into(),
            _ if phase == Phase::Handshake => {
                Cause::Tls { result: explain(&error, phase).unwrap_or("the TLS handshake failed".into()) }
            }
            _ if phase.is_before_sending() => connection("its response is not HTTP/1"),
            _ => not_http(ProtocolError::NotHttp.to_string()),
        };
        Self { source: Some(error.into()), ..cause.into() }
    }

    fn from_io(error: io::Error, phase: Phase) -> Self {
        let is_late = matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        if is_late && phase != Phase::Resolve {
            return Cause::Timeout { phase }.into();
        }
        // The inner transport wraps ureq's errors so that they can pass through `std::io`.
        let error = match error.downcast::<ureq::Error>() {
            Ok(error) => return Self::from_ureq(error, phase),
            Err(error) => error,
        };
        let result: Cow<'static, str> = match (error.kind(), phase) {
            (io::ErrorKind::WouldBlock, Phase::Resolve) => {
                "no thread could be started to look up the host (has the process reached its limit?)".into()
            }
            (_, Phase::Resolve) => "host not found".into(),
            (io::ErrorKind::UnexpectedEof, Phase::Handshake) => {
                "closed the connection during the TLS handshake (is it an http server?)".into()
            }
            (io::ErrorKind::UnexpectedEof, Phase::AwaitResponse) => "closed the connection without a response".into(),
            (io::ErrorKind::UnexpectedEof, _) => format!("closed the connection while {phase}").into(),
            (kind, Phase::Connect) => kind.to_string().into(),
            (kind, _) => format!("{kind} while {phase}").into(),
        };
        let cause = match explain(&error, phase) {
            Some(result) => Cause::Tls { result },
            None => Cause::Connection { phase, result },
        };
        Self { source: Some(error.into()), ..cause.into() }
    }
}

/// Whether a 422 is about the node's own state and not about the request.
fn refuses_all_writes(message: &str) -> bool {
    message == "Skipping writes." || message.starts_with("Rejecting write: running out of resource type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Secrets, Snippet};

    fn effect(status: u16, message: &str) -> ServerEffect {
        let quoted = Quoted { message: Snippet::new(message.as_bytes(), Secrets::default()), ..Quoted::default() };
        AttemptError { quoted, ..Cause::Status { status, retry_after: None }.into() }.effect()
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

    /// Status, also of a Typesense server, the wait it asks for, phase, and result.
    type Facts = (Option<u16>, Option<u16>, Option<u64>, Phase, &'static str);

    #[test]
    fn cause_determines_what_is_reported() {
        let connection = |phase| AttemptError::from(Cause::Connection { phase, result: "broken".into() });
        let refusal = |status, message: &str| {
            let quoted =
                Quoted { message: Snippet::new(message.as_bytes(), Secrets::default()), ..Quoted::default() };
            let cause = Cause::Status { status, retry_after: Some(Duration::from_secs(7)) };
            AttemptError { quoted, ..cause.into() }
        };
        let unexpected = |status| AttemptError::from(Cause::Unexpected { status, result: "a page".into() });
        let id = KeyId::from(7);
        let read = Phase::ReadResponse;
        let cases: [(AttemptError, bool, Facts); 12] = [
            (connection(Phase::Connect), false, (None, None, None, Phase::Connect, "broken")),
            (connection(Phase::Send), false, (None, None, None, Phase::Send, "broken")),
            (Cause::Tls { result: "no".into() }.into(), false, (None, None, None, Phase::Handshake, "no")),
            (
                Cause::Timeout { phase: Phase::Connect }.into(),
                false,
                (None, None, None, Phase::Connect, "timed out while connecting"),
            ),
            (unexpected(Some(404)), true, (Some(404), None, None, read, "a page")),
            (unexpected(None), true, (None, None, None, read, "a page")),
            (refusal(404, "Not found."), true, (Some(404), Some(404), None, read, "status 404")),
            (refusal(404, "Not Found"), true, (Some(404), None, None, read, "status 404")),
            (refusal(409, "taken"), true, (Some(409), Some(409), None, read, "status 409")),
            (refusal(503, ""), true, (Some(503), Some(503), Some(7), read, "status 503")),
            (
                Cause::TooLarge { limit: 9 }.into(),
                true,
                (None, None, None, read, "the response is larger than the limit of 9 bytes"),
            ),
            (
                Cause::AnotherKey { id }.into(),
                true,
                (None, None, None, read, "key 7 is missing or another one than before"),
            ),
        ];
        for (error, is_response, facts) in &cases {
            let (status, typesense_status) = (error.status(), error.typesense_status());
            let retry_after = error.retry_after().map(|wait| wait.as_secs());
            let (phase, result) = error.phase_and_result();
            assert_eq!((status, typesense_status, retry_after, phase, &*result), *facts);
            assert_eq!(error.is_response(), *is_response, "{error:?}");
            let is_unreachable = matches!(facts, (.., Phase::Connect, "broken"));
            assert_eq!(error.is_unreachable(), is_unreachable, "{error:?}");
        }
    }

    #[test]
    fn error_at_a_proxy_names_it() {
        let tls = AttemptError::from(Cause::Tls { result: "no".into() }).at_proxy("p:1");
        assert!(matches!(&tls.cause, Cause::Tls { result } if result == "the proxy p:1: no"), "{tls:?}");
        let late = AttemptError::from(Cause::Timeout { phase: Phase::Connect }).at_proxy("p:1");
        let expected = "the proxy p:1: timed out while connecting";
        assert!(
            matches!(&late.cause, Cause::Connection { phase: Phase::Connect, result } if result == expected),
            "{late:?}"
        );
    }
}
