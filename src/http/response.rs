//! A response whose body the caller reads, and the one table from a faulty response to an [`AttemptError`].

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::attempt_error::{AttemptError, Cause};
use super::body::Body;
use super::exchange::{Exchange, enter};
use super::framing::Head;
use super::{Deadlines, ResponseBody};
use crate::error::{Phase, Quoted, Secrets, Snippet};
use crate::operation::Operation;
use crate::secret::{self, SecretBuf};

pub(super) struct Response {
    pub(super) operation: Operation,
    pub(super) head: Head,
    /// What has arrived of the body.
    pub(super) content: SecretBuf,
    /// The rest of a streamed body. `None` after its end.
    pub(super) rest: Option<Body>,
    /// Matters only for a streamed body.
    pub(super) ureq_body: ureq::Body,
    pub(super) api_key: Arc<SecretString>,
}

impl Response {
    pub(super) fn is_success(&self) -> bool {
        self.head.is_success_of(self.operation)
    }

    /// The error for a response that is not successful. The error does not show the `secrets`.
    pub(super) fn refusal(&self, secrets: Secrets<'_>) -> AttemptError {
        Faulty { response: self, content: self.content.as_slice(), secrets }.refusal()
    }

    /// Gives the connection of a streamed body back to ureq, which waits for the filler that comes with it.
    fn return_connection(&mut self) {
        let Some(connection) = self.rest.take().and_then(Body::into_connection) else { return };
        let now = Instant::now();
        let deadlines = Deadlines { connect_by: now, finish_by: now };
        let mut exchange = Exchange::new(Arc::clone(&self.api_key), self.operation, deadlines);
        exchange.returned = Some(connection);
        // If this fails, the connection is closed, which does no other harm.
        let _ = enter(exchange, || io::copy(&mut self.ureq_body.as_reader(), &mut io::sink()));
    }
}

impl ResponseBody for Response {
    fn read_more(&mut self, content: &mut SecretBuf, finish_by: Instant) -> Result<bool, AttemptError> {
        let Some(body) = &mut self.rest else { return Ok(content.append(&mut self.content)) };
        let is_more = body
            .read_more(content, finish_by)
            .map_err(|error| AttemptError::from_ureq(error, Phase::ReadResponse))?;
        if !is_more {
            self.return_connection();
        }
        Ok(is_more)
    }

    fn undecodable(&self, why: DecodeError, rest: &[u8], secrets: Secrets<'_>) -> AttemptError {
        let result = format!("status {} with a response that is {why}", self.head.status);
        let faulty = Faulty { response: self, content: rest, secrets };
        AttemptError { source: Some(why.into()), ..faulty.unexpected(result) }
    }
}

/// A response that is no result.
struct Faulty<'a> {
    response: &'a Response,
    content: &'a [u8],
    secrets: Secrets<'a>,
}

