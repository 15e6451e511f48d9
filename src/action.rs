//! The actions of a key: `resource:verb`, checked when text is parsed.

mod dead;
mod table;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use self::table::{Route, Row, TABLE};
use crate::checked_text::checked_text;
use crate::server_version::ServerVersion;
use crate::text::{InvalidInput, is_unseen, without_keys};
use crate::typo::is_at_most_one_typo;

/// An action that a key allows, as `resource:verb`, such as `documents:search`.
///
/// There is a constant for every action that a server knows. Its documentation lists the routes that it allows.
/// `resource:*` stands for every verb of exactly that resource, and `*` for everything.
///
/// # Text
///
/// Parsing text (`FromStr`, `TryFrom`) checks it: only known actions, `resource:*` for a known resource, and `*`
/// are accepted. The server checks nothing: a typo creates a key that allows nothing. Methods such as
/// [`CreateKey::actions`](crate::CreateKey::actions) accept text as well, and report a failed check when the request is
/// sent.
///
/// An existing `Action` is not checked again, whatever its origin: an action that a server reports can be granted to
/// another key. Deserialization with serde accepts any text. [`validate`](Self::validate) makes the check at any
/// time, for example for a configuration file.
///
/// ```
/// use typesense_keys::Action;
///
/// assert_eq!("documents:search".parse(), Ok(Action::DOCUMENTS_SEARCH));
/// assert_eq!(Action::DOCUMENTS_SEARCH, "documents:search");
/// let error = "documents:serach".parse::<Action>().unwrap_err();
/// assert!(error.to_string().ends_with("did you mean `documents:search`?"));
/// ```
///
/// # Server versions
///
/// The actions depend on the server's version: see [`since`](Self::since), [`until`](Self::until) and
/// [`routes_on`](Self::routes_on). [`KeyInfo::audit_for`](crate::KeyInfo::audit_for) finds a key's actions that have no
/// effect on a version. The page [`guide::server_versions`](crate::guide::server_versions) has the evidence.
///
/// `keys:update` is known although this crate has no `update` method: `PATCH /keys/:id` was merged upstream in 2026
/// for a future release, no server that could be tested supports it, and its response is not known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Action(Cow<'static, str>);

checked_text!(Action: String, &String, &str);

impl Action {
    /// `*`: every action of every resource, like the bootstrap key. Whoever gets such a key controls the whole
    /// cluster.
    pub const ALL: Self = Self(Cow::Borrowed("*"));

    /// An action that this crate does not know, for servers newer than the crate.
    ///
    /// A request with it is refused only if it can never match: it must be `resource:verb` without spaces and commas.
    pub fn custom(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    fn parse(text: String) -> Result<Self, InvalidInput> {
        let action = Self::custom(text);
        action.validate().map(|()| action)
    }

    /// The action as the server writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this action includes `other`: it is the same action, `resource:*` of its resource, or `*`.
    ///
    /// ```
    /// use typesense_keys::Action;
    ///
    /// assert!(Action::custom("documents:*").covers(&Action::DOCUMENTS_DELETE));
    /// assert!(!Action::custom("documents:*").covers(&Action::ALL));
    /// ```
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        *self == Self::ALL
            || self == other
            || self.whole_resource().is_some_and(|resource| other.as_str().split(':').next() == Some(resource))
    }

    /// The routes that the action allows, such as `GET /keys/:id`, on any server from 0.24.1 to v30.2 or the next release.
    /// For `resource:*` and `*`, the routes of all actions that they cover; for an action that no such server knows,
    /// none.
    ///
    /// ```
    /// use typesense_keys::Action;
    ///
    /// assert_eq!(Action::KEYS_GET.routes().collect::<Vec<_>>(), ["GET /keys/:id"]);
    /// ```
    pub fn routes(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.routes_in(None).map(|route| route.name)
    }

