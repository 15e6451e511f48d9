//! The collections of a key: names and patterns.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pattern::{self, Flaw};

/// One entry of a key's collections.
///
/// The server reads each entry as a name *and* as a regular expression that must match the whole name: a key for
/// `a.b` also allows `axb` (seen with 0.24.1). Plain text is therefore accepted only if both readings agree: letters,
/// digits, `_` and `-`, or `*` for all collections. For anything else, use [`exact`](Self::exact),
/// [`prefix`](Self::prefix) or
/// [`pattern`](Self::pattern) or, on a command line, `exact:a.b`, `prefix:docs_` or `pattern:docs_[0-9]+` (see
/// [`FromStr`](#impl-FromStr-for-CollectionPattern)).
///
/// Collections restrict only requests that name a collection. They do not restrict a key's `keys:…` or `aliases:…`
/// actions, and `collections:list` shows every collection (seen with 0.24.1).
///
/// # What is accepted in a new key
/// Whether an entry is accepted depends on how it was made, and survives `clone` and JSON. An entry that is read from
/// JSON, such as the server's list of keys, is the pattern that it is on the server, and is accepted unless no server
/// could compile it; so the scope of one key can be used for another. Two entries are equal if their texts are equal
/// and both or neither are accepted. Compare with a `&str` to compare only the texts.
///
/// ```
/// use typesense_keys::CollectionPattern;
///
/// assert_eq!(CollectionPattern::exact("v1.docs").as_str(), r"v1\.docs");
/// assert_eq!(CollectionPattern::prefix("docs_").as_str(), "docs_.*");
/// assert_eq!(CollectionPattern::from("docs").as_str(), "docs");
/// assert!(CollectionPattern::from("v1.docs").validate().is_err(), "a name, or a pattern?");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionPattern {
    text: Cow<'static, str>,
    /// Whether a new key may have this entry. Depends on the origin of the text.
    is_accepted: bool,
}

impl CollectionPattern {
    /// Every collection, including future ones.
    pub const ALL: Self = Self { text: Cow::Borrowed("*"), is_accepted: true };

    /// The one collection with exactly this name, whatever its characters.
    #[must_use]
    pub fn exact(name: &str) -> Self {
        Self::pattern(escape(name))
    }

    /// Every collection whose name begins with `start`, including future ones. An empty `start` means all
    /// collections.
    #[must_use]
    pub fn prefix(start: &str) -> Self {
        Self::pattern(escape(start) + ".*")
    }

    /// Every collection whose whole name matches a regular expression, including future ones.
    ///
    /// Supported is the syntax that means the same to this crate and to the server's C++ `std::regex`: literals, `.`,
    /// classes, `\d`, `\w`, `\s`, `\D`, `\W`, `\S`, groups, `|`, `*`, `+`, `?`, `{2,3}`, `^`, `$`, `\b`, `\B` and
    /// escaped punctuation, up to 4096 bytes. Sending a request with anything else, such as a lookahead or a
    /// back-reference, is refused. So is a pattern that the server could not compile: the server would silently
    /// accept it, and the key would match no collection. `*` is not a pattern: that entry is [`ALL`](Self::ALL).
    #[must_use]
    pub fn pattern(pattern: impl Into<String>) -> Self {
        let text = pattern.into();
        let is_accepted = is_plain(&text) || (!text.is_empty() && pattern::check(&text).is_ok());
        Self { text: Cow::Owned(text), is_accepted }
    }

    /// The entry as the server stores it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Checks that a new key may have this entry. [`send`](crate::CreateKey::send) makes the same check.
    ///
    /// # Errors
    /// [`InvalidCollectionPattern`] if the text is empty, could mean a name or a pattern, or is an unsupported pattern.
    pub fn validate(&self) -> Result<(), InvalidCollectionPattern> {
        self.check().map_err(InvalidCollectionPattern)
    }

