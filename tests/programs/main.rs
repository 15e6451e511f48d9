//! The examples, run as users run them: their output, their exit codes, and the keys that they leave, also after
//! several runs, interrupted and killed ones.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod again;
mod build_script;
mod keys;
mod killed_apply;
mod killed_rotation;
mod quickstart;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod target;
mod tenants;

use std::process::{Command, Output};

use secrecy::ExposeSecret;
use support::Tap;
use support::example::{example, printed};
use typesense_keys::testing::FakeServer;

/// An example that uses a fake server in this process through a tap.
fn with_server(name: &str, fake_server: &FakeServer, tap: &Tap) -> Command {
    let mut command = example(name);
    command.env("TYPESENSE_URL", tap.url()).env("TYPESENSE_API_KEY", fake_server.api_key().expose_secret());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Lines that were not logged.
fn said(output: &Output) -> Vec<String> {
    let printed = printed(output);
    printed.lines().filter(|line| !line.starts_with('[')).map(str::to_owned).collect()
}

/// Whether the word looks like a generated value. (One in 30 million generated values has no capital letter.)
fn looks_generated(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let is_alphanumeric = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    word.len() == 32 && is_alphanumeric && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}
