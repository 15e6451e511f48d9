//! The keys of a list, one by one as they arrive.

use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::filter::Filter;
use super::reader::Reader;
use crate::engine::{CallFailure, deadline_after};
use crate::error::{Attempt, Error};
use crate::http::AttemptError;
use crate::key::KeyInfo;
use crate::operation::Operation;

/// The metadata of the server's keys, one by one as they arrive. Made by [`ListKeys::stream`](crate::ListKeys::stream).
///
/// An error is the last item. A stream may be dropped at any time, and sent to another thread.
pub struct KeyStream {
    pub(super) filter: Filter,
    /// `None` after the last key.
    pub(super) reader: Option<Reader>,
    /// How long the stream may wait for the server in total, and for a single read.
    pub(super) patience: Duration,
    pub(super) patience_at_once: Duration,
}

impl Iterator for KeyStream {
    type Item = Result<KeyInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { filter, reader, patience, patience_at_once } = self;
        let finish_by =
            |waited| deadline_after(Instant::now(), patience.saturating_sub(waited).min(*patience_at_once));
        loop {
            match reader.as_mut()?.next(finish_by, None) {
                Ok(Some(key)) if filter.admits(&key) => return Some(Ok(key)),
                Ok(Some(_)) => {}
                Ok(None) => *reader = None,
                Err(last) => return Some(Err(broken(&reader.take()?, last))),
            }
        }
    }
}

impl FusedIterator for KeyStream {}

fn broken(reader: &Reader, last: AttemptError) -> Error {
    let (node, elapsed) = (reader.node().into(), reader.waited());
    let attempt =
        Attempt { node, phase: last.phase(), result: last.result().into(), started: Instant::now(), elapsed };
    CallFailure { last, in_doubt: false, attempts: vec![attempt] }.into_error(Operation::List, None)
}

impl fmt::Debug for KeyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, reader, patience, patience_at_once } = self;
        f.debug_struct("KeyStream")
            .field("filter", filter)
            .field("node", &reader.as_ref().map(Reader::node))
            .field("patience", patience)
            .field("patience_at_once", patience_at_once)
            .finish()
    }
}
