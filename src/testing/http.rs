//! The subset of HTTP/1.1 that clients of a Typesense server use.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::listener::{POLL, is_timeout, read};
use super::response::{Delivery, Response};

/// The maximum size of the request line and headers. The real server has such a limit, too.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_BODY: usize = 8 * 1024 * 1024;
/// How long a connection may be idle, and how long one read or write may take.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// The first `x-typesense-api-key` header.
    pub(super) api_key: Option<String>,
    pub(super) body: Vec<u8>,
    keep_alive: bool,
}

/// Serves the requests of one connection until either side closes it.
pub(super) fn serve(stream: &TcpStream, respond: impl Fn(&Request) -> Delivery) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut received = Vec::new();
    loop {
        match parse(&received) {
            Ok(None) => {
                let mut buffer = [0; 8192];
                match read(stream, &mut buffer, TIMEOUT)? {
                    0 => return Ok(()),
                    count => received.extend(buffer.iter().take(count)),
                }
            }
            Ok(Some((request, length))) => {
                received.drain(..length);
                if !deliver(respond(&request), request.keep_alive, stream)? {
                    return Ok(());
                }
            }
            Err(Unreadable) => {
                // The start of the next request is unknown.
                let response = Response::message(400, "FakeServer cannot read this request.");
                return deliver(Delivery::Send(response), false, stream).map(drop);
            }
        }
    }
}

/// Returns whether the connection stays open.
fn deliver(delivery: Delivery, keep_alive: bool, mut stream: &TcpStream) -> io::Result<bool> {
    match delivery {
        Delivery::Send(response) => {
            // One write is usually one packet.
            stream.write_all(&[response.head(keep_alive), response.chunks()].concat())?;
            return Ok(keep_alive);
        }
        Delivery::SendLate(response, wait) => {
            stream.write_all(&response.head(keep_alive))?;
            wait_for(wait, stream)?;
            stream.write_all(&response.chunks())?;
            return Ok(keep_alive);
        }
        Delivery::SendBytes(bytes) => stream.write_all(bytes)?,
        Delivery::Hang => while read(stream, &mut [0; 1024], TIMEOUT)? > 0 {},
        Delivery::Close => {}
    }
    Ok(false)
}

/// Waits, unless the client closes the connection before.
fn wait_for(wait: Duration, stream: &TcpStream) -> io::Result<()> {
    let started = Instant::now();
    while let Some(left) = wait.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left.min(POLL)))?;
        match stream.peek(&mut [0]) {
            Ok(0) => return Err(io::ErrorKind::ConnectionAborted.into()),
            // The client has already sent its next request, so a closed connection cannot be detected.
            Ok(_) => thread::sleep(left.min(Duration::from_millis(10))),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A request that is malformed or exceeds the limits.
struct Unreadable;

/// The first request in `received` and its length; `None` while it is incomplete.
fn parse(received: &[u8]) -> Result<Option<(Request, usize)>, Unreadable> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(received) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if received.len() <= MAX_HEAD => return Ok(None),
        Ok(_) | Err(_) => return Err(Unreadable),
    };
    let header = |name: &str| {
        let mut named = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.next().map(|header| String::from_utf8_lossy(header.value).into_owned())
    };
    if header("transfer-encoding").is_some() {
        return Err(Unreadable);
    }
    let length = match header("content-length") {
        None => 0,
        Some(length) => length.parse().ok().filter(|&length| length <= MAX_BODY).ok_or(Unreadable)?,
    };
    let end = head + length;
    let Some(body) = received.get(head..end) else { return Ok(None) };
    let asks_to_close = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        api_key: header("x-typesense-api-key"),
        body: body.to_vec(),
        keep_alive: parsed.version == Some(1) && !asks_to_close,
    };
    Ok(Some((request, end)))
}
