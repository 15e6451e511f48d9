//! Errors that a test makes without a server.

use secrecy::ExposeSecret;
use typesense_keys::testing::{Fault, TestKey, error};
use typesense_keys::{Error, ErrorKind};

use crate::start;

const KINDS: [ErrorKind; 20] = [
    ErrorKind::InvalidRequest,
    ErrorKind::Configuration,
    ErrorKind::Unauthorized,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::Rejected,
    ErrorKind::RateLimited,
    ErrorKind::Unavailable,
    ErrorKind::Timeout,
    ErrorKind::Connection,
    ErrorKind::Tls,
    ErrorKind::UnexpectedResponse,
    ErrorKind::TooLarge,
    ErrorKind::NodesUnavailable,
    ErrorKind::OutcomeUnknown,
    ErrorKind::NotReplicated,
    ErrorKind::Incomplete,
    ErrorKind::Drift,
    ErrorKind::PlanOutdated,
    ErrorKind::RandomSource,
];

#[test]
fn error_made_for_each_kind_has_that_kind_and_shows_no_value() {
    let key = TestKey::new("d", ["*"], ["*"]).created(8);
    for kind in KINDS {
        let error = error(kind);
        assert_eq!(error.kind(), kind);
        let value = error.value().map(ExposeSecret::expose_secret);
        assert_eq!(value, error.may_have_acted().then_some(key.value.expose_secret()), "{kind}");
        let shown = format!("{error} {error:?} {error:#?} {}", serde_json::to_string(&error).unwrap());
        assert!(!shown.contains(&key.value.expose_secret()[..6]), "{shown}");
    }
}

/// A mock that returns the example must behave like a client whose call fails.
#[test]
fn example_has_the_text_of_the_real_error() {
    let (server, client) = start();
    let real_not_found = client.get(7).send().unwrap_err();
    server.inject(Fault::Unauthorized);
    let real_unauthorized = client.create().description("d").actions(["*"]).collections(["*"]).send().unwrap_err();
    for real in [real_not_found, real_unauthorized] {
        let example = error(real.kind());
        let message = |error: &Error| error.report().unwrap().message().map(str::to_owned);
        assert_eq!((example.status(), message(&example)), (real.status(), message(&real)));
        let text = example.to_string().replace("http://127.0.0.1:8108", &server.url());
        assert_eq!(text, real.to_string());
    }
}
