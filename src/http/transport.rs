//! The transport that keeps secrets out of ureq.
//!
//! ureq 3 writes whatever passes through it to the log (level `trace`: heads and bodies, as text and as
//! hexadecimal), and does not wipe its buffers. So it is given nothing to write: it composes a request without the
//! key and with filler for a body, and it gets a reply that is status, length and filler. This transport sits
//! between it and the connection (inside TLS, where there is TLS), puts the real bytes in on the way out, takes them
//! away on the way in, and wipes the buffers that they went through.
//!
//! Since all of a body is taken away, it does not matter where in it a secret is, how it is written, or into how many
//! packets and chunks it is cut.

use std::fmt;
use std::mem;

use secrecy::ExposeSecret;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport, time};
use ureq::{Error, Timeout};
use zeroize::Zeroize;

use super::exchange::{Exchange, current, remaining};
use super::response::Reply;
use crate::error::Phase;
use crate::secret::SecretBuf;

/// Room for what is read at once, on either side of the swap.
pub(super) const BUFFER: usize = 16 * 1024;

pub(super) struct SwapTransport {
    inner: Box<dyn Transport>,
    /// What ureq sees.
    face: LazyBuffers,
    /// What arrived and has not been taken apart yet.
    raw: SecretBuf,
    reply: Reply,
}

impl SwapTransport {
    pub(super) fn new(inner: Box<dyn Transport>) -> Self {
        Self { inner, face: LazyBuffers::new(BUFFER, BUFFER), raw: SecretBuf::default(), reply: Reply::IDLE }
    }

    #[cfg(fuzzing)]
    pub(super) fn is_done(&self) -> bool {
        self.reply.is_idle()
    }

    #[cfg(fuzzing)]
    pub(super) fn buffered(&self) -> usize {
        self.raw.capacity()
    }

    /// Sends all of `parts`, and wipes the buffer that they went through, whatever happens.
    fn send(&mut self, parts: &[&[u8]]) -> Result<(), Error> {
        let mut parts = parts.iter().copied();
        let mut part = parts.next();
        while part.is_some() {
            let buffer = self.inner.buffers().output();
            let mut filled = 0;
            while let (Some(bytes), Some(room)) = (part, buffer.get_mut(filled..).filter(|room| !room.is_empty())) {
                let count = bytes.len().min(room.len());
                let (now, later) = bytes.split_at(count);
                room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
                filled += count;
                part = if later.is_empty() { parts.next() } else { Some(later) };
            }
            let sent = timeout(|exchange| exchange.finish_by)
                .and_then(|timeout| self.inner.transmit_output(filled, timeout));
            if let Some(used) = self.inner.buffers().output().get_mut(..filled) {
                used.zeroize();
            }
            sent?;
        }
        Ok(())
    }

    /// Reads once; `false` if the other side has closed the connection.
    fn receive(&mut self) -> Result<bool, Error> {
        let is_open = self.inner.await_input(timeout(|exchange| exchange.finish_by)?)?;
        let buffers = self.inner.buffers();
        let arrived = buffers.input();
        let count = arrived.len();
        self.raw.extend(arrived);
        buffers.input_consume(count);
        // Emptied, the buffer is filled from its beginning again.
        if let Some(used) = buffers.input_append_buf().get_mut(..count) {
            used.zeroize();
        }
        if count > 0 {
            current(|exchange| exchange.phase = Phase::ReadResponse)?;
        }
        Ok(is_open)
    }
}

impl Transport for SwapTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.face
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        // Before the phase says that something may have been sent.
        timeout(|exchange| exchange.finish_by)?;
        let written = self.face.output().get(..amount).unwrap_or_default();
        let request = current(|exchange| {
            if exchange.phase > Phase::Send {
                // Filler: the body went with the head.
                return None;
            }
            exchange.phase = Phase::Send;
            exchange.head.extend_from_slice(written);
            if !exchange.head.ends_with(b"\r\n\r\n") {
                return None;
            }
            Some((mem::take(&mut exchange.head), exchange.api_key.clone(), mem::take(&mut exchange.outgoing)))
        })?;
        let Some((head, api_key, body)) = request else {
            return Ok(());
        };
        self.reply = Reply::EXPECTED;
        let end = b"\r\n".as_slice();
        let headers = head.strip_suffix(end).unwrap_or(&head);
        let key = api_key.expose_secret().as_bytes();
        self.send(&[headers, b"x-typesense-api-key: ", key, end, end, body.as_slice()])?;
        current(|exchange| exchange.phase = Phase::AwaitResponse)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        loop {
            let Self { face, raw, reply, .. } = self;
            let shown = current(|exchange| {
                let shown = reply.advance(raw, face.input_append_buf(), exchange);
                shown.map_err(|fault| exchange.fault = Some(fault))
            })?;
            match shown {
                Ok(0) => {}
                Ok(shown) => {
                    self.face.input_appended(shown);
                    return Ok(true);
                }
                Err(()) => return Err(Error::ConnectionFailed),
            }
            if !self.receive()? {
                return Ok(false);
            }
        }
    }

    /// Whether the connection can take another request.
    fn is_open(&mut self) -> bool {
        self.reply.is_idle()
            && self.raw.as_slice().is_empty()
            && self.inner.buffers().input().is_empty()
            && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl fmt::Debug for SwapTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, face: _, raw: _, reply: _ } = self;
        f.debug_struct("SwapTransport").field("inner", inner).finish_non_exhaustive()
    }
}

/// How long the operating system may take until an instant of the exchange.
pub(super) fn timeout(until: impl FnOnce(&Exchange) -> std::time::Instant) -> Result<NextTimeout, Error> {
    match remaining(current(|exchange| until(exchange))?) {
        Some(left) => Ok(NextTimeout { after: time::Duration::Exact(left), ..NextTimeout::default() }),
        None => Err(Error::Timeout(Timeout::Global)),
    }
}
