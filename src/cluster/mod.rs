//! The one loop that repeats attempts: over nodes, until a deadline, as [`policy`] allows.

mod nodes;
mod pace;
mod policy;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use log::{debug, warn};

pub(crate) use self::nodes::Nodes;
pub(crate) use self::pace::{Clock, SystemClock, after, backoff};
use self::policy::Next;
use crate::error::Attempt;
use crate::http::{Fate, Limits, Trouble};
use crate::node::Node;
use crate::operation::Operation;

/// How a client goes about its calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
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
    Settled(GaveUp),
}

/// The end of a call without a result.
#[derive(Debug)]
pub(crate) struct GaveUp {
    pub(crate) last: Trouble,
    /// Whether the server may have acted.
    pub(crate) in_doubt: bool,
    pub(crate) attempts: Vec<Attempt>,
}

impl GaveUp {
    /// The story of this call, and of another one that was to clear it up.
    pub(crate) fn followed_by(mut self, other: Self) -> Self {
        self.attempts.extend(other.attempts);
        Self { last: other.last, ..self }
    }
}

/// Makes attempts at `operation` until one gives a result, the policy forbids another, or `deadline` has come.
pub(crate) fn run<T>(
    nodes: &Nodes,
    pace: Pace,
    clock: &impl Clock,
    operation: Operation,
    deadline: Instant,
    mut attempt: impl FnMut(&Node, Limits) -> Result<T, Trouble>,
) -> Result<Outcome<T>, GaveUp> {
    let mut route = nodes.route();
    let mut so_far = GaveUp { last: Trouble::no_node(), in_doubt: false, attempts: Vec::new() };
    loop {
        let started = clock.now();
        let Some((index, node)) = route.next(started) else {
            return Err(so_far);
        };
        let finish_by = deadline.min(after(started, pace.attempt_timeout));
        let limits = Limits { finish_by, connect_by: finish_by.min(after(started, pace.connect_timeout)) };
        let trouble = match attempt(node, limits) {
            Ok(result) => {
                nodes.bring_back(index);
                return Ok(Outcome::Done(result));
            }
            Err(trouble) => trouble,
        };
        let ended = clock.now();
        so_far.attempts.push(Attempt {
            node: node.origin().into(),
            phase: trouble.phase(),
            result: trouble.result().into(),
            elapsed: ended.saturating_duration_since(started),
        });
        let fate = trouble.fate();
        let next = policy::next(operation, fate, trouble.verdict(), so_far.in_doubt);
        let retry_after = trouble.retry_after();
        debug!("{operation}: {}: {}: {next:?}", node.origin(), trouble.result());
        so_far.last = trouble;
        // A list that is too large for the caller is no fault of the node's.
        let is_well = fate == Fate::Refused || matches!(so_far.last, Trouble::TooLarge { .. });
        if !is_well && !nodes.is_aside(index, ended) {
            warn!("{} is set aside: {}", node.origin(), so_far.last.result());
            nodes.set_aside(index, ended);
        }
        match next {
            Next::Settled => return Ok(Outcome::Settled(so_far)),
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
        let wait = match (fate, retry_after) {
            // Another node may do better at once.
            (Fate::NotActed | Fate::Hopeless | Fate::Unknown, _) if route.has_untried(ended) => Duration::ZERO,
            // Not less than without being asked: `Retry-After: 0` would make this a loop without a pause.
            (_, Some(asked)) => asked.max(backoff(failures, clock)),
            (_, None) => backoff(failures, clock),
        };
        if !pace.retries || after(ended, wait) >= deadline {
            return Err(so_far);
        }
        if !wait.is_zero() {
            clock.sleep(wait);
        }
    }
}
