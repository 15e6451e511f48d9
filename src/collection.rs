//! The collections of a key: names and patterns.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::checked_text::checked_text;
use crate::pattern::{self, Flaw};
use crate::text::{self, InvalidInput, without_keys};

/// One entry of a key's collections.
///
/// The server reads each entry as a name *and* as a regular expression that must match the whole name: a key for
/// `a.b` also allows `axb` (seen with 0.24.1). Plain text is therefore accepted only if both readings agree: letters,
/// digits, `_` and `-`, or `*` for all collections. For anything else, use [`exact`](Self::exact),
/// [`prefix`](Self::prefix), [`pattern`](Self::pattern) or [`custom`](Self::custom), or the same as text: `exact:a.b`,
/// `prefix:docs_`, `pattern:docs_[0-9]+` or `custom:(?!secret$).*`. Text must not contain characters that nobody sees,
/// such as a line break at its end.
///
/// Collections restrict only requests that name a collection, and not actions such as `keys:…` or `aliases:…` (seen with
/// 0.24.1): see [`guide::server_versions`](crate::guide::server_versions#collections).
///
/// Text is checked when it is converted. An entry that is read from JSON, such as the server's list of keys, is not
/// checked, because a server stores any text. A new key may have such an entry if a server could compile it, so that a
/// key's scope can be copied.
///
/// ```
/// use typesense_keys::CollectionPattern;
///
/// assert_eq!(CollectionPattern::exact("v1.docs").as_str(), r"v1\.docs");
/// assert_eq!(CollectionPattern::prefix("docs_").as_str(), "docs_.*");
/// assert_eq!("docs".parse::<CollectionPattern>()?.as_str(), "docs");
/// assert_eq!("exact:v1.docs".parse::<CollectionPattern>()?.as_str(), r"v1\.docs");
/// // A name, or a pattern?
/// assert!("v1.docs".parse::<CollectionPattern>().is_err());
/// # Ok::<(), typesense_keys::error::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub struct CollectionPattern(Cow<'static, str>);

checked_text!(CollectionPattern: String, &String, &str);

impl CollectionPattern {
    /// Every collection, including future ones.
    pub const ALL: Self = Self(Cow::Borrowed("*"));

    /// The one collection with exactly this name, whatever its characters. A request with an empty name is refused.
    pub fn exact(name: &str) -> Self {
        Self::custom(escape(name))
    }

    /// Every collection whose name begins with `start`, including future ones. A request with an empty `start` is
    /// refused: [`ALL`](Self::ALL) means all collections.
    pub fn prefix(start: &str) -> Self {
        if start.is_empty() { Self::custom("") } else { Self::custom(escape(start) + ".*") }
    }

    /// Every collection whose whole name matches a regular expression, including future ones.
    ///
    /// Supported is the syntax that means the same to this crate and to the server's C++ `std::regex`: literals, `.`,
    /// classes, `\d`, `\w`, `\s`, `\D`, `\W`, `\S`, groups, `|`, `*`, `+`, `?`, `{2,3}`, `^`, `$`, `\b`, `\B` and
    /// escaped punctuation, up to 4096 bytes. `*` is not a pattern: that entry is [`ALL`](Self::ALL).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`] for anything else, such as a lookahead or a back-reference, and for a pattern that
    /// the server could not compile: the server would silently accept it, and the key would match no collection.
    pub fn pattern(pattern: impl Into<String>) -> Result<Self, InvalidInput> {
        let entry = Self::custom(pattern);
        entry.check().map_err(|flaw| entry.refused(flaw)).map(|()| entry)
    }

    /// A pattern that this crate does not understand, but the server may: one with a lookahead, such as
    /// `(?!secret$).*` for every collection except `secret` (seen with 0.24.1).
    ///
    /// A request with it is refused only if no server could compile it. Elsewhere, a pattern of this kind counts as
    /// matching every name: see [`matches`](Self::matches).
    pub fn custom(pattern: impl Into<String>) -> Self {
        Self(Cow::Owned(pattern.into()))
    }