impl Faulty<'_> {
    fn refusal(&self) -> AttemptError {
        let Response { operation, head, .. } = self.response;
        let (success, status) = (operation.success(), head.status);
        let message = message(self.quotable());
        match (status, message.as_ref().map(|message| message.expose_secret())) {
            (status, _) if status == success => {
                self.unexpected("the response is compressed, which was not asked for")
            }
            // These two statuses can resolve a doubt, so nothing else may pass for them: neither a proxy's page nor
            // the server's `Not Found` for an unknown route.
            (404, text) if operation.key_id().is_some() && text != Some("Not found.") => {
                self.unexpected("status 404, but not about a key (is the path in the node's address right?)")
            }
            (409, None) => self.unexpected("status 409 without a Typesense server's message"),
            (400..=599, text) => {
                let cause = Cause::Status { status, retry_after: head.retry_after };
                AttemptError { quoted: self.quoted(text.map_or(self.quotable(), str::as_bytes)), ..cause.into() }
            }
            (300..=399, _) if !head.location.is_empty() => {
                let host = self.snippet(location_host(&head.location).as_bytes());
                self.unexpected(format!("status {status}, a redirect to `{host}`, which is not followed"))
            }
            _ => self.unexpected(format!("status {status}, where {success} was expected")),
        }
    }

    fn unexpected(&self, result: impl Into<Cow<'static, str>>) -> AttemptError {
        let cause = Cause::Unexpected { status: Some(self.response.head.status), result: result.into() };
        AttemptError { quoted: self.quoted(self.quotable()), ..cause.into() }
    }

    fn quoted(&self, message: &[u8]) -> Quoted {
        Quoted { content_type: self.snippet(&self.response.head.content_type), message: self.snippet(message) }
    }

    fn snippet(&self, bytes: &[u8]) -> Snippet {
        Snippet::new(bytes, self.secrets)
    }

    /// The part of the content that errors may show after known secrets are masked.
    fn quotable(&self) -> &[u8] {
        let head = &self.response.head;
        let is_redirect = (300..400).contains(&head.status);
        // The body of a redirect repeats its target. Errors show only the target's host.
        if is_redirect || head.is_compressed() || self.may_hold_new_value() { &[] } else { self.content }
    }

    /// Whether the content may contain the value of a new key. A server-generated value is unknown here, so it could
    /// not be masked.
    fn may_hold_new_value(&self) -> bool {
        const FIELD: &[u8] = b"\"value\"";
        matches!(self.response.operation, Operation::Create { .. })
            && (self.response.head.status < 300 || self.content.windows(FIELD.len()).any(|part| part == FIELD))
    }
}

/// Why a response could not be decoded. Only the position of a JSON error is kept: the parser's text repeats the
/// input, which may contain a key.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("not JSON (line {line}, column {column})")]
    Syntax { line: usize, column: usize },
    #[error("JSON of another shape (line {line}, column {column})")]
    Shape { line: usize, column: usize },
    #[error("not JSON (after {keys} keys)")]
    SyntaxAfter { keys: usize },
    #[error("JSON of another shape (after {keys} keys)")]
    ShapeAfter { keys: usize },
    #[error("JSON with too many elements in one key (after {keys} keys)")]
    TooManyElements { keys: usize },
    #[error("about another key than the one asked for")]
    AnotherKey,
    #[error("without a value that can be read")]
    NoValue,
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::Shape { line, column } } else { Self::Syntax { line, column } }
    }
}

/// The server's message, if the response is JSON that begins with `{"message": "…"`. It is a secret because it may
/// repeat one.
fn message(content: &[u8]) -> Option<SecretString> {
    let body: &RawValue = serde_json::from_slice(content).ok()?;
    let members = body.get().strip_prefix('{')?.trim_ascii_start();
    let value = members.strip_prefix("\"message\"")?.trim_ascii_start().strip_prefix(':')?;
    let text = serde_json::Deserializer::from_str(value).into_iter::<&RawValue>().next()?.ok()?;
    secret::from_json(text.get())
}

/// The host of a redirect's target. The rest of the target may repeat a secret.
fn location_host(location: &[u8]) -> &str {
    let host = || {
        let (scheme, rest) = std::str::from_utf8(location).ok()?.split_once("//")?;
        let authority =
            rest.split(['/', '?', '#', '\\']).next().filter(|_| scheme.is_empty() || scheme.ends_with(':'))?;
        let (_, host_and_port) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = host_and_port.trim_end_matches(|c: char| c.is_ascii_digit());
        host.strip_suffix(':').or(Some(host_and_port)).filter(|host| !host.is_empty())
    };
    host().unwrap_or("(no host)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_shows_only_the_host_of_its_target() {
        for (location, host) in [
            ("https://b.test/keys?x-typesense-api-key=k", "b.test"),
            ("http://user:password@b.test:8108", "b.test"),
            ("//b.test#k", "b.test"),
            ("http://[::1]:8108/", "[::1]"),
            ("http://b.test:", "b.test"),
            ("http://127.0.0.1/", "127.0.0.1"),
            ("/keys//b.test", "(no host)"),
            ("https:///keys", "(no host)"),
            ("keys", "(no host)"),
            ("", "(no host)"),
        ] {
            assert_eq!(location_host(location.as_bytes()), host, "{location}");
        }
    }
}
