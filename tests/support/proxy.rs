//! A proxy between a client and a real server, which loses, cuts and delays requests and responses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::scripted::Scripted;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    None,
    /// The connection is cut before any of the request is read.
    CutBeforeHead,
    /// Half of the head reaches the server.
    CutInHead,
    /// The head and half of the body reach the server.
    CutInBody,
    /// The server acts; its response is lost.
    LoseResponse,
    /// The server acts; half of the response's head comes back.
    CutInResponseHead,
    /// The server acts; half of the response's body comes back.
    CutInResponseBody,
    /// The server acts; an empty 500 comes back.
    ErrorAfter,
    /// The proxy responds with 503, and the server receives nothing.
    NotReady,
    /// The server acts at once, but its response takes longer than the client waits.
    SlowResponse,
    /// The server receives the request only after the client has stopped waiting.
    SlowRequest,
    /// The request succeeds, and the connection is cut before the next one.
    CloseAfter,
}

pub const FAULTS: [Fault; 12] = [
    Fault::None,
    Fault::CutBeforeHead,
    Fault::CutInHead,
    Fault::CutInBody,
    Fault::LoseResponse,
    Fault::CutInResponseHead,
    Fault::CutInResponseBody,
    Fault::ErrorAfter,
    Fault::NotReady,
    Fault::SlowResponse,
    Fault::SlowRequest,
    Fault::CloseAfter,
];

/// Decides what happens to the next request; shared by the proxies of a client.
pub type Plan = Arc<Mutex<dyn FnMut() -> Fault + Send>>;

/// A proxy in front of the server on port `server`. Dropping it waits for the requests under way. `slow`: longer than
/// the client waits.
pub fn start(server: u16, slow: Duration, plan: Plan) -> Scripted {
    let link = Link { server, slow, plan };
    Scripted::start(move |peer| {
        link.serve(&peer.stream);
        // Cut the connection, even if the client still reads.
        peer.stream.shutdown(Shutdown::Both)
    })
}

struct Link {
    server: u16,
    slow: Duration,
    plan: Plan,
}

impl Link {
    fn serve(&self, client: &TcpStream) {
        let mut requests = BufReader::new(client);
        while requests.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
            let fault = (self.plan.lock().expect("a plan"))();
            if fault == Fault::CutBeforeHead || !self.pass(fault, client, &mut requests) {
                break;
            }
        }
    }

    /// Whether the connection can be used again.
    fn pass(&self, fault: Fault, mut client: &TcpStream, requests: &mut BufReader<&TcpStream>) -> bool {
        let Some((head, body)) = read_message(requests) else { return false };
        let mut response = |bytes: &[u8]| client.write_all(bytes).is_ok();
        let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
        match fault {
            Fault::CutInHead => self.send(&half(&head), &[]),
            Fault::CutInBody => self.send(&head, &half(&body)),
            Fault::NotReady => {
                let body = r#"{"message":"Not Ready or Lagging"}"#;
                let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length";
                return response(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
            }
            Fault::SlowRequest => {
                thread::sleep(self.slow);
                _ = self.ask(&head, &body);
            }
            Fault::CutBeforeHead => {}
            _ => {
                let Some((response_head, response_body)) = self.ask(&head, &body) else { return false };
                match fault {
                    Fault::None => return response(&[response_head, response_body].concat()),
                    Fault::CloseAfter => _ = response(&[response_head, response_body].concat()),
                    Fault::CutInResponseHead => _ = response(&half(&response_head)),
                    Fault::CutInResponseBody => _ = response(&[response_head, half(&response_body)].concat()),
                    Fault::ErrorAfter => {
                        return response(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");
                    }
                    Fault::SlowResponse => thread::sleep(self.slow),
                    _ => {}
                }
            }
        }
        false
    }

    /// Sends a part of a request to the server, which never receives the rest.
    fn send(&self, head: &[u8], body: &[u8]) {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)).expect("the server");
        _ = server.write_all(head).and_then(|()| server.write_all(body));
    }

    fn ask(&self, head: &[u8], body: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        ask(self.server, head, body)
    }
}

/// A load balancer. `route` receives the first line of each request, and returns the port of the server to pass it to.
pub fn balance(route: impl FnMut(&str) -> u16 + Send + 'static) -> Scripted {
    let route = Mutex::new(route);
    Scripted::start(move |peer| {
        let mut client = &peer.stream;
        let mut requests = BufReader::new(client);
        while let Some((head, body)) = read_message(&mut requests) {
            let head_text = String::from_utf8_lossy(&head);
            let port = (route.lock().expect("a route"))(head_text.lines().next().unwrap_or_default());
            let Some((response_head, response_body)) = ask(port, &head, &body) else { break };
            client.write_all(&[response_head, response_body].concat())?;
        }
        Ok(())
    })
}

/// The response of the server on this port, head and body.
fn ask(port: u16, head: &[u8], body: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server");
    server.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    server.write_all(head).and_then(|()| server.write_all(body)).ok()?;
    read_message(&mut BufReader::new(&server))
}

/// The head of a message, with its blank line, and its body, byte by byte.
fn read_message(from: &mut BufReader<&TcpStream>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut head, mut body) = (Vec::new(), Vec::new());
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let start = head.len();
        from.read_until(b'\n', &mut head).ok().filter(|&read| read > 0)?;
        let line = String::from_utf8_lossy(&head[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        is_chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        if line == "\r\n" {
            break;
        }
    }
    while is_chunked {
        let start = body.len();
        from.read_until(b'\n', &mut body).ok()?;
        let size = String::from_utf8_lossy(&body[start..]).trim().to_owned();
        let size = usize::from_str_radix(&size, 16).expect("a chunk's size");
        read_exactly(from, size + 2, &mut body)?;
        is_chunked = size > 0;
    }
    read_exactly(from, length, &mut body)?;
    Some((head, body))
}

fn read_exactly(from: &mut impl Read, count: usize, to: &mut Vec<u8>) -> Option<()> {
    let start = to.len();
    to.resize(start + count, 0);
    from.read_exact(&mut to[start..]).ok()
}
