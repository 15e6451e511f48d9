//! What every variant tells people and programs.

use std::io;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::expiry::Expiry;
use crate::key::CreatedKey;
use crate::secret::copy;

const VALUE: &str = "s3cr3t-value-of-a-key";

impl Attempt {
    pub(crate) fn example(result: &str) -> Self {
        let (started, elapsed) = (Instant::now(), Duration::from_micros(1_500));
        Self { node: "http://a.test:80".into(), phase: Phase::Connect, result: result.into(), started, elapsed }
    }
}

/// A report of `count` attempts of 1.5 ms each, one per second.
fn report(operation: Operation, count: u64) -> CallReport {
    let start = Instant::now();
    let attempt = |at| Attempt { started: start + Duration::from_secs(at), ..Attempt::example("status 500") };
    CallReport(Box::new(Details {
        operation,
        status: Some(500),
        retry_after: None,
        quoted: Quoted {
            message: Snippet::new(b"Could not find a leader.", Secrets::default()),
            ..Quoted::default()
        },
        attempts: (0..count).map(attempt).collect(),
        earlier: None,
    }))
}

fn cause() -> Source {
    io::Error::other("the cause").into()
}

fn key() -> CreatedKey {
    CreatedKey {
        id: KeyId::from(8),
        value: copy(VALUE),
        description: "docs".into(),
        actions: vec![],
        collections: vec![],
        expires_at: Expiry::NEVER,
        autodelete: None,
    }
}

const CREATE: Operation = Operation::Create { repeatable: true };

fn delete() -> Operation {
    Operation::Delete(KeyId::from(7))
}

fn unknown(operation: Operation, value: Option<&str>) -> Error {
    let (value, report) = (value.map(copy), report(operation, 1));
    let candidates = vec![KeyId::from(3), KeyId::from(5)];
    Error::OutcomeUnknown(Box::new(OutcomeUnknown { what: "what", value, candidates, report, source: Some(cause()) }))
}

fn not_replicated(key: Option<CreatedKey>) -> Error {
    let (id, nodes) = (key.as_ref().map_or(KeyId::from(7), |key| key.id), vec![Attempt::example("has no such key")]);
    Error::NotReplicated(Box::new(NotReplicated { id, state: "exists", key, nodes }))
}

fn incomplete(key: Option<CreatedKey>, cause: Error) -> Error {
    Error::Incomplete(Box::new(Incomplete {
        what: "what".into(),
        key,
        left_over: Some(KeyInfo { id: KeyId::from(1), ..self::key().info() }),
        cause,
    }))
}

/// One error of each kind, in the order of [`ErrorKind`].
fn errors() -> Vec<Error> {
    let report = || report(delete(), 1);
    let nodes = vec![Attempt::example("host not found")];
    vec![
        Error::invalid("actions", "reason"),
        Error::Configuration { setting: "node", reason: "reason".into(), source: Some(cause()) },
        Error::Unauthorized(report()),
        Error::NotFound(report()),
        Error::AnotherKey { id: KeyId::from(7), report: report() },
        Error::Conflict(report()),
        Error::Rejected(report()),
        Error::RateLimited(report()),
        Error::Unavailable(report()),
        Error::Timeout(report()),
        Error::Connection { report: report(), source: Some(cause()) },
        Error::Tls { report: report(), source: Some(cause()) },
        Error::UnexpectedResponse { report: report(), source: Some(cause()) },
        Error::TooLarge(report()),
        Error::NodesUnavailable { nodes, needed: 3, total: 3 },
        unknown(CREATE, Some(VALUE)),
        not_replicated(Some(key())),
        incomplete(Some(key()), unknown(delete(), None)),
        Error::Drift { key: Box::new(key().info()), differences: vec![] },
        Error::PlanOutdated { description: "docs".into(), reason: "reason".into() },
        Error::CalledFromLogger,
        Error::RandomSource(cause()),
    ]
}

#[test]
fn every_kind_has_a_stable_name_and_effect() {
    let told: Vec<_> = errors()
        .iter()
        .map(|error| (error.kind().to_string(), error.may_have_acted(), error.is_retryable()))
        .collect();
    let told: Vec<_> = told.iter().map(|(kind, acted, retryable)| (kind.as_str(), *acted, *retryable)).collect();
    assert_eq!(
        told,
        [
            ("invalid_request", false, false),
            ("configuration", false, false),
            ("unauthorized", false, false),
            ("not_found", false, false),
            ("another_key", false, false),
            ("conflict", false, false),
            ("rejected", false, false),
            ("rate_limited", false, true),
            ("unavailable", false, true),
            ("timeout", false, true),
            ("connection", false, true),
            ("tls", false, false),
            ("unexpected_response", false, false),
            ("too_large", false, false),
            ("nodes_unavailable", false, true),
            ("outcome_unknown", true, false),
            ("not_replicated", true, false),
            ("incomplete", true, false),
            ("drift", false, false),
            ("plan_outdated", false, false),
            ("called_from_logger", false, false),
            ("random_source", false, false),
        ]
    );
}