    fn parse(text: String) -> Result<Self, InvalidInput> {
        let tagged = text.split_once(':').filter(|(tag, _)| ["exact", "prefix", "pattern", "custom"].contains(tag));
        let name = tagged.map_or(&*text, |(_, name)| name);
        let shown = without_keys(name);
        if let Err(why) = text::check(name) {
            return Err(invalid(format!("`{shown}` {why} (`CollectionPattern::exact` accepts it)")));
        }
        let entry = match tagged {
            Some(("exact", name)) => Self::exact(name),
            Some(("prefix", start)) => Self::prefix(start),
            Some(("custom", pattern)) => Self::custom(pattern),
            Some((_, pattern)) => return Self::pattern(pattern),
            None if text == "*" || is_plain(&text) => return Ok(Self::custom(text)),
            None if text.starts_with('!') => {
                return Err(invalid(format!(
                    "`{shown}` excludes nothing, because a key cannot exclude collections: name those that it allows \
                     (`exact:{shown}` is the one collection with this name)"
                )));
            }
            None => {
                Self::pattern(name)?;
                return Err(invalid(format!(
                    "`{shown}` could be a name or a pattern, and the server reads it as both: write `exact:{shown}` or \
                     `pattern:{shown}`, in Rust `CollectionPattern::exact(\"{shown}\")` or \
                     `CollectionPattern::pattern(\"{shown}\")`"
                )));
            }
        };
        entry.validate().map(|()| entry)
    }

    /// The entry as the server stores it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that a new key may have this entry. Sending a request makes the same check.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`] if the entry is empty, is longer than 4096 bytes, or is read from JSON and no
    /// server could compile it.
    pub fn validate(&self) -> Result<(), InvalidInput> {
        match self.check() {
            // Read from JSON: the server that has the entry knows what it means.
            Err(Flaw::Unsupported(_)) if self.as_str().len() <= pattern::MAX_LENGTH => Ok(()),
            _ if *self == Self::ALL => Ok(()),
            checked => checked.map_err(|flaw| self.refused(flaw)),
        }
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
    /// assert!(CollectionPattern::pattern("a.b")?.matches("axb"));
    /// assert!(!CollectionPattern::exact("a.b").matches("axb"));
    /// # Ok::<(), typesense_keys::error::InvalidInput>(())
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

    /// Checks that every server compiles the entry, and that its matches are known.
    fn check(&self) -> Result<(), Flaw> {
        match self.as_str() {
            "" => Err(Flaw::Broken("it is empty")),
            text if is_plain(text) => Ok(()),
            text => pattern::check(text),
        }
    }

    /// Why the entry is refused, and what to write instead.
    fn refused(&self, flaw: Flaw) -> InvalidInput {
        let shown = without_keys(self.as_str());
        let why = match flaw {
            _ if self.as_str().is_empty() => {
                return invalid("an empty name or prefix means no collection (`*` means all)");
            }
            Flaw::Broken(why) => format!("the server could not compile the pattern `{shown}`: {why}"),
            Flaw::Unsupported(why) if self.as_str().len() > pattern::MAX_LENGTH => {
                format!("the pattern `{shown}` is refused: {why}")
            }
            Flaw::Unsupported(why) => {
                format!("the pattern `{shown}` is refused: {why}, but a server may understand it as `custom:{shown}`")
            }
        };
        invalid(format!(
            "{why} (for a collection with exactly this name, write `exact:{shown}`, in Rust \
             `CollectionPattern::exact(\"{shown}\")`)"
        ))
    }
}

fn invalid(why: impl Into<String>) -> InvalidInput {
    InvalidInput::new("collections", why)
}

/// Whether `text` means the same as a name and as a pattern.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_plain_character)
}

fn is_plain_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

