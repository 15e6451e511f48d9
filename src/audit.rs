//! What is worth a second look about a key, by its metadata alone.

use std::fmt;

use crate::{Action, CollectionPattern, Expiry, KeyInfo};

/// Something about a key that is worth a second look, as [`KeyInfo::audit`] finds it.
///
/// Its `Display` is plain words for one line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditFinding {
    /// `*` is among its actions: it may do everything that the bootstrap key may.
    EveryAction,
    /// It may create keys, and so one that may do everything. Not reported beside [`EveryAction`](Self::EveryAction).
    CreatesKeys,
    /// It may act in every collection: an entry is `*`, or a pattern that matches every name of ASCII letters, digits,
    /// `_` and `-`, such as `.*`. Reported only where collections limit one of its actions. Patterns with a lookahead
    /// are not searched, nor what several entries match together.
    EveryCollection,
    /// Its time is over, by this machine's clock, but the server still keeps it.
    Expired,
    /// It never expires.
    NeverExpires,
    /// An entry of its actions that no server from 0.24.1 to v30 opens anything for: malformed (`a:b, c:d`), or of a
    /// known resource, perhaps misspelt by one letter, that has no such verb (`documents:serach`, `aliases:create`,
    /// `document:get`). Not reported is what is well-formed and of another resource: it may be a newer server's.
    DeadAction(Action),
    /// An entry of its collections that no server matches with a name: it is empty or does not compile as a pattern.
    /// (It would open a collection whose name is that very text.)
    DeadCollection(CollectionPattern),
    /// It opens nothing at all: its actions are dead, or collections limit all of those that are not, and these are
    /// dead.
    OpensNothing,
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryAction => f.write_str("may do everything, as the bootstrap key may"),
            Self::CreatesKeys => f.write_str("may create keys, and so one that may do everything"),
            Self::EveryCollection => f.write_str("may act in every collection, those to come included"),
            Self::Expired => f.write_str("is expired, but not deleted"),
            Self::NeverExpires => f.write_str("never expires"),
            Self::DeadAction(action) => {
                write!(f, "has the action `{}`, which opens nothing", action.as_str().escape_debug())
            }
            Self::DeadCollection(entry) if entry.as_str().is_empty() => {
                f.write_str("has an empty entry of collections, which matches none")
            }
            Self::DeadCollection(entry) => {
                let entry = entry.as_str().escape_debug();
                write!(f, "has the collections `{entry}`, a pattern that does not compile and matches none")
            }
            Self::OpensNothing => f.write_str("opens nothing"),
        }
    }
}

impl KeyInfo {
    /// What is worth a second look about the key: in the order of [`AuditFinding`]'s variants, and among dead entries in
    /// the key's own. Nothing is sent.
    ///
    /// ```
    /// use typesense_keys::{AuditFinding, KeyInfo};
    ///
    /// let key: KeyInfo = serde_json::from_str(
    ///     r#"{"id": 7, "description": "search", "actions": ["documents:serach"], "collections": ["docs"],
    ///         "expires_at": 64723363199, "value_prefix": "k3yA"}"#,
    /// )?;
    /// let findings = key.audit();
    /// assert_eq!(
    ///     findings,
    ///     [AuditFinding::NeverExpires, AuditFinding::DeadAction("documents:serach".into()), AuditFinding::OpensNothing]
    /// );
    /// assert_eq!(findings[1].to_string(), "has the action `documents:serach`, which opens nothing");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn audit(&self) -> Vec<AuditFinding> {
        let grants = |action| self.actions.iter().any(|granted: &Action| granted.covers(&action));
        let dead_actions: Vec<_> = self.actions.iter().filter(|action| action.is_dead()).collect();
        let dead_collections: Vec<_> = self.collections.iter().filter(|entry| entry.is_dead()).collect();
        let acts_in_collections = self.actions.iter().any(Action::is_limited_by_collections);

        let whole = [
            (grants(Action::ALL), AuditFinding::EveryAction),
            (!grants(Action::ALL) && grants(Action::KEYS_CREATE), AuditFinding::CreatesKeys),
            (
                acts_in_collections && self.collections.iter().any(CollectionPattern::matches_every_plain_name),
                AuditFinding::EveryCollection,
            ),
            (self.is_expired(), AuditFinding::Expired),
            (self.expires_at >= Expiry::NEVER, AuditFinding::NeverExpires),
        ];
        let no_collection = dead_collections.len() == self.collections.len();
        let is_shut = |action: &Action| action.is_dead() || (no_collection && action.acts_in_collections_only());
        let nothing = self.actions.iter().all(is_shut).then_some(AuditFinding::OpensNothing);

