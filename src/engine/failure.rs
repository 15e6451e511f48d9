//! A failed call, and the one table that converts it to the caller's error.

use std::time::Instant;

use secrecy::SecretString;

use super::policy;
use crate::error::{Attempt, CallReport, Details, Error, OutcomeUnknown, Phase, Source};
use crate::http::{AttemptError, Cause, ServerEffect};
use crate::key::KeyId;
use crate::node::Node;
use crate::operation::Operation;

/// A call that ended without a result.
#[derive(Debug)]
pub(crate) struct CallFailure {
    pub(crate) operation: Operation,
    pub(crate) last: AttemptError,
    /// Whether the server may have acted.
    pub(crate) in_doubt: bool,
    pub(crate) attempts: Vec<Attempt>,
    /// The value of the key that an earlier call may have created.
    pub(crate) earlier: Option<SecretString>,
}

impl CallFailure {
    /// The failure of a call that made no attempt.
    pub(super) fn new(operation: Operation, last: AttemptError) -> Self {
        Self { operation, last, in_doubt: false, attempts: Vec::new(), earlier: None }
    }

    /// The failure of a call that a panic interrupted, such as that of a logger.
    pub(super) fn interrupted(operation: Operation) -> Self {
        let last = AttemptError::panicked();
        Self { in_doubt: policy::leaves_doubt(operation, last.effect()), ..Self::new(operation, last) }
    }

    /// The failure of a request that is not sent any more.
    pub(crate) fn not_sent(operation: Operation) -> Self {
        Self::new(operation, Cause::Connection { phase: Phase::Connect, result: "not sent".into() }.into())
    }

    /// Adds a failed attempt.
    pub(super) fn add(&mut self, node: &Node, started: Instant, ended: Instant, error: AttemptError) {
        self.attempts.push(error.attempt(node.url(""), started, ended.saturating_duration_since(started)));
        self.in_doubt |= policy::leaves_doubt(error.during.unwrap_or(self.operation), error.effect());
        self.last = error;
    }

    /// Whether an earlier attempt carried out the operation: the outcome was in doubt, and then the server refused the
    /// same request because of that.
    pub(crate) fn is_already_applied(&self) -> bool {
        self.in_doubt && policy::is_already_applied(self.operation, self.last.typesense_status())
    }

    /// Whether the server has no key with the id.
    pub(crate) fn is_missing(&self) -> bool {
        self.last.typesense_status() == Some(404)
    }

    /// Adds another call, which was to resolve the doubt of this one and failed, too.
    pub(crate) fn followed_by(mut self, other: Self) -> Self {
        self.attempts.extend(other.attempts);
        Self { last: other.last, ..self }
    }

    /// The same failure for another key that the call was about. A source cannot be copied.
    pub(crate) fn copy(&self) -> Self {
        let AttemptError { cause, quoted, source: _, during } = &self.last;
        let last = AttemptError { quoted: quoted.clone(), during: *during, ..cause.clone().into() };
        let (attempts, earlier) = (self.attempts.clone(), self.earlier.clone());
        Self { operation: self.operation, last, in_doubt: self.in_doubt, attempts, earlier }
    }

    /// `value`: the value of the key that the call may have created.
    pub(crate) fn into_error(self, value: Option<&SecretString>) -> Error {
        if let (Cause::Reentrant, Some(value)) = (&self.last.cause, self.earlier.clone()) {
            let what = "called from a logger while this thread was making another call, and an earlier call may have \
                        created the key; its value is in this error";
            return self.into_outcome_unknown(what, Some(&value), Vec::new());
        }
        if self.in_doubt {
            let what = match (self.operation, value) {
                (Operation::Create { .. }, Some(_)) => "the server may have created it; its value is in this error",
                (Operation::Create { .. }, None) => "the server may have created it with a value that nobody knows",
                _ => "the server may have done so; repeating it does no harm",
            };
            return self.into_outcome_unknown(what, value, Vec::new());
        }
        let operation = self.last.during.unwrap_or(self.operation);
        let effect = self.last.effect();
        let is_about_key = self.last.typesense_status().is_some();
        let (cause, report, source) = Self { operation, ..self }.into_parts();
        match cause {
            Cause::Connection { .. } => Error::Connection { report, source },
            Cause::Reentrant => Error::CalledFromLogger,
            Cause::Tls { .. } => Error::Tls { report, source },
            Cause::Timeout { .. } => Error::Timeout(report),
            Cause::TooLarge { .. } => Error::TooLarge(report),
            Cause::Unexpected { .. } => Error::UnexpectedResponse { report, source },
            Cause::AnotherKey { id } => Error::AnotherKey { id, report },
            Cause::Status { status, .. } => match (status, operation) {
                (401, _) => Error::Unauthorized(report),
                (404, Operation::Get(_) | Operation::Delete(_)) if is_about_key => Error::NotFound(report),
                (409, Operation::Create { .. }) => Error::Conflict(report),
                (429, _) => Error::RateLimited(report),
                (408 | 500.., _) => Error::Unavailable(report),
                // The node is out of disk space or memory, which may change.
                (422, _) if effect == ServerEffect::NotActed => Error::Unavailable(report),
                _ => Error::Rejected(report),
            },
        }
    }

    /// `candidates`: the listed keys that may be the one that the call created.
    pub(crate) fn into_outcome_unknown(
        self,
        what: &'static str,
        value: Option<&SecretString>,
        candidates: Vec<KeyId>,
    ) -> Error {
        let (_, report, source) = self.into_parts();
        Error::OutcomeUnknown(Box::new(OutcomeUnknown { what, value: value.cloned(), candidates, report, source }))
    }

    fn into_parts(self) -> (Cause, CallReport, Option<Source>) {
        let Self { operation, last, in_doubt: _, attempts, earlier } = self;
        let (status, retry_after) = (last.status(), last.retry_after());
        let AttemptError { cause, quoted, source, during: _ } = last;
        let details = Details { operation, status, retry_after, quoted, attempts, earlier };
        (cause, CallReport(Box::new(details)), source)
    }
}

#[doc(hidden)] // rustdoc shows it although no user can name the type
impl From<Box<CallFailure>> for Error {
    fn from(failure: Box<CallFailure>) -> Self {
        failure.into_error(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(phase: Phase, in_doubt: bool) -> CallFailure {
        CallFailure {
            operation: Operation::List,
            last: Cause::Timeout { phase }.into(),
            in_doubt,
            attempts: Vec::new(),
            earlier: None,
        }
    }

    #[test]
    fn failure_that_follows_a_doubt_is_reported_and_leaves_the_doubt() {
        let failure = timeout(Phase::Send, true).followed_by(timeout(Phase::Connect, false));
        assert!(failure.in_doubt);
        assert!(matches!(failure.last.cause, Cause::Timeout { phase: Phase::Connect }));
    }
}
