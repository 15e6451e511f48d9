//! One attempt at one operation on one node: bytes out, an answer or a [`AttemptError`] back.

mod agent;
mod attempt_error;
mod connect;
mod deadline;
mod decode;
mod exchange;
#[cfg(fuzzing)]
pub mod fuzzing;
mod response;
#[cfg(feature = "tls")]
mod tls;
mod transport;

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use ureq::{Agent, Body, SendBody, http::Response};

pub(crate) use self::attempt_error::{AttemptError, ServerEffect};
use self::decode::Answer;
pub(crate) use self::decode::DecodeError;
use self::exchange::{Exchange, enter};
use self::response::{FILLER, ReplyHead};
#[cfg(feature = "tls")]
pub(crate) use self::tls::Trust;
use crate::Error;
use crate::error::{Phase, Snippet};
use crate::node::Node;
use crate::operation::{Method, Operation};
use crate::secret::SecretBuf;

/// The most bytes that are taken of any answer but a list: a Typesense server's are below 1 KiB plus a key's scope.
const MAX_ANSWER: u64 = 1024 * 1024;

/// The most bytes of an error answer that are looked at.
const MAX_ERROR: u64 = 64 * 1024;

/// What makes the requests: connections that are shared by all threads, and the key that all of them carry.
pub(crate) struct Http {
    agent: Agent,
    api_key: Arc<SecretString>,
}

/// Until when an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) connect_by: Instant,
    pub(crate) finish_by: Instant,
}

impl Http {
    pub(crate) fn new(
        api_key: Arc<SecretString>,
        #[cfg(feature = "tls")] trust: &Trust,
        proxy_from_env: bool,
    ) -> Result<Self, Error> {
        let proxy = if proxy_from_env { agent::proxy_from_env()? } else { None };
        let agent = agent::agent(
            #[cfg(feature = "tls")]
            trust,
            proxy,
        )?;
        Ok(Self { agent, api_key })
    }

    /// Makes one request, and decodes the answer with `decode` if its status is that of success.
    ///
    /// `value` is the secret that `body` holds besides the client's key: it is kept out of errors.
    pub(crate) fn attempt<T>(
        &self,
        node: &Node,
        operation: Operation,
        limits: Deadlines,
        body: SecretBuf,
        value: Option<&SecretString>,
        decode: impl FnOnce(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, AttemptError> {
        let mut reply = self.send(node, operation, limits, body)?;
        let limit = if reply.status == operation.success() { MAX_ANSWER } else { MAX_ERROR };
        let mut content = SecretBuf::default();
        let is_complete = reply.read_to(&mut content, limit)?;
        let secrets = [Some(&*self.api_key), value];
        reply.answer(content.as_slice(), is_complete, limit, &secrets).decode(decode)
    }

    /// Makes one request; if the status is that of success, the body is the caller's to read.
    pub(crate) fn open(&self, node: &Node, operation: Operation, limits: Deadlines) -> Result<Reply, AttemptError> {
        let mut reply = self.send(node, operation, limits, SecretBuf::default())?;
        if reply.status == operation.success() && !reply.head().is_compressed() {
            return Ok(reply);
        }
        let mut content = SecretBuf::default();
        let is_complete = reply.read_to(&mut content, MAX_ERROR)?;
        Err(reply.answer(content.as_slice(), is_complete, MAX_ERROR, &[Some(&*self.api_key)]).refusal())
    }

    /// Sends the request and waits for the head of the reply.
    fn send(
        &self,
        node: &Node,
        operation: Operation,
        limits: Deadlines,
        body: SecretBuf,
    ) -> Result<Reply, AttemptError> {
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
        Reply::new(node, operation, exchange, result)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agent: _, api_key: _ } = self;
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

/// A reply whose head has arrived.
pub(crate) struct Reply {
    node: Box<str>,
    operation: Operation,
    status: u16,
    exchange: Option<Box<Exchange>>,
    /// Filler; reading it makes the transport fetch the real bytes.
    body: Body,
}

impl Reply {
    fn new(
        node: &Node,
        operation: Operation,
        exchange: Option<Box<Exchange>>,
        result: Result<Response<Body>, ureq::Error>,
    ) -> Result<Self, AttemptError> {
        match result {
            Ok(response) => {
                let status = response.status().as_u16();
                Ok(Self { node: node.origin().into(), operation, status, exchange, body: response.into_parts().1 })
            }
            Err(error) => Err(attempt_error(exchange.as_deref(), |phase| AttemptError::from_ureq(error, phase))),
        }
    }

    /// A response whose body is there already.
    #[cfg(test)]
    pub(crate) fn of_bytes(node: &Node, operation: Operation, body: &[u8]) -> Self {
        let mut incoming = SecretBuf::default();
        incoming.extend(body);
        let exchange = Some(Box::new(Exchange {
            api_key: Arc::new(SecretString::default()),
            outgoing: SecretBuf::default(),
            head: Vec::new(),
            connect_by: Instant::now(),
            finish_by: Instant::now(),
            phase: Phase::ReadResponse,
            tunnelling: false,
            reply: ReplyHead::NONE,
            incoming,
            fault: None,
        }));
        let nothing = Body::builder().data(Vec::new());
        Self { node: node.origin().into(), operation, status: operation.success(), exchange, body: nothing }
    }

    fn answer<'a>(
        &'a self,
        content: &'a [u8],
        is_complete: bool,
        limit: u64,
        secrets: &'a [Option<&'a SecretString>],
    ) -> Answer<'a> {
        let Self { operation, status, .. } = *self;
        Answer { operation, status, head: self.head(), content, is_complete, limit, secrets }
    }

