//! The promises of `FakeServer` to those who test with it. `tests/live/differential.rs` compares it with a real server
//! of 0.24.1, and `fake_server/v30.rs` with the source of v30.

mod cluster;
mod connections;
mod faults;
mod keys;
mod v30;

use std::io;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::FakeServer;

use crate::support::raw::{Request, Response};

const KEY: &str = r#"{"description": "d", "actions": ["*"], "collections": ["*"]}"#;

fn create(server: &FakeServer) -> io::Result<Response> {
    send(server, Request::new("POST", "/keys").body(KEY))
}

fn list(server: &FakeServer) -> io::Result<Response> {
    send(server, Request::new("GET", "/keys"))
}

/// Sends the request with the bootstrap key on a new connection.
fn send(server: &FakeServer, request: Request) -> io::Result<Response> {
    send_with(server, server.api_key().expose_secret(), request)
}

fn send_with(server: &FakeServer, key: &str, request: Request) -> io::Result<Response> {
    request.api_key(key).send(address(server), Duration::from_secs(10))
}

fn address(server: &FakeServer) -> String {
    server.url().replace("http://", "")
}
