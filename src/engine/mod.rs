//! The one loop that repeats attempts: over nodes, until a deadline, as [`policy`] allows.

mod clock;
mod nodes;
mod policy;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use log::{debug, warn};

pub(crate) use self::clock::{Clock, SystemClock, backoff, deadline_after};
pub(crate) use self::nodes::Nodes;
use self::policy::Next;
use crate::error::Attempt;
use crate::http::{AttemptError, Deadlines, ServerEffect};
use crate::node::Node;
use crate::operation::Operation;

/// How a client goes about its calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryConfig {
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// Whether an attempt may be repeated at all.
    pub(crate) retries: bool,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    Done(T),
    /// An attempt whose reply was lost turns out to have done it: a later one met 409 (create) or 404 (delete).
    AlreadyApplied(CallFailure),
}

/// The end of a call without a result.
#[derive(Debug)]
pub(crate) struct CallFailure {
    pub(crate) last: AttemptError,
    /// Whether the server may have acted.
    pub(crate) in_doubt: bool,
    pub(crate) attempts: Vec<Attempt>,
}

impl CallFailure {
    /// The story of this call, and of another one that was to clear it up.
    pub(crate) fn followed_by(mut self, other: Self) -> Self {
        self.attempts.extend(other.attempts);
        Self { last: other.last, ..self }
    }
}

/// Makes attempts at `operation` until one gives a result, the policy forbids another, or `deadline` has come.
pub(crate) fn run<T>(
    nodes: &Nodes,
    pace: RetryConfig,
    clock: &impl Clock,
    operation: Operation,
    deadline: Instant,
    mut attempt: impl FnMut(&Node, Deadlines) -> Result<T, AttemptError>,
) -> Result<Outcome<T>, CallFailure> {
    let mut route = nodes.route();
    let mut so_far = CallFailure { last: AttemptError::no_node(), in_doubt: false, attempts: Vec::new() };
    loop {
        let started = clock.now();
        let Some((index, node)) = route.next(started) else {
            return Err(so_far);
        };
        let finish_by = deadline.min(deadline_after(started, pace.attempt_timeout));
        let limits =
            Deadlines { finish_by, connect_by: finish_by.min(deadline_after(started, pace.connect_timeout)) };
        let error = match attempt(node, limits) {
            Ok(result) => {
                nodes.bring_back(index);
                return Ok(Outcome::Done(result));
            }
            Err(error) => error,
        };
        let ended = clock.now();
        so_far.attempts.push(Attempt {
            node: node.origin().into(),
            phase: error.phase(),
            result: error.result().into(),
            started,
            elapsed: ended.saturating_duration_since(started),
        });
        let effect = error.effect();
        let next = policy::next(operation, effect, error.typesense_status(), so_far.in_doubt);
        let retry_after = error.retry_after();
        debug!("{operation}: {}: {}: {next:?}", node.origin(), error.result());
        so_far.last = error;
        // A list that is too large for the caller is no fault of the node's.
        let is_well = effect == ServerEffect::Refused || matches!(so_far.last, AttemptError::TooLarge { .. });
        if !is_well && !nodes.is_aside(index, ended) {
            warn!("{} is set aside: {}", node.origin(), so_far.last.result());
            nodes.set_aside(index, ended);
        }
        match next {
            Next::AlreadyApplied => return Ok(Outcome::AlreadyApplied(so_far)),
            Next::Stop { in_doubt } => {
                so_far.in_doubt = in_doubt;
                return Err(so_far);
            }
            Next::OtherNode => {
                route.give_up_on(index);
                if route.is_empty() {
                    return Err(so_far);
                }
            }
            Next::Repeat { in_doubt } => so_far.in_doubt = in_doubt,
        }
        let failures = u32::try_from(so_far.attempts.len()).unwrap_or(u32::MAX);
        let wait = match (effect, retry_after) {
            // Another node may do better at once.
            (ServerEffect::NotActed | ServerEffect::NodeUnusable | ServerEffect::Unknown, _)
                if route.has_untried(ended) =>
            {
                Duration::ZERO
            }
            // Not less than without being asked: `Retry-After: 0` would make this a loop without a pause.
            (_, Some(asked)) => asked.max(backoff(failures, clock)),
            (_, None) => backoff(failures, clock),
        };
        if !pace.retries || deadline_after(ended, wait) >= deadline {
            return Err(so_far);
        }
        if !wait.is_zero() {
            clock.sleep(wait);
        }
    }
}