    /// The routes that the action allows on servers of one version.
    ///
    /// ```
    /// use typesense_keys::audit::ServerVersion;
    /// use typesense_keys::Action;
    ///
    /// assert_eq!(Action::SYNONYMS_UPSERT.routes_on(ServerVersion::V30).next(), None);
    /// ```
    pub fn routes_on(&self, version: ServerVersion) -> impl Iterator<Item = &'static str> + use<> {
        self.routes_in(Some(version)).map(|route| route.name)
    }

    /// The first version on which the action allows something. [`V0_24`](ServerVersion::V0_24) also stands for older
    /// versions.
    ///
    /// For `resource:*`, the first version with any action of the resource; `None` for an action that no server
    /// knows.
    pub fn since(&self) -> Option<ServerVersion> {
        self.routes_in(None).map(|route| route.since).min()
    }

    /// The first version on which the action no longer allows anything; `None` if the newest known servers have it, or no
    /// server ever had it.
    ///
    /// ```
    /// use typesense_keys::audit::ServerVersion;
    /// use typesense_keys::Action;
    ///
    /// assert_eq!(Action::SYNONYMS_UPSERT.until(), Some(ServerVersion::V30));
    /// assert_eq!(Action::DOCUMENTS_SEARCH.until(), None);
    /// ```
    pub fn until(&self) -> Option<ServerVersion> {
        let ends: Option<Vec<_>> = self.routes_in(None).map(|route| route.until).collect();
        ends?.into_iter().max()
    }

    /// Checks that the action allows something on any server from 0.24.1 to v30.2 or the next release. Parsing text
    /// makes the same check.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`], with a suggestion, if it is malformed, misspelled, or one of the actions that the public
    /// documentation lists but no server implements.
    pub fn validate(&self) -> Result<(), InvalidInput> {
        if !self.rows().is_empty() {
            return Ok(());
        }
        self.check_form()?;
        let text = self.as_str();
        let why = match dead::advice(text) {
            Some(_) => "allows nothing on any server",
            None => "is not an action of any known server (`Action::custom` accepts those of newer servers)",
        };
        Err(self.invalid(why))
    }

    /// Checks that a server could match the action: it must at least be `resource:verb`.
    pub(crate) fn check_form(&self) -> Result<(), InvalidInput> {
        self.malformation().map_or(Ok(()), |why| Err(self.invalid(why)))
    }

    /// Why no server could ever match the action.
    fn malformation(&self) -> Option<&'static str> {
        if *self == Self::ALL {
            return None;
        }
        let mut parts = self.as_str().split(':');
        let (Some(resource), Some(verb), None) = (parts.next(), parts.next(), parts.next()) else {
            return Some("is not of the form `resource:verb`");
        };
        let is_malformed = |part: &str| part.is_empty() || part.contains(|c: char| c == ',' || is_unseen(c));
        (is_malformed(resource) || is_malformed(verb))
            .then_some("is not one `resource:verb` (pass several actions as several items)")
    }

    fn invalid(&self, why: &str) -> InvalidInput {
        let shown = without_keys(self.as_str());
        let advice = self.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
        InvalidInput::new("actions", format!("`{shown}` {why}{advice}"))
    }

    /// What to write instead of an action that allows nothing, as the end of a sentence.
    pub(crate) fn advice(&self) -> Option<String> {
        let text = self.as_str();
        dead::advice(text).or_else(|| nearest(text).map(|near| format!("did you mean `{near}`?")))
    }

    /// Whether no server allows anything with it: it is malformed, or documented but not implemented, or an unknown
    /// verb of a known (perhaps misspelled) resource. An action of an unknown resource may belong to a newer server.
    pub(crate) fn is_dead(&self) -> bool {
        let text = self.as_str();
        self.rows().is_empty()
            && (self.malformation().is_some() || dead::advice(text).is_some() || names_known_resource(text))
    }

    /// Whether it is known, but allows nothing on servers of this version.
    pub(crate) fn is_foreign_to(&self, version: ServerVersion) -> bool {
        !self.rows().is_empty() && self.routes_on(version).next().is_none()
    }

    /// The actions to grant instead of it on servers of this version, which do not know it.
    pub(crate) fn replacements_on(&self, version: ServerVersion) -> BTreeSet<Self> {
        let rows = self.rows().iter().flat_map(|row| replacements(row, version));
        let is_whole = self.whole_resource().is_some();
        rows.map(|row| if is_whole { row.whole_resource() } else { row.action.clone() }).collect()
    }

    /// Whether a key's collections limit everything that the action allows, on all known servers or on those of one
    /// version.
    pub(crate) fn is_limited_by_collections(&self, version: Option<ServerVersion>) -> bool {
        self.routes_in(version).next().is_some()
            && self.routes_in(version).all(|route| route.is_limited_by_collections(version))
    }

    /// Whether a key's collections limit anything that the action allows.
    pub(crate) fn acts_in_collections(&self, version: Option<ServerVersion>) -> bool {
        self.routes_in(version).any(|route| route.is_limited_by_collections(version))
    }

    /// The covered actions that a key's collections do not limit; the action itself if they limit none of them.
    pub(crate) fn not_limited_by_collections(&self, version: Option<ServerVersion>) -> Vec<Self> {
        let is_unlimited = |row: &&Row| {
            // `GET /health` needs no key.
            row.action != Self::HEALTH_LIST
                && row.action.routes_in(version).any(|route| !route.is_limited_by_collections(version))
        };
        let unlimited: Vec<_> = self.rows().iter().filter(is_unlimited).map(|row| row.action.clone()).collect();
        if unlimited.is_empty() || self.acts_in_collections(version) { unlimited } else { vec![self.clone()] }
    }

    /// The resource of `resource:*`.
    fn whole_resource(&self) -> Option<&str> {
        self.as_str().strip_suffix(":*")
    }

    /// The rows of the table that it covers. The table is in alphabetical order, so they are adjacent.
    fn rows(&self) -> &'static [Row] {
        let prefix = self.as_str().trim_end_matches('*');
        let start = TABLE.partition_point(|row| row.action.as_str() < prefix);
        let count = TABLE.iter().skip(start).take_while(|row| self.covers(&row.action)).count();
        TABLE.get(start..start + count).unwrap_or_default()
    }

    fn routes_in(&self, version: Option<ServerVersion>) -> impl Iterator<Item = &'static Route> + use<> {
        let routes = self.rows().iter().flat_map(|row| row.routes);
        routes.filter(move |route| version.is_none_or(|version| route.is_on(version)))
    }
}

