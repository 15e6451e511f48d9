//! What an answer means: the one table from its status and body to a decoded value or a [`AttemptError`].

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::attempt_error::AttemptError;
use super::response::ReplyHead;
use crate::error::Snippet;
use crate::json::from_object;
use crate::operation::Operation;
use crate::secret;

pub(super) struct Answer<'a> {
    pub(super) operation: Operation,
    pub(super) status: u16,
    pub(super) head: &'a ReplyHead,
    pub(super) content: &'a [u8],
    /// Whether `content` is all of it, and not just as much as `limit` bytes.
    pub(super) is_complete: bool,
    pub(super) limit: u64,
    /// What must not be in an error.
    pub(super) secrets: &'a [Option<&'a SecretString>],
}

impl Answer<'_> {
    /// Decodes the content with `decode` if the status is that of success.
    pub(super) fn decode<T>(&self, decode: impl FnOnce(&[u8]) -> Result<T, DecodeError>) -> Result<T, AttemptError> {
        if self.status != self.operation.success() || self.head.is_compressed() {
            return Err(self.refusal());
        }
        if !self.is_complete {
            return Err(AttemptError::TooLarge { limit: self.limit });
        }
        decode(self.content).map_err(|why| self.undecodable(why))
    }

    /// What an answer means that is not a success, or one that cannot be read.
    pub(super) fn refusal(&self) -> AttemptError {
        let Self { operation, status, .. } = *self;
        let words = message(self.quotable());
        match (status, words) {
            (status, _) if status == operation.success() => {
                self.unexpected("the answer is compressed, which was not asked for", None)
            }
            // These two can turn a doubt into a certainty, so nothing else must pass for them: not a proxy's page, and
            // not the server's `Not Found` for a route that it does not have.
            (404, words) if operation.key_id().is_some() && !says(words.as_ref(), "Not found.") => {
                self.unexpected("status 404, but not about a key (is the path in the node's address right?)", None)
            }
            (409, None) => self.unexpected("status 409 without a Typesense server's message", None),
            (400..=599, words) => AttemptError::Status {
                status,
                content_type: self.snippet(&self.head.content_type),
                message: words.map_or_else(
                    || self.snippet(self.quotable()),
                    |words| self.snippet(words.expose_secret().as_bytes()),
                ),
                retry_after: self.head.retry_after,
            },
            (300..=399, _) if !self.head.location.is_empty() => {
                let host = self.snippet(location_host(&self.head.location).as_bytes());
                self.unexpected(format!("status {status}, a redirect to `{host}`, which is not followed"), None)
            }
            _ => self.unexpected(format!("status {status}, where {} was expected", operation.success()), None),
        }
    }

    pub(super) fn undecodable(&self, why: DecodeError) -> AttemptError {
        self.unexpected(format!("status {} with an answer that is {why}", self.status), Some(why))
    }

    fn unexpected(&self, result: impl Into<String>, source: Option<DecodeError>) -> AttemptError {
        AttemptError::Unexpected {
            status: Some(self.status),
            content_type: self.snippet(&self.head.content_type),
            message: self.snippet(self.quotable()),
            result: result.into(),
            source: source.map(Into::into),
        }
    }

    fn snippet(&self, bytes: &[u8]) -> Snippet {
        Snippet::new(bytes, self.secrets.iter().copied().flatten())
    }

    /// As much of the content as may be shown, its secrets covered.
    fn quotable(&self) -> &[u8] {
        let is_redirect = (300..400).contains(&self.status);
        // The body of a redirect repeats its target, of which only the host is shown.
        if is_redirect || self.head.is_compressed() || self.may_hold_new_value() { &[] } else { self.content }
    }

    /// Whether the content may hold the value of a key that was just created. A value that the server drew is not
    /// known here, and so cannot be covered in a quotation.
    fn may_hold_new_value(&self) -> bool {
        const FIELD: &[u8] = b"\"value\"";
        matches!(self.operation, Operation::Create { .. })
            && (self.status < 300 || self.content.windows(FIELD.len()).any(|part| part == FIELD))
    }
}

/// Why an answer could not be decoded. Of the JSON parser's own words only the place is kept: they repeat what they
/// could not read, which may be a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DecodeError {
    Syntax { line: usize, column: usize },
    Shape { line: usize, column: usize },
    SyntaxAfter { keys: usize },
    ShapeAfter { keys: usize },
    TooManyElements { keys: usize },
    AnotherKey,
    NoValue,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, column } => write!(f, "not JSON (line {line}, column {column})"),
            Self::Shape { line, column } => write!(f, "JSON of another shape (line {line}, column {column})"),
            Self::SyntaxAfter { keys } => write!(f, "not JSON (after {keys} keys)"),
            Self::ShapeAfter { keys } => write!(f, "JSON of another shape (after {keys} keys)"),
            Self::TooManyElements { keys } => write!(f, "JSON with too many elements in one key (after {keys} keys)"),
            Self::AnotherKey => f.write_str("about another key than the one asked for"),
            Self::NoValue => f.write_str("without the key's value"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::Shape { line, column } } else { Self::Syntax { line, column } }
    }
}

/// The server's own words, if the answer is `{"message": "…"}`. A secret, as they may repeat one.
fn message(content: &[u8]) -> Option<SecretString> {
    struct Message<'a> {
        message: &'a RawValue,
    }
    from_object!(Message<'de> { message: "message" });
    serde_json::from_slice(content).ok().and_then(|Message { message }| secret::from_json(message.get()))
}

fn says(words: Option<&SecretString>, text: &str) -> bool {
    words.is_some_and(|words| words.expose_secret() == text)
}

/// Only the host: the rest of a redirect's target may repeat what it should not.
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
    fn of_a_redirect_only_the_host_is_kept() {
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
