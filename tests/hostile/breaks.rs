//! Connections that break.

use std::time::Duration;

use super::row::{Ending, Good, Row, bad};

pub(crate) fn rows() -> Vec<Row> {
    vec![
        // It depends on microseconds whether the client notices the close while it sends or while it waits.
        bad("a close at once", Ending::Connection, "", |_| Ok(())),
        bad("a close after the request", Ending::Connection, "closed the connection without a response", |peer| {
            peer.request().map(drop)
        }),
        bad(
            "a reset after the request",
            Ending::Connection,
            "connection reset while waiting for the response",
            |peer| peer.most_of_a_request().map(drop),
        ),
        bad("a close in the head", Ending::Connection, "closed the connection while reading the response", |peer| {
            peer.request()?;
            peer.send("HTTP/1.1 200 OK\r\ncontent-le")
        }),
        bad("a reset in the head", Ending::Connection, "connection reset while reading the response", |peer| {
            peer.most_of_a_request()?;
            peer.send("HTTP/1.1 200 OK\r\ncontent-le")?;
            received_first();
            Ok(())
        }),
        bad(
            "a close after early hints",
            Ending::Connection,
            "closed the connection while reading the response",
            |peer| {
                peer.request()?;
                peer.send("HTTP/1.1 103\r\n\r\n")
            },
        ),
        bad("a close in the body", Ending::Connection, "closed the connection while reading the response", |peer| {
            let good = Good::to(&peer.request()?);
            peer.send(cut(&good.with("")))
        }),
        bad("a reset in the body", Ending::Connection, "connection reset while reading the response", |peer| {
            let good = Good::to(&peer.most_of_a_request()?);
            peer.send(cut(&good.with("")))?;
            received_first();
            Ok(())
        }),
        bad(
            "a close between chunks",
            Ending::Connection,
            "closed the connection while reading the response",
            |peer| {
                let Good { status, body } = Good::to(&peer.request()?);
                let length = body.len();
                peer.send(format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n"))
            },
        ),
        bad(
            "a close in the trailers",
            Ending::Connection,
            "closed the connection while reading the response",
            |peer| {
                let Good { status, body } = Good::to(&peer.request()?);
                let length = body.len();
                peer.send(format!(
                    "HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\nx"
                ))
            },
        ),
        bad("a body that a close cuts short", Ending::Unexpected, "status 20", |peer| {
            let good = Good::to(&peer.request()?);
            let response = format!("{}\r\n{}", good.head(""), good.body);
            peer.send(cut(&response))
        }),
        bad(
            "an error page that a close cuts short",
            Ending::Connection,
            "closed the connection while reading",
            |peer| {
                peer.request()?;
                peer.send("HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\n<html>")
            },
        ),
    ]
}

/// All bytes except the last one.
fn cut(response: &str) -> &str {
    &response[..response.len() - 1]
}

/// Gives the client time to read what was sent, because some systems discard it after a reset.
fn received_first() {
    std::thread::sleep(Duration::from_millis(50));
}