    /// Whether the server matches this entry with the collection `name`.
    ///
    /// The entry matches if it is `*`, equals the name, or matches the whole name as a pattern. If the outcome is
    /// unknown, the result is `true`, so that a search for the keys of a collection misses none. It is unknown for
    /// patterns that the server may compile but [`pattern`](Self::pattern) refuses. The running time is linear in the
    /// length of the name.
    ///
    /// The server compares the name in the request: a key for `orders` does not allow requests that name an alias of
    /// `orders`, and a key for the alias allows only requests that name the alias.
    ///
    /// ```
    /// use typesense_keys::CollectionPattern;
    ///
    /// assert!(CollectionPattern::prefix("docs_").matches("docs_2"));
    /// assert!(CollectionPattern::pattern("a.b").matches("axb"));
    /// assert!(!CollectionPattern::exact("a.b").matches("axb"));
    /// assert!(!CollectionPattern::pattern("(oops").matches("oops"), "it does not compile");
    /// ```
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let text = self.as_str();
        text == "*" || text == name || (!is_plain(text) && pattern::may_match(text, name))
    }

    /// Whether the entry certainly matches every name of ASCII letters, digits, `_` and `-`: it is `*`, or one
    /// repeated character class that contains all of these (`.*`, `^[\w-]+$`).
    pub(crate) fn matches_every_plain_name(&self) -> bool {
        let alphabet = (0..128_u8).map(char::from).filter(|&character| is_plain_character(character));
        self.as_str() == "*" || pattern::matches_all_of(alphabet, self.as_str())
    }

    /// Whether the entry certainly matches no name except its own text.
    pub(crate) fn is_dead(&self) -> bool {
        let text = self.as_str();
        text != "*" && (text.is_empty() || pattern::is_broken(text))
    }

    /// Why a new key may not have this entry, and what to write instead.
    fn check(&self) -> Result<(), String> {
        let text = self.as_str();
        let shown = text.escape_debug();
        if self.is_accepted {
            return Ok(());
        }
        let why = match pattern::check(text) {
            _ if text.is_empty() => return Err("an empty name matches no collection (`*` matches all)".to_owned()),
            Ok(()) => {
                return Err(format!(
                    "`{shown}` could be a name or a pattern, and the server reads it as both: write `exact:{shown}` or \
                     `pattern:{shown}`, in Rust `CollectionPattern::exact(\"{shown}\")` or \
                     `CollectionPattern::pattern(\"{shown}\")`"
                ));
            }
            Err(Flaw::Broken(why)) => format!("the server could not compile the pattern `{shown}`: {why}"),
            Err(Flaw::Unsupported(why)) => format!("the pattern `{shown}` is refused: {why}"),
        };
        Err(format!(
            "{why} (for a collection of that very name, write `exact:{shown}`, in Rust \
                     `CollectionPattern::exact(\"{shown}\")`)"
        ))
    }
}

/// Whether `text` means the same as a name and as a pattern.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_plain_character)
}

