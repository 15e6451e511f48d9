//! What programs read of a finding: its code, its severity, and its JSON.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::AuditFinding;

/// How much a finding matters. The severities are in ascending order.
///
/// Its names in `Display` and serde, such as `high`, are stable across versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing: the key is older or lasts longer than it needs to.
    Low,
    /// The key allows less or more than its scope seems to say.
    Medium,
    /// Whoever has the key can gain rights that its scope does not name.
    High,
}

/// The name in `snake_case`.
impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        serde::Serialize::serialize(self, f)
    }
}

impl AuditFinding {
    /// The variant's name in `snake_case`, such as `every_action`. It is stable across versions.
    pub fn code(&self) -> &'static str {
        self.facts().0
    }

    /// How much the finding matters.
    pub fn severity(&self) -> Severity {
        self.facts().1
    }

    /// The code, the severity, and the action or the entry of collections that the finding is about.
    fn facts(&self) -> (&'static str, Severity, Option<&str>) {
        use Severity::{High, Low, Medium};
        match self {
            Self::EveryAction => ("every_action", High, None),
            Self::GainsEveryRight(action) => ("gains_every_right", High, Some(action.as_str())),
            Self::EveryCollection => ("every_collection", Medium, None),
            Self::SignsForEveryCollection => ("signs_for_every_collection", High, None),
            Self::NotLimitedByCollections(action) => ("not_limited_by_collections", Medium, Some(action.as_str())),
            Self::Expired => ("expired", Low, None),
            Self::NeverExpires => ("never_expires", Low, None),
            Self::DeadAction(action) => ("dead_action", Medium, Some(action.as_str())),
            Self::NotOnServer(action, _) => ("not_on_server", Medium, Some(action.as_str())),
            Self::DeadCollection(entry) => ("dead_collection", Medium, Some(entry.as_str())),
            Self::HangsCollectionList(entry) => ("hangs_collection_list", Medium, Some(entry.as_str())),
            Self::AllowsNothing => ("allows_nothing", Medium, None),
            Self::Omitted(_) => ("omitted", Low, None),
        }
    }
}

/// `code`, `severity`, `message` (what `Display` writes) and `entry` (the action or the entry of collections that the
/// finding is about, as the key has it, or `null`).
impl Serialize for AuditFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (code, severity, entry) = self.facts();
        let mut finding = serializer.serialize_struct("AuditFinding", 4)?;
        finding.serialize_field("code", code)?;
        finding.serialize_field("severity", &severity)?;
        finding.serialize_field("message", &self.to_string())?;
        finding.serialize_field("entry", &entry)?;
        finding.end()
    }
}
