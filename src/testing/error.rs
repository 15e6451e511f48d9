//! An example of each kind of error.

use std::time::{Duration, Instant};

use super::TestKey;
use crate::error::{
    Attempt, CallReport, Details, Difference, Error, ErrorKind, Incomplete, NotReplicated, OutcomeUnknown, Phase,
    Quoted, Secrets, Snippet,
};
use crate::key::KeyId;
use crate::operation::Operation;

/// An error of this kind, for a mock to return. Nothing is sent.
///
/// It is about key 7, or about a new key 8 that replaces it, and has one attempt on `http://127.0.0.1:8108`. If a key
/// exists or may exist, its value is that of [`TestKey::created`].
///
/// ```
/// use typesense_keys::{ErrorKind, testing};
///
/// let lost = testing::error(ErrorKind::OutcomeUnknown);
/// assert!(lost.may_have_acted());
/// assert!(lost.value().is_some());
/// ```
#[must_use]
pub fn error(kind: ErrorKind) -> Error {
    let id = KeyId::from(7);
    let create = Operation::Create { repeatable: true };
    let key = TestKey::new("docs site", ["documents:search", "documents:get"], ["docs"]);
    match kind {
        ErrorKind::InvalidRequest => Error::invalid("actions", "name at least one"),
        ErrorKind::Configuration => Error::configuration("node", "name at least one"),
        ErrorKind::Unauthorized => Error::Unauthorized(response(
            create,
            401,
            "Forbidden - a valid `x-typesense-api-key` header must be sent.",
        )),
        ErrorKind::NotFound => Error::NotFound { id, report: response(Operation::Get(id), 404, "Not found.") },
        ErrorKind::AnotherKey => Error::AnotherKey { id, report: response(Operation::Delete(id), 200, "") },
        ErrorKind::Conflict => Error::Conflict(response(create, 409, "API key generation conflict.")),
        ErrorKind::Rejected => Error::Rejected(response(create, 400, "Bad request.")),
        ErrorKind::RateLimited => {
            let CallReport(details) = response(create, 429, "Rate limit exceeded or blocked");
            let retry_after = Some(Duration::from_secs(1));
            Error::RateLimited(CallReport(Box::new(Details { retry_after, ..*details })))
        }
        ErrorKind::Unavailable => Error::Unavailable(response(create, 503, "Not Ready or Lagging")),
        ErrorKind::Timeout => {
            let phase = Phase::AwaitResponse;
            Error::Timeout {
                phase,
                report: report(Operation::List, phase, "timed out while waiting for the response"),
            }
        }
        ErrorKind::Connection => {
            Error::Connection { report: report(create, Phase::Connect, "connection refused"), source: None }
        }
        ErrorKind::Tls => {
            Error::Tls { report: report(create, Phase::Handshake, "the certificate has expired"), source: None }
        }
        ErrorKind::UnexpectedResponse => {
            Error::UnexpectedResponse { report: response(Operation::List, 502, "<h1>Bad gateway</h1>"), source: None }
        }
        ErrorKind::TooLarge => {
            Error::TooLarge { limit: 1 << 20, report: report(Operation::List, Phase::ReadResponse, "status 200") }
        }
        ErrorKind::NodesUnavailable => {
            let nodes = vec![attempt(Phase::Connect, "connection refused")];
            Error::NodesUnavailable { nodes, needed: 1, total: 1 }
        }
        ErrorKind::OutcomeUnknown => Error::OutcomeUnknown(Box::new(OutcomeUnknown {
            what: "the server may have created it; its value is in this error",
            value: Some(key.created(8).value),
            candidates: Vec::new(),
            report: report(create, Phase::AwaitResponse, "timed out while waiting for the response"),
            source: None,
        })),
        ErrorKind::NotReplicated => Error::NotReplicated(Box::new(NotReplicated {
            id: KeyId::from(8),
            state: "exists",
            key: Some(key.created(8)),
            nodes: vec![attempt(Phase::ReadResponse, "has no such key")],
        })),
        ErrorKind::Incomplete => Error::Incomplete(Box::new(Incomplete {
            what: "key 8 replaces key 7, which was not deleted".to_owned(),
            key: Some(key.created(8)),
            left_over: Some(key.info(id)),
            cause: Error::Unavailable(response(Operation::Delete(id), 503, "Not Ready or Lagging")),
            rest: None,
        })),
        ErrorKind::Drift => {
            let (found, wanted) = (r#"["docs"]"#.to_owned(), r#"["blog"]"#.to_owned());
            let differences = vec![Difference { field: "collections", found, wanted }];
            Error::Drift { key: Box::new(key.info(id)), differences }
        }
        ErrorKind::PlanOutdated => Error::PlanOutdated {
            description: "docs site".to_owned(),
            reason: "the expiry of the new key has passed".to_owned(),
        },
        ErrorKind::RandomSource => Error::RandomSource("an example".into()),
    }
}

fn response(operation: Operation, status: u16, message: &str) -> CallReport {
    let CallReport(details) = report(operation, Phase::ReadResponse, &format!("status {status}"));
    let quoted = Quoted { message: Snippet::new(message.as_bytes(), Secrets::default()), ..Quoted::default() };
    CallReport(Box::new(Details { status: Some(status), quoted, ..*details }))
}

fn report(operation: Operation, phase: Phase, result: &str) -> CallReport {
    CallReport(Box::new(Details {
        operation,
        status: None,
        retry_after: None,
        quoted: Quoted::default(),
        attempts: vec![attempt(phase, result)],
        oddity: None,
        earlier: None,
    }))
}

fn attempt(phase: Phase, result: &str) -> Attempt {
    let (node, elapsed) = ("http://127.0.0.1:8108".into(), Duration::from_millis(1));
    Attempt { node, phase, result: result.into(), started: Instant::now(), elapsed }
}
