//! The transport that keeps secrets out of ureq.
//!
//! ureq 3 logs all data that passes through it (level `trace`: heads and bodies, as text and as hexadecimal) and does
//! not wipe its buffers. So ureq composes a request without key and body, and receives an empty response. This
//! transport sits between ureq and the connection: it adds the key and the body to the request, reads the whole
//! response, and shows ureq only its status. No byte of a response reaches ureq, however and wherever a server
//! repeats a secret.
//!
//! A list is streamed: the caller reads its body from the connection, while ureq waits for one byte of filler. The
//! filler arrives with the connection, once the list was read to its end and the connection can be used again.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::time::Instant;

use secrecy::ExposeSecret;
use ureq::Error;
use ureq::http::{self, StatusCode};
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use super::connection::{BUFFER, Body, Connection};
use super::deadline::remaining;
use super::exchange::{Received, current};
use super::framing::Head;
use super::{MAX_BODY, MAX_ERROR_BODY};
use crate::error::Phase;
use crate::operation::Operation;
use crate::secret::SecretBuf;

/// The buffer size for the response that ureq sees.
const SHOWN: usize = 128;

const LINE_END: &[u8] = b"\r\n";

/// What every request has, up to the value of the key. ureq would copy each header several times.
const HEADERS: &[u8] = b"accept: application/json\r\nx-typesense-api-key: ";

/// The body that ureq sees of a streamed response.
const FILLER: &str = "-";

const FILLER_LENGTH: &str = "1";

pub(super) struct SwapTransport {
    /// `None` while the caller streams a body, and once the connection is unusable.
    connection: Option<Connection>,
    ureq_buffers: LazyBuffers,
}

impl SwapTransport {
    pub(super) fn new(inner: Box<dyn Transport>, limit: NextTimeout) -> Self {
        Self { connection: Some(Connection::new(inner, limit)), ureq_buffers: LazyBuffers::new(SHOWN, BUFFER) }
    }

    /// Shows `parts` to ureq. Formatting them would take several times as long.
    fn show(&mut self, parts: &[&str]) -> Result<(), Error> {
        let mut room = self.ureq_buffers.input_append_buf();
        let size = room.len();
        for part in parts {
            room.write_all(part.as_bytes())?;
        }
        let shown = size - room.len();
        self.ureq_buffers.input_appended(shown);
        Ok(())
    }
}

impl Transport for SwapTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.ureq_buffers
    }

    /// Sends the request once ureq has written the whole head.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let connection = self.connection.as_mut().ok_or(Error::ConnectionFailed)?;
        let written = self.ureq_buffers.output().get(..amount).unwrap_or_default();
        let request = current(|exchange| {
            exchange.request_head.extend_from_slice(written);
            if !exchange.request_head.ends_with(b"\r\n\r\n") {
                return Ok(None);
            }
            // Checked before the phase says that data may have been sent.
            remaining(exchange.deadlines.finish_by)?;
            exchange.phase = Phase::Send;
            let (head, body) = (mem::take(&mut exchange.request_head), mem::take(&mut exchange.request_body));
            let (api_key, operation) = (exchange.api_key.clone(), exchange.operation);
            Ok::<_, Error>(Some((head, body, api_key, operation, exchange.deadlines.finish_by)))
        })??;
        let Some((head, body, api_key, operation, finish_by)) = request else {
            return Ok(());
        };
        let headers = head.strip_suffix(LINE_END).unwrap_or(&head);
        let (before, after, length) = if body.as_slice().is_empty() {
            (headers, b"".as_slice(), String::new())
        } else {
            let (before, after) = without_length(headers);
            (before, after, format!("content-length: {}\r\n", body.as_slice().len()))
        };
        let end = b"\r\n\r\n".as_slice();
        let [length, own, key] = [&length, own_header(operation), api_key.expose_secret()].map(str::as_bytes);
        let mut parts = [before, after, length, own, HEADERS, key, end, body.as_slice()];
        connection.send(&mut parts, finish_by)?;
        current(|exchange| exchange.phase = Phase::AwaitResponse)
    }

    /// Receives the response, or takes the connection back after its body was streamed.
    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let (returned, operation, finish_by) =
            current(|exchange| (exchange.returned.take(), exchange.operation, exchange.deadlines.finish_by))?;
        if returned.is_some() {
            self.connection = returned;
            self.show(&[FILLER])?;
            return Ok(true);
        }
        let mut connection = self.connection.take().ok_or(Error::ConnectionFailed)?;
        let head = receive_head(&mut connection, finish_by)?;
        let (status, closes) = (head.status, head.closes);
        let is_success = head.is_success_of(operation);
        let mut body = Body::new(connection, &head);
        let mut content = SecretBuf::default();
        let (rest, length) = if operation == Operation::List && is_success {
            (Some(body), FILLER_LENGTH)
        } else {
            let limit = if is_success { MAX_BODY } else { MAX_ERROR_BODY };
            while content.as_slice().len() <= limit && body.read_more(&mut content, finish_by)? {}
            if is_success && content.as_slice().len() > limit {
                return Err(Error::BodyExceedsLimit(limit as u64));
            }
            self.connection = body.into_connection();
            (None, "0")
        };
        let close = if closes { "connection: close\r\n" } else { "" };
        let status = StatusCode::from_u16(status).map_err(http::Error::from)?;
        self.show(&["HTTP/1.1 ", status.as_str(), " \r\ncontent-length: ", length, "\r\n", close, "\r\n"])?;
        current(|exchange| exchange.response = Some(Received { head, content, rest }))?;
        Ok(true)
    }

    fn is_open(&mut self) -> bool {
        self.connection.as_mut().is_some_and(Connection::is_open)
    }

    fn is_tls(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_tls)
    }
}

