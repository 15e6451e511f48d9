//! Compares `FakeServer` with a real server. Both receive the same valid and invalid requests in the same order, and
//! must send the same status, headers and body, byte by byte. The real server is always right.
//!
//! Both start without keys, so ids must also be equal. Requests on which they cannot agree are left out:
//!
//! * `HEAD` (the real server sends a body), `CONNECT` and unknown methods, and request lines that are not HTTP: the HTTP
//!   library responds to those, not the server.
//! * `"expires_at": -0` and JSON nested more than 128 deep, which only the real server accepts.
//! * Query strings with `&&` or a broken `%` escape, which the real server reads in its own way.
//! * Ids and keys for which the real server never sends a response: see the third test.

mod table;

use std::fmt::Write;
use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;
use typesense_keys::testing::FakeServer;

use self::table::{BOOTSTRAP, get, key_with, post, table};
use crate::support::harness::or_ignore;
use crate::support::{Server, raw};

live_tests![
    fake_and_real_server_send_the_same_bytes,
    fake_and_real_server_send_the_same_bytes_on_one_connection,
    fake_server_closes_the_connection_if_the_real_one_never_responds,
    fake_server_refuses_a_negative_zero_and_deep_json_which_the_real_one_accepts,
];

const TIMEOUT: Duration = Duration::from_secs(10);
const NO_RESPONSE: &str = "no response";

fn fake_and_real_server_send_the_same_bytes(_: &Server) {
    let real = or_ignore(Server::start());
    let fake_server = FakeServer::start().unwrap();
    let mut differences = String::new();
    let table = table();
    for (row, request) in table.iter().enumerate() {
        let ours = response_to(&address(&fake_server), fake_server.api_key().expose_secret(), request);
        let theirs = response_to(&format!("127.0.0.1:{}", real.port()), real.api_key(), request);
        if ours != theirs || theirs.starts_with(NO_RESPONSE) {
            writeln!(differences, "row {row}: {}\n  real server: {theirs}\n  fake server: {ours}", describe(request))
                .unwrap();
        }
    }
    println!("{} requests compared", table.len());
    assert!(differences.is_empty(), "they differ:\n{differences}");
}

fn fake_and_real_server_send_the_same_bytes_on_one_connection(_: &Server) {
    let real = or_ignore(Server::start());
    let fake_server = FakeServer::start().unwrap();
    let create = key_with(json!({"value": "on-one-connection"}));
    let conversation = |port: &str, key: &str| {
        let head = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nhost: localhost\r\n{more}");
        let key = format!("x-typesense-api-key: {key}\r\n");
        let requests = [
            head("GET /health", "\r\n"),
            head("POST /keys", &format!("{key}content-length: {}\r\n\r\n{create}", create.len())),
            head("POST /keys", &format!("{key}content-length: {}\r\n\r\n{create}", create.len())),
            head("GET /keys", "\r\n"),
            head("GET /nowhere", "\r\n"),
            head("GET /keys/999", &format!("{key}connection: close\r\n\r\n")),
        ];
        let mut stream = TcpStream::connect(port).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        // In one write, so that each request arrives before the response to the one before it.
        stream.write_all(requests.concat().as_bytes()).unwrap();
        let mut responses = String::new();
        stream.read_to_string(&mut responses).unwrap();
        responses
    };
    let key = fake_server.api_key();
    let ours = conversation(&address(&fake_server), key.expose_secret());
    let theirs = conversation(&format!("127.0.0.1:{}", real.port()), real.api_key());
    assert_eq!(ours, theirs);
    assert_eq!(theirs.matches("HTTP/1.1 ").count(), 6);
}

