//! A connection whose reads end when they should.
//!
//! The operating system's own limit on a read is coarse: Linux may exceed it by an eighth (the granularity of its
//! timer wheel), which for a limit of 5 seconds is more than half a second late. So a long limit is set shorter, and
//! what then remains is waited for in a second and third read.

use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport, time};

use super::exchange::{current, remaining};

/// Below this, being late does not matter.
const SHORT: Duration = Duration::from_millis(200);

/// The limits that are set are multiples of this, so that successive reads mostly agree on theirs: ureq then need not
/// set it anew, which is a system call.
const GRAIN: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct DeadlineTransport<T>(pub(super) T);

impl<T: Transport> Transport for DeadlineTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let time::Duration::Exact(limit) = timeout.after else {
            return self.0.await_input(timeout);
        };
        // A limit of ureq's is for each read: a proxy that sends byte by byte would never meet it.
        let by = current(
            |exchange| {
                if exchange.phase.is_before_sending() { exchange.connect_by } else { exchange.finish_by }
            },
        )?;
        let limit = limit.min(remaining(by).ok_or(Error::Timeout(timeout.reason))?);
        let started = Instant::now();
        loop {
            let left = limit.saturating_sub(started.elapsed());
            let step = NextTimeout { after: time::Duration::Exact(step(left)), ..timeout };
            match self.0.await_input(step) {
                Err(Error::Timeout(_)) if started.elapsed() < limit => {}
                result => return result,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // Under TLS, what has arrived unasked may still be here, encrypted.
        self.0.buffers().input().is_empty() && self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

/// The limit to set, of which an eighth more is not later than `left` by much.
fn step(left: Duration) -> Duration {
    if left <= SHORT {
        // The operating system takes 0 for no limit at all.
        return left.max(Duration::from_millis(1));
    }
    let grains = (left * 7 / 8).as_millis() / GRAIN.as_millis();
    GRAIN * u32::try_from(grains).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_late_by_little_even_if_the_system_adds_an_eighth() {
        for left in (1..60_000).map(Duration::from_millis) {
            let worst = step(left) * 9 / 8;
            assert!(!step(left).is_zero() && worst <= left + Duration::from_millis(25), "{left:?}");
        }
    }

    #[test]
    fn steps_are_few() {
        let (mut left, mut steps) = (Duration::from_secs(10), 0);
        while !left.is_zero() {
            left = left.saturating_sub(step(left));
            steps += 1;
        }
        assert!(steps <= 5, "{steps}");
    }

    #[test]
    fn calls_that_follow_each_other_agree() {
        let ms = Duration::from_millis;
        assert_eq!(step(ms(9_999)), step(ms(9_980)));
    }
}
