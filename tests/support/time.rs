//! Waiting in tests, which must pass on a machine of any speed.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test needs on any machine: what takes longer will never end.
pub const HANG: Duration = Duration::from_secs(120);

/// Waits until `is_so`; panics if that takes longer than [`HANG`].
#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < HANG, "waited {HANG:?} in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs `test`, in which something must happen before a short timeout. If `test` returns an error, the machine may have
/// been too busy: runs it again with ten times the timeout. A second error is a mistake in the crate.
#[track_caller]
pub fn with_enough_time<T>(short: Duration, test: impl Fn(Duration) -> Result<T, String>) -> T {
    test(short).or_else(|_| test(10 * short)).unwrap_or_else(|error| panic!("{error}"))
}
