//! What a call met on the wire: the last attempt's story, and a line for each attempt.

use std::fmt;
use std::time::Duration;

use super::snippet::Snippet;
use crate::operation::Operation;

/// What an attempt was doing when it ended; the order is that in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Looking up the node's host name. Nothing was sent.
    Resolve,
    /// Opening the connection, to the node or through a proxy. Nothing was sent.
    Connect,
    /// Agreeing on encryption, and checking the certificate. No part of the request was sent.
    Handshake,
    /// Sending the request. The server may have it.
    Send,
    /// Waiting for the reply to begin. The server may have acted.
    AwaitResponse,
    /// Reading the reply. The server may have acted.
    ReadResponse,
}

impl Phase {
    /// Whether the server cannot have seen any of the request.
    #[must_use]
    pub fn is_before_sending(self) -> bool {
        matches!(self, Self::Resolve | Self::Connect | Self::Handshake)
    }
}

/// As the end of "… while ": `connecting`, `waiting for the reply`.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the host",
            Self::Connect => "connecting",
            Self::Handshake => "agreeing on encryption",
            Self::Send => "sending the request",
            Self::AwaitResponse => "waiting for the reply",
            Self::ReadResponse => "reading the reply",
        })
    }
}

/// One attempt of a call: one request to one node.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(crate) node: Box<str>,
    pub(crate) phase: Phase,
    pub(crate) result: Box<str>,
    pub(crate) elapsed: Duration,
}

impl Attempt {
    /// The node that was asked, as `scheme://host:port`.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// How far the attempt got.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What came of it, in a few words, such as `connection refused` or `status 500`.
    #[must_use]
    pub fn result(&self) -> &str {
        &self.result
    }

    /// How long it took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

/// `http://127.0.0.1:8108: connection refused after 0.2 ms`
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} after {:.1?}", self.node, self.result, self.elapsed)
    }
}

/// What a call met on the wire: who was asked, what was answered, and every attempt that was made.
///
/// Holds nothing secret: texts from the server are cut, and covered where they repeat a key.
pub struct CallReport(pub(crate) Box<Details>);

pub(crate) struct Details {
    pub(crate) operation: Operation,
    pub(crate) status: Option<u16>,
    pub(crate) content_type: Snippet,
    pub(crate) message: Snippet,
    pub(crate) attempts: Vec<Attempt>,
}

impl CallReport {
    /// The node that was asked last, as `scheme://host:port`.
    #[must_use]
    pub fn node(&self) -> &str {
        self.0.attempts.last().map_or("", Attempt::node)
    }

    /// The HTTP status of the last answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The `Content-Type` of the last answer, if it named one.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        Some(self.0.content_type.as_str()).filter(|text| !text.is_empty())
    }

    /// What the server said, in its own words or as the beginning of what it answered: at most 200 characters.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        Some(self.0.message.as_str()).filter(|text| !text.is_empty())
    }

    /// Every attempt of the call, in order.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    pub(crate) fn operation(&self) -> Operation {
        self.0.operation
    }

    pub(crate) fn last_result(&self) -> &str {
        self.0.attempts.last().map_or("not tried", Attempt::result)
    }

    /// `422: Could not parse that.`
    pub(crate) fn status_and_message(&self) -> String {
        let status = self.status().map(|status| status.to_string()).unwrap_or_default();
        format!("{status}: {}", self.message().unwrap_or("it gave no reason"))
    }

    /// ` (text/html): "<html>…"`, as far as it is known.
    pub(crate) fn quotation(&self) -> String {
        let content_type = self.content_type().map(|text| format!(" ({text})")).unwrap_or_default();
        let message = self.message().map(|text| format!(": \"{text}\"")).unwrap_or_default();
        content_type + &message
    }

    /// The end of an error's text: the attempts, if there were several.
    pub(crate) fn tail(&self) -> Tail<'_> {
        Tail(self)
    }
}

impl fmt::Debug for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { operation, status, content_type, message, attempts } = &*self.0;
        f.debug_struct("CallReport")
            .field("operation", &format_args!("{operation}"))
            .field("status", status)
            .field("content_type", content_type)
            .field("message", message)
            .field("attempts", attempts)
            .finish()
    }
}

pub(crate) struct Tail<'a>(&'a CallReport);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        let attempts = self.0.attempts();
        if attempts.len() < 2 {
            return Ok(());
        }
        write!(f, " ({} attempts: ", attempts.len())?;
        let hidden = attempts.len().saturating_sub(SHOWN);
        if hidden > 0 {
            write!(f, "{hidden} earlier ones, ")?;
        }
        let shown = attempts.get(hidden..).unwrap_or_default();
        write!(f, "{})", List(shown))
    }
}

/// Attempts, separated by commas.
pub(crate) struct List<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