fn is_plain_character(character: char) -> bool {
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

/// Plain text: a name of letters, digits, `_` and `-`, or `*`. It is checked when the request is sent.
impl From<String> for CollectionPattern {
    fn from(text: String) -> Self {
        let is_accepted = text == "*" || is_plain(&text);
        Self { text: Cow::Owned(text), is_accepted }
    }
}

/// Plain text: a name of letters, digits, `_` and `-`, or `*`. It is checked when the request is sent.
impl From<&str> for CollectionPattern {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<CollectionPattern> for String {
    fn from(entry: CollectionPattern) -> Self {
        entry.text.into_owned()
    }
}

/// Parses the notation for people: `docs`, `exact:a.b`, `prefix:docs_`, `pattern:docs_[0-9]+` or `*`.
impl FromStr for CollectionPattern {
    type Err = InvalidCollectionPattern;

    /// # Errors
    /// The same as for [`validate`](Self::validate). An empty prefix, which would match every collection, is refused,
    /// too.
    fn from_str(text: &str) -> Result<Self, InvalidCollectionPattern> {
        let entry = match text.split_once(':') {
            Some(("exact", name)) => Self::exact(name),
            Some(("prefix", "")) => {
                let why = "an empty prefix matches every collection: write `*` for that";
                return Err(InvalidCollectionPattern(why.to_owned()));
            }
            Some(("prefix", start)) => Self::prefix(start),
            Some(("pattern", pattern)) => Self::pattern(pattern),
            _ => Self::from(text),
        };
        entry.validate().map(|()| entry)
    }
}

/// A [`CollectionPattern`] that a new key may not have, with the reason and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCollectionPattern(String);

impl Serialize for CollectionPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Deserializes an entry as the server stores it.
impl<'de> Deserialize<'de> for CollectionPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_accepted = text == "*" || is_plain(&text) || !(text.is_empty() || pattern::is_broken(&text));
        Ok(Self { text: Cow::Owned(text), is_accepted })
    }
}

impl AsRef<str> for CollectionPattern {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for CollectionPattern {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == text
    }
}

impl PartialEq<&str> for CollectionPattern {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

impl fmt::Display for CollectionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CollectionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    fn listed(text: &str) -> CollectionPattern {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn ambiguous_text_is_refused() {
        for plain in ["docs", "docs_2", "my-docs", "*", "büro"] {
            assert_eq!(CollectionPattern::from(plain).check(), Ok(()), "{plain}");
        }
        for text in ["a.b", "docs_.*", "a|b", "docs*", "a b", "a/b", "**", "exact:a", "pattern:.*", ""] {
            assert!(CollectionPattern::from(text).check().is_err(), "{text}");
        }
    }

