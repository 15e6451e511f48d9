//! Servers that speak another protocol than HTTP/1, or another one than the client.

use super::row::{Ending, Row, bad};

const NOT_HTTP: &str = "the response is not HTTP/1";

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![
        says("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        says("HTTP/2 frames", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff"),
        says("HTTP/3", b"HTTP/3 200\r\n\r\n{}"),
        says("HTTP/0.9", b"<html><body>hello</body></html>"),
        says("HTTP/1.2", b"HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n"),
        says("a request", b"GET /keys HTTP/1.1\r\nhost: x\r\n\r\n"),
        says("TLS, with an alert", b"\x15\x03\x01\0\x02\x02\x46"),
        says("TLS, with a hello", b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03\xa1\xb2\xc3\xd4"),
        says("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
        says("SMTP", b"220 mail.example.net ESMTP\r\n"),
        says("Redis", b"-ERR unknown command\r\n"),
        says("bytes at random", b"\x9f\x01\xfe\x80\x33\x00\xd1\x17\x42\x99\x0a\x0d\x0a\x0d\x0a"),
        says("a status line and a NUL", b"HTTP/1.1 200 OK\0\r\n\r\n"),
        says("nothing but a NUL", b"\0"),
    ];
    rows.extend(https());
    rows
}

fn says(name: &'static str, bytes: &'static [u8]) -> Row {
    bad(name, Ending::Unexpected, NOT_HTTP, move |peer| {
        peer.request()?;
        peer.send(bytes)?;
        peer.wait()
    })
}

#[cfg(not(feature = "tls"))]
fn https() -> Vec<Row> {
    Vec::new()
}

/// Nothing is sent before the TLS handshake is complete, so the outcome is known.
#[cfg(feature = "tls")]
fn https() -> Vec<Row> {
    use std::io::{self, Read};
    use std::thread;
    use std::time::Duration;

    use typesense_keys::error::Phase;

    use super::support::Peer;

    let hello = |peer: &mut Peer| -> io::Result<()> { peer.stream.read(&mut [0; 4096]).map(drop) };
    let handshake = Ending::Timeout(Phase::Handshake);
    let late = "timed out while negotiating TLS";
    let ends = |name, ending, result, script: fn(&mut Peer) -> io::Result<()>| {
        let script = move |peer: &mut Peer| {
            hello(peer)?;
            script(peer)
        };
        bad(name, ending, result, script).all_end_in(ending).https()
    };
    let not_tls = "its response is not encrypted (is it an http server?)";
    vec![
        ends("http where https was expected", Ending::Tls, not_tls, |peer| {
            peer.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
            peer.wait()
        }),
        ends(
            "https: a close after the hello",
            Ending::Connection,
            "closed the connection during the TLS handshake",
            |_| Ok(()),
        ),
        ends("https: an alert", Ending::Tls, "the TLS handshake failed", |peer| {
            peer.send(b"\x15\x03\x03\0\x02\x02\x28")
        }),
        ends("https: no response to the hello", handshake, late, |peer| peer.wait()),
        ends("https: a hello, a byte at a time", handshake, late, |peer| {
            peer.drip(b"\x16\x03\x03\x3f\xff\x02\0\x3f\xfb", Duration::from_millis(100))?;
            peer.drip([0; 1000], Duration::from_millis(100))
        }),
        ends("https: a hello without end", Ending::Tls, not_tls, |peer| {
            peer.send(b"\x16\x03\x03\x40\0\x02\xff\xff\xff")?;
            peer.send_without_end([0; 1024])
        }),
        ends("https: alerts without end", Ending::Tls, "the TLS handshake failed", |peer| {
            peer.send_without_end(b"\x15\x03\x03\0\x02\x01\x5a")
        }),
        ends("https: bytes at random without end", Ending::Tls, not_tls, |peer| {
            peer.send_without_end(b"\x9f\x01\xfe")
        }),
        ends("https: empty records, slowly", Ending::Tls, not_tls, |peer| {
            loop {
                thread::sleep(Duration::from_millis(20));
                peer.send(b"\x16\x03\x03\0\0")?;
            }
        }),
    ]
}
