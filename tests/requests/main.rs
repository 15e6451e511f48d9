//! Each operation on the fake server and on servers that follow a script, and the promises of the fake server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod create_many;
mod delete;
mod derived;
mod ensure;
mod fake_server;
mod lost_responses;
mod many;
mod plan;
mod prepared;
mod prepared_rotation;
mod ready;
mod renewal;
mod repeated_values;
mod rotate;
mod scoped;
mod specs;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use std::time::Duration;

use typesense_keys::KeysClient;
use typesense_keys::testing::{FakeServer, Fault};

/// No fault: lets one request pass.
const PASS: Fault = Fault::Delay(Duration::ZERO);

fn client(server: &FakeServer) -> KeysClient {
    KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap()
}

/// A client that makes one attempt at each step.
fn hasty(server: &FakeServer) -> KeysClient {
    KeysClient::builder().node(server.url()).api_key(server.api_key()).retries(false).build().unwrap()
}

fn start() -> (FakeServer, KeysClient) {
    let server = FakeServer::start().unwrap();
    let client = client(&server);
    (server, client)
}

fn start_hasty() -> (FakeServer, KeysClient) {
    let server = FakeServer::start().unwrap();
    let client = hasty(&server);
    (server, client)
}
