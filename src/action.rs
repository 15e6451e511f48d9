//! What a key may do: `resource:verb`, checked when it is read from text.

mod dead;
mod table;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::str::{Chars, FromStr};
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::table::{Route, Row, TABLE};
use crate::server_version::ServerVersion;

/// What a key may do, as `resource:verb`, such as `documents:search`.
///
/// There is a constant for every action that a server knows, and its documentation lists the routes that it opens.
/// `resource:*` stands for every verb of exactly that resource, and `*` for everything.
///
/// # Text
///
/// Text becomes an action by a check ([`FromStr`], `TryFrom`), which accepts known actions, `resource:*` for a known
/// resource, and `*`. The server itself checks nothing: there, a typing error makes a key that opens nothing. Methods
/// such as [`CreateKey::actions`](crate::CreateKey::actions) take text as well and report a failed check when the
/// request is sent.
///
/// An `Action` that exists is not checked against the table again, wherever it came from: what a server reports (also
/// by way of serde, which accepts any text) can be granted to another key. [`validate`](Self::validate) makes the check
/// at any time, for example for a configuration file.
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
/// Servers differ in their actions: [`since`](Self::since), [`until`](Self::until) and
/// [`routes_on`](Self::routes_on) tell how, and [`KeyInfo::audit_for`](crate::KeyInfo::audit_for) finds what a key holds
/// in vain. The page [`guide::server_versions`](crate::guide::server_versions) has the evidence.
///
/// `keys:update` is known although this crate has no `update` method: `PATCH /keys/:id` was merged upstream in 2026 for
/// a coming release, no server that could be tested answers it, and its response is not known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(Cow<'static, str>);

impl Action {
    /// `*`: every action of every resource, as the bootstrap key has. A key that leaks with this is the whole cluster.
    pub const ALL: Self = Self::constant("*");

    const fn constant(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// An action that this crate does not know, for a server that is newer than the crate.
    ///
    /// A request that grants it is refused only if it can never match: it must be `resource:verb` without spaces and
    /// commas.
    #[must_use]
    pub fn custom(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// The action as the server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a key that is granted this action may do `other`: the same, or `resource:*` of its resource, or `*`.
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

    /// The routes that it opens, such as `GET /keys/:id`, on some server from 0.24.1 to v30.2 or the next; for
    /// `resource:*` and `*`, those of every action that they cover. None for an action that no such server knows.
    ///
    /// ```
    /// use typesense_keys::Action;
    ///
    /// assert_eq!(Action::KEYS_GET.routes().collect::<Vec<_>>(), ["GET /keys/:id"]);
    /// ```
    pub fn routes(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.open_routes(None).map(|route| route.name)
    }

    /// The routes that it opens on servers of one version.
    ///
    /// ```
    /// use typesense_keys::{Action, ServerVersion};
    ///
    /// assert_eq!(Action::SYNONYMS_UPSERT.routes_on(ServerVersion::V30).next(), None);
    /// ```
    pub fn routes_on(&self, version: ServerVersion) -> impl Iterator<Item = &'static str> + use<> {
        self.open_routes(Some(version)).map(|route| route.name)
    }

    /// The first version on which it opens something. [`V0_24`](ServerVersion::V0_24) also stands for older ones.
    ///
    /// For `resource:*`, the first version with any such action; `None` for an action that no server knows.
    #[must_use]
    pub fn since(&self) -> Option<ServerVersion> {
        self.open_routes(None).map(|route| route.since).min()
    }

    /// The first version on which it no longer opens anything; `None` if the newest known servers have it, or none has.
    ///
    /// ```
    /// use typesense_keys::{Action, ServerVersion};
    ///
    /// assert_eq!(Action::SYNONYMS_UPSERT.until(), Some(ServerVersion::V30));
    /// assert_eq!(Action::DOCUMENTS_SEARCH.until(), None);
    /// ```
    #[must_use]
    pub fn until(&self) -> Option<ServerVersion> {
        let ends: Option<Vec<_>> = self.open_routes(None).map(|route| route.until).collect();
        ends?.into_iter().max()
    }

    /// Checks that some server from 0.24.1 to v30.2 or the next opens something for it, as the conversion from text does.
    ///
    /// # Errors
    ///
    /// [`InvalidAction`], with a suggestion, if it is malformed, a typing error, or one of the actions that are in the
    /// public documentation and open nothing.
    pub fn validate(&self) -> Result<(), InvalidAction> {
        if !self.rows().is_empty() {
            return Ok(());
        }
        self.check_form()?;
        let text = self.as_str();
        let why = match dead::advice(text) {
            Some(_) => "opens nothing on any server",
            None => "is not an action of any known server (`Action::custom` accepts those of newer servers)",
        };
        Err(self.invalid(why))
    }

    /// Checks that the server's rule could match it: what is sent must at least be `resource:verb`.
    pub(crate) fn check_form(&self) -> Result<(), InvalidAction> {
        self.malformation().map_or(Ok(()), |why| Err(self.invalid(why)))
    }

    /// Why no server could ever match it.
    fn malformation(&self) -> Option<&'static str> {
        if *self == Self::ALL {
            return None;
        }
        let mut parts = self.as_str().split(':');
        let (Some(resource), Some(verb), None) = (parts.next(), parts.next(), parts.next()) else {
            return Some("is not of the form `resource:verb`");
        };
        let is_malformed = |part: &str| part.is_empty() || part.contains(|c: char| c == ',' || c <= ' ');
        (is_malformed(resource) || is_malformed(verb))
            .then_some("is not one `resource:verb` (pass several actions as several items)")
    }

