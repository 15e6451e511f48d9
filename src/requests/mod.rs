//! The requests. Each is a client handle and plain input; `send` turns the input into a valid request before
//! anything else, and what comes of it into a value or an [`Error`].

mod create;
mod create_many;
mod delete;
mod ensure;
mod get;
mod list;
mod new_key;
mod replication;
mod rotate;
mod settings;

use std::time::{Duration, Instant};

use secrecy::SecretString;

pub use self::create::CreateKey;
pub use self::create_many::{Batch, CreateMany, Progress};
pub use self::delete::DeleteKey;
pub use self::ensure::{EnsureKey, EnsuredKey};
pub use self::get::GetKey;
pub use self::list::{KeyStream, ListKeys};
pub use self::rotate::RotateKey;
use crate::engine::CallFailure;
use crate::error::{CallReport, Details, Incomplete, OutcomeUnknown, Snippet};
use crate::http::AttemptError;
use crate::operation::Operation;
use crate::{CreatedKey, Error, KeyId};

/// The one table from what a call came to, to the error that the caller gets.
///
/// `value`: that of the key which may exist, if the call was to create one.
fn error(operation: Operation, failure: CallFailure, value: Option<&SecretString>) -> Error {
    let CallFailure { last, in_doubt, attempts } = failure;
    if in_doubt {
        let what = match operation {
            Operation::Create { .. } => {
                "the server may or may not have created it; its value, where it is known, is in this error"
            }
            _ => "the server may or may not have done so; it does no harm to do it again",
        };
        return outcome_unknown(operation, what, CallFailure { last, in_doubt, attempts }, value);
    }
    let status = last.status();
    let details =
        |content_type, message| CallReport(Box::new(Details { operation, status, content_type, message, attempts }));
    let none = Snippet::default;
    match last {
        AttemptError::Connection { source, .. } => Error::Connection { failure: details(none(), none()), source },
        AttemptError::Reentrant => Error::Connection { failure: details(none(), none()), source: None },
        AttemptError::Tls { source, .. } => Error::Tls { failure: details(none(), none()), source },
        AttemptError::Timeout { phase } => Error::Timeout { phase, failure: details(none(), none()) },
        AttemptError::TooLarge { limit } => Error::TooLarge { limit, failure: details(none(), none()) },
        AttemptError::Unexpected { content_type, message, source, .. } => {
            Error::UnexpectedResponse { failure: details(content_type, message), source }
        }
        AttemptError::Status { status, content_type, message, retry_after } => {
            let failure = details(content_type, message);
            match (status, operation) {
                (401, _) => Error::Unauthorized(failure),
                (404, Operation::Get(id) | Operation::Delete(id)) => Error::NotFound { id, failure },
                (409, Operation::Create { .. }) => Error::Conflict(failure),
                (429, _) => Error::RateLimited { retry_after, failure },
                (500.., _) => Error::Unavailable(failure),
                _ => Error::Rejected(failure),
            }
        }
    }
}

/// `key`: what was made; `left_over`: what was to be removed, and is there or may be.
fn incomplete(what: String, key: Option<CreatedKey>, left_over: Option<KeyId>, cause: Error) -> Error {
    Error::Incomplete(Box::new(Incomplete { what, key, left_over, cause }))
}

/// How much time is left until `deadline`.
fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn outcome_unknown(
    operation: Operation,
    what: &'static str,
    failure: CallFailure,
    value: Option<&SecretString>,
) -> Error {
    let CallFailure { last, in_doubt: _, attempts } = failure;
    let status = last.status();
    let (content_type, message, source) = match last {
        AttemptError::Connection { source, .. } | AttemptError::Tls { source, .. } => (None, None, source),
        AttemptError::Unexpected { content_type, message, source, .. } => (Some(content_type), Some(message), source),
        AttemptError::Status { content_type, message, .. } => (Some(content_type), Some(message), None),
        AttemptError::Timeout { .. } | AttemptError::TooLarge { .. } | AttemptError::Reentrant => (None, None, None),
    };
    let failure = CallReport(Box::new(Details {
        operation,
        status,
        content_type: content_type.unwrap_or_default(),
        message: message.unwrap_or_default(),
        attempts,
    }));
    Error::OutcomeUnknown(Box::new(OutcomeUnknown { what, value: value.cloned(), failure, source }))
}
