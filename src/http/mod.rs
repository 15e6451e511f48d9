//! One attempt of an operation on one node: sends a request, and returns the response or an [`AttemptError`].

mod agent;
mod attempt_error;
mod body;
mod connect;
mod connection;
mod decode;
mod exchange;
#[cfg(any(fuzzing, test))]
#[cfg_attr(not(fuzzing), allow(dead_code, unreachable_pub, reason = "unit tests use a part of it"))]
pub(crate) mod fuzzing;
mod proxy;
mod response;
mod stream;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod transport;

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use ureq::Agent;

pub(crate) use self::attempt_error::{AttemptError, Cause, ServerEffect};
pub(crate) use self::decode::DecodeError;
use self::decode::Response;
use self::exchange::{Exchange, Received, enter};
pub(crate) use self::proxy::ProxySource;
use self::stream::ResponseStream;
#[cfg(feature = "tls")]
pub(crate) use self::tls::TlsSettings;
use crate::error::Error;
use crate::node::Node;
use crate::operation::Operation;
use crate::secret::SecretBuf;

/// The maximum body size of responses other than lists, in bytes. Typesense sends less than 1 KiB plus the key's
/// scope.
const MAX_BODY: usize = 1024 * 1024;

/// How many bytes of an error's body are read at most.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Sends requests. All threads share its connections, and all requests carry its key.
pub(crate) struct Http {
    agent: Agent,
    api_key: Arc<SecretString>,
}

/// Makes one attempt on one node. In the model tests of whole operations, a cluster in memory implements it.
pub(crate) trait Transport: Send + Sync {
    /// Sends a request, and passes the body of a successful response to `decode`.
    fn attempt(
        &self,
        node: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
        decode: &mut dyn FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), AttemptError>;

    /// Requests the list of keys. The caller reads the body of a successful response. Errors do not show the `secrets`.
    fn open_list(
        &self,
        node: &Node,
        deadlines: Deadlines,
        secrets: &[&SecretString],
    ) -> Result<Box<dyn ResponseBody>, AttemptError>;
}

/// The request that each attempt of a call sends.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) operation: Operation,
    pub(crate) body: &'a SecretBuf,
    /// The value that the server may know from this call. No error may show it.
    pub(crate) secret: Option<&'a SecretString>,
}

impl<'a> Request<'a> {
    /// A request without a body.
    pub(crate) const fn bodiless(operation: Operation, secret: Option<&'a SecretString>) -> Self {
        const NO_BODY: &SecretBuf = &SecretBuf::new();
        Self { operation, body: NO_BODY, secret }
    }
}

/// The body of a successful response, which the caller reads as it arrives.
pub(crate) trait ResponseBody: Send {
    /// Waits for more of the body, and appends it to `content`. Returns `false` at the end of the body.
    fn read_more(&mut self, content: &mut SecretBuf, finish_by: Instant) -> Result<bool, AttemptError>;

    /// The error for a body that cannot be decoded from `rest` on. The error does not show the `secrets`.
    fn undecodable(&self, why: DecodeError, rest: &[u8], secrets: &[&SecretString]) -> AttemptError;

    /// The node that sends the response.
    fn node(&self) -> &str;
}

/// The deadlines of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) connect_by: Instant,
    pub(crate) finish_by: Instant,
}

/// `duration` after `now`, capped at a year so that an [`Instant`] can represent it.
pub(crate) fn deadline_after(now: Instant, duration: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    now.checked_add(duration.min(YEAR)).unwrap_or(now)
}

impl Http {
    pub(crate) fn new(
        api_key: Arc<SecretString>,
        #[cfg(feature = "tls")] tls: &TlsSettings,
        proxy: ProxySource<'_>,
    ) -> Result<Self, Error> {
        let agent = agent::agent(
            #[cfg(feature = "tls")]
            tls,
            proxy,
        )?;
        Ok(Self { agent, api_key })
    }

    /// Sends the request and receives the response. The `ureq::Body` matters only for a streamed response.
    fn send(&self, node: &Node, exchange: Box<Exchange>) -> Result<(Received, ureq::Body), AttemptError> {
        let operation = exchange.operation;
        let url = node.url(&operation.path());
        let entered = enter(exchange, || match operation {
            Operation::Create { .. } => self.agent.post(url).content_type("application/json").send_empty(),
            Operation::Get(_) | Operation::List => self.agent.get(url).call(),
            Operation::Delete(_) => self.agent.delete(url).call(),
        });
        let (exchange, result) = entered.ok_or(Cause::Reentrant)?;
        let failed = |error| AttemptError::from_ureq(error, exchange.phase);
        let response = result.map_err(failed)?;
        let received = exchange.response.ok_or_else(|| failed(ureq::Error::ConnectionFailed))?;
        Ok((received, response.into_body()))
    }
}

impl Transport for Http {
    fn attempt(
        &self,
        node: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
        decode: &mut dyn FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), AttemptError> {
        let Request { operation, body, secret } = request;
        let mut exchange = Exchange::new(Arc::clone(&self.api_key), operation, deadlines);
        exchange.request_body = body.copy();
        let (received, _) = self.send(node, exchange)?;
        let Received { head, content, rest: _ } = received;
        let (content, secrets) = (content.as_slice(), secret.as_slice());
        Response { operation, head: &head, content, api_key: &self.api_key, secrets }.decode(decode)
    }

    fn open_list(
        &self,
        node: &Node,
        deadlines: Deadlines,
        secrets: &[&SecretString],
    ) -> Result<Box<dyn ResponseBody>, AttemptError> {
        let operation = Operation::List;
        let exchange = Exchange::new(Arc::clone(&self.api_key), operation, deadlines);
        let (received, ureq_body) = self.send(node, exchange)?;
        let Received { head, content, rest } = received;
        if rest.is_some() {
            let (node, api_key) = (node.origin().into(), Arc::clone(&self.api_key));
            return Ok(Box::new(ResponseStream { node, api_key, head, body: rest, ureq_body }));
        }
        let content = content.as_slice();
        Err(Response { operation, head: &head, content, api_key: &self.api_key, secrets }.refusal())
    }
}
