//! Reads the keys of a list from a response while it arrives.

use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::decoder::{Decoder, Step};
use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::http::{AttemptError, ResponseBody};
use crate::key::KeyInfo;
use crate::secret::SecretBuf;

/// The most bytes that one key of a list may take: its scope is the only part that can be long.
const MAX_KEY: usize = 1024 * 1024;

/// How many times more memory than `max_size` the keys of a list may take. Keys as Typesense sends them take less than
/// twice their JSON, but an empty action of three bytes takes 32.
const MAX_EXPANSION: u64 = 4;

/// How many bytes of the beginning are kept: more than an error quotes.
const QUOTABLE: usize = 1024;

pub(super) struct Reader {
    response: Box<dyn ResponseBody>,
    /// What has arrived and has not been decoded.
    arrived: SecretBuf,
    /// The beginning of the response, to be quoted if it is not a list.
    beginning: SecretBuf,
    decoder: Decoder,
    is_all: bool,
    received: u64,
    max_size: u64,
    /// How many bytes of memory the keys take that the caller keeps.
    kept: u64,
    waited: Duration,
}

impl Reader {
    /// `max_size`: the most bytes that the whole list may have.
    pub(super) fn new(response: Box<dyn ResponseBody>, max_size: u64) -> Self {
        Self {
            response,
            arrived: SecretBuf::default(),
            beginning: SecretBuf::default(),
            decoder: Decoder::new(),
            is_all: false,
            received: 0,
            max_size,
            kept: 0,
            waited: Duration::ZERO,
        }
    }

    /// The next key; `None` at the end of the list.
    ///
    /// `finish_by` gives the deadline of the next read, after so much time spent waiting. `value` is a secret that must
    /// not appear in an error.
    pub(super) fn next(
        &mut self,
        finish_by: impl Fn(Duration) -> Instant,
        value: Option<&SecretString>,
    ) -> Result<Option<KeyInfo>, AttemptError> {
        loop {
            match self.decoder.next(&mut self.arrived, self.is_all) {
                Ok(Step::Key(key)) => return Ok(Some(key)),
                Ok(Step::End) => return Ok(None),
                Ok(Step::More) => self.read_more(finish_by(self.waited))?,
                Err(why) => {
                    let quoted = if self.decoder.count() == 0 { &self.beginning } else { &self.arrived };
                    return Err(self.response.undecodable(why, quoted.as_slice(), value));
                }
            }
        }
    }

    fn read_more(&mut self, finish_by: Instant) -> Result<(), AttemptError> {
        let before = self.arrived.as_slice().len();
        if before > MAX_KEY {
            return Err(AttemptError::TooLarge { limit: MAX_KEY as u64 });
        }
        let started = Instant::now();
        let is_more = self.response.read_more(&mut self.arrived, finish_by);
        self.waited += started.elapsed();
        self.is_all = !is_more?;
        if self.received == 0 {
            let arrived = self.arrived.as_slice();
            self.beginning.extend(arrived.get(..QUOTABLE).unwrap_or(arrived));
        }
        self.received += (self.arrived.as_slice().len() - before) as u64;
        if self.received > self.max_size {
            return Err(AttemptError::TooLarge { limit: self.max_size });
        }
        Ok(())
    }

    /// Counts the memory that `key` takes. All keys together may take at most a multiple of `max_size`.
    pub(super) fn keep(&mut self, key: &KeyInfo) -> Result<(), AttemptError> {
        self.kept += size_in_memory(key);
        if self.kept > self.max_size.saturating_mul(MAX_EXPANSION) {
            return Err(AttemptError::TooLarge { limit: self.max_size });
        }
        Ok(())
    }

    pub(super) fn node(&self) -> &str {
        self.response.node()
    }

    /// How long the reader has waited for the server.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }
}

fn size_in_memory(key: &KeyInfo) -> u64 {
    let KeyInfo { id: _, description, actions, collections, expires_at: _, prefix, autodelete: _, unknown } = key;
    let texts = actions.iter().map(Action::as_str).chain(collections.iter().map(CollectionPattern::as_str));
    let size = size_of::<KeyInfo>()
        + size_of::<Action>() * actions.capacity()
        + size_of::<CollectionPattern>() * collections.capacity()
        + [description, prefix].map(String::capacity).iter().sum::<usize>()
        + texts.map(str::len).sum::<usize>()
        + unknown.len();
    size as u64
}
