//! When a key stops working. This module alone knows the server's number for "never".

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

use crate::local_clock;
use crate::text::InvalidInput;

/// When a key stops working: never, or at a whole second.
///
/// Displays and parses as RFC 3339 in UTC, or as `never`. With serde, it is the server's number of seconds since
/// 1970.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use typesense_keys::Expiry;
///
/// let expiry: Expiry = "2030-01-01T00:00:00Z".parse()?;
/// assert_eq!(expiry.unix_seconds(), 1_893_456_000);
/// assert_eq!(expiry.to_string(), "2030-01-01T00:00:00Z");
/// assert_eq!(Expiry::NEVER.to_string(), "never");
///
/// let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
/// assert!(!Expiry::from(tomorrow).is_past());
/// # Ok::<(), typesense_keys::error::InvalidInput>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Expiry(#[serde(deserialize_with = "capped")] u64);

fn capped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::deserialize(deserializer).map(|seconds| Expiry::from_unix_seconds(seconds).0)
}

impl Expiry {
    /// The expiry that the server gives a key without one (in the year 4020).
    pub const NEVER: Self = Self(64_723_363_199);

    /// The largest time that the server accepts.
    const MAX: u64 = i64::MAX as u64;

    /// The last second of the year 9999, the latest that RFC 3339 can express.
    const LAST_DATE: Self = Self(253_402_300_799);

    /// `duration` from now, rounded up to a whole second.
    ///
    /// A time beyond the server's range becomes its maximum, which a request refuses.
    pub fn after(duration: Duration) -> Self {
        local_clock::now().checked_add(duration).map_or(Self(Self::MAX), Self::from)
    }

    /// The expiry at this number of seconds since 1970-01-01 00:00 UTC, capped at `i64::MAX`, the server's maximum.
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(if seconds > Self::MAX { Self::MAX } else { seconds })
    }

    /// The number of seconds since 1970-01-01 00:00 UTC. For [`NEVER`](Self::NEVER), the server's number for it.
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }

    /// Whether the key never expires.
    #[must_use]
    pub const fn is_never(self) -> bool {
        self.0 == Self::NEVER.0
    }

    /// Whether the expiry has passed, by the local clock. The server uses its own.
    #[must_use]
    pub fn is_past(self) -> bool {
        self.is_past_for(Duration::ZERO)
    }

    /// Whether the expiry passed at least this long ago, by the local clock.
    pub(crate) fn is_past_for(self, duration: Duration) -> bool {
        Duration::from_secs(self.0).saturating_add(duration) <= since_epoch(local_clock::now())
    }

    /// Whether the key expires within `duration`, by the local clock. A key that has expired does not any more.
    pub(crate) fn is_within(self, duration: Duration) -> bool {
        self.remaining().is_some_and(|left| !left.is_zero() && left <= duration)
    }

    /// The expiry as a `SystemTime`; `None` for never, or if `SystemTime` cannot represent it.
    pub fn system_time(self) -> Option<SystemTime> {
        if self.is_never() {
            return None;
        }
        UNIX_EPOCH.checked_add(Duration::from_secs(self.0))
    }

    /// The time left until the expiry, by the local clock: zero if it has passed, `None` for never.
    pub fn remaining(self) -> Option<Duration> {
        let left = Duration::from_secs(self.0).saturating_sub(since_epoch(local_clock::now()));
        (!self.is_never()).then_some(left)
    }
}

/// The time since 1970, or zero for a time before.
fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl From<SystemTime> for Expiry {
    /// `time`, rounded up to a whole second, so that a key never expires too early.
    ///
    /// A time before 1970 becomes 1970, and a time beyond the server's range becomes its maximum.
    fn from(time: SystemTime) -> Self {
        let since_epoch = since_epoch(time);
        let fraction = u64::from(since_epoch.subsec_nanos() > 0);
        Self::from_unix_seconds(since_epoch.as_secs().saturating_add(fraction))
    }
}

/// `2030-01-01T00:00:00Z` or `never`. After the year 9999, which RFC 3339 cannot express: `@` and the seconds since
/// 1970.
impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.system_time() {
            None if self.is_never() => f.pad("never"),
            Some(time) if *self <= Self::LAST_DATE => f.pad(&humantime::format_rfc3339_seconds(time).to_string()),
            _ => f.pad(&format!("@{}", self.0)),
        }
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Expiry {
    type Err = InvalidInput;

    /// Parses what `Display` writes. Fractions of a second are rounded up.
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let seconds = text.strip_prefix('@').filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let expiry = match (text, seconds) {
            ("never", _) => Some(Self::NEVER),
            (_, Some(seconds)) => seconds.parse().ok().filter(|seconds| *seconds <= Self::MAX).map(Self),
            _ => humantime::parse_rfc3339(text).ok().map(Self::from),
        };
        let why = "not an expiry: write a time in UTC such as `2030-01-01T00:00:00Z`, or `never`";
        expiry.ok_or_else(|| InvalidInput::new("expires_at", why))
    }
}

