//! The deadlines of attempts.

use std::time::{Duration, Instant};

use ureq::{Error, Timeout};

/// The deadlines of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) connect_by: Instant,
    pub(crate) finish_by: Instant,
}

impl Deadlines {
    /// For an attempt that begins at `now` and has its own limits, of a call that ends by `end`.
    pub(crate) fn of_attempt(now: Instant, end: Instant, limit: Duration, connect_limit: Duration) -> Self {
        let finish_by = end.min(deadline_after(now, limit));
        Self { finish_by, connect_by: finish_by.min(deadline_after(now, connect_limit)) }
    }

    /// For an attempt whose connection has no limit of its own.
    pub(crate) fn of_all(finish_by: Instant) -> Self {
        Self { connect_by: finish_by, finish_by }
    }
}

/// `duration` after `now`, capped at a year so that an [`Instant`] can represent it.
pub(crate) fn deadline_after(now: Instant, duration: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    now.checked_add(duration.min(YEAR)).unwrap_or(now)
}

/// The time until `deadline`, or a timeout error if it has passed.
pub(super) fn remaining(deadline: Instant) -> Result<Duration, Error> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Error::Timeout(Timeout::Global)) } else { Ok(left) }
}
