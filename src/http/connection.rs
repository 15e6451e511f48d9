//! One connection to a node, inside TLS if there is TLS: sends and receives the bytes that ureq must not see, and the
//! body of a response.

use std::io::{self, Read};
use std::process;
use std::time::Instant;

use ureq::Error;
use ureq::unversioned::transport::{NextTimeout, Transport, time};
use zeroize::Zeroize;

use super::deadline::remaining;
use super::framing::{BodyDecoder, Head};
use crate::secret::SecretBuf;

/// The size of the write buffer in bytes, and half of that of the read buffer.
pub(super) const BUFFER: usize = 16 * 1024;

pub(super) struct Connection {
    inner: Box<dyn Transport>,
    /// What ureq passes for a time limit. Only its time is changed, because its other fields depend on ureq's version.
    limit: NextTimeout,
    /// How many bytes at the front of the read buffer may still have to be wiped.
    unwiped: usize,
    /// The process that opened the connection. After a fork, two processes have the same connection and would read
    /// each other's responses.
    process: u32,
}

impl Connection {
    pub(super) fn new(inner: Box<dyn Transport>, limit: NextTimeout) -> Self {
        Self { inner, limit, unwiped: 0, process: process::id() }
    }

    /// Sends all `parts`, and always wipes the buffer that they pass through.
    pub(super) fn send(&mut self, parts: &mut [&[u8]], finish_by: Instant) -> Result<(), Error> {
        while parts.iter().any(|part| !part.is_empty()) {
            let buffer = self.inner.buffers().output();
            let mut filled = 0;
            for part in parts.iter_mut() {
                filled += part.read(buffer.get_mut(filled..).unwrap_or_default())?;
            }
            let sent = self.limit(finish_by).and_then(|limit| self.inner.transmit_output(filled, limit));
            if let Some(used) = self.inner.buffers().output().get_mut(..filled) {
                used.zeroize();
            }
            sent?;
        }
        Ok(())
    }

    /// Reads once. Returns `false` if the other side closed the connection.
    pub(super) fn receive(&mut self, finish_by: Instant) -> Result<bool, Error> {
        let before = self.arrived().len();
        let is_open = self.inner.await_input(self.limit(finish_by)?)?;
        self.unwiped += self.arrived().len() - before;
        Ok(is_open)
    }

    /// The deadline as ureq's transports take it.
    fn limit(&self, finish_by: Instant) -> Result<NextTimeout, Error> {
        let mut limit = self.limit;
        limit.after = time::Duration::Exact(remaining(finish_by)?);
        Ok(limit)
    }

    /// The bytes that have arrived and were not taken.
    pub(super) fn arrived(&mut self) -> &[u8] {
        self.inner.buffers().input()
    }

    /// Takes `count` bytes that have arrived. The read buffer is wiped once all of them have been taken.
    pub(super) fn take(&mut self, count: usize) {
        let buffers = self.inner.buffers();
        buffers.input_consume(count);
        if self.unwiped > 0 && buffers.input().is_empty() {
            // The emptied buffer starts at its beginning again, where the bytes still are.
            let buffer = buffers.input_append_buf();
            let used = self.unwiped.min(buffer.len());
            if let Some(used) = buffer.get_mut(..used) {
                used.zeroize();
            }
            self.unwiped = 0;
        }
    }

    /// Whether the connection can take another request.
    pub(super) fn is_open(&mut self) -> bool {
        // Checked first: in another process, even a look at the socket would disturb its owner.
        self.process == process::id() && self.arrived().is_empty() && self.inner.is_open()
    }

    pub(super) fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let rest = self.arrived().len();
        self.take(rest);
    }
}

/// The body of a response, read from its connection.
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