/// An expiry as the caller gave it. A duration starts when the request is sent or the key is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expires {
    At(Expiry),
    In(Duration),
}

impl Expires {
    /// The duration, if one was given.
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Self::In(duration) => Some(duration),
            Self::At(_) => None,
        }
    }

    /// The expiry as a request sends it.
    pub(crate) fn check(self) -> Result<Expiry, InvalidInput> {
        let (field, expiry) = match self {
            Self::At(expiry) => ("expires_at", expiry),
            // `Expiry::after` would round this up to the next second.
            Self::In(Duration::ZERO) => ("expires_in", Expiry(0)),
            Self::In(duration) => ("expires_in", Expiry::after(duration)),
        };
        let why = if expiry.is_past() {
            "is not in the future: the key would not work"
        } else if expiry > Expiry::LAST_DATE {
            "is after the year 9999 (milliseconds for seconds?): use `Expiry::NEVER` if that is meant"
        } else {
            return Ok(expiry);
        };
        Err(InvalidInput::new(field, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fraction_of_a_second_is_rounded_up() {
        let time = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(Expiry::from(time).unix_seconds(), 2);
        assert_eq!(Expiry::from(UNIX_EPOCH).unix_seconds(), 0);
        assert_eq!(Expiry::from(UNIX_EPOCH - Duration::from_secs(1)).unix_seconds(), 0);
    }

    #[test]
    fn time_beyond_the_servers_range_becomes_its_maximum() {
        let largest = i64::MAX.unsigned_abs();
        assert_eq!(Expiry::after(Duration::MAX).unix_seconds(), largest);
        assert_eq!(Expiry::from_unix_seconds(u64::MAX).unix_seconds(), largest);
        let read: Expiry = serde_json::from_str(&u64::MAX.to_string()).unwrap();
        assert_eq!(read.to_string().parse(), Ok(Expiry(largest)));
    }

    #[test]
    fn never_is_not_a_time() {
        assert_eq!(Expiry::NEVER.system_time(), None);
        assert!(!Expiry::NEVER.is_past());
    }

    #[test]
    fn every_expiry_is_parsed_back_from_its_text() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (Expiry::NEVER.0, "never"),
            (Expiry::NEVER.0 - 1, "4020-12-31T23:59:58Z"),
            (Expiry::LAST_DATE.0, "9999-12-31T23:59:59Z"),
            (Expiry::LAST_DATE.0 + 1, "@253402300800"),
            (Expiry::MAX, "@9223372036854775807"),
        ] {
            let expiry = Expiry::from_unix_seconds(seconds);
            assert_eq!(expiry.to_string(), text);
            assert_eq!(format!("{expiry:?}"), text);
            assert_eq!(text.parse(), Ok(expiry));
        }
        assert_eq!("2030-01-01T00:00:00.001Z".parse(), Ok(Expiry(1_893_456_001)));
        assert_eq!(format!("{:>8}", Expiry::NEVER), "   never");
    }

    #[test]
    fn text_that_is_not_an_expiry_is_refused() {
        for bad in [
            "",
            "Never",
            "tomorrow",
            "1893456000",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-13-01T00:00:00Z",
            "@",
            "@-1",
            "@+1",
            "@9223372036854775808",
            "1969-12-31T23:59:59Z",
            " never",
        ] {
            assert!(bad.parse::<Expiry>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn expiry_in_the_past_or_after_the_year_9999_is_refused() {
        let day = Duration::from_secs(86_400);
        for good in [Expires::At(Expiry::NEVER), Expires::At(Expiry::LAST_DATE), Expires::In(day)] {
            assert!(good.check().is_ok(), "{good:?}");
        }
        let largest = Expiry(Expiry::MAX);
        // No time of Windows is so late.
        let late = UNIX_EPOCH.checked_add(Duration::from_secs(1_893_456_000_000)).map_or(largest, Expiry::from);
        for (bad, why) in [
            (Expires::In(Duration::ZERO), "not in the future"),
            (Expires::At(Expiry(1)), "not in the future"),
            (Expires::In(Duration::MAX), "after the year 9999"),
            (Expires::At(largest), "after the year 9999"),
            (Expires::At(late), "after the year 9999"),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.starts_with("is ") && error.contains(why), "{error}");
        }
    }
}
