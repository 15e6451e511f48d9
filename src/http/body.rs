//! The body of a response, read from its connection.

use std::io;
use std::time::Instant;

use ureq::Error;

use super::connection::Connection;
use super::framing::{BodyDecoder, Head};
use crate::secret::SecretBuf;

pub(super) struct Body {
    connection: Connection,
    decoder: BodyDecoder,
    closes: bool,
}

impl Body {
    pub(super) fn new(connection: Connection, head: &Head) -> Self {
        Self { connection, decoder: head.body, closes: head.closes }
    }

    /// Waits for more of the body, and appends it to `content`. Returns `false` at the end of the body.
    pub(super) fn read_more(&mut self, content: &mut SecretBuf, finish_by: Instant) -> Result<bool, Error> {
        let before = content.as_slice().len();
        loop {
            let taken = self.decoder.decode(self.connection.arrived(), content)?;
            self.connection.take(taken);
            if content.as_slice().len() > before {
                return Ok(true);
            }
            if self.decoder.is_done() {
                return Ok(false);
            }
            if !self.connection.receive(finish_by)? {
                if self.decoder.is_done_at_close() {
                    return Ok(false);
                }
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// The connection, if the body was read to its end and the connection can take another request.
    pub(super) fn into_connection(self) -> Option<Connection> {
        (self.decoder.is_done() && !self.closes).then_some(self.connection)
    }
}
