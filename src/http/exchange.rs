//! What one attempt carries around ureq: the key and the body on the way out, the head and the body on the way back.
//!
//! ureq calls the transport with nothing that tells one request from another, but always in the thread that makes
//! the request. So the exchange lies in a thread-local slot for as long as ureq is at work on it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::response::{Fault, ReplyHead};
use crate::error::Phase;
use crate::secret::SecretBuf;

pub(super) struct Exchange {
    pub(super) api_key: Arc<SecretString>,
    /// The request's body. Taken when it is sent.
    pub(super) outgoing: SecretBuf,
    /// The request's head, as far as ureq has written it.
    pub(super) head: Vec<u8>,
    /// Until when the connection must be open.
    pub(super) connect_by: Instant,
    /// Until when the reply must be complete.
    pub(super) finish_by: Instant,
    pub(super) phase: Phase,
    /// Whether a proxy is being asked for a tunnel, inside which the exchange will take place.
    pub(super) tunnelling: bool,
    pub(super) reply: ReplyHead,
    /// The part of the reply's body that has arrived and not been read.
    pub(super) incoming: SecretBuf,
    pub(super) fault: Option<Fault>,
}

thread_local! {
    static CURRENT: Cell<Option<Box<Exchange>>> = const { Cell::new(None) };
}

/// Runs `work`, during which the transport finds `exchange`; hands it back afterwards.
pub(super) fn enter<T>(exchange: Box<Exchange>, work: impl FnOnce() -> T) -> (Option<Box<Exchange>>, T) {
    /// Puts back what was there before: a logger might make a request of its own while ureq logs.
    struct Restore(Option<Box<Exchange>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let restore = Restore(CURRENT.replace(Some(exchange)));
    let result = work();
    let exchange = CURRENT.take();
    drop(restore);
    (exchange, result)
}

/// Gives access to this thread's exchange. `access` must not log: a logger might start another exchange.
pub(super) fn current<T>(access: impl FnOnce(&mut Exchange) -> T) -> Result<T, ureq::Error> {
    let mut exchange = CURRENT.take().ok_or(ureq::Error::ConnectionFailed)?;
    let result = access(&mut exchange);
    CURRENT.set(Some(exchange));
    Ok(result)
}

/// How long until `instant`; `None` when the time is up.
pub(super) fn remaining(instant: Instant) -> Option<Duration> {
    instant.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}
