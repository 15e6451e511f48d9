//! Time in tests that pass on a machine of any speed.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than any machine needs: what takes longer has stopped.
pub const HANG: Duration = Duration::from_secs(120);

/// Waits until `is_so`; panics if that takes longer than [`HANG`].
#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < HANG, "not so within {HANG:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs `test`, in which something must happen before a short timeout. If the machine was too busy for that, which
/// `test` reports as an error, runs it again with ten times the time. An error then is one of the crate.
#[track_caller]
pub fn with_enough_time<T>(short: Duration, test: impl Fn(Duration) -> Result<T, String>) -> T {
    test(short).or_else(|_| test(10 * short)).unwrap_or_else(|error| panic!("{error}"))
}
