//! Reads the keys of a list out of a reply while it arrives.

use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::decoder::{Decoder, Step};
use crate::KeyInfo;
use crate::http::{AttemptError, Reply};
use crate::secret::SecretBuf;

/// The most bytes that one key of a list may take: its scope is the only part that can be long.
const MAX_KEY: usize = 1024 * 1024;

/// How much of the beginning is kept: more than an error quotes.
const QUOTABLE: usize = 1024;

pub(super) struct Reader {
    reply: Reply,
    /// What has arrived and not been decoded.
    arrived: SecretBuf,
    /// The first of what has arrived, to be quoted if it is no list at all.
    beginning: SecretBuf,
    decoder: Decoder,
    is_all: bool,
    received: u64,
    max_size: u64,
    waited: Duration,
}

impl Reader {
    /// `max_size`: of the whole list, in bytes.
    pub(super) fn new(reply: Reply, max_size: u64) -> Self {
        Self {
            reply,
            arrived: SecretBuf::default(),
            beginning: SecretBuf::default(),
            decoder: Decoder::new(),
            is_all: false,
            received: 0,
            max_size,
            waited: Duration::ZERO,
        }
    }

    /// The next key; `None` at the end of the list.
    ///
    /// `finish_by`: until when to wait for more to arrive, after so much waiting before. `value`: a secret that the list
    /// must not show in an error.
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
                    return Err(self.reply.undecodable(why, quoted.as_slice(), value));
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
        let is_more = self.reply.read_more(&mut self.arrived, finish_by);
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

    pub(super) fn node(&self) -> &str {
        self.reply.node()
    }

    /// How long it has waited for the server.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }
}
