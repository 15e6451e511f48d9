//! What a key may do: `resource:verb`, checked before anything is sent.

mod table;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text::behaves_as_text;

/// What a key may do, as `resource:verb`, such as `documents:search`.
///
/// There is a constant for every action that a server knows, and each tells what it opens. Text is taken too, and
/// checked when the request is sent: a known action, `resource:*` for a known resource, or `*`. The server itself
/// checks nothing: a typing error there makes a key that opens nothing.
///
/// ```
/// use typesense_keys::Action;
///
/// assert_eq!(Action::from("documents:search"), Action::DOCUMENTS_SEARCH);
/// assert_eq!(Action::DOCUMENTS_SEARCH.as_str(), "documents:search");
/// ```
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Action {
    text: Cow<'static, str>,
    /// What the server itself reported, or the caller vouches for: not looked up in the table.
    #[serde(skip)]
    vouched: bool,
}

impl Action {
    /// `*`: every action of every resource, as the bootstrap key has. A key that leaks with this is the whole cluster.
    pub const ALL: Self = Self::constant("*");

    const fn constant(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), vouched: false }
    }

    /// An action that this crate's table does not list, for a server that is newer than the table.
    ///
    /// It is still refused, when the request is sent, if it can never match: it must be `resource:verb` without
    /// spaces and commas.
    #[must_use]
    pub fn custom(text: impl Into<String>) -> Self {
        Self { text: Cow::Owned(text.into()), vouched: true }
    }

    /// The action as the server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a key that is granted this action may do `other`: the same, or `resource:*` of its resource, or `*`.
    ///
    /// ```
    /// use typesense_keys::Action;
    ///
    /// assert!(Action::from("documents:*").covers(&Action::DOCUMENTS_DELETE));
    /// assert!(!Action::from("documents:*").covers(&Action::ALL));
    /// ```
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let is_whole_resource = || {
            let resource = self.as_str().strip_suffix('*').filter(|resource| resource.ends_with(':'));
            resource.is_some_and(|resource| other.as_str().starts_with(resource))
        };
        *self == Self::ALL || self == other || is_whole_resource()
    }

    /// The routes that it opens, such as `GET /keys/:id`, on some server from 0.24.1 to v30; for `resource:*` and `*`,
    /// those of every action that they cover. None for an action that no such server knows.
    ///
    /// ```
    /// use typesense_keys::Action;
    ///
    /// assert_eq!(Action::KEYS_GET.routes().collect::<Vec<_>>(), ["GET /keys/:id"]);
    /// ```
    pub fn routes(&self) -> impl Iterator<Item = &'static str> + '_ {
        let known = Self::known().iter().zip(Self::ROUTES);
        known.filter(|(known, _)| self.covers(known)).flat_map(|(_, routes)| routes.split(", "))
    }

    /// Whether a key's collections limit what it can do with this action.
    pub(crate) fn is_limited_by_collections(&self) -> bool {
        // A collection that is created is named in the body.
        *self == Self::COLLECTIONS_CREATE
            || self.routes().any(|route| route.contains("/:collection") || route == "POST /multi_search")
    }

    /// Whether every route that it opens is one that a key's collections limit.
    pub(crate) fn acts_in_collections_only(&self) -> bool {
        let mut opened = Self::known().iter().filter(|known| self.covers(known)).peekable();
        opened.peek().is_some() && opened.all(Self::is_limited_by_collections)
    }

    /// Whether no server opens anything for it: it is malformed, or the known resource that it names, perhaps with a
    /// typing error, has no such verb. An action of another resource may be a newer server's.
    pub(crate) fn is_dead(&self) -> bool {
        if self.routes().next().is_some() {
            return false;
        }
        let text = self.as_str();
        // What passes even a caller who vouches for it is well-formed.
        let is_malformed = Self::custom(text).check().is_err();
        let resources = || Self::known().iter().filter_map(|known| known.as_str().split_once(':'));
        let is_near =
            |resource: &str| resource.len() <= 64 && resources().any(|(known, _)| edits(resource, known) <= 1);
        is_malformed || text.split_once(':').is_some_and(|(resource, _)| is_near(resource))
    }

    /// Says why no server would ever match this action; the text completes "action … ".
    pub(crate) fn check(&self) -> Result<(), String> {
        let text = self.as_str();
        if *self == Self::ALL || Self::known().iter().any(|known| known.as_str() == text) {
            return Ok(());
        }
        let mut parts = text.split(':');
        let (Some(resource), Some(verb), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Self::complaint(text, "is not of the form `resource:verb`"));
        };
        let malformed = |part: &str| part.is_empty() || part.contains(|c: char| c == ',' || c <= ' ');
        if malformed(resource) || malformed(verb) {
            let why = "is not one `resource:verb` (pass several actions as several items)";
            return Err(Self::complaint(text, why));
        }
        let verbs = || {
            Self::known()
                .iter()
                .filter_map(|known| known.as_str().split_once(':'))
                .filter_map(|(of, verb)| (of == resource).then_some(verb))
        };
        if self.vouched || (verb == "*" && verbs().next().is_some()) {
            return Ok(());
        }
        // The public documentation lists `aliases:create` and others of this kind: they open nothing.
        if verb == "create" && verbs().any(|verb| verb == "upsert") {
            return Err(format!(
                "`{text}` opens nothing: no server has such a route; did you mean `{resource}:upsert`?"
            ));
        }
        // So is `documents:upsert`: the server sees a `POST`, whatever the request's `action` parameter says.
        if verb == "upsert" && verbs().any(|verb| verb == "create") {
            return Err(format!(
                "`{text}` opens nothing: no server has such a route; did you mean `{resource}:create`?"
            ));
        }
        let why = "is not an action of any known server (`Action::custom` passes what a newer one may know)";
        Err(Self::complaint(text, why))
    }

    fn complaint(text: &str, why: &str) -> String {
        let shown = text.escape_debug();
        match nearest(text) {
            Some(near) => format!("`{shown}` {why}; did you mean `{near}`?"),
            None => format!("`{shown}` {why}"),
        }
    }
}