        let whole = whole.into_iter().filter_map(|(is_so, finding)| is_so.then_some(finding));
        let dead_actions = dead_actions.into_iter().cloned().map(AuditFinding::DeadAction);
        let dead_collections = dead_collections.into_iter().cloned().map(AuditFinding::DeadCollection);
        whole.chain(dead_actions).chain(dead_collections).chain(nothing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyId;

    const LATER: Expiry = Expiry::from_unix_seconds(32_503_680_000);

    fn key(actions: &[&str], collections: &[&str], expires_at: Expiry) -> KeyInfo {
        KeyInfo {
            id: KeyId::from(1),
            description: "test".into(),
            actions: actions.iter().map(|&text| text.into()).collect(),
            collections: collections.iter().map(|&text| text.into()).collect(),
            expires_at,
            prefix: "abcd".into(),
            autodelete: None,
            unknown: Default::default(),
        }
    }

    #[test]
    fn each_finding_has_its_reason() {
        use AuditFinding::*;
        let action = |text: &str| DeadAction(text.into());
        let entry = |text: &str| DeadCollection(text.into());
        for (actions, collections, findings) in [
            (&["documents:search"][..], &["docs"][..], vec![]),
            (&["*"], &["docs"], vec![EveryAction]),
            (&["keys:create", "*"], &["docs"], vec![EveryAction]),
            (&["keys:create"], &["docs"], vec![CreatesKeys]),
            (&["keys:*"], &["docs"], vec![CreatesKeys]),
            (&["keys:list"], &["*"], vec![]),
            (&["documents:get"], &["*"], vec![EveryCollection]),
            (&["documents:get"], &["docs", ".+"], vec![EveryCollection]),
            (&["documents:*"], &[r"[\w-]+"], vec![EveryCollection]),
            (&["documents:*"], &[r"\w+"], vec![]),
            (&["collections:*"], &[".*"], vec![EveryCollection]),
            (&["documents:serach"], &["*"], vec![action("documents:serach"), OpensNothing]),
            (&["document:get"], &["a"], vec![action("document:get"), OpensNothing]),
            (&["aliases:create", "aliases:get"], &["a"], vec![action("aliases:create")]),
            (&["a:b, c:d", ""], &["a"], vec![action("a:b, c:d"), action(""), OpensNothing]),
            (&["teleports:create"], &["*"], vec![]),
            (&["documents:get"], &["(", "a"], vec![entry("(")]),
            (&["documents:get"], &["(", ""], vec![entry("("), entry(""), OpensNothing]),
            (&["documents:get", "keys:get"], &["("], vec![entry("(")]),
            (&["documents:get", "teleports:create"], &["("], vec![entry("(")]),
            (&["collections:*"], &["("], vec![entry("(")]), // `collections:list` is for all
            (&["documents:*"], &["("], vec![entry("("), OpensNothing]),
            (&["documents:get"], &["[[.a.]]"], vec![]),
            (&["documents:get"], &[], vec![OpensNothing]),
            (&[], &["*"], vec![OpensNothing]),
            (&["*", "x"], &["*", "("], vec![EveryAction, EveryCollection, action("x"), entry("(")]),
        ] {
            assert_eq!(key(actions, collections, LATER).audit(), findings, "{actions:?} {collections:?}");
        }
    }

    #[test]
    fn time_is_told_apart() {
        let at = |seconds| key(&["documents:get"], &["docs"], Expiry::from_unix_seconds(seconds)).audit();
        assert_eq!(at(1), [AuditFinding::Expired]);
        assert_eq!(
            key(&["*"], &["docs"], Expiry::NEVER).audit(),
            [AuditFinding::EveryAction, AuditFinding::NeverExpires]
        );
        assert_eq!(at(u64::MAX), [AuditFinding::NeverExpires]);
    }

    #[test]
    fn a_finding_is_one_line_whatever_the_entry_holds() {
        for (finding, line) in [
            (AuditFinding::EveryAction, "may do everything, as the bootstrap key may"),
            (AuditFinding::DeadAction("a\nb".into()), r"has the action `a\nb`, which opens nothing"),
            (AuditFinding::DeadCollection("".into()), "has an empty entry of collections, which matches none"),
            (
                AuditFinding::DeadCollection("(\u{1b}".into()),
                r"has the collections `(\u{1b}`, a pattern that does not compile and matches none",
            ),
        ] {
            assert_eq!(finding.to_string(), line);
        }
    }
}
