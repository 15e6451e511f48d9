//! Holds the stand-in to a real server: one long list of requests, good and bad, is sent in order
//! to both, and they must answer alike. Whatever the real server says is right.
//!
//! Both start empty, so ids must be equal too. Left out of the list, because they cannot agree:
//!
//! * `HEAD` (the real server sends a body), `CONNECT` and unknown methods, and request lines that
//!   are not HTTP: the HTTP library answers those, not the server.
//! * `"expires_at": -0` and JSON nested more than 128 deep, which only the real server accepts.
//! * Query strings with `&&` or a broken `%` escape, which the real server reads in its own way.
//! * Ids and keys for which the real server never answers: see the second test.

// A test may fail loudly.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "differential/table.rs"]
mod table;

use std::fmt::Write;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::harness::{or_ignore, run_on};
use support::{Server, raw};
use table::{BOOTSTRAP, get, key_with, post, table};
use typesense_keys::testing::FakeServer;

const TIMEOUT: Duration = Duration::from_secs(10);
const NO_REPLY: &str = "no reply";

fn main() -> ExitCode {
    run_on(
        Server::start,
        &[("stand_in_and_real_server_agree", agree), ("the_stand_in_hangs_up_where_the_real_one_hangs", hang)],
    )
}

fn agree(real: &Server) {
    let fake_server = FakeServer::start().unwrap();
    let mut differences = String::new();
    let table = table();
    for (row, request) in table.iter().enumerate() {
        let ours = answer(&address(&fake_server), fake_server.api_key().expose_secret(), request);
        let theirs = answer(&format!("127.0.0.1:{}", real.port()), real.api_key(), request);
        if ours != theirs || theirs.starts_with(NO_REPLY) {
            writeln!(differences, "row {row}: {}\n  real server: {theirs}\n  stand-in:    {ours}", describe(request))
                .unwrap();
        }
    }
    println!("{} requests compared", table.len());
    assert!(differences.is_empty(), "they differ:\n{differences}");
}

/// Not in the table: each of these keeps a connection of the real server busy for good.
fn hang(_: &Server) {
    let real = or_ignore(Server::start());
    let fake_server = FakeServer::start().unwrap();
    let both_fall_silent = |request: &raw::Request| {
        let key = fake_server.api_key();
        let ours = fill_in(request, key.expose_secret()).send(address(&fake_server), TIMEOUT);
        assert_eq!(
            ours.map_err(|error| error.kind()),
            Err(io::ErrorKind::UnexpectedEof),
            "the stand-in on {}",
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
        both_fall_silent(&get(&format!("/keys/{id}")));
    }
    // The prefix of this value would end inside the second character. One such key makes the
    // real server's whole list fall silent until it is deleted.
    let create = post(key_with(json!({"value": "日本語"})));
    for (address, key) in [
        (address(&fake_server), fake_server.api_key().expose_secret()),
        (format!("127.0.0.1:{}", real.port()), real.api_key()),
    ] {
        let reply = fill_in(&create, key).send(address, TIMEOUT).unwrap();
        assert_eq!(reply.status, 201);
    }
    both_fall_silent(&get("/keys/0"));
    both_fall_silent(&get("/keys"));
}

fn address(fake_server: &FakeServer) -> String {
    fake_server.url().replace("http://", "")
}

/// Status, content type and body, with what differs by nature made equal.
fn answer(address: &str, bootstrap: &str, request: &raw::Request) -> String {
    let reply = match fill_in(request, bootstrap).send(address, TIMEOUT) {
        Ok(reply) => reply,
        Err(error) => return format!("{NO_REPLY}: {error}"),
    };
    let body = match reply.json() {
        Some(mut json) => {
            normalise(&mut json);
            json.to_string()
        }
        None => reply.text(),
    };
    let content_type = reply.content_type().unwrap_or("no content type");
    format!("{} {content_type} {body}", reply.status).replace(bootstrap, BOOTSTRAP)
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

/// Replaces values that a server drew, and prefixes of such.
fn normalise(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(fields) => {
            for (name, field) in fields {
                let drawn_length = match name.as_str() {
                    "value" => 32,
                    "value_prefix" => 4,
                    _ => 0,
                };
                match field {
                    Value::String(text) if is_drawn(text, drawn_length) => {
                        *text = format!("{drawn_length} random characters");
                    }
                    _ => normalise(field),
                }
            }
        }
        _ => {}
    }
}

fn is_drawn(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn describe(request: &raw::Request) -> String {
    let body = request.body.as_deref().map(String::from_utf8_lossy);
    format!("{} {} {:?} {}", request.method, request.path, request.headers, body.unwrap_or_default())
}
