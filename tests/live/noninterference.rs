//! Non-interference: data that a scoped key must not see does not change any response.
//!
//! A real server has collections that are equal in all that a key may see, and different in all that it must not see
//! ([`world`]): other tenants' documents, and hidden fields. Whatever a request asks for, the responses from both must
//! be the same bytes, apart from times. Requests are drawn from the names of *all* search parameters, with values that
//! fit the collections ([`values`]); there is no list of attacks. A request whose responses differ is made as small as
//! possible ([`shrink`]), to be added to [`rows`], which also proves that each embedded parameter is needed.
//!
//! By hand, with other requests, or to search for the rows again, each with a number of requests:
//!
//! ```text
//! NONINTERFERENCE_REQUESTS=500000 NONINTERFERENCE_SEED=7 cargo test --test live no_request_reveals -- --nocapture
//! NONINTERFERENCE_MUTATIONS=20000 cargo test --test live each_embedded_parameter -- --nocapture
//! ```

mod connection;
mod exceptions;
mod generate;
mod keys;
mod mutation;
mod oracle;
mod request;
mod rows;
mod shrink;
mod values;
mod world;

use self::world::Stage;
use crate::support::Server;
use crate::support::harness::or_ignore;

live_tests![
    no_request_reveals_what_a_scoped_key_must_not_see,
    each_embedded_parameter_is_needed,
    each_exception_is_real,
];

// Each test has a server of its own, because a request may end it.

fn no_request_reveals_what_a_scoped_key_must_not_see(_: &Server) {
    let server = or_ignore(Server::start());
    let stage = Stage::new(&server);
    let report = oracle::search(&stage, &keys::all(&stage), oracle::requests(), oracle::seed(), oracle::MAX_ROWS);
    println!("{report}");
    assert!(report.rows.is_empty(), "responses differ:\n{report}");
    assert!(report.is_conclusive(), "too many requests are refused or get no response:\n{report}");
}

fn each_embedded_parameter_is_needed(_: &Server) {
    let server = or_ignore(Server::start());
    let stage = Stage::new(&server);
    if let Some(requests) = oracle::from_environment("NONINTERFERENCE_MUTATIONS") {
        mutation::search(&stage, requests);
    }
    rows::check(&stage);
}

fn each_exception_is_real(_: &Server) {
    let server = or_ignore(Server::start());
    exceptions::check(&Stage::new(&server));
}
