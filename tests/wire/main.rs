//! What goes over the wire, to the byte, and what comes of every kind of response, to the word.

// A test may fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod connections;
mod failures;
mod fixture;
mod redirects;
mod requests;
mod responses;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod validation;
