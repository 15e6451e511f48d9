//! The clock, and the wait before the next attempt.

use std::time::{Duration, Instant};

/// The time source. In tests, time passes without waiting.
pub(crate) trait Clock: Send + Sync {
    fn now(&self) -> Instant;
    fn sleep(&self, duration: Duration);
    /// A random number from 0 to 1, so that clients which failed together do not retry together.
    fn jitter(&self) -> f64;
}

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn jitter(&self) -> f64 {
        // Without random bytes, the longest wait is the safe choice.
        getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A leader election takes about 7 s (seen with 0.24.1). Longer waits would only overshoot its end.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Exponential backoff with full jitter: after `failures` failures in a row, a random wait between 0 and
/// 100 ms × 2^(failures − 1), at most 1 s.
pub(crate) fn backoff(failures: u32, clock: &dyn Clock) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let ceiling = (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT);
    ceiling.mul_f64(clock.jitter())
}
