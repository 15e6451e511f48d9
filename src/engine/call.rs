//! What all requests of one operation share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::{CallFailure, Engine, MIN_ATTEMPT, backoff};
use crate::error::{Error, Secrets};
use crate::http::{AttemptError, Deadlines, DecodeError, Request, ResponseBody, deadline_after};
use crate::node::Node;
use crate::operation::Operation;
use crate::secret::SecretBuf;

/// The cluster that the requests go to, the time by which they end, and what their errors do not show.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) deadline: Instant,
    /// The client's key, and the values that the server may know from these requests.
    pub(crate) secrets: Secrets<'a>,
}

impl<'a> Call<'a> {
    /// The same call. Errors do not show `value`, even if a node repeats it.
    pub(crate) fn hiding(self, value: Option<&'a SecretString>) -> Self {
        Self { secrets: Secrets { value, ..self.secrets }, ..self }
    }

    /// The same call. Errors do not show the `values`, even if a node repeats them.
    pub(crate) fn hiding_all(self, values: &'a [&'a SecretString]) -> Self {
        Self { secrets: Secrets { values, ..self.secrets }, ..self }
    }

    /// The same call, which ends by `limit` from now; without a limit, by the client's.
    pub(crate) fn within(self, limit: Option<Duration>) -> Self {
        let limit = limit.unwrap_or(self.engine.limits.timeout);
        Self { deadline: deadline_after(self.engine.clock.now(), limit), ..self }
    }

    /// The time that is left.
    pub(crate) fn remaining(self) -> Duration {
        self.deadline.saturating_duration_since(self.engine.clock.now())
    }

    /// Pauses after a round, before the next. Returns `false` at once if it was the last of `most`, or if the deadline
    /// leaves no time for another. `rounds`: how many there were before.
    pub(crate) fn pause(self, rounds: &mut u32, most: u32) -> bool {
        *rounds += 1;
        let pause = backoff(*rounds, &*self.engine.clock);
        let has_time = *rounds < most && pause.saturating_add(MIN_ATTEMPT) < self.remaining();
        if has_time {
            self.engine.clock.sleep(pause);
        }
        has_time
    }

    /// Pauses after this number of rounds, but not beyond the deadline, after which the next request fails.
    pub(crate) fn pause_until(self, rounds: u32) {
        self.engine.clock.sleep(backoff(rounds, &*self.engine.clock).min(self.remaining()));
    }

    /// Sends a request to the cluster, and decodes its response.
    pub(crate) fn send<T>(
        self,
        operation: Operation,
        body: &SecretBuf,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, Box<CallFailure>> {
        self.engine
            .run(operation, self.deadline, |node, deadlines| self.attempt(node, operation, body, deadlines, &decode))
    }

    /// Lists the keys of the cluster. `read` reads the response as it arrives.
    pub(crate) fn list<T>(
        self,
        read: impl Fn(&Node, Box<dyn ResponseBody>, Deadlines) -> Result<T, AttemptError>,
    ) -> Result<T, Box<CallFailure>> {
        let request = Request { operation: Operation::List, body: NO_BODY, secrets: self.secrets };
        self.engine.run(Operation::List, self.deadline, |node, deadlines| {
            self.caught(|| read(node, self.engine.sender.send(node, request, deadlines)?, deadlines))
        })
    }

    /// Makes one attempt on one node.
    pub(crate) fn attempt<T>(
        self,
        node: &Node,
        operation: Operation,
        body: &SecretBuf,
        deadlines: Deadlines,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, AttemptError> {
        let request = Request { operation, body, secrets: self.secrets };
        self.caught(|| {
            let mut response = self.engine.sender.send(node, request, deadlines)?;
            let mut content = SecretBuf::new();
            while response.read_more(&mut content, deadlines.finish_by)? {}
            let content = content.as_slice();
            decode(content).map_err(|why| response.undecodable(why, content, self.secrets))
        })
    }

    /// A panic, such as that of a logger, is the failure of its attempt.
    pub(crate) fn caught<T>(self, attempt: impl FnOnce() -> Result<T, AttemptError>) -> Result<T, AttemptError> {
        catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
            self.engine.sender.recover();
            Err(AttemptError::panicked())
        })
    }

    /// Carries out the steps of a request, which may create the key whose value this call hides. A panic is an error that
    /// contains the value, so that it is not lost.
    pub(crate) fn guard<T>(self, operation: Operation, steps: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        catch_unwind(AssertUnwindSafe(steps)).unwrap_or_else(|_| {
            let failure = CallFailure::interrupted(operation);
            Err(failure.into_outcome_unknown("a panic interrupted the call", self.secrets.value, Vec::new()))
        })
    }
}

/// The body of a request that has none.
pub(crate) const NO_BODY: &SecretBuf = &SecretBuf::new();
