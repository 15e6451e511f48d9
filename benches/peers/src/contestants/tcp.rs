//! A bare connection: writes the request, reads the reply. No HTTP client costs less.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::str;
use std::sync::Mutex;

use typesense_keys_peers::Keys;

pub struct Tcp {
    connection: Mutex<TcpStream>,
    key: String,
}

pub fn connect(url: &str, key: &str) -> Tcp {
    let connection = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    connection.set_nodelay(true).unwrap();
    Tcp { connection: Mutex::new(connection), key: key.to_owned() }
}

impl Keys for Tcp {
    fn create(&self) -> u32 {
        let body = r#"{"description":"docs","actions":["documents:search"],"collections":["docs"]}"#;
        self.exchange("POST /keys", body, |reply| {
            let (_, rest) = reply.split_once(r#""id":"#).expect("an id");
            let end = rest.find(|c: char| !c.is_ascii_digit()).expect("more than an id");
            rest[..end].parse().expect("a number")
        })
    }

    fn get(&self, id: u32) {
        self.exchange(&format!("GET /keys/{id}"), "", |reply| assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}"));
    }

    fn delete(&self, id: u32) {
        self.exchange(&format!("DELETE /keys/{id}"), "", |reply| {
            assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        });
    }
}

impl Tcp {
    fn exchange<T>(&self, what: &str, body: &str, read: impl FnOnce(&str) -> T) -> T {
        let (key, length) = (&self.key, body.len());
        let request = format!(
            "{what} HTTP/1.1\r\nhost: localhost\r\nx-typesense-api-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut connection = self.connection.lock().unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let (mut reply, mut length) = ([0; 4096], 0);
        // The server's replies are chunked, and end so.
        while !reply[..length].ends_with(b"\r\n0\r\n\r\n") {
            length += connection.read(&mut reply[length..]).unwrap();
        }
        read(str::from_utf8(&reply[..length]).unwrap())
    }
}