/// Not in the table, because each of these requests blocks a connection of the real server forever.
fn fake_server_closes_the_connection_if_the_real_one_never_responds(_: &Server) {
    let real = or_ignore(Server::start());
    let fake_server = FakeServer::start().unwrap();
    let neither_responds = |request: &raw::Request| {
        let key = fake_server.api_key();
        let ours = fill_in(request, key.expose_secret()).send(address(&fake_server), TIMEOUT);
        assert_eq!(
            ours.map_err(|error| error.kind()),
            Err(io::ErrorKind::UnexpectedEof),
            "the fake server on {}",
            describe(request)
        );
        let theirs = real.send(&fill_in(request, real.api_key()), Duration::from_secs(1));
        assert_eq!(
            theirs.map_err(|error| error.kind()),
            Err(io::ErrorKind::WouldBlock),
            "the real server on {}",
            describe(request)
        );
    };
    for id in ["abc", "%20", "-", "18446744073709551616", "-18446744073709551616"] {
        neither_responds(&get(&format!("/keys/{id}")));
    }
    // The prefix of this value would end inside the second character. The real server cannot list any key until such a
    // key is deleted.
    let create = post(key_with(json!({"value": "日本語"})));
    for (address, key) in [
        (address(&fake_server), fake_server.api_key().expose_secret()),
        (format!("127.0.0.1:{}", real.port()), real.api_key()),
    ] {
        let response = fill_in(&create, key).send(address, TIMEOUT).unwrap();
        assert_eq!(response.status, 201);
    }
    neither_responds(&get("/keys/0"));
    neither_responds(&get("/keys"));
}

fn fake_server_refuses_a_negative_zero_and_deep_json_which_the_real_one_accepts(_: &Server) {
    let real = or_ignore(Server::start());
    let fake_server = FakeServer::start().unwrap();
    let body = |member: &str| format!(r#"{{"description": "d", "actions": ["*"], "collections": ["*"], {member}}}"#);
    let nested = |depth| body(&format!(r#""new": {}{}"#, "[".repeat(depth), "]".repeat(depth)));
    for (body, status) in
        [(body(r#""expires_at": -0"#), 400), (nested(126), 201), (nested(127), 400), (nested(200), 400)]
    {
        let create = post(body);
        let ours = fill_in(&create, fake_server.api_key().expose_secret()).send(address(&fake_server), TIMEOUT);
        let theirs = real.send(&fill_in(&create, real.api_key()), TIMEOUT);
        assert_eq!((ours.unwrap().status, theirs.unwrap().status), (status, 201), "{}", describe(&create));
    }
}

fn address(fake_server: &FakeServer) -> String {
    fake_server.url().replace("http://", "")
}

/// Status, headers and body, without what always differs.
fn response_to(address: &str, bootstrap: &str, request: &raw::Request) -> String {
    match fill_in(request, bootstrap).send(address, TIMEOUT) {
        Ok(raw::Response { status, headers, body }) => {
            let body = without_generated_values(&String::from_utf8_lossy(&body));
            format!("{status} {headers:?} {body}").replace(bootstrap, BOOTSTRAP)
        }
        Err(error) => format!("{NO_RESPONSE}: {error}"),
    }
}

fn fill_in(request: &raw::Request, bootstrap: &str) -> raw::Request {
    let fill = |text: &str| text.replace(BOOTSTRAP, bootstrap);
    let fill_bytes = |bytes: &Vec<u8>| match std::str::from_utf8(bytes) {
        Ok(text) => fill(text).into_bytes(),
        Err(_) => bytes.clone(),
    };
    raw::Request {
        method: request.method.clone(),
        path: fill(&request.path),
        headers: request.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
        body: request.body.as_ref().map(fill_bytes),
    }
}

/// Replaces values that a server has generated, and their prefixes.
fn without_generated_values(body: &str) -> String {
    let mut body = body.to_owned();
    for (member, length) in [("\"value\":\"", 32), ("\"value_prefix\":\"", 4)] {
        let mut parts = body.split(member);
        let mut replaced = parts.next().unwrap().to_owned();
        for part in parts {
            let value = part.split('"').next().unwrap();
            let is_generated = value.len() == length && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
            replaced += member;
            replaced += &if is_generated { part.replacen(value, "(generated)", 1) } else { part.to_owned() };
        }
        body = replaced;
    }
    body
}

fn describe(request: &raw::Request) -> String {
    let body = request.body.as_deref().map(String::from_utf8_lossy);
    format!("{} {} {:?} {}", request.method, request.path, request.headers, body.unwrap_or_default())
}
