//! The audit of a key: findings from its metadata, for all server versions or for one.

mod severity;

use std::collections::BTreeSet;
use std::fmt;

pub use self::severity::Severity;

use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::error::Shown;
use crate::expiry::Expiry;
use crate::key::KeyInfo;
pub use crate::server_version::ServerVersion;

/// A finding of [`KeyInfo::audit`]: something about a key that deserves a second look.
///
/// Its `Display` is one line for a report. Programs match the variant, or its [`code`](Self::code) and
/// [`severity`](Self::severity), which its JSON contains.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditFinding {
    /// The key has the action `*`: it allows everything that the bootstrap key allows.
    EveryAction,
    /// An action that leads to every right: the key may create or update keys, including one that allows everything.
    /// Not reported together with [`EveryAction`](Self::EveryAction).
    GainsEveryRight(Action),
    /// No collection is excluded: an entry is `*`, or a pattern such as `.*` that matches every name
    /// of ASCII letters, digits, `_` and `-`. Reported only if collections limit one of its actions. Patterns with a
    /// lookahead and combinations of several entries are not evaluated.
    EveryCollection,
    /// The key names collections, and its one action is `documents:search`. Whoever holds it can sign a scoped key with
    /// an embedded `collection`, and search any collection with that (seen with 0.24.1; documented as refused by v29.1
    /// and from v30.2 on, but not by v30.0 and v30.1). Give its users [scoped keys](crate::scoped::ScopedKeyBuilder), which
    /// cannot sign others.
    SignsForEveryCollection,
    /// The key names collections, but they do not limit this action, such as `aliases:upsert`. Of `collections:*`,
    /// only the unlimited part is reported. Not reported together with [`EveryAction`](Self::EveryAction).
    NotLimitedByCollections(Action),
    /// The key has expired by the local clock, but the server still has it.
    Expired,
    /// The key never expires.
    NeverExpires,
    /// An action that allows nothing on any server from 0.24.1 to v30.2: it is malformed (`a:b, c:d`), documented
    /// upstream but not implemented (`aliases:create`), or an unknown verb of a known (perhaps misspelled) resource
    /// (`documents:serach`, `document:get`). A well-formed action of an unknown resource is not reported: it may
    /// belong to a newer server.
    DeadAction(Action),
    /// An action that allows nothing on the version given to [`KeyInfo::audit_for`], but does on another version.
    NotOnServer(Action, ServerVersion),
    /// An entry of its collections that matches no name, because it is empty or does not compile as a pattern. (It
    /// would match only a collection with exactly this text as its name.)
    DeadCollection(CollectionPattern),
    /// From v27 on, `GET /collections` never responds to this key: this entry does not compile as a pattern, and the
    /// key may list collections.
    HangsCollectionList(CollectionPattern),
    /// The key allows nothing at all: it has no collections, or all its actions are dead, or its collections are dead
    /// and limit all other actions.
    AllowsNothing,
    /// The number of further findings of the preceding kind, which are omitted.
    Omitted(usize),
}

/// The maximum number of reported findings per kind: a key can have hundreds of thousands of entries.
const MAX_OF_A_KIND: usize = 50;

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = Shown(self.entry().unwrap_or_default());
        match self {
            Self::EveryAction => f.write_str("may do everything, as the bootstrap key may"),
            Self::GainsEveryRight(_) => write!(f, "has the action `{entry}`, with which it can gain every right"),
            Self::EveryCollection => f.write_str("may act in every collection, present and future"),
            Self::SignsForEveryCollection => f.write_str(
                "can sign scoped keys for every collection, although it names some (up to v29.0, and on v30.0 and v30.1)",
            ),
            Self::NotLimitedByCollections(action) => {
                let since = if *action == Action::COLLECTIONS_LIST { " before v27" } else { "" };
                write!(f, "has the action `{entry}`, which its collections do not limit{since}")
            }
            Self::Expired => f.write_str("is expired, but not deleted"),
            Self::NeverExpires => f.write_str("never expires"),
            Self::DeadAction(action) => {
                write!(f, "has the action `{entry}`, which allows nothing")?;
                action.advice().map_or(Ok(()), |advice| write!(f, "; {advice}"))
            }
            Self::NotOnServer(action, version) => {
                write!(f, "has the action `{entry}`, which allows nothing on {version}: ")?;
                match (action.since(), action.until()) {
                    (_, Some(until)) if until <= *version => write!(f, "gone since {until}")?,
                    (Some(ServerVersion::AFTER_V30_2), _) => f.write_str("in no release up to v30.2")?,
                    (Some(since), _) => write!(f, "new in {since}")?,
                    _ => f.write_str("not known")?,
                }
                let replacements = action.replacements_on(*version);
                let replacements: Vec<_> = replacements.iter().map(|action| format!("`{action}`")).collect();
                if replacements.is_empty() { Ok(()) } else { write!(f, "; grant {} there", replacements.join(" or ")) }
            }
            Self::DeadCollection(_) if entry.0.is_empty() => {
                f.write_str("has an empty entry of collections, which matches none")
            }
            Self::DeadCollection(_) => {
                write!(f, "has the collections `{entry}`, a pattern that does not compile and matches none")
            }
            Self::HangsCollectionList(_) => write!(
                f,
                "never gets a response to a list of collections from v27 on, because of its entry `{entry}`"
            ),
            Self::AllowsNothing => f.write_str("allows nothing"),
            Self::Omitted(count) => write!(f, "and {count} more like the last one"),
        }
    }
}

