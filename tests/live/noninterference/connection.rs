//! A connection that stays open, because tens of thousands of connections would use up the ports.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::support::raw::Response;

/// Longer than any search in a small collection takes.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Connection {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// Sends a request and reads the response; on a new connection if the server has closed the old one.
    pub(crate) fn send(&mut self, method: &str, path: &str, key: &str, body: &str) -> io::Result<Response> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-typesense-api-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let is_used = self.stream.is_some();
        match self.attempt(&request) {
            Err(error) if is_used && error.kind() != io::ErrorKind::WouldBlock => self.attempt(&request),
            done => done,
        }
    }

    fn attempt(&mut self, request: &str) -> io::Result<Response> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.port)?,
        };
        stream.get_mut().write_all(request.as_bytes())?;
        let response = Response::read(&mut stream)?;
        self.stream = Some(stream);
        Ok(response)
    }
}

fn connect(port: u16) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}
