//! The audit of a key: findings from its metadata, for all server versions or for one.

mod severity;

use std::collections::BTreeSet;

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditFinding {
    /// The key has the action `*`: it allows everything that the bootstrap key allows.
    #[error("may do everything, as the bootstrap key may")]
    EveryAction,
    /// An action that leads to every right: the key may create or update keys, including one that allows everything.
    /// Not reported together with [`EveryAction`](Self::EveryAction).
    #[error("has the action `{}`, with which it can gain every right", Shown(.0.as_str()))]
    GainsEveryRight(Action),
    /// No collection is excluded: an entry is `*`, or a pattern such as `.*` that matches every name
    /// of ASCII letters, digits, `_` and `-`. Reported only if collections limit one of its actions. Patterns with a
    /// lookahead and combinations of several entries are not evaluated.
    #[error("may act in every collection, present and future")]
    EveryCollection,
    /// The key names collections, and its one action is `documents:search`. Whoever holds it can sign a scoped key with
    /// an embedded `collection`, and search any collection with that (seen with 0.24.1; documented as refused by v29.1
    /// and from v30.2 on, but not by v30.0 and v30.1). Give its users [scoped keys](crate::scoped::ScopedKeyBuilder), which
    /// cannot sign others.
    #[error(
        "can sign scoped keys for every collection, although it names some (up to v29.0, and on v30.0 and v30.1)"
    )]
    SignsForEveryCollection,
    /// The key names collections, but they do not limit this action, such as `aliases:upsert`. Of `collections:*`,
    /// only the unlimited part is reported. Not reported together with [`EveryAction`](Self::EveryAction).
    #[error("has the action `{}`, which its collections do not limit{}", Shown(.0.as_str()), before_v27(.0))]
    NotLimitedByCollections(Action),
    /// The key has expired by the local clock, but the server still has it.
    #[error("is expired, but not deleted")]
    Expired,
    /// The key never expires.
    #[error("never expires")]
    NeverExpires,
    /// An action that allows nothing on any server from 0.24.1 to v30.2: it is malformed (`a:b, c:d`), documented
    /// upstream but not implemented (`aliases:create`), or an unknown verb of a known (perhaps misspelled) resource
    /// (`documents:serach`, `document:get`). A well-formed action of an unknown resource is not reported: it may
    /// belong to a newer server.
    #[error("has the action `{}`, which allows nothing{}", Shown(.0.as_str()), advice(.0))]
    DeadAction(Action),
    /// An action that allows nothing on the version given to [`KeyInfo::audit_for`], but does on another version.
    #[error("has the action `{}`, which allows nothing on {}: {}", Shown(.0.as_str()), .1, absence(.0, *.1))]
    NotOnServer(Action, ServerVersion),
    /// An entry of its collections that matches no name, because it is empty or does not compile as a pattern. (It
    /// would match only a collection with exactly this text as its name.)
    #[error("{}", dead_collection(.0.as_str()))]
    DeadCollection(CollectionPattern),
    /// From v27 on, `GET /collections` never responds to this key: this entry does not compile as a pattern, and the
    /// key may list collections.
    #[error("never gets a response to a list of collections from v27 on, because of its entry `{}`", Shown(.0.as_str()))]
    HangsCollectionList(CollectionPattern),
    /// The key allows nothing at all: it has no collections, or all its actions are dead, or its collections are dead
    /// and limit all other actions.
    #[error("allows nothing")]
    AllowsNothing,
    /// The number of further findings of the preceding kind, which are omitted.
    #[error("and {0} more like the last one")]
    Omitted(usize),
}

/// The maximum number of reported findings per kind: a key can have hundreds of thousands of entries.
const MAX_OF_A_KIND: usize = 50;

fn before_v27(action: &Action) -> &'static str {
    if *action == Action::COLLECTIONS_LIST { " before v27" } else { "" }
}

fn advice(dead: &Action) -> String {
    dead.advice().map(|advice| format!("; {advice}")).unwrap_or_default()
}

/// Why a version lacks the action, and what to grant instead.
fn absence(action: &Action, version: ServerVersion) -> String {
    let why = match (action.since(), action.until()) {
        (_, Some(until)) if until <= version => format!("gone since {until}"),
        (Some(ServerVersion::AFTER_V30_2), _) => "in no release up to v30.2".to_owned(),
        (Some(since), _) => format!("new in {since}"),
        _ => "not known".to_owned(),
    };
    let replacements: Vec<_> = action.replacements_on(version).iter().map(|action| format!("`{action}`")).collect();
    if replacements.is_empty() { why } else { format!("{why}; grant {} there", replacements.join(" or ")) }
}

