//! Proves on real servers what this crate promises. Most tests share one server.
//!
//! The tests change and delete only what they have created, so `TYPESENSE_TEST_URL` may name a server that is also used
//! by others.

// A test may fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

/// Names the tests of a file for the harness. A test that is left out is dead code, which clippy reports.
macro_rules! live_tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::support::harness::LiveTest] = &[$((stringify!($name), $name)),*];
    };
}

mod actions;
mod audit;
mod changing_world;
mod closed_parameters;
mod collections;
#[cfg(feature = "testing")]
mod differential;
mod environment;
mod exactly_once;
mod expiry;
mod hidden_fields;
mod life;
mod lifecycle;
mod many;
mod matching;
mod noninterference;
mod patterns;
mod plan;
mod refusals;
mod routes;
mod scoped;
mod servers;
mod stage;
mod std_regex;
#[path = "../support/mod.rs"]
mod support;
mod tenants;
#[cfg(feature = "tls")]
mod tls;
mod values;

use std::process::ExitCode;

fn main() -> ExitCode {
    if environment::is_child() {
        return environment::child();
    }
    let tests = [
        servers::TESTS,
        life::TESTS,
        lifecycle::TESTS,
        refusals::TESTS,
        values::TESTS,
        expiry::TESTS,
        actions::TESTS,
        collections::TESTS,
        patterns::TESTS,
        matching::TESTS,
        audit::TESTS,
        many::TESTS,
        plan::TESTS,
        routes::TESTS,
        scoped::TESTS,
        tenants::TESTS,
        hidden_fields::TESTS,
        closed_parameters::TESTS,
        noninterference::TESTS,
        environment::TESTS,
        exactly_once::TESTS,
        changing_world::TESTS,
        #[cfg(feature = "testing")]
        differential::TESTS,
        #[cfg(feature = "tls")]
        tls::TESTS,
    ]
    .concat();
    support::harness::run(std_regex::TESTS, &tests)
}
