//! The report of a call: its attempts, and the last response.

use std::fmt;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde::{Serialize, Serializer};

use super::snippet::Quoted;
use crate::operation::Operation;

/// How far an attempt got. The phases are in chronological order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Looking up the node's host name. Nothing was sent.
    Resolve,
    /// Opening the connection, to the node or through a proxy. Nothing was sent.
    Connect,
    /// Negotiating TLS and checking the certificate. No part of the request was sent.
    Handshake,
    /// Sending the request. The server may have received it.
    Send,
    /// Waiting for the response to begin. The server may have acted.
    AwaitResponse,
    /// Reading the response. The server may have acted.
    ReadResponse,
}

impl Phase {
    /// Whether the server cannot have received any part of the request.
    pub(crate) fn is_before_sending(self) -> bool {
        self <= Self::Handshake
    }
}

/// Completes "… while": `connecting`, `waiting for the response`.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the host",
            Self::Connect => "connecting",
            Self::Handshake => "negotiating TLS",
            Self::Send => "sending the request",
            Self::AwaitResponse => "waiting for the response",
            Self::ReadResponse => "reading the response",
        })
    }
}

/// One attempt of a call: one request to one node.
#[derive(Clone, Serialize)]
pub struct Attempt {
    /// The node, as `scheme://host[:port][/path]`.
    pub node: String,
    /// What the attempt was doing when it ended.
    pub phase: Phase,
    /// The result in a few words, such as `connection refused` or `status 500`.
    pub result: String,
    #[serde(skip)]
    pub(crate) started: Instant,
    /// How long the attempt took.
    #[serde(rename = "seconds", serialize_with = "in_seconds")]
    pub elapsed: Duration,
}

fn in_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// `http://127.0.0.1:8108: connection refused after 213.4µs`
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} after {:.1?}", self.node, self.result, self.elapsed)
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, phase, result, started: _, elapsed } = self;
        f.debug_struct("Attempt")
            .field("node", node)
            .field("phase", phase)
            .field("result", result)
            .field("elapsed", elapsed)
            .finish()
    }
}

/// The report of a call: every attempt with its node, and the last response.
///
/// Contains no secret: texts from the server are truncated, and masked where they repeat a key's value. `{:?}` counts
/// the attempts, and `{:#?}` shows all of them.
pub struct CallReport(pub(crate) Box<Details>);

pub(crate) struct Details {
    pub(crate) operation: Operation,
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) quoted: Quoted,
    pub(crate) attempts: Vec<Attempt>,
    /// The value of the key that an earlier call may have created.
    pub(crate) earlier: Option<SecretString>,
}

impl CallReport {
    /// The node of the last attempt, as `scheme://host[:port][/path]`.
    pub fn node(&self) -> &str {
        self.0.attempts.last().map_or("", |attempt| &attempt.node)
    }

    /// The HTTP status of the last response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The `Content-Type` of the last response, if it named one.
    pub fn content_type(&self) -> Option<&str> {
        Some(self.0.quoted.content_type.as_str()).filter(|text| !text.is_empty())
    }

    /// The message of the last response, or the beginning of its body: at most 200 characters.
    pub fn message(&self) -> Option<&str> {
        Some(self.0.quoted.message.as_str()).filter(|text| !text.is_empty())
    }

    /// Every attempt of the call, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// How long the call took, from the start of its first attempt to the end of its last.
    pub fn elapsed(&self) -> Duration {
        let (Some(first), Some(last)) = (self.attempts().first(), self.attempts().last()) else {
            return Duration::ZERO;
        };
        last.started.saturating_duration_since(first.started) + last.elapsed
    }

    pub(super) fn last_result(&self) -> &str {
        self.0.attempts.last().map_or("not tried", |attempt| &attempt.result)
    }

    /// The hint in the text of a 401: what is odd about the client's key, or the rarer causes.
    pub(super) fn key_hint(&self) -> String {
        const RARER: &str =
            "the server does not say which; if only some requests fail, the nodes may have different bootstrap keys";
        self.0.quoted.oddity.map_or(RARER.to_owned(), |oddity| format!("note that it {oddity}"))
    }

    /// `422: Could not parse that.`
    pub(super) fn status_and_message(&self) -> String {
        let status = self.status().map(|status| status.to_string()).unwrap_or_default();
        let question = if self.status() == Some(404) { "; is the path of the node's address right?" } else { "" };
        format!("{status}: {}{question}", self.message().unwrap_or("no reason given"))
    }

    /// ` (text/html): "<html>…"`, or the part of it that is known.
    pub(super) fn quotation(&self) -> String {
        let content_type = self.content_type().map(|text| format!(" ({text})")).unwrap_or_default();
        let message = self.message().map(|text| format!(": \"{text}\"")).unwrap_or_default();
        content_type + &message
    }

    /// The end of an error's text: the wait that the server asked for, and the number and duration of the attempts, if
    /// there was more than one.
    pub(super) fn tail(&self) -> String {
        const SHOWN: usize = 3;
        let wait =
            self.0.retry_after.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default();
        let attempts = self.attempts();
        let earlier_call = match self.0.earlier {
            Some(_) => "; an earlier call may have created the key, whose value is in this error",
            None => "",
        };
        if attempts.len() < 2 {
            return wait + earlier_call;
        }
        let (count, elapsed) = (attempts.len(), self.elapsed());
        let shown = joined(attempts.get(count.saturating_sub(SHOWN)..).unwrap_or_default());
        let which = if count > SHOWN { ", the last of them" } else { "" };
        format!("{wait} ({count} attempts in {elapsed:.1?}{which}: {shown}){earlier_call}")
    }
}

impl fmt::Debug for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { operation, status, retry_after, quoted: _, attempts, earlier: _ } = &*self.0;
        let is_long = f.alternate();
        let mut report = f.debug_struct("CallReport");
        report
            .field("operation", &format_args!("{operation}"))
            .field("status", status)
            .field("retry_after", retry_after)
            .field("content_type", &self.content_type())
            .field("message", &self.message());
        if is_long {
            report.field("attempts", attempts);
        } else {
            report.field("attempts", &attempts.len()).field("last", &attempts.last());
        }
        report.finish()
    }
}

/// Items separated by commas.
pub(crate) fn joined(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