/// The header of the operation, apart from those of all operations.
fn own_header(operation: Operation) -> &'static str {
    match operation {
        Operation::Create { .. } => "content-type: application/json\r\n",
        // An intermediary must not answer with an old response.
        Operation::Get(_) | Operation::List | Operation::Ready => "cache-control: no-cache\r\n",
        Operation::Delete(_) => "",
    }
}

/// Removes the header with which ureq declares an empty body: returns the headers before and after it.
fn without_length(headers: &[u8]) -> (&[u8], &[u8]) {
    const NO_BODY: &[u8] = b"content-length: 0\r\n";
    let at = headers.windows(NO_BODY.len()).position(|line| line == NO_BODY).unwrap_or(headers.len());
    let (before, rest) = headers.split_at(at);
    (before, rest.strip_prefix(NO_BODY).unwrap_or_default())
}

fn receive_head(connection: &mut Connection, finish_by: Instant) -> Result<Head, Error> {
    let mut seen = 0;
    loop {
        match Head::parse(connection.arrived(), seen)? {
            Some((size, head)) => {
                connection.take(size);
                seen += size;
                if let Some(head) = head {
                    return Ok(head);
                }
            }
            None => {
                if !connection.receive(finish_by)? {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                current(|exchange| exchange.phase = Phase::ReadResponse)?;
            }
        }
    }
}

/// Shows nothing of the buffers.
impl fmt::Debug for SwapTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SwapTransport")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzzing::dissect;
    use super::*;

    /// What ureq sees of `response`, and the body.
    fn seen(response: &str) -> (String, Option<String>) {
        let dissected = dissect(&[response.as_bytes().to_vec()]);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(dissected.shown), dissected.payload.map(text))
    }

    #[test]
    fn response_shows_ureq_its_status_and_nothing_else() {
        const EMPTY: &str = "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n";
        const CLOSES: &str = "HTTP/1.1 200 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        for (response, shown) in [
            ("HTTP/1.1 200 OK s3cret\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret", EMPTY),
            ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n6;s3cret\r\ns3cret\r\n0\r\nx: s3cret\r\n\r\n", EMPTY),
            ("HTTP/1.1 103 s3cret\r\nx: s3cret\r\n\r\nHTTP/1.1 200\r\nContent-Length: 6\r\n\r\ns3crets3cret", EMPTY),
            ("HTTP/1.1 200\r\nConnection: close, s3cret\r\nContent-Length: 6\r\n\r\ns3cret", CLOSES),
            ("HTTP/1.1 200\r\n\r\ns3cret", CLOSES),
        ] {
            assert_eq!(seen(response), (shown.to_owned(), Some("s3cret".to_owned())), "{response:?}");
        }
    }

    #[test]
    fn response_that_is_cut_or_faulty_shows_ureq_nothing() {
        for response in [
            "",
            "s3cret",
            "HTTP/1.1 200\r\nContent-Length: 7\r\n\r\ns3cret",
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ns3cret\r\n",
            "HTTP/1.1 200\r\nContent-Length: s3cret\r\n\r\ns3cret",
        ] {
            assert_eq!(seen(response), (String::new(), None), "{response:?}");
        }
    }

    #[test]
    fn body_above_the_limit_is_refused() {
        let response = |size| {
            let body = "x".repeat(size);
            format!("HTTP/1.1 200\r\nContent-Length: {size}\r\n\r\n{body}")
        };
        let pieces = |text: &str| text.as_bytes().chunks(BUFFER).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert!(dissect(&pieces(&response(MAX_BODY))).payload.is_some());
        assert!(dissect(&pieces(&response(MAX_BODY + 1))).payload.is_none());
    }
}