impl KeyInfo {
    /// Audits the key for servers from 0.24.1 to v30.2 and the next release. Sends nothing.
    ///
    /// The findings are in the order of [`AuditFinding`]'s variants and, within a variant, in the order of the key's
    /// entries. A repeated entry is reported once. After 50 findings of one kind, the rest is only
    /// [counted](AuditFinding::Omitted).
    ///
    /// ```
    /// use typesense_keys::audit::AuditFinding;
    /// use typesense_keys::{Action, KeyInfo};
    ///
    /// let key: KeyInfo = serde_json::from_str(
    ///     r#"{"id": 7, "description": "search", "value_prefix": "k3yA",
    ///         "actions": ["documents:serach"], "collections": ["docs"],
    ///         "expires_at": 64723363199}"#,
    /// )?;
    /// let findings = key.audit();
    /// let typo = AuditFinding::DeadAction(Action::custom("documents:serach"));
    /// let nothing = AuditFinding::AllowsNothing;
    /// assert_eq!(findings, [AuditFinding::NeverExpires, typo, nothing]);
    /// assert_eq!(
    ///     findings[1].to_string(),
    ///     "has the action `documents:serach`, which allows nothing; \
    ///      did you mean `documents:search`?"
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn audit(&self) -> Vec<AuditFinding> {
        Audit::new(self, None).findings()
    }

    /// Audits the key for servers of one version: also reports the actions that allow nothing there, and what to
    /// grant instead. To prepare an upgrade, pass the new version.
    ///
    /// ```
    /// use typesense_keys::audit::{AuditFinding, ServerVersion};
    /// use typesense_keys::{Action, KeyInfo};
    ///
    /// let key: KeyInfo = serde_json::from_str(
    ///     r#"{"id": 7, "description": "synonyms", "value_prefix": "k3yA",
    ///         "actions": ["synonyms:upsert"], "collections": ["docs"],
    ///         "expires_at": 4000000000}"#,
    /// )?;
    /// assert_eq!(key.audit_for(ServerVersion::V29), []);
    /// let findings = key.audit_for(ServerVersion::V30);
    /// let (action, version) = (Action::SYNONYMS_UPSERT, ServerVersion::V30);
    /// let gone = AuditFinding::NotOnServer(action, version);
    /// assert_eq!(findings, [gone, AuditFinding::AllowsNothing]);
    /// assert_eq!(
    ///     findings[0].to_string(),
    ///     "has the action `synonyms:upsert`, which allows nothing on v30.0: \
    ///      gone since v30.0; grant `synonym_sets/items:upsert` or \
    ///      `synonym_sets:upsert` there"
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn audit_for(&self, version: ServerVersion) -> Vec<AuditFinding> {
        Audit::new(self, Some(version)).findings()
    }
}

/// A key during its audit, with each of its entries once.
struct Audit<'a> {
    key: &'a KeyInfo,
    /// `None` for any server.
    version: Option<ServerVersion>,
    actions: Vec<&'a Action>,
    entries: Vec<&'a CollectionPattern>,
    dead_actions: BTreeSet<&'a str>,
    dead_entries: BTreeSet<&'a str>,
    has_every_action: bool,
    names_every_collection: bool,
}

impl<'a> Audit<'a> {
    fn new(key: &'a KeyInfo, version: Option<ServerVersion>) -> Self {
        let (actions, entries) = (distinct(&key.actions), distinct(&key.collections));
        Self {
            key,
            version,
            dead_actions: actions.iter().filter(|action| action.is_dead()).map(|action| action.as_str()).collect(),
            dead_entries: entries.iter().filter(|entry| entry.is_dead()).map(|entry| entry.as_str()).collect(),
            has_every_action: actions.contains(&&Action::ALL),
            names_every_collection: entries.iter().any(|entry| entry.matches_every_plain_name()),
            actions,
            entries,
        }
    }

