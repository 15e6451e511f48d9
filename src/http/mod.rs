//! One attempt of an operation on one node: sends a request, and returns the response or an [`AttemptError`].

mod attempt_error;
mod connect;
mod connection;
mod deadline;
mod exchange;
mod framing;
#[cfg(any(fuzzing, test))]
#[cfg_attr(not(fuzzing), allow(dead_code, unreachable_pub, reason = "unit tests use a part of it"))]
#[path = "tests/fuzzing.rs"]
pub(crate) mod fuzzing;
mod proxy;
mod response;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod transport;

use std::mem;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use secrecy::SecretString;
use ureq::Agent;
use ureq::config::{AutoHeaderValue, Config};

pub(crate) use self::attempt_error::{AttemptError, Cause, ServerEffect};
use self::connect::{DeferredResolver, SwapConnector};
use self::connection::BUFFER;
pub(crate) use self::deadline::{Deadlines, deadline_after};
use self::exchange::{Exchange, Received, enter};
pub(crate) use self::proxy::ProxySource;
pub(crate) use self::response::DecodeError;
use self::response::Response;
pub(crate) use self::tls::TlsSettings;
use crate::error::{Error, Secrets};
use crate::node::Node;
use crate::operation::Operation;
use crate::secret::SecretBuf;

/// The maximum body size of responses other than lists, in bytes. Typesense sends less than 1 KiB plus the key's
/// scope.
const MAX_BODY: usize = 1024 * 1024;

/// How many bytes of an error's body are read at most.
const MAX_ERROR_BODY: usize = 64 * 1024;

const USER_AGENT: &str = concat!("typesense-keys/", env!("CARGO_PKG_VERSION"));

/// Enough for a burst of threads on one client. Further connections are closed after use.
const MAX_IDLE_PER_NODE: usize = 16;

/// Sends requests. All threads share its connections, and all requests carry its key.
pub(crate) struct Http {
    agent: RwLock<Agent>,
    /// Makes another agent with the same settings.
    new_agent: Box<dyn Fn() -> Agent + Send + Sync>,
    /// How errors name the proxy.
    proxy_name: String,
    api_key: Arc<SecretString>,
}

/// Sends requests to nodes. In the model tests of whole operations, a cluster in memory implements it.
pub(crate) trait RequestSender: Send + Sync {
    /// Sends a request, and returns the successful response, whose body the caller reads.
    fn send(
        &self,
        node: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
    ) -> Result<Box<dyn ResponseBody>, AttemptError>;

    /// Makes sure that requests can be sent after a panic in the middle of one.
    fn recover(&self) {}
}

/// The request that each attempt of a call sends.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) operation: Operation,
    pub(crate) body: &'a SecretBuf,
    /// What no error may show.
    pub(crate) secrets: Secrets<'a>,
}

/// The body of a successful response, which the caller reads as it arrives.
pub(crate) trait ResponseBody: Send {
    /// Waits for more of the body, and appends it to `content`. Returns `false` at the end of the body.
    fn read_more(&mut self, content: &mut SecretBuf, finish_by: Instant) -> Result<bool, AttemptError>;

    /// The error for a body that cannot be decoded from `rest` on. The error does not show the `secrets`.
    fn undecodable(&self, why: DecodeError, rest: &[u8], secrets: Secrets<'_>) -> AttemptError;
}

impl Http {
    pub(crate) fn new(api_key: Arc<SecretString>, tls: &TlsSettings, proxy: &ProxySource) -> Result<Self, Error> {
        let no_proxy = proxy.no_proxy();
        let (proxy, proxy_name) = proxy.resolve()?.unzip();
        // The transport enforces the time limits: ureq's limits would start a thread for each request.
        let config = tls
            .apply_to(Config::builder())?
            // Also for a proxy. The transport adds all other headers.
            .user_agent(USER_AGENT)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            // More than rustls decrypts at once, so that no data stays inside rustls, where `is_open` cannot see it.
            .input_buffer_size(2 * BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_connections(MAX_IDLE_PER_NODE * 4)
            .max_idle_connections_per_host(MAX_IDLE_PER_NODE)
            .build();
        let new_agent =
            move || Agent::with_parts(config.clone(), SwapConnector::new(no_proxy.clone()), DeferredResolver);
        let (agent, proxy_name) = (RwLock::new(new_agent()), proxy_name.unwrap_or_default());
        Ok(Self { agent, new_agent: Box::new(new_agent), proxy_name, api_key })
    }

    /// The agent, which is cheap to clone, so that nothing waits for a request.
    fn agent(&self) -> Agent {
        self.agent.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RequestSender for Http {
    fn send(
        &self,
        node: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
    ) -> Result<Box<dyn ResponseBody>, AttemptError> {
        let Request { operation, body, secrets } = request;
        let mut exchange = Exchange::new(Arc::clone(&self.api_key), operation, deadlines);
        exchange.request_body = body.copy();
        let url = node.url(&operation.path());
        let entered = enter(exchange, || match operation {
            Operation::Create { .. } => self.agent().post(url).send_empty(),
            Operation::Get(_) | Operation::List | Operation::Ready => self.agent().get(url).call(),
            Operation::Delete(_) => self.agent().delete(url).call(),
        });
        let (exchange, result) = entered.ok_or(Cause::Reentrant)?;
        let Exchange { api_key, phase, is_tunnelling, response, .. } = *exchange;
        let failed = |error| {
            let error = AttemptError::from_ureq(error, phase);
            if is_tunnelling { error.at_proxy(&self.proxy_name) } else { error }
        };
        let ureq_body = result.map_err(failed)?.into_body();
        let Received { head, content, rest } = response.ok_or_else(|| failed(ureq::Error::ConnectionFailed))?;
        let is_https = node.is_https();
        let response = Response { operation, is_https, head, content, rest, ureq_body, api_key };
        if response.is_success() { Ok(Box::new(response)) } else { Err(response.refusal(secrets)) }
    }

    /// Begins anew without connections: ureq calls the logger while it holds the lock of its pool, so a panic there would
    /// make every later request panic, too.
    fn recover(&self) {
        // Dropped after the lock is released, because it closes its connections.
        let _old = mem::replace(&mut *self.agent.write().unwrap_or_else(PoisonError::into_inner), (self.new_agent)());
    }
}