/// The known action that is the fewest typing errors away, if it is near at all.
fn nearest(text: &str) -> Option<&'static str> {
    const TOO_FAR: usize = 4;
    if text.len() > 64 {
        return None;
    }
    let distances = Action::known().iter().filter_map(|known| match &known.text {
        Cow::Borrowed(known) => Some((edits(text, known), *known)),
        Cow::Owned(_) => None,
    });
    distances.min().and_then(|(edits, known)| (edits < TOO_FAR).then_some(known))
}

/// How many characters must be inserted, removed, replaced or swapped with their neighbour to make `a` into `b`
/// (the "optimal string alignment" distance).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut least = (at(&row, j) + usize::from(x != *y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = j.checked_sub(1).filter(|&previous| last == Some(*y) && b.get(previous) == Some(&x));
            if let Some(previous) = swapped {
                least = least.min(at(&before, previous) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(x);
    }
    row.last().copied().unwrap_or_default()
}

/// Checked when the request is sent.
impl From<String> for Action {
    fn from(text: String) -> Self {
        Self { text: Cow::Owned(text), vouched: false }
    }
}

behaves_as_text!(Action, "Checked when the request is sent.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_matches_is_accepted() {
        for good in ["documents:search", "documents:*", "*", "synonym_sets/items:*"] {
            assert_eq!(Action::from(good).check(), Ok(()), "{good}");
        }
        assert!(Action::known().iter().all(|known| known.check().is_ok()));
        assert_eq!(Action::custom("teleports:create").check(), Ok(()));
    }

    #[track_caller]
    fn refused(action: Action, why: &str) {
        assert_eq!(action.check(), Err(why.to_owned()));
    }

    #[test]
    fn a_typing_error_is_named_and_put_right() {
        refused(
            "documents:serach".into(),
            "`documents:serach` is not an action of any known server (`Action::custom` passes what a newer one \
             may know); did you mean `documents:search`?",
        );
        refused(
            "document:*".into(),
            "`document:*` is not an action of any known server (`Action::custom` passes what a newer one may know)",
        );
    }

    #[test]
    fn documented_actions_that_open_nothing_are_refused() {
        for dead in ["aliases", "stopwords", "synonym_sets"] {
            refused(
                format!("{dead}:create").into(),
                &format!("`{dead}:create` opens nothing: no server has such a route; did you mean `{dead}:upsert`?"),
            );
        }
        refused(
            "documents:upsert".into(),
            "`documents:upsert` opens nothing: no server has such a route; did you mean `documents:create`?",
        );
    }

    #[test]
    fn what_can_never_match_is_refused_even_if_vouched_for() {
        for hopeless in ["", "search", "a:b:c", "collections:*, documents:*", ":get", "keys:", "a b:get"] {
            assert!(Action::custom(hopeless).check().is_err(), "{hopeless:?}");
        }
    }

    #[test]
    fn a_star_opens_what_every_verb_does() {
        let routes = |action: &str| Action::from(action).routes().count();
        assert_eq!((routes("keys:list"), routes("keys:*"), routes("keys:lst")), (1, 4, 0));
        assert!(routes("*") > Action::known().len());
        assert_eq!(routes("curation_sets:*"), 4, "not those of `curation_sets/items`");
    }

    #[test]
    fn collections_limit_what_happens_in_collections() {
        for limited in ["documents:search", "collections:create", "collections:get", "overrides:get", "*"] {
            assert!(Action::from(limited).is_limited_by_collections(), "{limited}");
        }
        for unlimited in ["collections:list", "keys:get", "aliases:upsert", "teleports:create"] {
            assert!(!Action::from(unlimited).is_limited_by_collections(), "{unlimited}");
        }
    }

    #[test]
    fn edits_count_a_swap_as_one() {
        assert_eq!(edits("serach", "search"), 1);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("same", "same"), 0);
    }
}
