//! One attempt at one operation on one node: bytes out, an answer or a [`Trouble`] back.

mod agent;
mod connect;
mod exchange;
mod punctual;
mod reply;
mod swap;
#[cfg(feature = "tls")]
mod tls;
mod trouble;

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use ureq::{Agent, Body, SendBody, http::Response};

use self::exchange::{Exchange, enter};
use self::reply::{FILLER, ReplyHead};
#[cfg(feature = "tls")]
pub(crate) use self::tls::Trust;
pub(crate) use self::trouble::{Fate, Trouble};
use crate::Error;
use crate::error::{Phase, Snippet};
use crate::node::Node;
use crate::operation::{Method, Operation};
use crate::secret::{self, SecretBuf};

/// The most bytes that are taken of any answer but a list: a Typesense server's are below 1 KiB plus a key's scope.
const MAX_ANSWER: u64 = 1024 * 1024;

/// The most bytes of an error answer that are looked at.
const MAX_ERROR: u64 = 64 * 1024;

/// What makes the requests: connections that are shared by all threads, and the key that all of them carry.
pub(crate) struct Http {
    agent: Agent,
    api_key: Arc<SecretString>,
    pub(crate) max_list_size: u64,
}

/// Until when an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connect_by: Instant,
    pub(crate) finish_by: Instant,
}

impl Http {
    pub(crate) fn new(
        api_key: Arc<SecretString>,
        #[cfg(feature = "tls")] trust: &Trust,
        proxy_from_env: bool,
        max_list_size: u64,
    ) -> Result<Self, Error> {
        let proxy = if proxy_from_env { agent::proxy_from_env()? } else { None };
        let agent = agent::agent(
            #[cfg(feature = "tls")]
            trust,
            proxy,
        )?;
        Ok(Self { agent, api_key, max_list_size })
    }

    /// Makes one request, and decodes the answer with `decode` if its status is that of success.
    ///
    /// `value` is the secret that `body` holds besides the client's key: it is kept out of errors.
    pub(crate) fn attempt<T>(
        &self,
        node: &Node,
        operation: Operation,
        limits: Limits,
        body: SecretBuf,
        value: Option<&SecretString>,
        decode: impl FnOnce(&[u8]) -> Result<T, Undecodable>,
    ) -> Result<T, Trouble> {
        let secrets = || [Some(&*self.api_key), value].into_iter().flatten();
        let mut reply = self.send(node, operation, limits, body)?;
        let status = reply.status;
        let limit = match operation {
            _ if status != operation.success() => MAX_ERROR,
            Operation::List => self.max_list_size,
            _ => MAX_ANSWER,
        };
        let snippet = |bytes: &[u8]| Snippet::new(bytes, secrets());
        let mut content = SecretBuf::default();
        let complete = reply.read_to(&mut content, limit)?;
        let head = reply.head();
        // Costs more than all the rest: only on the way to an error.
        let content_type = || snippet(&head.content_type);
        let is_compressed =
            !head.content_encoding.is_empty() && !head.content_encoding.eq_ignore_ascii_case(b"identity");
        let is_quotable = !is_compressed && !may_hold_new_value(operation, status, content.as_slice());
        let quotable = if is_quotable { content.as_slice() } else { &[] };
        let unexpected = |result: String, source: Option<Undecodable>| Trouble::Unexpected {
            status: Some(status),
            content_type: content_type(),
            message: snippet(quotable),
            result,
            source: source.map(Into::into),
        };
        if status == operation.success() {
            if is_compressed {
                return Err(unexpected("the answer is compressed, which was not asked for".to_owned(), None));
            }
            if !complete {
                return Err(Trouble::TooLarge { limit });
            }
            return decode(content.as_slice())
                .map_err(|why| unexpected(format!("status {status} with an answer that is {why}"), Some(why)));
        }
        match status {
            // These two can turn a doubt into a certainty, so a proxy's page must not pass for them.
            404 | 409 if message(content.as_slice()).is_none() => {
                Err(unexpected(format!("status {status} without a Typesense server's message"), None))
            }
            400..=599 => {
                let words = message(quotable);
                let message = snippet(words.as_ref().map_or(quotable, |words| words.expose_secret().as_bytes()));
                Err(Trouble::Status { status, content_type: content_type(), message, retry_after: head.retry_after })
            }
            300..=399 => {
                let host = location_host(&head.location);
                let host = Snippet::new(host.as_bytes(), secrets());
                let result = format!("status {status}, a redirect to `{host}`, which is not followed");
                Err(Trouble::Unexpected {
                    status: Some(status),
                    content_type: content_type(),
                    // The body of a redirect repeats its target.
                    message: Snippet::default(),
                    result,
                    source: None,
                })
            }
            _ => Err(unexpected(format!("status {status}, where {} was expected", operation.success()), None)),
        }
    }

