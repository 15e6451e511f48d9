//! An example of each kind of error.

use std::time::{Duration, Instant};

use super::TestKey;
use crate::engine::CallFailure;
use crate::error::{
    Attempt, Difference, Error, ErrorKind, Incomplete, NotReplicated, Phase, Quoted, Secrets, Snippet,
};
use crate::http::{AttemptError, Cause};
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
pub fn error(kind: ErrorKind) -> Error {
    let id = KeyId::from(7);
    let create = Operation::Create { repeatable: true };
    let key = TestKey::new("docs site", ["documents:search", "documents:get"], ["docs"]);
    let refused = || Cause::Connection { phase: Phase::Connect, result: "connection refused".into() };
    let timeout = || Cause::Timeout { phase: Phase::AwaitResponse };
    let call = |operation, cause| failure(operation, cause, "").into_error(None);
    let status = |operation, status, message| {
        let retry_after = (status == 429).then_some(Duration::from_secs(1));
        failure(operation, Cause::Status { status, retry_after, oddity: None }, message).into_error(None)
    };
    match kind {
        ErrorKind::InvalidRequest => Error::invalid("actions", "name at least one"),
        ErrorKind::Configuration => Error::configuration("node", "name at least one"),
        ErrorKind::Unauthorized => {
            status(create, 401, "Forbidden - a valid `x-typesense-api-key` header must be sent.")
        }
        ErrorKind::NotFound => status(Operation::Get(id), 404, "Not found."),
        ErrorKind::AnotherKey => call(Operation::Delete(id), Cause::AnotherKey { id }),
        ErrorKind::Conflict => status(create, 409, "API key generation conflict."),
        ErrorKind::Rejected => status(create, 400, "Bad request."),
        ErrorKind::RateLimited => status(create, 429, "Rate limit exceeded or blocked"),
        ErrorKind::Unavailable => status(create, 503, "Not Ready or Lagging"),
        ErrorKind::Timeout => call(Operation::List, timeout()),
        ErrorKind::Connection => call(create, refused()),
        ErrorKind::Tls => call(create, Cause::Tls { result: "the certificate has expired".into() }),
        ErrorKind::UnexpectedResponse => {
            let cause = Cause::Unexpected { status: Some(502), result: "status 502".into() };
            failure(Operation::List, cause, "<h1>Bad gateway</h1>").into_error(None)
        }
        ErrorKind::TooLarge => call(Operation::List, Cause::TooLarge { limit: 1 << 20 }),
        ErrorKind::NodesUnavailable => {
            Error::NodesUnavailable { nodes: failure(Operation::List, refused(), "").attempts, needed: 1, total: 1 }
        }
        ErrorKind::OutcomeUnknown => {
            let failure = CallFailure { in_doubt: true, ..failure(create, timeout(), "") };
            failure.into_error(Some(&key.created(8).value))
        }
        ErrorKind::NotReplicated => Error::NotReplicated(Box::new(NotReplicated {
            id: KeyId::from(8),
            state: "exists",
            key: Some(key.created(8)),
            nodes: failure(Operation::List, timeout(), "").attempts,
        })),
        ErrorKind::Incomplete => Error::Incomplete(Box::new(Incomplete {
            what: "key 8 replaces key 7, which was not deleted".to_owned(),
            key: Some(key.created(8)),
            left_over: Some(key.info(id)),
            cause: status(Operation::Delete(id), 503, "Not Ready or Lagging"),
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

/// A call that failed after one attempt.
fn failure(operation: Operation, cause: Cause, message: &str) -> CallFailure {
    let quoted = Quoted { message: Snippet::new(message.as_bytes(), Secrets::default()), ..Quoted::default() };
    let last = AttemptError { quoted, ..cause.into() };
    let (phase, result) = (last.phase(), last.result().into());
    let (node, elapsed) = ("http://127.0.0.1:8108".into(), Duration::from_millis(1));
    let attempts = vec![Attempt { node, phase, result, started: Instant::now(), elapsed }];
    CallFailure { operation, last, in_doubt: false, attempts, earlier: None }
}