    fn invalid(&self, why: &str) -> InvalidAction {
        let shown = self.as_str().escape_debug();
        InvalidAction(match self.advice() {
            Some(advice) => format!("`{shown}` {why}; {advice}"),
            None => format!("`{shown}` {why}"),
        })
    }

    /// What to write instead of an action that opens nothing, as the end of a sentence.
    pub(crate) fn advice(&self) -> Option<String> {
        let text = self.as_str();
        dead::advice(text).map(str::to_owned).or_else(|| nearest(text).map(|near| format!("did you mean `{near}`?")))
    }

    /// Whether no server opens anything for it: it is malformed, or known to be dead, or the known resource that it
    /// names, perhaps with a typing error, has no such verb. An action of another resource may be a newer server's.
    pub(crate) fn is_dead(&self) -> bool {
        let text = self.as_str();
        self.rows().is_empty()
            && (self.malformation().is_some() || dead::advice(text).is_some() || names_known_resource(text))
    }

    /// Whether it is known, and opens nothing on servers of this version.
    pub(crate) fn is_foreign_to(&self, version: ServerVersion) -> bool {
        !self.rows().is_empty() && self.routes_on(version).next().is_none()
    }

    /// What to grant on servers of this version instead of an action that they do not know.
    pub(crate) fn replacements_on(&self, version: ServerVersion) -> BTreeSet<Self> {
        let found = self.rows().iter().flat_map(|row| replacements(row, version));
        let is_whole = self.whole_resource().is_some();
        found.map(|row| if is_whole { row.whole_resource() } else { row.action.clone() }).collect()
    }

    /// Whether a key's collections limit all that it can do with this action; on every known server, or on those of one
    /// version.
    pub(crate) fn is_limited_by_collections(&self, version: Option<ServerVersion>) -> bool {
        self.open_routes(version).next().is_some()
            && self.open_routes(version).all(|route| route.is_limited_by_collections(version))
    }

    /// Whether a key's collections limit something that it can do with this action.
    pub(crate) fn acts_in_collections(&self, version: Option<ServerVersion>) -> bool {
        self.open_routes(version).any(|route| route.is_limited_by_collections(version))
    }

    /// The actions among those that it covers which a key's collections do not limit: itself if they limit none of them.
    pub(crate) fn not_limited_by_collections(&self, version: Option<ServerVersion>) -> Vec<Self> {
        // `GET /health` needs no key.
        let opens = |row: &&'static Row| row.action != Self::HEALTH_LIST && row.open_routes(version).next().is_some();
        let unlimited: Vec<_> = self
            .rows()
            .iter()
            .filter(opens)
            .filter(|row| !row.action.is_limited_by_collections(version))
            .map(|row| row.action.clone())
            .collect();
        if unlimited.is_empty() || self.acts_in_collections(version) { unlimited } else { vec![self.clone()] }
    }

    /// The resource of `resource:*`.
    fn whole_resource(&self) -> Option<&str> {
        self.as_str().strip_suffix(":*")
    }

    /// The rows of the table that it covers.
    fn rows(&self) -> &'static [Row] {
        if *self == Self::ALL {
            return TABLE;
        }
        let (start, end) = match self.as_str().strip_suffix('*').filter(|prefix| prefix.ends_with(':')) {
            // The table is in alphabetical order, so the rows of a resource are beside each other.
            Some(prefix) => {
                let start = TABLE.partition_point(|row| row.action.as_str() < prefix);
                let count =
                    TABLE.iter().skip(start).take_while(|row| row.action.as_str().starts_with(prefix)).count();
                (start, start + count)
            }
            None => match TABLE.binary_search_by(|row| row.action.cmp(self)) {
                Ok(found) => (found, found + 1),
                Err(_) => return &[],
            },
        };
        TABLE.get(start..end).unwrap_or_default()
    }

    fn open_routes(&self, version: Option<ServerVersion>) -> impl Iterator<Item = &'static Route> + use<> {
        self.rows().iter().flat_map(move |row| row.open_routes(version))
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

    /// What it opens on servers of one version, or on any.
    fn open_routes(&'static self, version: Option<ServerVersion>) -> impl Iterator<Item = &'static Route> {
        self.routes.iter().filter(move |route| version.is_none_or(|version| route.is_on(version)))
    }
}

