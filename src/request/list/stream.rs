//! The keys of a list, one by one as they arrive.

use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::decoder::{Decoder, Step};
use super::filter::Filter;
use crate::cluster::{GaveUp, after};
use crate::error::Attempt;
use crate::http::{Reply, Trouble};
use crate::operation::Operation;
use crate::request::error;
use crate::secret::SecretBuf;
use crate::{Error, KeyInfo};

/// The most bytes that one key of a list may take: its scope is the only part that can be long.
const MAX_KEY: usize = 1024 * 1024;

/// What the server tells about its keys, one by one as they arrive. Made by [`ListKeys::stream`](super::ListKeys::stream).
///
/// After an error there are no more. It may be dropped at any time, and sent to another thread.
pub struct KeyStream {
    filter: Filter,
    /// `None` once there is no more to come.
    reply: Option<Reply>,
    node: Box<str>,
    /// What has arrived and not been decoded.
    arrived: SecretBuf,
    decoder: Decoder,
    is_all: bool,
    /// How long it may still wait for the server in all, and how long at once.
    patience: Duration,
    patience_at_once: Duration,
    waited: Duration,
}

impl KeyStream {
    pub(super) fn new(
        filter: Filter,
        reply: Reply,
        node: Box<str>,
        patience: Duration,
        patience_at_once: Duration,
    ) -> Self {
        Self {
            filter,
            reply: Some(reply),
            node,
            arrived: SecretBuf::default(),
            decoder: Decoder::new(),
            is_all: false,
            patience,
            patience_at_once,
            waited: Duration::ZERO,
        }
    }

    /// The next key, wanted or not; `None` at the end of the list.
    fn next_key(&mut self) -> Result<Option<KeyInfo>, Trouble> {
        let Some(reply) = &mut self.reply else {
            return Ok(None);
        };
        loop {
            match self.decoder.next(&mut self.arrived, self.is_all).map_err(|why| reply.undecodable(why))? {
                Step::Key(key) => return Ok(Some(key)),
                Step::End => return Ok(None),
                Step::More if self.arrived.as_slice().len() > MAX_KEY => {
                    return Err(Trouble::TooLarge { limit: MAX_KEY as u64 });
                }
                Step::More => {}
            }
            let started = Instant::now();
            let patience = self.patience.saturating_sub(self.waited).min(self.patience_at_once);
            let result = reply.read_more(&mut self.arrived, after(started, patience));
            self.waited += started.elapsed();
            self.is_all = !result?;
        }
    }
}

impl Iterator for KeyStream {
    type Item = Result<KeyInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_key() {
                Ok(Some(key)) if self.filter.admits(&key) => return Some(Ok(key)),
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.reply = None;
                    return None;
                }
                Err(last) => {
                    self.reply = None;
                    let (phase, result) = (last.phase(), last.result().into());
                    let attempt = Attempt { node: self.node.clone(), phase, result, elapsed: self.waited };
                    let gave_up = GaveUp { last, in_doubt: false, attempts: vec![attempt] };
                    return Some(Err(error(Operation::List, gave_up, None)));
                }
            }
        }
    }
}

impl FusedIterator for KeyStream {}

impl fmt::Debug for KeyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, reply: _, node, arrived: _, decoder: _, is_all: _, patience, patience_at_once: _, waited } =
            self;
        f.debug_struct("KeyStream")
            .field("filter", filter)
            .field("node", node)
            .field("patience", patience)
            .field("waited", waited)
            .finish_non_exhaustive()
    }
}
