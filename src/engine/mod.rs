//! One call on a cluster: attempts on its nodes until one succeeds, the [`policy`] forbids another one, or the
//! deadline expires.

mod call;
mod clock;
mod failure;
mod nodes;
mod policy;
#[cfg(test)]
pub(crate) mod tests;

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::debug;
use secrecy::SecretString;

pub(crate) use self::call::{Call, NO_BODY};
pub(crate) use self::clock::{Clock, SystemClock, backoff};
pub(crate) use self::failure::CallFailure;
pub(crate) use self::nodes::Nodes;
use self::policy::Next;
use crate::error::Secrets;
use crate::http::{AttemptError, Cause, Deadlines, RequestSender, ServerEffect, deadline_after};
use crate::key;
use crate::node::Node;
use crate::operation::Operation;

/// The state that all calls of a client share.
pub(crate) struct Engine {
    pub(crate) nodes: Nodes,
    pub(crate) limits: Limits,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) sender: Box<dyn RequestSender>,
    /// The client's own key.
    pub(crate) api_key: Arc<SecretString>,
}

/// The limits of calls, attempts and responses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// Whether an attempt may be repeated at all.
    pub(crate) retries: bool,
    /// The maximum size of the response to a list, in bytes.
    pub(crate) max_list_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            retries: true,
            max_list_size: 64 * 1024 * 1024,
        }
    }
}

/// The least time that a repeated attempt must have. A shorter one would rarely succeed, and its failure would hide the
/// error of the attempt before, or leave a doubt about a write.
pub(crate) const MIN_ATTEMPT: Duration = Duration::from_millis(25);

impl Engine {
    /// Begins a call, which ends by `timeout` from now; without one, by the client's.
    pub(crate) fn call(&self, timeout: Option<Duration>) -> Call<'_> {
        Call { engine: self, deadline: self.clock.now(), secrets: self.secrets() }.within(timeout)
    }

    /// What no error shows.
    pub(crate) fn secrets(&self) -> Secrets<'_> {
        Secrets { client_key: Some(&*self.api_key), ..Secrets::default() }
    }

    /// The beginning of the client's own key, as a list shows it.
    pub(crate) fn client_prefix(&self) -> String {
        key::shown_prefix(&self.api_key)
    }

    /// Makes attempts at `operation` on the nodes.
    pub(crate) fn run<T>(
        &self,
        operation: Operation,
        deadline: Instant,
        mut attempt: impl FnMut(&Node, Deadlines) -> Result<T, AttemptError>,
    ) -> Result<T, Box<CallFailure>> {
        let failed = |last: AttemptError| Box::new(CallFailure::new(operation, last));
        if IS_CALLING.replace(true) {
            // Without a record in the log, which would call the logger again.
            return Err(failed(Cause::Reentrant.into()));
        }
        let mut result = None;
        let mut attempt = |node: &Node, deadlines| {
            result = Some(attempt(node, deadlines)?);
            Ok(())
        };
        let work = || run(&self.nodes, self.limits, &*self.clock, operation, deadline, &mut attempt);
        // A logger may panic between two attempts, too. Whoever calls may hold values, which a panic would lose.
        let ended = catch_unwind(AssertUnwindSafe(work));
        IS_CALLING.set(false);
        match (result, ended) {
            (Some(result), _) => Ok(result),
            (None, Ok(Err(failure))) => Err(failure),
            (None, Ok(Ok(()))) => Err(failed(AttemptError::no_node())),
            (None, Err(_)) => Err(Box::new(CallFailure::interrupted(operation))),
        }
    }
}

thread_local! {
    /// Whether this thread makes a call. A second one within it is refused: only a logger makes one, and it would be
    /// logged again.
    static IS_CALLING: Cell<bool> = const { Cell::new(false) };
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, limits, clock: _, sender: _, api_key: _ } = self;
        f.debug_struct("Engine").field("nodes", nodes).field("limits", limits).finish_non_exhaustive()
    }
}

/// Makes attempts at `operation` until one succeeds, the policy forbids another, or `deadline` expires. Not generic, so
/// that it is compiled once.
fn run(
    nodes: &Nodes,
    limits: Limits,
    clock: &dyn Clock,
    operation: Operation,
    deadline: Instant,
    attempt: &mut dyn FnMut(&Node, Deadlines) -> Result<(), AttemptError>,
) -> Result<(), Box<CallFailure>> {
    let mut order = nodes.order();
    let mut so_far = CallFailure::new(operation, AttemptError::no_node());
    // If no node was ever reached, the address is probably wrong: fail early. An election, which a call waits out,
    // follows earlier responses.
    let mut fail_at = if nodes.have_responded() {
        deadline
    } else {
        deadline.min(deadline_after(clock.now(), limits.connect_timeout))
    };
    while let Some(member) = order.next(clock.now()) {
        let node = &member.node;
        let started = clock.now();
        let error = match attempt(
            node,
            Deadlines::of_attempt(started, deadline, limits.attempt_timeout, limits.connect_timeout),
        ) {
            Ok(()) => {
                nodes.record_success(member);
                return Ok(());
            }
            Err(error) => error,
        };
        let ended = clock.now();
        nodes.record_failure(member, &error, ended);
        if !error.is_unreachable() {
            fail_at = deadline;
        }
        let (effect, retry_after) = (error.effect(), error.retry_after());
        let next = policy::next(error.during.unwrap_or(operation), effect);
        debug!("{operation}: {}: {}: {next:?}", node.url(""), error.phase_and_result().1);
        so_far.add(node, started, ended, error);
        match next {
            Next::Stop => break,
            Next::OtherNode => order.exclude_last(),
            Next::Repeat => {}
        }
        let wait = if effect != ServerEffect::RateLimited && order.has_untried(ended) {
            // Another node may succeed immediately.
            Duration::ZERO
        } else {
            // At least the backoff: `Retry-After: 0` would make this a loop without a pause.
            let failures = u32::try_from(so_far.attempts.len()).unwrap_or(u32::MAX);
            backoff(failures, clock).max(retry_after.unwrap_or_default())
        };
        let has_time = deadline_after(ended, wait.saturating_add(MIN_ATTEMPT)) < fail_at;
        if order.is_empty() || !limits.retries || !has_time {
            break;
        }
        clock.sleep(wait);
    }
    Err(Box::new(so_far))
}
