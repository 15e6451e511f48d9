//! A proxy that records everything between a client and a server, and changes nothing.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::scripted::Scripted;

/// Passes everything to a server and back.
pub struct Tap {
    listener: Scripted,
    recorded: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// `server`: the URL to pass on to, as `http://HOST:PORT`.
    pub fn start(server: &str) -> Tap {
        let server = server.strip_prefix("http://").expect("a plain http server").to_owned();
        let recorded = Arc::<Mutex<Vec<u8>>>::default();
        let record = Arc::clone(&recorded);
        let listener = Scripted::start(move |peer| {
            let server = TcpStream::connect(&server)?;
            thread::scope(|scope| {
                scope.spawn(|| pass(&peer.stream, &server, &record));
                pass(&server, &peer.stream, &record)
            })
        });
        Tap { listener, recorded }
    }

    pub fn url(&self) -> String {
        self.listener.url()
    }

    /// Everything that has passed so far, in both directions.
    pub fn recorded(&self) -> String {
        String::from_utf8_lossy(&self.recorded.lock().expect("a whole record")).into_owned()
    }

    /// The values of keys that have passed so far.
    pub fn values(&self) -> Vec<String> {
        let recorded = self.recorded();
        let after_name = recorded.split("\"value\":\"").skip(1);
        let values = after_name.filter_map(|rest| rest.split('"').next().map(str::to_owned));
        values.collect()
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, record: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(length) if length > 0 => {
                let passed = &buffer[..length];
                record.lock().expect("a whole record").extend_from_slice(passed);
                to.write_all(passed)?;
            }
            // One side has closed, so the other may close, too.
            _ => return to.shutdown(Shutdown::Write),
        }
    }
}
