//! Accepts connections, and serves each on its own thread.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::lock;

/// How long a connection waits for bytes before it looks again whether it was closed: on Windows, closing a connection
/// does not wake a thread that waits for bytes.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// Accepts connections until it is dropped. Dropping it closes all connections and waits for their threads.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    connections: Arc<Mutex<Connections>>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Connections {
    open: Vec<Weak<TcpStream>>,
    is_closing: bool,
}

impl Listener {
    /// Calls `serve` for each connection on its own thread. The connection closes when `serve` returns.
    pub(super) fn start(
        address: SocketAddr,
        serve: impl Fn(&TcpStream) + Send + Sync + 'static,
    ) -> io::Result<Listener> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let connections = Arc::<Mutex<Connections>>::default();
        let shared = Arc::clone(&connections);
        let acceptor = thread::Builder::new().spawn(move || accept(&listener, &shared, &serve))?;
        Ok(Listener { address, connections, acceptor: Some(acceptor) })
    }
}

/// Returns after all threads that it started have ended.
fn accept(listener: &TcpListener, connections: &Mutex<Connections>, serve: &(dyn Fn(&TcpStream) + Sync)) {
    thread::scope(|scope| {
        loop {
            let accepted = listener.accept();
            let mut connections = lock(connections);
            if connections.is_closing {
                return;
            }
            let Ok((stream, _)) = accepted else {
                drop(connections);
                // The process probably has too many open files.
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let stream = Arc::new(stream);
            connections.open.retain(|stream| stream.strong_count() > 0);
            connections.open.push(Arc::downgrade(&stream));
            // If no thread can be started, this closes the connection.
            let _ = thread::Builder::new().spawn_scoped(scope, move || serve(&stream));
        }
    });
}

/// Reads from a connection. Fails after `timeout`, and soon after the listener was dropped.
pub(super) fn read(mut stream: &TcpStream, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
    stream.set_read_timeout(Some(POLL))?;
    let started = Instant::now();
    // On Windows, a read that times out may lose bytes that arrive at this moment, and a peek does not.
    while let Err(error) = stream.peek(&mut [0]) {
        if !is_timeout(&error) || started.elapsed() >= timeout {
            return Err(error);
        }
    }
    stream.read(buffer)
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut connections = lock(&self.connections);
        connections.is_closing = true;
        for stream in connections.open.iter().filter_map(Weak::upgrade) {
            // Fails if the client has already closed the connection.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        drop(connections);
        // `accept` returns only for a connection. If none can be made, waiting for the thread could block forever.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let (Ok(_), Some(acceptor)) = (woken, self.acceptor.take()) {
            let _ = acceptor.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_listener_ends_its_threads() {
        let alive = Arc::new(());
        let in_thread = Arc::clone(&alive);
        let (started, all_started) = std::sync::mpsc::channel();
        let listener = Listener::start(SocketAddr::from(([127, 0, 0, 1], 0)), move |stream| {
            let _alive = Arc::clone(&in_thread);
            started.send(()).unwrap();
            let _ = read(stream, &mut [0], Duration::from_secs(3600));
        });
        let listener = listener.unwrap();
        let clients = [(); 3].map(|()| TcpStream::connect(listener.address).unwrap());
        for _ in &clients {
            all_started.recv().unwrap();
        }
        assert_eq!(Arc::strong_count(&alive), 2 + clients.len());
        drop(listener);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
