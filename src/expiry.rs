//! When a key stops working. The number that the server uses for "never" is known here only.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Error;

/// When a key stops working: never, or at a whole second.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use typesense_keys::Expiry;
///
/// let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
/// assert!(!Expiry::at(tomorrow).is_past());
/// assert!(Expiry::from_unix_seconds(1).is_past());
/// assert_eq!(Expiry::NEVER.to_string(), "never");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Expiry(u64);

impl Expiry {
    /// What the server answers for a key that was created without an expiry (the year 4020).
    pub const NEVER: Self = Self(64_723_363_199);

    /// The largest time that the server takes.
    const MAX: u64 = i64::MAX as u64;

    /// The end of the second in which `time` lies, so that a key never expires too early.
    ///
    /// A time before 1970 becomes 1970; one that is too large for the server becomes the largest that is not.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = u64::from(since_epoch.subsec_nanos() > 0);
        Self::from_unix_seconds(since_epoch.as_secs().saturating_add(begun))
    }

    /// `duration` from now, rounded up to a whole second.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        SystemTime::now().checked_add(duration).map_or(Self(Self::MAX), Self::at)
    }

    /// From seconds since 1970-01-01 00:00 UTC; at most `i64::MAX`, the server's limit.
    #[must_use]
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(if seconds > Self::MAX { Self::MAX } else { seconds })
    }

    /// Seconds since 1970-01-01 00:00 UTC. For a key that never expires, the server's number for "never".
    #[must_use]
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }

    /// Whether the key never expires.
    #[must_use]
    pub const fn is_never(self) -> bool {
        self.0 == Self::NEVER.0
    }

    /// Whether the time has come, by this machine's clock. The server goes by its own.
    #[must_use]
    pub fn is_past(self) -> bool {
        self <= Self::now()
    }

    /// The time as the standard library's; `None` for never, and for a time that it cannot express.
    #[must_use]
    pub fn system_time(self) -> Option<SystemTime> {
        if self.is_never() {
            return None;
        }
        UNIX_EPOCH.checked_add(Duration::from_secs(self.0))
    }

    /// How long it is until then, by this machine's clock: nothing if the time has come, `None` for never.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        if self.is_never() {
            return None;
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Duration::from_secs(self.0).saturating_sub(since_epoch))
    }

    fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(since_epoch.unwrap_or_default().as_secs())
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `never`, or seconds since 1970: `@1893456000`, as `date -d` takes it.
impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() { f.write_str("never") } else { write!(f, "@{}", self.0) }
    }
}

/// An expiry as it was said; a duration begins when the request is sent, or the key signed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expires {
    At(Expiry),
    In(Duration),
}

impl Expires {
    pub(crate) fn check(self) -> Result<Expiry, Error> {
        match self {
            Self::In(duration) if !duration.is_zero() => Ok(Expiry::after(duration)),
            Self::At(expiry) if !expiry.is_past() => Ok(expiry),
            Self::In(_) | Self::At(_) => {
                Err(Error::invalid("expires_at", "is not in the future: the key would never have worked"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_second_counts_as_whole() {
        let time = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(Expiry::at(time).unix_seconds(), 2);
        assert_eq!(Expiry::at(UNIX_EPOCH).unix_seconds(), 0);
        assert_eq!(Expiry::at(UNIX_EPOCH - Duration::from_secs(1)).unix_seconds(), 0);
    }

    #[test]
    fn times_beyond_the_servers_range_are_its_largest() {
        let largest = i64::MAX.unsigned_abs();
        assert_eq!(Expiry::after(Duration::MAX).unix_seconds(), largest);
        assert_eq!(Expiry::from_unix_seconds(u64::MAX).unix_seconds(), largest);
    }

    #[test]
    fn never_is_not_a_time() {
        assert_eq!(Expiry::NEVER.system_time(), None);
        assert!(!Expiry::NEVER.is_past());
        assert_eq!(format!("{:?}", Expiry::from_unix_seconds(7)), "@7");
    }
}