    /// Reads on until more of the body is there, and adds that to `content`; `false` at the body's end.
    pub(crate) fn read_more(&mut self, content: &mut SecretBuf, finish_by: Instant) -> Result<bool, AttemptError> {
        // Some may have come with the head.
        if let Some(exchange) = &mut self.exchange {
            exchange.finish_by = finish_by;
            if exchange.incoming.as_slice().is_empty() && !self.fetch()? {
                return Ok(false);
            }
        }
        if let Some(exchange) = &mut self.exchange {
            content.extend(exchange.incoming.as_slice());
            exchange.incoming.clear();
        }
        Ok(true)
    }

    /// The error that a body is which cannot be decoded from `rest` on.
    pub(crate) fn undecodable(&self, why: DecodeError, rest: &[u8], value: Option<&SecretString>) -> AttemptError {
        let api_key = self.exchange.as_deref().map(|exchange| &*exchange.api_key);
        self.answer(rest, true, 0, &[api_key, value]).undecodable(why)
    }

    /// The node that answers.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    fn head(&self) -> &ReplyHead {
        const NONE: &ReplyHead = &ReplyHead::NONE;
        self.exchange.as_deref().map_or(NONE, |exchange| &exchange.reply)
    }

    /// Reads on until some of the body is there; `false` at its end.
    fn fetch(&mut self) -> Result<bool, AttemptError> {
        // Small: to clear it for each read is a cost that shows.
        let mut filler = [0; 1024];
        while let Some(exchange) = self.exchange.take() {
            let (exchange, result) = enter(exchange, || self.body.as_reader().read(&mut filler));
            self.exchange = exchange;
            match result {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    return Err(attempt_error(self.exchange.as_deref(), |phase| AttemptError::from_io(error, phase)));
                }
            }
            if self.exchange.as_ref().is_some_and(|exchange| !exchange.incoming.as_slice().is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the whole body; `false` if it is longer than `limit`, of which there is then as much in `content`.
    fn read_to(&mut self, content: &mut SecretBuf, limit: u64) -> Result<bool, AttemptError> {
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

fn attempt_error(exchange: Option<&Exchange>, other: impl FnOnce(Phase) -> AttemptError) -> AttemptError {
    match exchange.and_then(|exchange| exchange.fault) {
        Some(fault) => AttemptError::Unexpected {
            status: None,
            content_type: Snippet::default(),
            message: Snippet::default(),
            result: fault.as_str().to_owned(),
            source: None,
        },
        None => other(exchange.map_or(Phase::Send, |exchange| exchange.phase)),
    }
}

/// How long an attempt may take, by default.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long opening a connection may take, by default.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
