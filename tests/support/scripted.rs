//! A server that follows a script byte by byte, for responses that no HTTP library would send.
//!
//! ```text
//! let server = Scripted::start(|peer| {
//!     peer.request()?;
//!     peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort")
//! });
//! ```

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::time::wait_until;

/// Serves one connection. When the script returns, with or without an error, the connection is closed.
pub type Script = dyn Fn(&mut Peer) -> io::Result<()> + Send + Sync;

/// A server on loopback. Dropping it closes its connections and waits for its threads.
pub struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    connections: AtomicUsize,
    received: Mutex<Vec<Received>>,
    /// A handle on each connection that is open, by its number.
    open: Mutex<HashMap<usize, TcpStream>>,
}

impl Scripted {
    pub fn start(script: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::play(Arc::new(script))
    }

    pub fn play(script: Arc<Script>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &script, &shared)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until the server has closed every connection that was opened so far.
    pub fn wait_until_closed(&self) {
        wait_until("every connection is closed", || self.shared.open().is_empty());
    }

    /// The requests that the script has read so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the acceptor, which then closes all connections and joins their threads.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<usize, TcpStream>> {
        self.open.lock().expect("no panic while this was locked")
    }

    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().expect("no panic while this was locked")
    }
}

fn accept(listener: &TcpListener, script: &Arc<Script>, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.is_over.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let _ = stream.set_nodelay(true);
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        if let Ok(handle) = stream.try_clone() {
            shared.open().insert(number, handle);
        }
        let (script, shared) = (Arc::clone(script), Arc::clone(shared));
        threads.push(thread::spawn(move || {
            // An error means that the client has closed the connection.
            let _ = script(&mut Peer { stream, shared: Arc::clone(&shared) });
            // A connection is closed only when its last handle is dropped.
            shared.open().remove(&number);
        }));
    }
    for (_, open) in shared.open().drain() {
        let _ = open.shutdown(Shutdown::Both);
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// A request as it was received.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub head: String,
    pub body: String,
}

impl Received {
    fn new(head: &[u8], body: &[u8]) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { head: text(head), body: text(body) }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.head.split("\r\n").filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    fn content_length(&self) -> usize {
        self.header("content-length").map_or(0, |length| length.parse().unwrap())
    }
}

/// One connection, seen from the server.
pub struct Peer {
    pub stream: TcpStream,
    shared: Arc<Shared>,
}

impl Peer {
    /// Reads one whole request.
    pub fn request(&mut self) -> io::Result<Received> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let mut request = Received::new(&head, &[]);
        let mut body = vec![0; request.content_length()];
        self.stream.read_exact(&mut body)?;
        request.body = String::from_utf8_lossy(&body).into_owned();
        self.shared.received().push(request.clone());
        Ok(request)
    }

    /// Reads one request except its last byte: on Linux, closing the connection then resets it.
    pub fn most_of_a_request(&mut self) -> io::Result<Received> {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let count = self.stream.peek(&mut bytes)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(request) = whole_request(&bytes[..count]) {
                self.shared.received().push(request.clone());
                self.stream.read_exact(&mut bytes[..count - 1])?;
                return Ok(request);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends `bytes` one by one, each after a pause.
    pub fn drip(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) -> io::Result<()> {
        for byte in bytes.as_ref() {
            thread::sleep(pause);
            self.stream.write_all(&[*byte])?;
        }
        Ok(())
    }

    /// Sends `bytes` again and again until the client closes the connection.
    pub fn send_without_end(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        let block = bytes.repeat((16 * 1024 / bytes.len()).max(1));
        loop {
            self.stream.write_all(&block)?;
        }
    }

    /// Neither reads nor writes until the server is dropped.
    pub fn stall(&mut self) -> io::Result<()> {
        while !self.shared.is_over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Sends nothing more, and waits until the client closes the connection.
    pub fn wait(&mut self) -> io::Result<()> {
        let mut rest = [0; 1024];
        while self.stream.read(&mut rest)? > 0 {}
        Ok(())
    }
}

/// The request in `bytes`, if it is complete.
fn whole_request(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let head = Received::new(&bytes[..end], &[]);
    let body = bytes.get(end..end + head.content_length())?;
    Some(Received::new(&bytes[..end], body))
}
