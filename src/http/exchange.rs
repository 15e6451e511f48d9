//! What one attempt passes to the transport and gets back from it, without ureq.
//!
//! ureq passes nothing to the transport that identifies the request, but it always calls it on the thread that makes the
//! request. So the exchange is in a thread-local slot while ureq works on it.

use std::cell::Cell;
use std::sync::Arc;

use secrecy::SecretString;

use super::Deadlines;
use super::body::Body;
use super::connection::Connection;
use super::response::Head;
use crate::error::Phase;
use crate::operation::Operation;
use crate::secret::SecretBuf;

pub(super) struct Exchange {
    pub(super) api_key: Arc<SecretString>,
    pub(super) operation: Operation,
    pub(super) deadlines: Deadlines,
    /// The request's head, as far as ureq has written it.
    pub(super) request_head: Vec<u8>,
    pub(super) request_body: SecretBuf,
    /// Whether the body of a success stays on the connection, for the caller to read.
    pub(super) is_streamed: bool,
    pub(super) phase: Phase,
    /// Whether the connection to a proxy is being opened.
    pub(super) is_tunnelling: bool,
    pub(super) response: Option<Received>,
    /// A connection whose body has been streamed to its end, on its way back into ureq's pool.
    pub(super) returned: Option<Connection>,
}

/// A response, as far as it has been received.
pub(super) struct Received {
    pub(super) head: Head,
    pub(super) content: SecretBuf,
    /// Whether `content` is the whole body. Otherwise that is larger than allowed, or is streamed.
    pub(super) is_complete: bool,
    /// The body of a response that is streamed.
    pub(super) rest: Option<Body>,
}

impl Exchange {
    pub(super) fn new(api_key: Arc<SecretString>, operation: Operation, deadlines: Deadlines) -> Self {
        Self {
            api_key,
            operation,
            deadlines,
            request_head: Vec::new(),
            request_body: SecretBuf::default(),
            is_streamed: false,
            phase: Phase::Resolve,
            is_tunnelling: false,
            response: None,
            returned: None,
        }
    }
}

thread_local! {
    static CURRENT: Cell<Option<Box<Exchange>>> = const { Cell::new(None) };
}

/// Runs `work`, during which the transport finds `exchange`, and returns it afterwards. `None` if this thread is working
/// on another exchange: a logger makes a request while ureq logs. ureq may hold the lock of its pool then, and the
/// request would wait for it for ever.
pub(super) fn enter<T>(exchange: Exchange, work: impl FnOnce() -> T) -> Option<(Box<Exchange>, T)> {
    /// Empties the slot also when `work` panics.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CURRENT.set(None);
        }
    }
    if let Some(outer) = CURRENT.take() {
        CURRENT.set(Some(outer));
        return None;
    }
    CURRENT.set(Some(Box::new(exchange)));
    let _leave = Leave;
    let result = work();
    CURRENT.take().map(|exchange| (exchange, result))
}

/// Gives access to this thread's exchange. `access` must not log: a logger might start another exchange.
pub(super) fn current<T>(access: impl FnOnce(&mut Exchange) -> T) -> Result<T, ureq::Error> {
    let mut exchange = CURRENT.take().ok_or(ureq::Error::ConnectionFailed)?;
    let result = access(&mut exchange);
    CURRENT.set(Some(exchange));
    Ok(result)
}
