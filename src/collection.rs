//! Where a key may act: names and patterns of collections, told apart so that neither is taken for the other.

mod automaton;
mod bytes;
mod pattern;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use self::bytes::Bytes;
use self::pattern::Flaw;
use crate::text::behaves_as_text;

/// One entry of a key's scope: the collections that it may act in.
///
/// The server takes each entry for a name *and* for a regular expression that must match the whole name: a key for
/// `a.b` also opens `axb` (seen with 0.24.1). So plain text is accepted only where both readings agree: letters,
/// digits, `_` and `-`, or `*` for all. Whatever else is meant is said with [`exact`](Self::exact),
/// [`prefix`](Self::prefix) or [`pattern`](Self::pattern).
///
/// CollectionPattern restrict only what names a collection: a key's `keys:…` or `aliases:…` actions are not bound by them, and
/// `collections:list` shows every collection (seen with 0.24.1).
///
/// ```
/// use typesense_keys::CollectionPattern;
///
/// assert_eq!(CollectionPattern::exact("v1.docs").as_str(), r"v1\.docs");
/// assert_eq!(CollectionPattern::prefix("docs_").as_str(), "docs_.*");
/// assert_eq!(CollectionPattern::from("docs").as_str(), "docs");
/// ```
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct CollectionPattern {
    text: Cow<'static, str>,
    #[serde(skip)]
    reading: Reading,
}

#[derive(Clone, Copy, Default)]
enum Reading {
    /// Text without a word on how it is meant.
    #[default]
    Plain,
    /// Escaped here: compiles by construction.
    Escaped,
    /// Meant as a regular expression.
    Pattern,
}

impl CollectionPattern {
    /// Every collection, those to come included.
    pub const ALL: Self = Self { text: Cow::Borrowed("*"), reading: Reading::Escaped };

    /// The one collection of exactly this name, whatever characters are in it.
    #[must_use]
    pub fn exact(name: &str) -> Self {
        Self { text: Cow::Owned(escape(name)), reading: Reading::Escaped }
    }

    /// Every collection whose name begins with `start`, those to come included.
    #[must_use]
    pub fn prefix(start: &str) -> Self {
        Self { text: Cow::Owned(escape(start) + ".*"), reading: Reading::Escaped }
    }

    /// Every collection whose whole name matches a regular expression, those to come included.
    ///
    /// The server reads it as C++ `std::regex` does (ECMAScript syntax without look-behind, named groups and
    /// `\p{…}`). One that it could not compile is refused when the request is sent, because the server would accept
    /// it in silence, and the key would open nothing.
    #[must_use]
    pub fn pattern(pattern: impl Into<String>) -> Self {
        Self { text: Cow::Owned(pattern.into()), reading: Reading::Pattern }
    }

    /// The entry as the server keeps it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a key with this entry may act in the collection `name`, as far as collections limit it.
    ///
    /// By the server's rule: the entry is `*`, or is the name, or matches the whole name as a pattern. Where that
    /// cannot be told, the answer is `true`, so that nobody who looks for the keys that open a collection misses one:
    /// a back-reference (`\1`) is taken to match any text, and the few patterns that a server may compile but this
    /// crate cannot follow (`[[.a.]]`, nesting or repetition beyond all use) to match any name. It takes time by the
    /// length of the name and of the pattern, whatever a pattern says.
    ///
    /// An alias is a name of its own: a key for `orders` does not open it, and a key for the alias opens the documents
    /// by that name only.
    ///
    /// ```
    /// use typesense_keys::CollectionPattern;
    ///
    /// assert!(CollectionPattern::prefix("docs_").matches("docs_2"));
    /// assert!(CollectionPattern::from("a.b").matches("axb"), "what the server keeps is a pattern, too");
    /// assert!(!CollectionPattern::exact("a.b").matches("axb"));
    /// assert!(!CollectionPattern::from("(oops").matches("oops"), "it does not compile");
    /// ```
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let text = self.as_str();
        let matches = || match pattern::read(text) {
            Ok(pattern) => pattern.matches(name.as_bytes()),
            Err(Flaw::Broken(_)) => false,
            Err(Flaw::Unclear(_)) => true,
        };
        text == "*" || text == name || matches()
    }

    /// Whether it surely matches every name of ASCII letters, digits, `_` and `-`.
    pub(crate) fn matches_every_plain_name(&self) -> bool {
        let plain = Bytes::of(|byte| byte.is_ascii() && is_plain(char::from(byte)));
        let text = self.as_str();
        text == "*" || pattern::read(text).is_ok_and(|pattern| pattern.matches_every_name_of(plain))
    }

    /// Whether it surely matches no name other than its own text.
    pub(crate) fn is_dead(&self) -> bool {
        let text = self.as_str();
        text != "*" && (text.is_empty() || matches!(pattern::read(text), Err(Flaw::Broken(_))))
    }

    /// Says what is wrong with this entry, and how to say what is meant.
    pub(crate) fn check(&self) -> Result<(), String> {
        let text = self.as_str();
        let shown = text.escape_debug();
        if text.is_empty() {
            return Err("an empty name matches no collection (`\"*\"` is all of them)".to_owned());
        }
        match self.reading {
            Reading::Escaped => Ok(()),
            Reading::Pattern => pattern::check(text)
                .map_err(|why| format!("the server could not compile the pattern `{shown}`: {why}")),
            Reading::Plain if text == "*" || text.chars().all(is_plain) => Ok(()),
            Reading::Plain => Err(format!(
                "`{shown}` could be a name or a pattern, and the server takes it for both: say \
                 `CollectionPattern::exact(\"{shown}\")` or `CollectionPattern::pattern(\"{shown}\")`"
            )),
        }
    }
}

/// Characters that mean the same in a name and in a pattern.
fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if matches!(character, '\\' | '^' | '$' | '.' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']' | '{' | '}') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Plain text: a name of letters, digits, `_` and `-`, or `*`. Checked when the request is sent.
impl From<String> for CollectionPattern {
    fn from(text: String) -> Self {
        Self { text: Cow::Owned(text), reading: Reading::Plain }
    }
}

behaves_as_text!(
    CollectionPattern,
    "Plain text: a name of letters, digits, `_` and `-`, or `*`. Checked when the request is sent."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_accepted_only_where_it_means_one_thing() {
        for good in ["docs", "docs_2", "my-docs", "*", "büro"] {
            assert_eq!(CollectionPattern::from(good).check(), Ok(()), "{good}");
        }
        for ambiguous in ["a.b", "docs_.*", "a|b", "docs*", "a b", "a/b", "**"] {
            assert!(CollectionPattern::from(ambiguous).check().is_err(), "{ambiguous}");
        }
        assert_eq!(
            CollectionPattern::from("a.b").check().unwrap_err(),
            "`a.b` could be a name or a pattern, and the server takes it for both: say \
             `CollectionPattern::exact(\"a.b\")` or `CollectionPattern::pattern(\"a.b\")`"
        );
    }

    #[test]
    fn an_escaped_name_is_a_pattern_that_compiles() {
        for name in ["a.b", "*", "(", "a[b", "x{", "\\", "^$", "a+b?c|d", "100%"] {
            assert_eq!(pattern::check(&escape(name)), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_the_server_keeps_compares_equal_only_if_read_alike() {
        assert_eq!(CollectionPattern::exact("docs").as_str(), "docs");
        assert!(CollectionPattern::exact("").check().is_err());
        assert_eq!(CollectionPattern::prefix("").as_str(), ".*");
    }
}