    /// All findings, in the order of the variants.
    fn findings(&self) -> Vec<AuditFinding> {
        let version = self.version;
        let actions = || self.actions.iter().copied();
        let mut findings = Findings(Vec::new());
        findings.add(self.has_every_action, AuditFinding::EveryAction);
        findings.add_each(actions().filter(|action| self.gains_every_right(action)), AuditFinding::GainsEveryRight);
        findings.add(self.acts_in_every_collection(), AuditFinding::EveryCollection);
        findings.add(self.signs_for_every_collection(), AuditFinding::SignsForEveryCollection);
        findings.add_each(&self.not_limited_by_collections(), AuditFinding::NotLimitedByCollections);
        findings.add(self.key.is_expired(), AuditFinding::Expired);
        findings.add(self.key.expires_at >= Expiry::NEVER, AuditFinding::NeverExpires);
        findings.add_each(
            actions().filter(|action| self.dead_actions.contains(action.as_str())),
            AuditFinding::DeadAction,
        );
        if let Some(version) = version {
            let not_there = |action| AuditFinding::NotOnServer(action, version);
            findings.add_each(actions().filter(|action| self.is_not_on_server(action)), not_there);
        }
        let dead_entries = self.entries.iter().copied().filter(|entry| self.dead_entries.contains(entry.as_str()));
        findings.add_each(dead_entries, AuditFinding::DeadCollection);
        findings.add_each(self.hangs_collection_list(), AuditFinding::HangsCollectionList);
        findings.add(self.allows_nothing(), AuditFinding::AllowsNothing);
        findings.0
    }

    fn is_not_on_server(&self, action: &Action) -> bool {
        self.version.is_some_and(|version| action.is_foreign_to(version))
    }

    fn gains_every_right(&self, action: &Action) -> bool {
        let changes_keys = [Action::KEYS_CREATE, Action::KEYS_UPDATE];
        !self.has_every_action
            && changes_keys.iter().any(|change| action.covers(change) && !self.is_not_on_server(change))
    }

    fn acts_in_every_collection(&self) -> bool {
        self.names_every_collection && self.actions.iter().any(|action| action.acts_in_collections(self.version))
    }

    fn signs_for_every_collection(&self) -> bool {
        // A server accepts scoped keys of a key with exactly this action.
        self.key.actions == [Action::DOCUMENTS_SEARCH]
            && self.version.is_none_or(ServerVersion::has_scoped_key_faults)
            && !self.names_every_collection
            && !self.entries.is_empty()
    }

    fn not_limited_by_collections(&self) -> Vec<Action> {
        if self.has_every_action || self.names_every_collection || self.entries.is_empty() {
            return Vec::new();
        }
        let unlimited = self.actions.iter().flat_map(|action| action.not_limited_by_collections(self.version));
        distinct(&unlimited.collect::<Vec<_>>()).into_iter().cloned().collect()
    }

    /// The entry that the server fails to compile when this key asks for the list of collections.
    fn hangs_collection_list(&self) -> Option<&'a CollectionPattern> {
        let filters_list = self.version.is_none_or(|version| version >= ServerVersion::V27);
        if !filters_list || !self.actions.iter().any(|action| action.covers(&Action::COLLECTIONS_LIST)) {
            return None;
        }
        // The server compiles the entries in order, up to `*`. An empty entry compiles.
        let mut compiled = self.entries.iter().take_while(|entry| ***entry != CollectionPattern::ALL);
        compiled.find(|entry| !entry.as_str().is_empty() && self.dead_entries.contains(entry.as_str())).copied()
    }

    fn allows_nothing(&self) -> bool {
        let no_entry_matches = self.dead_entries.len() == self.entries.len();
        let is_ineffective = |action: &&Action| {
            self.dead_actions.contains(action.as_str())
                || self.is_not_on_server(action)
                || (no_entry_matches && action.is_limited_by_collections(self.version))
        };
        self.entries.is_empty() || self.actions.iter().all(is_ineffective)
    }
}

/// Each entry once, in the order of the first occurrences.
fn distinct<T: AsRef<str>>(entries: &[T]) -> Vec<&T> {
    let mut seen = BTreeSet::<&str>::new();
    entries.iter().filter(|&entry| seen.insert(entry.as_ref())).collect()
}

/// Findings, limited to [`MAX_OF_A_KIND`] per kind.
struct Findings(Vec<AuditFinding>);

impl Findings {
    fn add(&mut self, is_so: bool, finding: AuditFinding) {
        self.0.extend(is_so.then_some(finding));
    }

    fn add_each<'a, T: Clone + 'a>(
        &mut self,
        entries: impl IntoIterator<Item = &'a T>,
        finding: impl Fn(T) -> AuditFinding,
    ) {
        let mut entries = entries.into_iter();
        self.0.extend(entries.by_ref().take(MAX_OF_A_KIND).cloned().map(finding));
        match entries.count() {
            0 => {}
            more => self.0.push(AuditFinding::Omitted(more)),
        }
    }
}

#[cfg(test)]
mod tests;
