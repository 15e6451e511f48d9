//! The data that one attempt passes to the transport and back, without ureq seeing it.
//!
//! ureq does not tell the transport which request it works on, but it always calls it in the thread of the request.
//! So the exchange is in a thread-local slot while ureq works on the request.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use secrecy::SecretString;

use super::Deadlines;
use super::connection::{Body, Connection};
use super::framing::Head;
use crate::error::Phase;
use crate::operation::Operation;
use crate::secret::SecretBuf;

pub(super) struct Exchange {
    pub(super) api_key: Arc<SecretString>,
    pub(super) operation: Operation,
    pub(super) deadlines: Deadlines,
    /// The part of the request's head that ureq has written.
    pub(super) request_head: Vec<u8>,
    pub(super) request_body: SecretBuf,
    pub(super) phase: Phase,
    /// Whether the connection to a proxy is being opened.
    pub(super) is_tunnelling: bool,
    pub(super) response: Option<Received>,
    /// A connection that returns to ureq's pool after its body was streamed to the end.
    pub(super) returned: Option<Connection>,
}

/// A received response.
pub(super) struct Received {
    pub(super) head: Head,
    /// The whole body of a successful response, or the beginning of another one's.
    pub(super) content: SecretBuf,
    /// The body of a streamed response, which has no `content`.
    pub(super) rest: Option<Body>,
}

impl Exchange {
    pub(super) fn new(api_key: Arc<SecretString>, operation: Operation, deadlines: Deadlines) -> Box<Self> {
        Box::new(Self {
            api_key,
            operation,
            deadlines,
            request_head: Vec::new(),
            request_body: SecretBuf::default(),
            phase: Phase::Resolve,
            is_tunnelling: false,
            response: None,
            returned: None,
        })
    }
}

thread_local! {
    static CURRENT: Cell<Option<Box<Exchange>>> = const { Cell::new(None) };
}

/// Runs `work` while the transport has access to `exchange`, and returns both. Returns `None` if this thread already
/// works on another exchange: a logger sends a request while ureq logs, possibly while ureq holds the lock of its
/// pool, on which that request would wait forever.
pub(super) fn enter<T>(exchange: Box<Exchange>, work: impl FnOnce() -> T) -> Option<(Box<Exchange>, T)> {
    if let Some(outer) = CURRENT.take() {
        CURRENT.set(Some(outer));
        return None;
    }
    CURRENT.set(Some(exchange));
    // The slot is emptied even if `work` panics.
    let result = catch_unwind(AssertUnwindSafe(work));
    let exchange = CURRENT.take();
    let result = result.unwrap_or_else(|panic| resume_unwind(panic));
    exchange.map(|exchange| (exchange, result))
}

/// Accesses this thread's exchange. `access` must not log: a logger might start another exchange.
pub(super) fn current<T>(access: impl FnOnce(&mut Exchange) -> T) -> Result<T, ureq::Error> {
    let mut exchange = CURRENT.take().ok_or(ureq::Error::ConnectionFailed)?;
    let result = access(&mut exchange);
    CURRENT.set(Some(exchange));
    Ok(result)
}
