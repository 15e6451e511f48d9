//! A bare connection, which writes the request and reads the response: the lower bound for any HTTP client.

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
        self.exchange("POST /keys", body, |response| {
            let (_, rest) = response.split_once(r#""id":"#).expect("an id");
            let end = rest.find(|c: char| !c.is_ascii_digit()).expect("more than an id");
            rest[..end].parse().expect("a number")
        })
    }

    fn get(&self, id: u32) {
        self.exchange(&format!("GET /keys/{id}"), "", |response| {
            assert!(response.starts_with("HTTP/1.1 200 "), "{response}")
        });
    }

    fn delete(&self, id: u32) {
        self.exchange(&format!("DELETE /keys/{id}"), "", |response| {
            assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
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
        let (mut response, mut length) = ([0; 4096], 0);
        // The server's responses are chunked, and end with an empty chunk.
        while !response[..length].ends_with(b"\r\n0\r\n\r\n") {
            length += connection.read(&mut response[length..]).unwrap();
        }
        read(str::from_utf8(&response[..length]).unwrap())
    }
}
