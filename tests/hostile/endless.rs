//! Servers whose responses never end, fast or slow.

use std::thread;
use std::time::Duration;

use typesense_keys::error::Phase;

use super::row::{Ending, Good, Row, bad};

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn rows() -> Vec<Row> {
    let waiting = Ending::Timeout(Phase::AwaitResponse);
    let reading = Ending::Timeout(Phase::ReadResponse);
    vec![
        bad("no response at all", waiting, "timed out while waiting for the response", |peer| {
            peer.request()?;
            peer.wait()
        }),
        bad("a server that does not even read", waiting, "timed out while waiting for the response", |peer| {
            peer.stall()
        }),
        bad("half a head, then nothing", reading, "timed out while reading the response", |peer| {
            peer.request()?;
            peer.send("HTTP/1.1 20")?;
            peer.wait()
        }),
        bad("a head, then nothing", reading, "timed out while reading the response", |peer| {
            peer.request()?;
            peer.send(format!("{OK}content-length: 100\r\n\r\n"))?;
            peer.wait()
        }),
        bad("a whole body until a close that never comes", reading, "timed out while reading the response", |peer| {
            let good = Good::to(&peer.request()?);
            peer.send(format!("{}\r\n{}", good.head(""), good.body))?;
            peer.wait()
        }),
        bad("whole chunks, and no last one", reading, "timed out while reading the response", |peer| {
            let Good { status, body } = Good::to(&peer.request()?);
            let length = body.len();
            peer.send(format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n"))?;
            peer.wait()
        }),
        bad("a good response, a byte at a time", reading, "timed out while reading the response", |peer| {
            let good = Good::to(&peer.request()?);
            peer.drip(good.with(""), PAUSE)
        }),
        bad("a body, a byte at a time", reading, "timed out while reading the response", |peer| {
            let good = Good::to(&peer.request()?);
            peer.send(format!("{}content-length: 1000\r\n\r\n", good.head("")))?;
            peer.send("{\"")?;
            peer.drip([b'x'; 998], PAUSE)
        }),
        bad("chunks of a byte each, slowly", reading, "timed out while reading the response", |peer| {
            peer.request()?;
            peer.send(CHUNKED)?;
            peer.send("2\r\n{\"\r\n")?;
            loop {
                thread::sleep(PAUSE);
                peer.send("1\r\nx\r\n")?;
            }
        }),
        bad("endless early hints, slowly", reading, "timed out while reading the response", |peer| {
            peer.request()?;
            loop {
                thread::sleep(PAUSE);
                peer.send("HTTP/1.1 103 Early Hints\r\n\r\n")?;
            }
        }),
        bad("endless headers, slowly", reading, "timed out while reading the response", |peer| {
            peer.request()?;
            peer.send(OK)?;
            loop {
                thread::sleep(PAUSE);
                peer.send("a: b\r\n")?;
            }
        }),
        bad("an error page, a byte at a time", reading, "timed out while reading the response", |peer| {
            peer.request()?;
            peer.send("HTTP/1.1 500 Oops\r\ncontent-length: 1000\r\n\r\n")?;
            peer.drip([b'x'; 1000], PAUSE)
        }),
        bad("headers without end", Ending::Unexpected, "the head of the response is too large", |peer| {
            peer.request()?;
            peer.send(OK)?;
            peer.send_without_end("a: b\r\n")
        }),
        bad("one header without end", Ending::Unexpected, "the head of the response is too large", |peer| {
            peer.request()?;
            peer.send(format!("{OK}a: "))?;
            peer.send_without_end("x")
        }),
        bad("a reason phrase without end", Ending::Unexpected, "the head of the response is too large", |peer| {
            peer.request()?;
            peer.send("HTTP/1.1 200 ")?;
            peer.send_without_end("x")
        }),
        bad("empty lines without end", Ending::Unexpected, "the head of the response is too large", |peer| {
            peer.request()?;
            peer.send_without_end("\r\n")
        }),
        bad("early hints without end", Ending::Unexpected, "the head of the response is too large", |peer| {
            peer.request()?;
            peer.send_without_end("HTTP/1.1 103\r\n\r\n")
        }),
        bad("100 Continue without end", Ending::Unexpected, "the head of the response is too large", |peer| {
            peer.request()?;
            peer.send_without_end("HTTP/1.1 100 Continue\r\n\r\n")
        }),
        bad("a chunk size without end", Ending::Unexpected, "the response's body is not framed", |peer| {
            peer.request()?;
            peer.send(CHUNKED)?;
            peer.send_without_end("0")
        }),
        bad("a chunk extension without end", Ending::Unexpected, "the response's body is not framed", |peer| {
            peer.request()?;
            peer.send(format!("{CHUNKED}5;"))?;
            peer.send_without_end("x")
        }),
        bad("trailers without end", Ending::Unexpected, "the response's body is not framed", |peer| {
            peer.request()?;
            peer.send(format!("{CHUNKED}0\r\n"))?;
            peer.send_without_end("a: b\r\n")
        }),
        bad("one trailer without end", Ending::Unexpected, "the response's body is not framed", |peer| {
            peer.request()?;
            peer.send(format!("{CHUNKED}0\r\na: "))?;
            peer.send_without_end("x")
        }),
        endless_body("a body without end", "200 OK", ""),
        endless_body("a body of an impossible length", "200 OK", "content-length: 18446744073709551615\r\n"),
        endless_chunks("chunks without end", "1\r\nx\r\n"),
        endless_chunks("one chunk without end", "ffffffffffffffff\r\n"),
        endless_body("a 401 without end", "401 No", "").ends_in("status 401", Ending::Unexpected, Ending::Unexpected),
        endless_body("a 400 without end", "400 No", "").ends_in("status 400", Ending::Unexpected, Ending::Unexpected),
        endless_body("a 500 without end", "500 No", "").ends_in("status 500", Ending::Unavailable, Ending::Unknown),
        endless_body("a 302 without end", "302 No", "").ends_in("status 302", Ending::Unexpected, Ending::Unexpected),
        endless_body("a compressed body without end", "200 OK", "content-encoding: gzip\r\n").ends_in(
            "the response is compressed",
            Ending::Unexpected,
            Ending::Unknown,
        ),
    ]
}

/// If `status` is `200 OK`, each call gets its success status.
fn endless_body(name: &'static str, status: &'static str, headers: &'static str) -> Row {
    bad(name, Ending::TooLarge, "the response is larger than the limit of 1048576 bytes", move |peer| {
        let good = Good::to(&peer.request()?);
        let status = if status == "200 OK" { good.status } else { status };
        // The beginning of a name, so that a list that is read key by key has no error either.
        peer.send(format!("HTTP/1.1 {status}\r\n{headers}\r\n{{\""))?;
        peer.send_without_end("[1234567")
    })
}

fn endless_chunks(name: &'static str, chunk: &'static str) -> Row {
    bad(name, Ending::TooLarge, "the response is larger than the limit of 1048576 bytes", move |peer| {
        let good = Good::to(&peer.request()?);
        peer.send(format!("HTTP/1.1 {}\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{\"\r\n", good.status))?;
        if chunk.contains('x') {
            return peer.send_without_end(chunk);
        }
        peer.send(chunk)?;
        peer.send_without_end("x")
    })
}

impl Row {
    fn ends_in(self, result: &'static str, reads: Ending, writes: Ending) -> Self {
        Self { result, reads, writes, ..self }
    }
}
