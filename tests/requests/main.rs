//! What each operation does on the fake server, and on servers that follow a script; and what the fake server promises.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod create_many;
mod delete;
mod ensure;
mod fake_server;
mod lost_responses;
mod many;
mod plan;
mod prepared;
mod ready;
mod rotate;
mod scoped;
mod stream;
#[path = "../support/mod.rs"]
mod support;
