//! Servers and proxies that a real server cannot be made to be: an echo of secrets, a lost response, a tunnel.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Something that listens on loopback, with a thread for each connection. All of it ends on drop.
pub struct Service {
    address: SocketAddr,
    open: Arc<Open>,
    accepting: Option<JoinHandle<()>>,
    /// What came in, one entry for each request (for each connection, where it is a proxy).
    received: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// The connections that are open, so that they can be ended.
#[derive(Default)]
struct Open {
    is_over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Open {
    fn add(&self, stream: &TcpStream) {
        self.streams.lock().unwrap().push(stream.try_clone().unwrap());
        if self.is_over.load(Ordering::SeqCst) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// How a response is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    Whole,
    /// Every byte on its own, so that everything is cut everywhere.
    Bytes,
}

/// What happens to a response on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It is swallowed, and the connection closed.
    Closed,
    /// Only so many bytes come through before the connection is closed.
    CutAfter(usize),
    /// It is swallowed, and the connection stays.
    Silence,
    /// None: the connection works.
    Nothing,
}

impl Service {
    /// Responds to every request with `response`, in which `{key}`, `{value}` and `{body}` stand for what the request held.
    pub fn echo(response: &str, pieces: Pieces) -> Service {
        let response = response.to_owned();
        Service::responding(move |_, request| Some((fill_in(&response, request), pieces)))
    }

    /// Reads every request and responds to none.
    pub fn silent() -> Service {
        Service::responding(|_, _| None)
    }

    /// Responds to the requests of each connection; `respond` is told their number on it. `None`: never.
    pub fn responding(
        respond: impl Fn(usize, &[u8]) -> Option<(Vec<u8>, Pieces)> + Send + Sync + 'static,
    ) -> Service {
        Service::start(move |mut stream, received, _| {
            let mut count = 0;
            while let Some(request) = read_request(&mut stream) {
                received.lock().unwrap().push(request.clone());
                match respond(count, &request) {
                    Some((response, pieces)) => {
                        write(&mut stream, &response, pieces)?;
                        if !is_framed(&response) {
                            break;
                        }
                    }
                    None => drop(io::copy(&mut stream, &mut io::sink())),
                }
                count += 1;
            }
            Ok(())
        })
    }

    /// Passes everything to `target` and back, but loses what comes back on the first connections as told.
    pub fn lossy(target: u16, losses: impl IntoIterator<Item = Loss>) -> Service {
        let losses: Mutex<VecDeque<Loss>> = Mutex::new(losses.into_iter().collect());
        Service::start(move |mut stream, received, open| {
            let loss = losses.lock().unwrap().pop_front().unwrap_or(Loss::Nothing);
            let mut beyond = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
            open.add(&beyond);
            if loss == Loss::Nothing {
                return pump(stream, beyond);
            }
            let Some(request) = read_request(&mut stream) else { return Ok(()) };
            received.lock().unwrap().push(request.clone());
            beyond.write_all(&request)?;
            // Once it responds, it has done what was asked.
            let mut response = [0; 4096];
            let length = beyond.read(&mut response)?;
            match loss {
                Loss::CutAfter(count) => stream.write_all(&response[..length.min(count)]),
                Loss::Silence => io::copy(&mut stream, &mut io::sink()).map(drop),
                Loss::Closed | Loss::Nothing => Ok(()),
            }
        })
    }

    /// An http proxy, for `CONNECT` only; leads to loopback whatever is asked for.
    pub fn tunnel() -> Service {
        Service::start(|mut stream, received, open| {
            let Some(request) = read_request(&mut stream) else { return Ok(()) };
            let text = String::from_utf8_lossy(&request).into_owned();
            received.lock().unwrap().push(request);
            let port = text.split([' ', ':']).nth(2).and_then(|port| port.parse::<u16>().ok());
            let Some(port) = port.filter(|_| text.starts_with("CONNECT ")) else {
                return stream.write_all(b"HTTP/1.1 405 CONNECT only\r\n\r\n");
            };
            let beyond = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            open.add(&beyond);
            stream.write_all(b"HTTP/1.1 200 go ahead\r\n\r\n")?;
            pump(stream, beyond)
        })
    }

    fn start(
        handle: impl Fn(TcpStream, &Mutex<Vec<Vec<u8>>>, &Open) -> io::Result<()> + Send + Sync + 'static,
    ) -> Service {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(Open::default());
        let received = Arc::new(Mutex::new(Vec::new()));
        let accepting = {
            let (open, received) = (Arc::clone(&open), Arc::clone(&received));
            thread::spawn(move || {
                thread::scope(|scope| {
                    for stream in listener.incoming().map_while(Result::ok) {
                        if open.is_over.load(Ordering::SeqCst) {
                            break;
                        }
                        open.add(&stream);
                        let (handle, received, open) = (&handle, &received, &open);
                        scope.spawn(move || {
                            let other_end = stream.try_clone();
                            // The client may hang up at any time.
                            let _ = handle(stream, received, open);
                            let _ = other_end.and_then(|stream| stream.shutdown(Shutdown::Both));
                        });
                    }
                });
            })
        };
        Service { address, open, accepting: Some(accepting), received }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn received(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.open.is_over.store(true, Ordering::SeqCst);
        for stream in self.open.streams.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

/// A loopback port on which nobody listens.
pub fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Head and body; `None` when the other side has nothing more to ask.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(length) = request_length(&request).filter(|length| request.len() >= *length) {
            request.truncate(length);
            return Some(request);
        }
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&buffer[..count]);
    }
}

fn request_length(request: &[u8]) -> Option<usize> {
    let head = request.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let body = header(request, "content-length").map_or(0, |length| length.parse().unwrap());
    Some(head + body)
}

/// The first header of this name in the request.
pub fn header(request: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

fn fill_in(response: &str, request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    // As it was written, between the quotes.
    let value = json.get("value").map(|value| value.to_string()[1..].to_owned()).unwrap_or_default();
    let value = value.strip_suffix('"').unwrap_or_default();
    let key = header(request, "x-typesense-api-key").unwrap_or_default();
    let response = response.replace("{key}", &key).replace("{value}", value).replace("{body}", body);
    // Lengths are counted here, because those of the secrets vary.
    let response = match response.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains("{length}") => {
            format!("{}\r\n\r\n{body}", head.replace("{length}", &body.len().to_string()))
        }
        _ => response,
    };
    response.into_bytes()
}

/// Whether the response says where it ends, so that the connection may stay open.
fn is_framed(response: &[u8]) -> bool {
    let text = String::from_utf8_lossy(response).to_ascii_lowercase();
    text.contains("content-length:") || text.contains("transfer-encoding: chunked")
}

fn write(stream: &mut TcpStream, response: &[u8], pieces: Pieces) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match pieces {
        Pieces::Whole => stream.write_all(response),
        Pieces::Bytes => response.iter().try_for_each(|byte| {
            // Long enough, mostly, for the other side to read it before the next one is there.
            thread::sleep(Duration::from_micros(100));
            stream.write_all(&[*byte])
        }),
    }
}

fn pump(one: TcpStream, other: TcpStream) -> io::Result<()> {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(&one, &other));
        copy(&other, &one);
    });
    Ok(())
}
