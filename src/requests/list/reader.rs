//! Reads the keys of a list from a response as it arrives.

use std::time::{Duration, Instant};

use super::decoder::Decoder;
use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::error::Secrets;
use crate::http::{AttemptError, Cause, ResponseBody};
use crate::key::KeyInfo;
use crate::secret::SecretBuf;

/// The maximum size of one key in a list, in bytes. Only its scope can be long.
const MAX_KEY: usize = 1024 * 1024;

/// How many times `max_size` the keys of a list may take in memory. Keys from Typesense take less than twice the size
/// of their JSON, but a hostile empty action of three bytes takes 32.
const MAX_EXPANSION: u64 = 4;

/// How many bytes of the beginning are kept. An error quotes fewer.
const QUOTABLE: usize = 1024;

pub(super) struct Reader {
    response: Box<dyn ResponseBody>,
    /// The bytes that have arrived and are not decoded yet.
    arrived: SecretBuf,
    /// The beginning of the response, to quote in an error if it is not a list.
    beginning: SecretBuf,
    decoder: Decoder,
    is_all: bool,
    received: u64,
    max_size: u64,
    /// The memory of the keys that the caller keeps, in bytes.
    kept: u64,
    /// The total time that it waited for the server.
    pub(super) waited: Duration,
}

impl Reader {
    /// `max_size`: the maximum size of the whole list, in bytes.
    pub(super) fn new(response: Box<dyn ResponseBody>, max_size: u64) -> Self {
        let (arrived, beginning, received, kept, waited) = Default::default();
        let (decoder, is_all) = (Decoder::new(), false);
        Self { response, arrived, beginning, decoder, is_all, received, max_size, kept, waited }
    }

    /// The next key; `None` at the end of the list.
    ///
    /// `finish_by` computes the deadline of the next read from the time that was waited so far. Neither keys nor
    /// errors show the `secrets`.
    pub(super) fn next(
        &mut self,
        finish_by: &dyn Fn(Duration) -> Instant,
        secrets: Secrets<'_>,
    ) -> Result<Option<KeyInfo>, AttemptError> {
        loop {
            match self.decoder.next(&mut self.arrived, self.is_all) {
                Ok(Some(key)) => return Ok(Some(secrets.hide_in(key))),
                Ok(None) if self.is_all => return Ok(None),
                Ok(None) => self.read_more(finish_by(self.waited))?,
                Err(why) => {
                    let quoted = if self.decoder.count == 0 { &self.beginning } else { &self.arrived };
                    return Err(self.response.undecodable(why, quoted.as_slice(), secrets));
                }
            }
        }
    }

    fn read_more(&mut self, finish_by: Instant) -> Result<(), AttemptError> {
        let before = self.arrived.as_slice().len();
        if before > MAX_KEY {
            return Err(Cause::TooLarge { limit: MAX_KEY as u64 }.into());
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
            return Err(Cause::TooLarge { limit: self.max_size }.into());
        }
        Ok(())
    }

    /// Adds the memory of `key` to the total, which may not exceed a multiple of `max_size`.
    pub(super) fn keep(&mut self, key: &KeyInfo) -> Result<(), AttemptError> {
        self.kept += size_in_memory(key);
        if self.kept > self.max_size.saturating_mul(MAX_EXPANSION) {
            return Err(Cause::TooLarge { limit: self.max_size }.into());
        }
        Ok(())
    }
}

fn size_in_memory(key: &KeyInfo) -> u64 {
    let size = size_of::<KeyInfo>()
        + size_of::<Action>() * key.actions.capacity()
        + size_of::<CollectionPattern>() * key.collections.capacity()
        + key.texts().map(str::len).sum::<usize>();
    size as u64
}