fn dead_collection(entry: &str) -> String {
    match entry {
        "" => "has an empty entry of collections, which matches none".to_owned(),
        _ => format!("has the collections `{}`, a pattern that does not compile and matches none", Shown(entry)),
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

/// A key during its audit. Each of its entries is there once.
struct Audit<'a> {
    key: &'a KeyInfo,
    /// `None` for any server.
    version: Option<ServerVersion>,
    /// Its actions and collections that are not dead.
    actions: Vec<&'a Action>,
    collections: Vec<&'a CollectionPattern>,
    dead_actions: Vec<&'a Action>,
    dead_collections: Vec<&'a CollectionPattern>,
    has_every_action: bool,
    names_every_collection: bool,
}

impl<'a> Audit<'a> {
    fn new(key: &'a KeyInfo, version: Option<ServerVersion>) -> Self {
        let (dead_actions, actions): (_, Vec<_>) = distinct(&key.actions).partition(|action| action.is_dead());
        let (dead_collections, collections): (_, Vec<_>) =
            distinct(&key.collections).partition(|entry| entry.is_dead());
        Self {
            key,
            version,
            has_every_action: actions.contains(&&Action::ALL),
            names_every_collection: collections.iter().any(|entry| entry.matches_every_plain_name()),
            actions,
            collections,
            dead_actions,
            dead_collections,
        }
    }

    /// All findings, in the order of the variants.
    fn findings(&self) -> Vec<AuditFinding> {
        let mut findings = Findings(Vec::new());
        findings.add(self.has_every_action, AuditFinding::EveryAction);
        findings.add_each(self.actions_that(|action| self.gains_every_right(action)), AuditFinding::GainsEveryRight);
        findings.add(self.acts_in_every_collection(), AuditFinding::EveryCollection);
        findings.add(self.signs_for_every_collection(), AuditFinding::SignsForEveryCollection);
        findings.add_each(distinct(&self.not_limited_by_collections()), AuditFinding::NotLimitedByCollections);
        findings.add(self.key.is_expired(), AuditFinding::Expired);
        findings.add(self.key.expires_at >= Expiry::NEVER, AuditFinding::NeverExpires);
        findings.add_each(self.dead_actions.iter().copied(), AuditFinding::DeadAction);
        if let Some(version) = self.version {
            let not_there = |action| AuditFinding::NotOnServer(action, version);
            findings.add_each(self.actions_that(|action| self.is_not_on_server(action)), not_there);
        }
        findings.add_each(self.dead_collections.iter().copied(), AuditFinding::DeadCollection);
        findings.add_each(self.hangs_collection_list(), AuditFinding::HangsCollectionList);
        findings.add(self.allows_nothing(), AuditFinding::AllowsNothing);
        findings.0
    }

    fn actions_that(&self, is_so: impl Fn(&Action) -> bool) -> impl Iterator<Item = &Action> {
        self.actions.iter().copied().filter(move |action| is_so(action))
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

    fn names_some_collections(&self) -> bool {
        !self.names_every_collection && !self.key.collections.is_empty()
    }

    fn signs_for_every_collection(&self) -> bool {
        // A server accepts scoped keys of a key with exactly this action.
        self.key.actions == [Action::DOCUMENTS_SEARCH]
            && self.version.is_none_or(ServerVersion::has_scoped_key_faults)
            && self.names_some_collections()
    }

    fn not_limited_by_collections(&self) -> Vec<Action> {
        if self.has_every_action || !self.names_some_collections() {
            return Vec::new();
        }
        self.actions.iter().flat_map(|action| action.not_limited_by_collections(self.version)).collect()
    }

    /// The entry that the server fails to compile when this key asks for the list of collections.
    fn hangs_collection_list(&self) -> Option<&'a CollectionPattern> {
        let filters_list = self.version.is_none_or(|version| version >= ServerVersion::V27);
        if !filters_list || !self.actions.iter().any(|action| action.covers(&Action::COLLECTIONS_LIST)) {
            return None;
        }
        // The server compiles the entries in order, up to `*`. An empty entry compiles.
        let mut compiled = self.key.collections.iter().take_while(|entry| **entry != CollectionPattern::ALL);
        compiled.find(|entry| !entry.as_str().is_empty() && entry.is_dead())
    }

    fn allows_nothing(&self) -> bool {
        let is_ineffective = |action: &&Action| {
            let is_limited = action.is_limited_by_collections(self.version);
            self.is_not_on_server(action) || (is_limited && self.collections.is_empty())
        };
        self.key.collections.is_empty() || self.actions.iter().all(is_ineffective)
    }
}

/// Each entry once, in the order of the first occurrences.
fn distinct<T: Ord>(entries: &[T]) -> impl Iterator<Item = &T> {
    let mut seen = BTreeSet::new();
    entries.iter().filter(move |entry| seen.insert(*entry))
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