impl Row {
    /// Resource and verb.
    fn parts(&self) -> (&str, &str) {
        self.action.as_str().split_once(':').unwrap_or_default()
    }

    fn whole_resource(&self) -> Action {
        Action::custom(format!("{}:*", self.parts().0))
    }
}

impl Route {
    fn is_on(&self, version: ServerVersion) -> bool {
        self.since <= version && self.until.is_none_or(|until| version < until)
    }

    /// Whether a key's collections limit the route, on all servers or on those of one version.
    fn is_limited_by_collections(&self, version: Option<ServerVersion>) -> bool {
        match self.name {
            // The body of these requests names the collection.
            "POST /collections" | "POST /multi_search" => true,
            // From v27 on, the list contains only the collections that the key's entries match.
            "GET /collections" => version.is_some_and(|version| version >= ServerVersion::V27),
            path => path.contains("/:collection"),
        }
    }
}

/// The rows that replace `row` on servers of this version: its successors, their successors, or its predecessors.
fn replacements(row: &Row, version: ServerVersion) -> Vec<&'static Row> {
    let is_there = |row: &Row| !row.action.is_foreign_to(version);
    let succeeds = |next: &Row, older: &Row| older.successors.iter().any(|successor| next.action == *successor);
    let newer = TABLE.iter().filter(|next| succeeds(next, row));
    let newer: Vec<_> =
        newer.flat_map(|next| if is_there(next) { vec![next] } else { replacements(next, version) }).collect();
    let older = TABLE.iter().filter(|older| succeeds(row, older) && is_there(older));
    if newer.is_empty() { older.collect() } else { newer }
}

/// Whether the resource of `action` is a known one, perhaps misspelled by one letter.
fn names_known_resource(action: &str) -> bool {
    static KNOWN: LazyLock<BTreeSet<&str>> = LazyLock::new(|| TABLE.iter().map(|row| row.parts().0).collect());
    let resource = action.split(':').next().unwrap_or_default();
    // The cheap tests come first, because a key can have hundreds of thousands of actions. Known resources are ASCII.
    let length = resource.chars().count();
    let is_near = |known: &&str| known.len().abs_diff(length) <= 1 && is_at_most_one_typo(resource, known);
    KNOWN.contains(resource) || KNOWN.iter().any(is_near)
}

/// The known action that `text` misspells, with at most one typo in the resource and one in the verb.
fn nearest(text: &str) -> Option<String> {
    let (resource, verb) = text.trim().split_once(':')?;
    let is_near = |row: &&Row| {
        let (known_resource, known_verb) = row.parts();
        is_at_most_one_typo(resource.trim(), known_resource)
            && (verb == "*" || is_at_most_one_typo(verb.trim(), known_verb))
    };
    let row = TABLE.iter().find(is_near)?;
    Some(if verb == "*" { row.whole_resource() } else { row.action.clone() }.to_string())
}

#[cfg(test)]
mod tests;
