//! A tap on the line between a client and a server: what passes is recorded, and not changed.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Listens on a free loopback port and passes on to a server. Ends with the value, once its clients are gone.
#[derive(Debug)]
pub struct Tap {
    port: u16,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server: String,
    recorded: Mutex<Vec<u8>>,
    ending: AtomicBool,
}

impl Tap {
    /// `server`: the URL to pass on to, as `http://HOST:PORT`.
    pub fn start(server: &str) -> Tap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("its address").port();
        let server = server.strip_prefix("http://").expect("a plain http server").to_owned();
        let shared = Arc::new(Shared { server, recorded: Mutex::default(), ending: AtomicBool::new(false) });
        let listening = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.listen(&listener)
        });
        Tap { port, shared, listening: Some(listening) }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything that has passed so far, in both directions.
    pub fn recorded(&self) -> String {
        String::from_utf8_lossy(&self.shared.recorded.lock().expect("a whole record")).into_owned()
    }

    /// The values of keys that have passed so far.
    pub fn values(&self) -> Vec<String> {
        let recorded = self.recorded();
        let after_name = recorded.split("\"value\":\"").skip(1);
        let values = after_name.filter_map(|rest| rest.split('"').next().map(str::to_owned));
        values.collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn listen(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for client in listener.incoming() {
                if self.ending.load(Ordering::SeqCst) {
                    return;
                }
                scope.spawn(|| client.and_then(|client| self.connect(&client)));
            }
        });
    }

    fn connect(&self, client: &TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(&self.server)?;
        thread::scope(|scope| {
            scope.spawn(|| self.pass(client, &server));
            self.pass(&server, client)
        })
    }

    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match from.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    let passed = &buffer[..length];
                    self.recorded.lock().expect("a whole record").extend_from_slice(passed);
                    to.write_all(passed)?;
                }
                // Either side has gone, so the other may go, too.
                _ => return to.shutdown(Shutdown::Write),
            }
        }
    }
}
