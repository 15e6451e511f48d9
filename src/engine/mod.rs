//! One call on a cluster: attempts on its nodes until one succeeds, the [`policy`] forbids another one, or the
//! deadline expires.

mod clock;
mod failure;
mod nodes;
mod policy;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use log::{debug, warn};

#[cfg(test)]
pub(crate) use self::clock::TestClock;
pub(crate) use self::clock::{Clock, SystemClock, backoff, deadline_after};
pub(crate) use self::failure::CallFailure;
pub(crate) use self::nodes::Nodes;
use self::policy::Next;
use crate::error::Attempt;
use crate::http::{AttemptError, Deadlines, DecodeError, Request, ResponseBody, ServerEffect, Transport};
use crate::node::Node;
use crate::operation::Operation;

/// The state that all calls of a client share.
pub(crate) struct Engine {
    pub(crate) nodes: Nodes,
    pub(crate) config: RetryConfig,
    /// The maximum size of the response to a list, in bytes.
    pub(crate) max_list_size: u64,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) transport: Box<dyn Transport>,
    /// The beginning of the client's own key, as a list shows it.
    pub(crate) own_prefix: String,
}

/// The time limits of calls and attempts, and whether attempts are repeated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryConfig {
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// Whether an attempt may be repeated at all.
    pub(crate) retries: bool,
}

/// The least time that a repeated attempt must have. A shorter one would rarely succeed, and its failure would hide the
/// error of the attempt before, or leave a doubt about a write.
pub(crate) const MIN_ATTEMPT: Duration = Duration::from_millis(25);

/// The result of a call that did not fail.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    Done(T),
    /// The outcome was in doubt, and then the server refused the same request because it was already carried out:
    /// with 409 (create) or 404 (delete).
    AlreadyApplied(CallFailure),
}

impl Engine {
    /// The deadline of a call that begins now.
    pub(crate) fn deadline(&self, timeout: Option<Duration>) -> Instant {
        deadline_after(self.clock.now(), timeout.unwrap_or(self.config.timeout))
    }

    /// The time until `deadline`.
    pub(crate) fn remaining(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(self.clock.now())
    }

    /// Pauses after this number of rounds, before the next. Returns `false` at once if the deadline leaves no time for it.
    pub(crate) fn pause(&self, rounds: u32, deadline: Instant) -> bool {
        let pause = backoff(rounds, &*self.clock);
        let has_time = pause.saturating_add(MIN_ATTEMPT) < self.remaining(deadline);
        if has_time {
            self.clock.sleep(pause);
        }
        has_time
    }

    /// Pauses after this number of rounds, but not beyond `deadline`, after which the next call fails.
    pub(crate) fn pause_until(&self, rounds: u32, deadline: Instant) {
        self.clock.sleep(backoff(rounds, &*self.clock).min(self.remaining(deadline)));
    }

    /// Carries out `request` on the cluster.
    pub(crate) fn call<T>(
        &self,
        request: Request<'_>,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<Outcome<T>, CallFailure> {
        self.run(request.operation, deadline, |node, deadlines| self.attempt(node, request, deadlines, &decode))
    }

    /// Carries out `operation` on the cluster. `read` reads the response as it arrives.
    pub(crate) fn open<T>(
        &self,
        operation: Operation,
        deadline: Instant,
        read: impl Fn(Box<dyn ResponseBody>, Deadlines) -> Result<T, AttemptError>,
    ) -> Result<T, CallFailure> {
        let attempt = |node: &Node, deadlines| read(self.transport.open(node, operation, deadlines)?, deadlines);
        match self.run(operation, deadline, attempt)? {
            Outcome::Done(result) => Ok(result),
            Outcome::AlreadyApplied(failure) => Err(failure),
        }
    }

    /// Makes one attempt on one node.
    pub(crate) fn attempt<T>(
        &self,
        node: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, AttemptError> {
        let mut result = None;
        self.transport.attempt(node, request, deadlines, &mut |body| {
            result = Some(decode(body)?);
            Ok(())
        })?;
        result.ok_or_else(AttemptError::no_node)
    }

    fn run<T>(
        &self,
        operation: Operation,
        deadline: Instant,
        attempt: impl FnMut(&Node, Deadlines) -> Result<T, AttemptError>,
    ) -> Result<Outcome<T>, CallFailure> {
        let Some(_guard) = CallGuard::enter() else {
            // Without a record in the log, which would call the logger again.
            return Err(CallFailure::new(operation, AttemptError::Reentrant));
        };
        run(&self.nodes, self.config, &*self.clock, operation, deadline, attempt)
    }
}

thread_local! {
    static IS_CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Refuses a call within a call of the same thread: only a logger makes one, and its own call would be logged again.
struct CallGuard;

impl CallGuard {
    fn enter() -> Option<Self> {
        // Not `then_some`, which would drop a guard where none is given.
        (!IS_CALLING.replace(true)).then(|| Self)
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        IS_CALLING.set(false);
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, config, max_list_size, clock: _, transport: _, own_prefix: _ } = self;
        f.debug_struct("Engine")
            .field("nodes", nodes)
            .field("config", config)
            .field("max_list_size", max_list_size)
            .finish_non_exhaustive()
    }
}

/// Makes attempts at `operation` until one succeeds, the policy forbids another, or `deadline` expires.
fn run<T>(
    nodes: &Nodes,
    config: RetryConfig,
    clock: &dyn Clock,
    operation: Operation,
    deadline: Instant,
    mut attempt: impl FnMut(&Node, Deadlines) -> Result<T, AttemptError>,
) -> Result<Outcome<T>, CallFailure> {
    let mut route = nodes.route();
    let mut so_far = CallFailure::new(operation, AttemptError::no_node());
    // If no node was ever reached, the address is probably wrong: fail early. An election, which a call waits out,
    // follows earlier responses.
    let mut give_up_at = if nodes.have_responded() {
        deadline
    } else {
        deadline.min(deadline_after(clock.now(), config.connect_timeout))
    };
    loop {
        let started = clock.now();
        let Some((index, node)) = route.next(started) else {
            return Err(so_far);
        };
        let finish_by = deadline.min(deadline_after(started, config.attempt_timeout));
        let connect_by = finish_by.min(deadline_after(started, config.connect_timeout));
        let error = match attempt(node, Deadlines { finish_by, connect_by }) {
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
        if !so_far.last.is_unreachable() {
            give_up_at = deadline;
        }
        if so_far.last.is_response() {
            nodes.set_responded();
        }
        // A list that is larger than the caller's limit is not the node's fault.
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
            // Another node may succeed immediately.
            (ServerEffect::NotActed | ServerEffect::NodeUnusable | ServerEffect::Unknown, _)
                if route.has_untried(ended) =>
            {
                Duration::ZERO
            }
            // At least the backoff: `Retry-After: 0` would make this a loop without a pause.
            (_, Some(asked)) => asked.max(backoff(failures, clock)),
            (_, None) => backoff(failures, clock),
        };
        if !config.retries || deadline_after(ended, wait.saturating_add(MIN_ATTEMPT)) >= give_up_at {
            return Err(so_far);
        }
        if !wait.is_zero() {
            clock.sleep(wait);
        }
    }
}