    /// Sends the request and waits for the head of the reply.
    fn send(&self, node: &Node, operation: Operation, limits: Limits, body: SecretBuf) -> Result<Reply, Trouble> {
        let url = node.url(&operation.path());
        let length = body.as_slice().len() as u64;
        let exchange = Box::new(Exchange {
            api_key: Arc::clone(&self.api_key),
            outgoing: body,
            head: Vec::new(),
            connect_by: limits.connect_by,
            finish_by: limits.finish_by,
            phase: Phase::Resolve,
            tunnelling: false,
            reply: ReplyHead::NONE,
            incoming: SecretBuf::default(),
            fault: None,
        });
        let (exchange, result) = enter(exchange, || match operation.method() {
            Method::Get => self.agent.get(url).call(),
            Method::Delete => self.agent.delete(url).call(),
            Method::Post => self
                .agent
                .post(url)
                .header("content-type", "application/json")
                .header("content-length", length)
                .send(SendBody::from_owned_reader(io::repeat(FILLER).take(length))),
        });
        Reply::new(exchange, result)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agent: _, api_key: _, max_list_size } = self;
        f.debug_struct("Http").field("max_list_size", max_list_size).finish_non_exhaustive()
    }
}

/// A reply whose head has arrived.
struct Reply {
    status: u16,
    exchange: Option<Box<Exchange>>,
    /// Filler; reading it makes the transport fetch the real bytes.
    body: Body,
}

impl Reply {
    fn new(exchange: Option<Box<Exchange>>, result: Result<Response<Body>, ureq::Error>) -> Result<Self, Trouble> {
        match result {
            Ok(response) => Ok(Self { status: response.status().as_u16(), exchange, body: response.into_parts().1 }),
            Err(error) => Err(trouble(exchange.as_deref(), |phase| Trouble::from_ureq(error, phase))),
        }
    }

    fn head(&self) -> &ReplyHead {
        const NONE: &ReplyHead = &ReplyHead::NONE;
        self.exchange.as_deref().map_or(NONE, |exchange| &exchange.reply)
    }

    /// Reads on until some of the body is there; `false` at its end.
    fn fetch(&mut self) -> Result<bool, Trouble> {
        // Small: to clear it for each read is a cost that shows.
        let mut filler = [0; 1024];
        while let Some(exchange) = self.exchange.take() {
            let (exchange, result) = enter(exchange, || self.body.as_reader().read(&mut filler));
            self.exchange = exchange;
            match result {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(trouble(self.exchange.as_deref(), |phase| Trouble::from_io(error, phase))),
            }
            if self.exchange.as_ref().is_some_and(|exchange| !exchange.incoming.as_slice().is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the whole body; `false` if it is longer than `limit`, of which there is then as much in `content`.
    fn read_to(&mut self, content: &mut SecretBuf, limit: u64) -> Result<bool, Trouble> {
        loop {
            if let Some(exchange) = &mut self.exchange {
                let arrived = exchange.incoming.as_slice();
                let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(content.as_slice().len());
                if let Some(fitting) = arrived.get(..room).filter(|_| arrived.len() > room) {
                    content.extend(fitting);
                    return Ok(false);
                }
                content.extend(arrived);
                exchange.incoming.clear();
            }
            if !self.fetch()? {
                return Ok(true);
            }
        }
    }
}

fn trouble(exchange: Option<&Exchange>, other: impl FnOnce(Phase) -> Trouble) -> Trouble {
    match exchange.and_then(|exchange| exchange.fault) {
        Some(fault) => Trouble::Unexpected {
            status: None,
            content_type: Snippet::default(),
            message: Snippet::default(),
            result: fault.as_str().to_owned(),
            source: None,
        },
        None => other(exchange.map_or(Phase::Send, |exchange| exchange.phase)),
    }
}

/// Why an answer could not be decoded. Of the JSON parser's own words only the place is kept: they repeat what they
/// could not read, which may be a key.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Undecodable {
    #[error("not JSON (line {line}, column {column})")]
    Syntax { line: usize, column: usize },
    #[error("JSON of another shape (line {line}, column {column})")]
    Shape { line: usize, column: usize },
    #[error("about another key than the one asked for")]
    AnotherKey,
    #[error("without the key's value")]
    NoValue,
}

impl From<serde_json::Error> for Undecodable {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::Shape { line, column } } else { Self::Syntax { line, column } }
    }
}

/// Whether an answer may hold the value of a key that was just created. A value that the server drew is not known
/// here, and so cannot be covered in a quotation.
fn may_hold_new_value(operation: Operation, status: u16, content: &[u8]) -> bool {
    const FIELD: &[u8] = b"\"value\"";
    matches!(operation, Operation::Create { .. })
        && (status < 300 || content.windows(FIELD.len()).any(|part| part == FIELD))
}

/// The server's own words, if the answer is `{"message": "…"}`. A secret, as they may repeat one.
fn message(content: &[u8]) -> Option<SecretString> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        message: &'a RawValue,
    }
    serde_json::from_slice(content).ok().and_then(|Message { message }| secret::from_json(message.get()))
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

/// How long an attempt may take, by default.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long opening a connection may take, by default.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