fn escape(name: &str) -> String {
    let escape = |character| r"\^$.|?*+()[]{}".contains(character).then_some('\\');
    name.chars().flat_map(|character| escape(character).into_iter().chain([character])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> CollectionPattern {
        serde_json::from_value(text.into()).unwrap()
    }

    fn parsed(text: &str) -> CollectionPattern {
        text.parse().unwrap()
    }

    #[test]
    fn ambiguous_text_is_refused() {
        for plain in ["docs", "docs_2", "my-docs", "*", "büro"] {
            assert_eq!(parsed(plain), plain);
        }
        for text in ["a.b", "docs_.*", "a|b", "docs*", "a b", "a/b", "**", "a:b", ""] {
            assert!(text.parse::<CollectionPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn refused_entry_says_why_and_what_to_write() {
        let empty = "an empty name or prefix means no collection (`*` means all)";
        for (text, why) in [
            (
                "pattern:(?!secret$).*",
                "the pattern `(?!secret$).*` is refused: lookaheads (`(?=` and `(?!`) are not supported, but a server \
                 may understand it as `custom:(?!secret$).*` (for a collection with exactly this name, write \
                 `exact:(?!secret$).*`, in Rust `CollectionPattern::exact(\"(?!secret$).*\")`)",
            ),
            (
                "!secret",
                "`!secret` excludes nothing, because a key cannot exclude collections: name those that it allows \
                 (`exact:!secret` is the one collection with this name)",
            ),
            ("", empty),
            ("exact:", empty),
            ("prefix:", empty),
            ("pattern:", empty),
            ("custom:", empty),
        ] {
            assert_eq!(text.parse::<CollectionPattern>().unwrap_err().to_string(), why);
        }
        for nothing in [CollectionPattern::exact(""), CollectionPattern::prefix("")] {
            assert_eq!(nothing.validate().unwrap_err().to_string(), empty);
            assert!(!nothing.matches("any"));
        }
    }

    #[test]
    fn text_with_a_tag_is_parsed() {
        for (text, entry) in [
            ("docs", CollectionPattern::exact("docs")),
            ("*", CollectionPattern::ALL),
            ("exact:a.b", CollectionPattern::exact("a.b")),
            ("exact:*", CollectionPattern::exact("*")),
            ("exact:a:b", CollectionPattern::exact("a:b")),
            ("prefix:docs_", CollectionPattern::prefix("docs_")),
            ("pattern:docs_[0-9]+", CollectionPattern::pattern("docs_[0-9]+").unwrap()),
            ("pattern:(?:a|b):c", CollectionPattern::pattern("(?:a|b):c").unwrap()),
            ("custom:(?!secret$).*", CollectionPattern::custom("(?!secret$).*")),
            ("exact:!secret", CollectionPattern::exact("!secret")),
        ] {
            assert_eq!(parsed(text), entry, "{text}");
        }
        for text in ["pattern:*", "pattern:(", "custom:(", "custom:*docs", "pattern:(?=a)", "other:a", "Exact:a"] {
            assert!(text.parse::<CollectionPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn exact_name_with_any_characters_matches_only_itself() {
        for name in ["a.b", "*", "(", "a[b", "x{", "\\", "^$", "a+b?c|d", "100%", "<a>", "a&&b", "é\n"] {
            let entry = CollectionPattern::exact(name);
            assert_eq!((entry.check(), entry.validate()), (Ok(()), Ok(())), "{name}");
            assert!(entry.matches(name) && !entry.matches("ab") && !entry.matches(""), "{name}");
            assert!(CollectionPattern::prefix(name).matches(&format!("{name}x")), "{name}");
        }
    }

    #[test]
    fn accepted_entry_is_accepted_again_after_it_was_listed() {
        for text in ["docs", "*", r"pattern:a\.b", "exact:a.b", "prefix:a.b", "exact:(", "exact:büro"] {
            let entry = parsed(text);
            let read_back: CollectionPattern = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
            assert_eq!((&read_back, read_back.validate()), (&entry, Ok(())), "{text}");
        }
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
            ("*", false),
            ("(", true),
            ("*docs", true),
            ("", true),
        ] {
            let entry = listed(text);
            assert_eq!((entry.is_dead(), entry.validate().is_err()), (is_dead, is_dead), "{text}");
            assert_eq!(entry.matches("any"), !is_dead && text != "a.b", "{text}");
        }
        // Longer than any collection's name: no list of a real server has it.
        assert!(CollectionPattern::exact(&"a.".repeat(2_000)).validate().is_err());
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
