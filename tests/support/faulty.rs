//! Servers and proxies that do what a real server never does: they repeat secrets, lose responses, open tunnels.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::scripted::{Peer, Received, Scripted};

/// How a response is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    Whole,
    /// Each byte in a write of its own, so that the client reads the response cut at every byte.
    Bytes,
}

/// What happens to a response on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The response is dropped, and the connection is closed.
    Closed,
    /// Only this many bytes reach the client before the connection is closed.
    CutAfter(usize),
    /// The response is dropped, and the connection stays open.
    Silence,
    /// The response is not lost.
    Nothing,
}

/// Responds to every request with `response`, with the key, the value and the body of the request in place of `{key}`,
/// `{value}` and `{body}`.
pub fn echo(response: &str, pieces: Pieces) -> Scripted {
    let response = response.to_owned();
    responding(pieces, move |_, request| fill_in(&response, request))
}

/// Responds to the requests of each connection. `respond` receives the number of the request on its connection.
pub fn responding(pieces: Pieces, respond: impl Fn(usize, &Received) -> String + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |peer| {
        for count in 0.. {
            let response = respond(count, &peer.request()?);
            match pieces {
                Pieces::Whole => peer.send(&response)?,
                // Usually long enough for the client to read each byte before the next one arrives.
                Pieces::Bytes => peer.drip(&response, Duration::from_micros(100))?,
            }
            if !is_framed(&response) {
                break;
            }
        }
        Ok(())
    })
}

/// Reads every request and never responds.
pub fn silent() -> Scripted {
    Scripted::start(Peer::wait)
}

/// Passes everything to `target` and back. `losses`: how the responses on the first connections are lost, one for each
/// connection.
pub fn lossy(target: u16, losses: impl IntoIterator<Item = Loss>) -> Scripted {
    let losses: Mutex<VecDeque<Loss>> = Mutex::new(losses.into_iter().collect());
    Scripted::start(move |peer| {
        let loss = losses.lock().unwrap().pop_front().unwrap_or(Loss::Nothing);
        let mut beyond = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
        if loss == Loss::Nothing {
            return pump(&peer.stream, &beyond);
        }
        let Received { head, body } = peer.request()?;
        beyond.write_all((head + &body).as_bytes())?;
        // Once the server responds, it has acted.
        let mut response = [0; 4096];
        let length = beyond.read(&mut response)?;
        match loss {
            Loss::CutAfter(count) => peer.send(&response[..length.min(count)]),
            Loss::Silence => peer.wait(),
            Loss::Closed | Loss::Nothing => Ok(()),
        }
    })
}

/// An http proxy that accepts only `CONNECT` and connects to loopback, whatever the host.
pub fn tunnel() -> Scripted {
    Scripted::start(|peer| {
        let Received { head, .. } = peer.request()?;
        let port = head.split([' ', ':']).nth(2).and_then(|port| port.parse::<u16>().ok());
        let Some(port) = port.filter(|_| head.starts_with("CONNECT ")) else {
            return peer.send("HTTP/1.1 405 CONNECT only\r\n\r\n");
        };
        let beyond = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        peer.send("HTTP/1.1 200 go ahead\r\n\r\n")?;
        pump(&peer.stream, &beyond)
    })
}

/// A loopback port on which nothing listens. No server of a test can get this port, unlike a port that was free when
/// the test began.
pub const CLOSED_PORT: u16 = 1;

fn fill_in(response: &str, request: &Received) -> String {
    let json: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
    // As it is in the JSON, without the quotation marks.
    let value = json.get("value").map(|value| value.to_string()[1..].to_owned()).unwrap_or_default();
    let value = value.strip_suffix('"').unwrap_or_default();
    let key = request.header("x-typesense-api-key").unwrap_or_default();
    let response = response.replace("{key}", &key).replace("{value}", value).replace("{body}", &request.body);
    // The length is computed here, because secrets have different lengths.
    match response.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains("{length}") => {
            format!("{}\r\n\r\n{body}", head.replace("{length}", &body.len().to_string()))
        }
        _ => response,
    }
}

/// Whether the response says where it ends, so that another one can follow on the connection.
fn is_framed(response: &str) -> bool {
    let text = response.to_ascii_lowercase();
    text.contains("content-length:") || text.contains("transfer-encoding: chunked")
}

/// Copies in both directions until one side closes.
fn pump(one: &TcpStream, other: &TcpStream) -> io::Result<()> {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(one, other));
        copy(other, one);
    });
    Ok(())
}