#[test]
fn value_and_id_are_found_in_any_variant() {
    let nothing = || Error::Conflict(report(CREATE, 1));
    for (error, value, id) in [
        (unknown(CREATE, Some(VALUE)), Some(VALUE), None),
        (unknown(CREATE, None), None, None),
        (unknown(delete(), None), None, Some(7)),
        (not_replicated(Some(key())), Some(VALUE), Some(8)),
        (not_replicated(None), None, Some(7)),
        (incomplete(Some(key()), unknown(delete(), None)), Some(VALUE), Some(8)),
        (incomplete(Some(key()), unknown(CREATE, Some("another"))), Some(VALUE), Some(8)),
        (incomplete(None, unknown(CREATE, Some(VALUE))), Some(VALUE), None),
        (incomplete(None, not_replicated(Some(key()))), Some(VALUE), Some(8)),
        (incomplete(None, incomplete(Some(key()), nothing())), Some(VALUE), Some(8)),
        (incomplete(None, nothing()), None, None),
        (Error::NotFound(report(delete(), 1)), None, Some(7)),
        (nothing(), None, None),
    ] {
        let exposed = error.value().map(ExposeSecret::expose_secret);
        assert_eq!((exposed, error.key_id()), (value, id.map(KeyId::from)), "{error:?}");
    }
}

#[test]
fn error_as_json_is_what_its_methods_return() {
    let json = |error: &Error| serde_json::to_value(error).unwrap();
    assert_eq!(
        json(&unknown(CREATE, Some(VALUE))),
        json!({
            "kind": "outcome_unknown",
            "message": "create a key: what; it may be one of the keys 3, 5; last attempt, http://a.test:80: status 500",
            "status": 500,
            "key_id": null,
            "may_have_acted": true,
            "is_retryable": false,
            "retry_after": null,
            "attempts": [{"node": "http://a.test:80", "phase": "connect", "result": "status 500", "seconds": 0.0015}],
        })
    );
    assert_eq!(
        json(&Error::invalid("actions", "reason")),
        json!({
            "kind": "invalid_request",
            "message": "invalid request: `actions`: reason",
            "status": null,
            "key_id": null,
            "may_have_acted": false,
            "is_retryable": false,
            "retry_after": null,
            "attempts": [],
        })
    );
    assert_eq!(json(&incomplete(None, not_replicated(None)))["attempts"][0]["result"], "has no such key");
    let CallReport(details) = report(delete(), 1);
    let asks_to_wait = Details { retry_after: Some(Duration::from_secs(3)), ..*details };
    let limited = json(&Error::RateLimited(CallReport(Box::new(asks_to_wait))));
    assert_eq!(
        ["key_id", "may_have_acted", "is_retryable", "retry_after"].map(|name| &limited[name]),
        [&json!(7), &json!(false), &json!(true), &json!(3)]
    );
}

#[test]
fn text_of_an_error_does_not_repeat_its_source() {
    let with_source = errors().into_iter().filter_map(|error| Some((error.to_string(), error.source()?.to_string())));
    let with_source: Vec<_> = with_source.collect();
    assert_eq!(with_source.len(), 7, "{with_source:?}");
    for (text, source) in with_source {
        assert!(!text.contains(&source) && !text.contains('\n'), "{text}: {source}");
    }
}

#[test]
fn nodes_unavailable_says_which_and_how_many() {
    let nodes = vec![Attempt::example("connection refused"), Attempt::example("host not found")];
    assert_eq!(
        Error::NodesUnavailable { nodes, needed: 2, total: 3 }.to_string(),
        "nothing was changed: a replacement needs 2 of 3 nodes to confirm the new key; these are not ready: \
         http://a.test:80: connection refused after 1.5ms, http://a.test:80: host not found after 1.5ms"
    );
}

#[test]
fn debug_counts_the_attempts_and_alternate_debug_shows_all() {
    let error = Error::Connection { report: report(Operation::List, 30), source: None };
    let (short, long) = (format!("{error:?}"), format!("{error:#?}"));
    assert_eq!(
        short,
        "Connection { report: CallReport { operation: list keys, status: Some(500), retry_after: None, content_type: None, \
         message: Some(\"Could not find a leader.\"), attempts: 30, last: Some(Attempt { node: \"http://a.test:80\", \
         phase: Connect, result: \"status 500\", elapsed: 1.5ms }) }, source: None }"
    );
    assert_eq!((short.matches("Attempt {").count(), long.matches("Attempt {").count()), (1, 30));
}

#[test]
fn text_says_how_many_attempts_were_made_and_how_long() {
    let tail = |count| report(Operation::List, count).tail();
    let last = "http://a.test:80: status 500 after 1.5ms";
    assert_eq!((tail(0), tail(1)), (String::new(), String::new()));
    assert_eq!(tail(2), format!(" (2 attempts in 1.0s: {last}, {last})"));
    assert_eq!(tail(4), format!(" (4 attempts in 3.0s, the last of them: {last}, {last}, {last})"));
    assert_eq!(tail(30), format!(" (30 attempts in 29.0s, the last of them: {last}, {last}, {last})"));
}

#[test]
fn drift_is_one_short_line() {
    let long = "x".repeat(1 << 20);
    let key = json!({
        "id": 7, "description": format!("two\nlines{long}"), "actions": ["keys:get"], "collections": ["docs"],
        "expires_at": 1, "value_prefix": "k3yA",
    });
    let key: KeyInfo = serde_json::from_value(key).unwrap();
    let differences = vec![Difference { field: "actions", found: long.clone(), wanted: long }];
    let text = Error::Drift { key: Box::new(key), differences }.to_string();
    assert!(text.len() < 1_000 && text.contains("two\\nlines") && !text.contains('\n'), "{text}");
}
