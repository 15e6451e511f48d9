//! The stream of a list's keys.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Filter;
use super::reader::Reader;
use crate::engine::{CallFailure, Engine};
use crate::error::Error;
use crate::http::{AttemptError, deadline_after};
use crate::key::KeyInfo;
use crate::operation::Operation;

/// An iterator over the metadata of all keys as they arrive. Made by [`ListKeys::stream`](crate::ListKeys::stream).
///
/// An error is the last item. The stream may be dropped at any time, and sent to another thread.
pub struct KeyStream {
    pub(super) filter: Filter,
    /// The node that sends the list.
    pub(super) node: Box<str>,
    /// `None` after the last item.
    pub(super) reader: Option<Reader>,
    pub(super) engine: Arc<Engine>,
    /// The limit of the total time that the stream waits for the server.
    pub(super) timeout: Duration,
}

impl Iterator for KeyStream {
    type Item = Result<KeyInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { filter, node, reader, engine, timeout } = self;
        // The limit of one wait.
        let limit = engine.limits.attempt_timeout;
        let finish_by = |waited| deadline_after(Instant::now(), timeout.saturating_sub(waited).min(limit));
        let call = engine.call(None);
        loop {
            let open = reader.as_mut()?;
            match call.caught(|| open.next(&finish_by, call.secrets)) {
                Ok(Some(key)) if filter.admits(&key) => return Some(Ok(key)),
                Ok(Some(_)) => {}
                Ok(None) => *reader = None,
                Err(last) => return Some(Err(broken(node, &reader.take()?, last))),
            }
        }
    }
}

impl FusedIterator for KeyStream {}

fn broken(node: &str, reader: &Reader, last: AttemptError) -> Error {
    let attempts = vec![last.attempt(node.into(), Instant::now(), reader.waited)];
    CallFailure { operation: Operation::List, last, in_doubt: false, attempts, earlier: None }.into_error(None)
}

impl fmt::Debug for KeyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStream").field("filter", &self.filter).field("node", &self.node).finish_non_exhaustive()
    }
}