impl Route {
    fn is_on(&self, version: ServerVersion) -> bool {
        self.since <= version && self.until.is_none_or(|until| version < until)
    }

    /// On every server, or on those of one version.
    fn is_limited_by_collections(&self, version: Option<ServerVersion>) -> bool {
        match self.name {
            // These name the collection in the body.
            "POST /collections" | "POST /multi_search" => true,
            // From v27 on, the list holds only the collections that the key's entries match.
            "GET /collections" => version.is_some_and(|version| version >= ServerVersion::V27),
            path => path.contains("/:collection"),
        }
    }
}

/// The rows that stand for `row` on servers of this version: its successors, or theirs, or what it succeeded.
fn replacements(row: &Row, version: ServerVersion) -> Vec<&'static Row> {
    let is_there = |row: &&'static Row| row.open_routes(Some(version)).next().is_some();
    let named = |text: &&'static str| Action::constant(text).rows().first();
    let newer: Vec<_> = row
        .successors
        .iter()
        .filter_map(named)
        .flat_map(|next| if is_there(&next) { vec![next] } else { replacements(next, version) })
        .collect();
    if !newer.is_empty() {
        return newer;
    }
    let is_succeeded = |older: &&'static Row| older.successors.iter().any(|successor| row.action == *successor);
    TABLE.iter().filter(is_succeeded).filter(is_there).collect()
}

/// Whether the resource of `action` is a known one, perhaps with a typing error.
fn names_known_resource(action: &str) -> bool {
    static KNOWN: LazyLock<BTreeSet<&str>> = LazyLock::new(|| TABLE.iter().map(|row| row.parts().0).collect());
    let resource = action.split(':').next().unwrap_or_default();
    // Compared first, because a key can have hundreds of thousands of actions. Known resources are ASCII.
    let length = resource.chars().count();
    KNOWN.iter().any(|known| known.len().abs_diff(length) <= 1 && is_at_most_one_typo(resource, known))
}

/// The known action of which `text` is a misspelling: at most one typing error in the resource, and one in the verb.
fn nearest(text: &str) -> Option<String> {
    let (resource, verb) = text.trim().split_once(':')?;
    let is_near = |row: &&Row| {
        let (known_resource, known_verb) = row.parts();
        is_at_most_one_typo(resource.trim(), known_resource)
            && (verb == "*" || is_at_most_one_typo(verb.trim(), known_verb))
    };
    let row = TABLE.iter().find(is_near)?;
    Some(if verb == "*" { row.whole_resource() } else { row.action.clone() }.into())
}

/// Whether one character inserted, removed, replaced or swapped with its neighbour makes `a` into `b`, or they are equal.
fn is_at_most_one_typo(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.chars(), b.chars());
    // What they have in common at both ends is put aside; what is left is the typing error.
    strip(&mut a, &mut b, Chars::next);
    strip(&mut a, &mut b, Chars::next_back);
    let mut left = || ((a.next(), a.next(), a.next()), (b.next(), b.next(), b.next()));
    match left() {
        ((_, None, _), (_, None, _)) => true,
        ((Some(first), Some(second), None), (Some(other_first), Some(other_second), None)) => {
            first == other_second && second == other_first
        }
        _ => false,
    }
}

fn strip<'a>(a: &mut Chars<'a>, b: &mut Chars<'a>, next: impl Fn(&mut Chars<'a>) -> Option<char>) {
    loop {
        let (mut rest_of_a, mut rest_of_b) = (a.clone(), b.clone());
        match (next(&mut rest_of_a), next(&mut rest_of_b)) {
            (Some(x), Some(y)) if x == y => (*a, *b) = (rest_of_a, rest_of_b),
            _ => return,
        }
    }
}

/// A text that no known server opens anything for. Its `Display` says why, and what may be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAction(String);

impl fmt::Display for InvalidAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidAction {}

/// For methods that take an [`Action`] or text: an action that exists needs no check.
impl From<Infallible> for InvalidAction {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl FromStr for Action {
    type Err = InvalidAction;

    fn from_str(text: &str) -> Result<Self, InvalidAction> {
        text.to_owned().try_into()
    }
}

impl TryFrom<&str> for Action {
    type Error = InvalidAction;

    fn try_from(text: &str) -> Result<Self, InvalidAction> {
        text.parse()
    }
}

impl TryFrom<&String> for Action {
    type Error = InvalidAction;

    fn try_from(text: &String) -> Result<Self, InvalidAction> {
        text.parse()
    }
}

impl TryFrom<String> for Action {
    type Error = InvalidAction;

    fn try_from(text: String) -> Result<Self, InvalidAction> {
        let action = Self::custom(text);
        action.validate().map(|()| action)
    }
}

impl From<&Action> for Action {
    fn from(action: &Action) -> Self {
        action.clone()
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.0.into_owned()
    }
}

impl AsRef<str> for Action {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Action {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == text
    }
}

impl PartialEq<&str> for Action {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Accepts any text, because a server may report any.
impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::custom)
    }
}

#[cfg(test)]
mod tests;