    #[test]
    fn refused_entry_says_why_and_what_to_write() {
        for (entry, why) in [
            (
                CollectionPattern::from("a.b"),
                "`a.b` could be a name or a pattern, and the server reads it as both: write `exact:a.b` or \
                 `pattern:a.b`, in Rust `CollectionPattern::exact(\"a.b\")` or `CollectionPattern::pattern(\"a.b\")`",
            ),
            (
                CollectionPattern::from("a("),
                "the server could not compile the pattern `a(`: a `(` is not closed (for a collection of that very \
                 name, write `exact:a(`, in Rust `CollectionPattern::exact(\"a(\")`)",
            ),
            (
                CollectionPattern::pattern("(?!\n).*"),
                "the pattern `(?!\\n).*` is refused: lookaheads (`(?=` and `(?!`) are not supported (for a \
                 collection of that very name, write `exact:(?!\\n).*`, in Rust `CollectionPattern::exact(\"(?!\\n).*\")`)",
            ),
            (CollectionPattern::exact(""), "an empty name matches no collection (`*` matches all)"),
        ] {
            assert_eq!(entry.check().unwrap_err(), why);
            assert_eq!(entry.validate().unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn text_with_a_tag_is_parsed() {
        for (text, entry) in [
            ("docs", CollectionPattern::from("docs")),
            ("*", CollectionPattern::ALL),
            ("exact:a.b", CollectionPattern::exact("a.b")),
            ("exact:*", CollectionPattern::exact("*")),
            ("exact:a:b", CollectionPattern::exact("a:b")),
            ("prefix:docs_", CollectionPattern::prefix("docs_")),
            ("pattern:docs_[0-9]+", CollectionPattern::pattern("docs_[0-9]+")),
            ("pattern:(?:a|b):c", CollectionPattern::pattern("(?:a|b):c")),
        ] {
            assert_eq!(text.parse::<CollectionPattern>().unwrap(), entry, "{text}");
        }
        for text in [
            "",
            "a.b",
            "exact:",
            "prefix:",
            "pattern:",
            "pattern:*",
            "pattern:(",
            "pattern:(?=a)",
            "other:a",
            "Exact:a",
        ] {
            assert!(text.parse::<CollectionPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn exact_name_with_any_characters_matches_only_itself() {
        for name in ["a.b", "*", "(", "a[b", "x{", "\\", "^$", "a+b?c|d", "100%", "<a>", "a&&b", "é\n"] {
            let entry = CollectionPattern::exact(name);
            assert_eq!(entry.check(), Ok(()), "{name}");
            assert!(entry.matches(name) && !entry.matches("ab") && !entry.matches(""), "{name}");
            assert!(CollectionPattern::prefix(name).matches(&format!("{name}x")), "{name}");
        }
    }

    #[test]
    fn equal_entries_behave_equally_and_stay_accepted() {
        let texts =
            ["docs", "*", "", "a.b", r"a\.b", "docs_.*", "(", "(?!a).*", r"(a)\1", "[[.a.]]", "a{9999}", "büro"];
        let ways: [fn(&str) -> CollectionPattern; 5] = [
            |text| text.into(),
            |text| CollectionPattern::pattern(text),
            listed,
            CollectionPattern::exact,
            CollectionPattern::prefix,
        ];
        let entries: Vec<_> = texts.iter().flat_map(|text| ways.map(|way| way(text))).collect();
        let hasher = RandomState::new();
        for a in &entries {
            let read_back: CollectionPattern = serde_json::from_str(&serde_json::to_string(a).unwrap()).unwrap();
            if a.check().is_ok() {
                assert_eq!((read_back.check(), a.clone().check()), (Ok(()), Ok(())), "{a}");
                assert_eq!((&read_back, &a.clone()), (a, a));
            }
            for b in &entries {
                if a == b {
                    assert_eq!((a.as_str(), a.check()), (b.as_str(), b.check()));
                    assert_eq!(hasher.hash_one(a), hasher.hash_one(b));
                }
                assert_eq!(a == b, a.cmp(b).is_eq());
            }
        }
        assert_eq!(CollectionPattern::from("docs"), listed("docs"));
        assert_eq!(CollectionPattern::exact("a.b"), listed(r"a\.b"));
        assert_ne!(CollectionPattern::from("a.b"), listed("a.b"), "one is refused");
        let ambiguous = CollectionPattern::from("a.b");
        assert!(ambiguous == "a.b" && listed("a.b") == *"a.b", "the text is the same");
    }

    #[test]
    fn listed_entry_is_accepted_again_unless_it_is_dead() {
        for (text, is_dead) in [
            ("a.b", false),
            ("(?!secret).*", false),
            (r"(a)\1", false),
            ("[[.a.]]", false),
            ("a{30000}", false),
            ("(?=(", false),
            ("(", true),
            ("*docs", true),
            ("", true),
        ] {
            let entry = listed(text);
            assert_eq!((entry.is_dead(), entry.check().is_err()), (is_dead, is_dead), "{text}");
            assert_eq!(entry.matches("any"), !is_dead && text != "a.b", "{text}");
        }
    }

    #[test]
    fn every_plain_name_is_matched_only_by_a_repeated_class_of_all() {
        for every in ["*", ".*", ".+", "^.*$", ".*?", ".*+", r"[\w-]+", "[a-zA-Z0-9_-]*", r"[^\s]+", r"\S*"] {
            assert!(listed(every).matches_every_plain_name(), "{every}");
        }
        for other in [
            "",
            ".",
            ".?",
            "a.*",
            ".*a",
            r"\w+",
            "[a-z]*",
            r".*\$",
            r"\.*",
            r"\*",
            "[*]",
            "[.]*",
            "(?!a).*",
            ".{1,63}",
            "[^_]*",
            "*.*",
            ".b?+",
            r"[^\]]*|a[]*",
            "$*",
            "^*",
            r"\^.*",
        ] {
            assert!(!listed(other).matches_every_plain_name(), "{other}");
        }
    }
}
