//! The version of a Typesense server, to the precision that matters for a key's scope.

use std::fmt;
use std::str::FromStr;

use crate::text::InvalidInput;

/// The version of a Typesense server: v27.1 is newer than v27.0, and both are newer than v0.25.
///
/// After 0.25 came 26.0. Patch levels and suffixes (`0.24.1`, `30.0.rc12`) are dropped, because none of them changes
/// what a key allows.
///
/// `GET /debug` reports a server's version; it needs a key with [`Action::DEBUG_LIST`](crate::Action::DEBUG_LIST).
///
/// ```
/// use typesense_keys::audit::ServerVersion;
///
/// let version: ServerVersion = "30.0.rc12".parse()?;
/// assert_eq!(version, ServerVersion::V30);
/// assert!(version > ServerVersion::new(27, 1));
/// assert!(ServerVersion::new(27, 1) > ServerVersion::V0_25);
/// assert_eq!(version.to_string(), "v30.0");
/// # Ok::<(), typesense_keys::error::InvalidInput>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion {
    major: u16,
    minor: u16,
}

impl ServerVersion {
    /// v0.24, the oldest version that this crate supports (tested with 0.24.1).
    pub const V0_24: Self = Self::new(0, 24);
    /// v0.25.
    pub const V0_25: Self = Self::new(0, 25);
    /// v26.0.
    pub const V26: Self = Self::new(26, 0);
    /// v27.0.
    pub const V27: Self = Self::new(27, 0);
    /// v28.0.
    pub const V28: Self = Self::new(28, 0);
    /// v29.0.
    pub const V29: Self = Self::new(29, 0);
    /// v30.0.
    pub const V30: Self = Self::new(30, 0);
    /// Everything after v30.2, the newest release when this version of the crate was released.
    pub const AFTER_V30_2: Self = Self::new(30, 3);

    /// The version `major.minor`: v27.1 is `new(27, 1)`, and v0.25.2 is `new(0, 25)`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

/// The versions whose holder of a search key can sign itself a key for every collection, and whose cache does not
/// distinguish keys, each as the first version with the fault and the first without it. An embedded `collection` replaces
/// that of a request after the key's collections were checked (seen with 0.24.1, read in v29.0; the ends are in the
/// release notes of 29.1 and 30.2). This is the only place in code; a test compares the guide with it.
const SCOPED_KEY_FAULTS: [(ServerVersion, ServerVersion); 2] =
    [(ServerVersion::V0_24, ServerVersion::new(29, 1)), (ServerVersion::V30, ServerVersion::new(30, 2))];

impl ServerVersion {
    /// Whether a search key of this version can sign itself a key for every collection.
    pub(crate) fn has_scoped_key_faults(self) -> bool {
        SCOPED_KEY_FAULTS.iter().any(|(from, to)| (*from..*to).contains(&self))
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.major, self.minor)
    }
}

impl FromStr for ServerVersion {
    type Err = InvalidInput;

    /// Parses the version that `GET /debug` reports: `0.24.1`, `27.1`, `30.0.rc12`. A leading `v` and a missing minor
    /// version (`v30`) are accepted. A development build calls itself `nightly`, which is not a version.
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let number = |part: &str| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        };
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let major = parts.next().and_then(number);
        let minor = parts.next().map_or(Some(0), number);
        let why = "not the version of a server: expected two numbers, as in `27.1`, `v30.0` or `0.24.1`";
        major.zip(minor).map(|(major, minor)| Self { major, minor }).ok_or_else(|| InvalidInput::new("version", why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guide_names_the_versions_with_faults_of_scoped_keys() {
        let [(_, first_end), (second, second_end)] = SCOPED_KEY_FAULTS;
        let versions = format!("| before {first_end}; from {second}, before {second_end} |");
        let guide = include_str!("guide/server_versions.rs");
        assert_eq!(guide.matches(&versions).count(), 2, "the collection and the cache: {versions}");
        for (major, minor, is_faulty) in [
            (0, 24, true),
            (29, 0, true),
            (29, 1, false),
            (30, 0, true),
            (30, 1, true),
            (30, 2, false),
            (31, 0, false),
        ] {
            assert_eq!(ServerVersion::new(major, minor).has_scoped_key_faults(), is_faulty, "{major}.{minor}");
        }
    }

    #[test]
    fn version_reported_by_a_server_is_read() {
        for (text, major, minor) in [
            ("0.24.1", 0, 24),
            ("0.25.2", 0, 25),
            ("26.0", 26, 0),
            ("27.1", 27, 1),
            ("30.0.rc12", 30, 0),
            ("v29.0", 29, 0),
            ("v30", 30, 0),
        ] {
            assert_eq!(text.parse(), Ok(ServerVersion::new(major, minor)), "{text}");
        }
    }

    #[test]
    fn text_without_a_version_is_refused() {
        for text in ["", "v", "nightly", "rc1", "+1.0", "-1.0", "30.", "30.rc1", ".1", "1,2", "30.0-rc1", "70000.0"] {
            assert!(text.parse::<ServerVersion>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn versions_are_in_the_order_of_their_release() {
        use ServerVersion as V;
        let ordered = [V::V0_24, V::V0_25, V::V26, V::V27, V::new(27, 1), V::V28, V::V29, V::V30, V::AFTER_V30_2];
        assert!(ordered.is_sorted_by(|older, newer| older < newer));
    }

    #[test]
    fn displayed_version_can_be_read_again() {
        for version in [ServerVersion::V0_24, ServerVersion::V30, ServerVersion::new(27, 1)] {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
    }
}
