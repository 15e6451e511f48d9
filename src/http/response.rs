//! A response whose body the caller reads, and the one table from a faulty response to an [`AttemptError`].

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::attempt_error::{AttemptError, Cause, NO_SUCH_KEY};
use super::connection::Body;
use super::exchange::{Exchange, enter};
use super::framing::Head;
use super::{Deadlines, ResponseBody};
use crate::error::{Phase, Quoted, Secrets, Snippet};
use crate::operation::Operation;
use crate::secret::{self, SecretBuf};

pub(super) struct Response {
    pub(super) operation: Operation,
    /// Whether the node's address is https.
    pub(super) is_https: bool,
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
        let deadlines = Deadlines::of_all(Instant::now());
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
        let text = message.as_ref().map(|message| message.expose_secret());
        match status {
            status if status == success => self.unexpected("the response is compressed, which was not asked for"),
            status if is_from_typesense(status, text) => {
                let oddity = self.secrets.client_key.filter(|_| status == 401).and_then(secret::oddity);
                let quoted = self.quoted(text.map_or(self.quotable(), str::as_bytes));
                let cause = Cause::Status { status, retry_after: head.retry_after };
                AttemptError { quoted: Quoted { oddity, ..quoted }, ..cause.into() }
            }
            400..=499 => {
                let question = question(status);
                self.unexpected(format!("status {status}, but not from a Typesense server: {question}"))
            }
            300..=399 if !head.location.is_empty() => {
                let (scheme, host) = location_origin(&head.location).unwrap_or_default();
                let advice =
                    if scheme == "https:" && !self.response.is_https { ": name the node with https" } else { "" };
                let host = self.snippet(if host.is_empty() { b"another path" } else { host.as_bytes() });
                let slashes = if scheme.is_empty() { "" } else { "//" };
                self.unexpected(format!(
                    "status {status}, a redirect to `{scheme}{slashes}{}`, which is not followed{advice}",
                    host.as_str()
                ))
            }
            _ => self.unexpected(format!("status {status}, where {success} was expected")),
        }
    }

    fn unexpected(&self, result: impl Into<Cow<'static, str>>) -> AttemptError {
        let cause = Cause::Unexpected { status: Some(self.response.head.status), result: result.into() };
        AttemptError { quoted: self.quoted(self.quotable()), ..cause.into() }
    }

    fn quoted(&self, message: &[u8]) -> Quoted {
        let content_type = self.snippet(&self.response.head.content_type);
        Quoted { content_type, message: self.snippet(message), oddity: None }
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

    /// Whether the content may contain the value of a new key, which may be unknown here: a server has generated it, or an
    /// intermediary has mixed up the responses to two requests.
    fn may_hold_new_value(&self) -> bool {
        const FIELD: &[u8] = b"\"value\"";
        let is_created = (200..300).contains(&self.response.head.status)
            && matches!(self.response.operation, Operation::Create { .. });
        is_created || self.content.windows(FIELD.len()).any(|part| part == FIELD)
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

/// The one rule for what counts as a Typesense server's own refusal, whatever the operation. Everything else comes from
/// something between this client and the server, or from another server, and says nothing about keys.
///
/// The messages are those of every server from 0.24.1 to v30: `http_server.cpp` (401, `Not Found` for an unknown route)
/// and `auth_manager.cpp` (`Not found.`, 409). Those of 400 and 422 vary.
fn is_from_typesense(status: u16, message: Option<&str>) -> bool {
    match (status, message) {
        (400 | 422, message) => message.is_some(),
        (401, Some(message)) => message.starts_with("Forbidden - a valid `x-typesense-api-key` header"),
        (404, Some(message)) => message == NO_SUCH_KEY || message == "Not Found",
        (409, Some(message)) => message == "API key generation conflict.",
        // Whoever sends these asks to try again later. Those of a follower that lost its leader are empty.
        (408 | 429 | 500..=599, _) => true,
        _ => false,
    }
}

/// What to look at if a status does not come from a Typesense server.
fn question(status: u16) -> &'static str {
    match status {
        400 => "is the scheme of the node's address right (http or https)?",
        401 | 407 => "does a proxy ask for a password?",
        404 | 405 => "are the port and the path of the node's address right?",
        413 => "does a proxy limit the size of requests?",
        _ => "does a proxy or a firewall refuse the request?",
    }
}

/// The server's message, if the response is `{"message": "…"}`. It is a secret because it may repeat one.
fn message(content: &[u8]) -> Option<SecretString> {
    let body: &RawValue = serde_json::from_slice(content).ok()?;
    let members = body.get().strip_prefix('{')?.trim_ascii_start();
    let value = members.strip_prefix("\"message\"")?.trim_ascii_start().strip_prefix(':')?;
    let mut values = serde_json::Deserializer::from_str(value).into_iter::<&RawValue>();
    let text = values.next()?.ok()?;
    let is_only_member = value.get(values.byte_offset()..)?.trim_ascii() == "}";
    secret::from_json(text.get()).filter(|_| is_only_member)
}

/// Scheme and authority of a redirect's target. The rest of the target may repeat a secret, as these may. Not parsed as
/// a `Uri`, which would copy it into memory that is not wiped.
fn location_origin(location: &[u8]) -> Option<(&'static str, &str)> {
    let (scheme, rest) = std::str::from_utf8(location).ok()?.split_once("//")?;
    let scheme = ["http:", "https:", ""].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let (_, host_and_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    (!host_and_port.is_empty()).then_some((scheme, host_and_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_shows_only_the_origin_of_its_target() {
        for (location, origin) in [
            ("https://b.test/keys?x-typesense-api-key=k", Some(("https:", "b.test"))),
            ("HTTP://user:password@b.test:8108", Some(("http:", "b.test:8108"))),
            ("https://b.test:8443#k", Some(("https:", "b.test:8443"))),
            ("http://[::1]:8108/", Some(("http:", "[::1]:8108"))),
            ("//b.test#k", Some(("", "b.test"))),
            ("/keys//b.test", None),
            ("https:///keys", None),
            ("keys", None),
            ("", None),
        ] {
            assert_eq!(location_origin(location.as_bytes()), origin, "{location}");
        }
    }

    #[test]
    fn refusal_of_a_typesense_server_is_told_by_its_status_and_message() {
        let forbidden = "Forbidden - a valid `x-typesense-api-key` header must be sent.";
        for status in 400..=599 {
            let texts = [
                None,
                Some(""),
                Some("Forbidden"),
                Some(forbidden),
                Some("Not Found"),
                Some("Not found."),
                Some("API key generation conflict."),
            ];
            for text in texts {
                let expected = match status {
                    400 | 422 => text.is_some(),
                    401 => text == Some(forbidden),
                    404 => matches!(text, Some("Not Found" | "Not found.")),
                    409 => text == Some("API key generation conflict."),
                    408 | 429 | 500.. => true,
                    _ => false,
                };
                assert_eq!(is_from_typesense(status, text), expected, "{status} {text:?}");
            }
        }
        for other in [r#"{"message":"no","code":1}"#, r#"{"error":"no"}"#, r#"["no"]"#, r#"{"message":1}"#, "no", ""]
        {
            assert!(message(other.as_bytes()).is_none(), "{other}");
        }
    }
}
