//! Decides with `regex-lite` which names a pattern matches on the server.
//!
//! The server uses C++ `std::regex` (ECMAScript syntax) on bytes; a pattern that does not compile there matches nothing.
//! [`translate`] admits only syntax that means the same to both libraries. For `regex-lite`, each byte becomes the
//! character with the same number, and no group captures: memory for captures grows with the square of their number.

use std::sync::LazyLock;

use regex_lite::{Regex, RegexBuilder};

/// The longest supported pattern, in bytes. A listed key may contain any text.
pub(crate) const MAX_LENGTH: usize = 4096;

/// The maximum number of states of the server's automaton for a pattern, estimated. The server's limit is 100,000.
const MAX_STATES: usize = 5_000;

/// Why a pattern is refused in a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// No server compiles the pattern, so it matches nothing.
    Broken(&'static str),
    /// A server may compile the pattern, but what it matches there is unknown.
    Unsupported(&'static str),
}

use Flaw::{Broken, Unsupported};

/// Checks that every server compiles `pattern`, and that its matches are known.
pub(crate) fn check(pattern: &str) -> Result<(), Flaw> {
    compile(&translate(pattern)?).map(drop)
}

/// Whether no server compiles `pattern`; `false` if that is unknown.
pub(crate) fn is_broken(pattern: &str) -> bool {
    matches!(translate(pattern), Err(Broken(_)))
}

/// Whether `pattern` matches the whole `name` on the server; `true` if that is unknown.
pub(crate) fn may_match(pattern: &str, name: &str) -> bool {
    match translate(pattern) {
        // Most keys of a list are for other names, and compiling a pattern takes many times as long as this.
        Ok(_) if !name.starts_with(literal_start(pattern)) => false,
        Ok(translated) => compile(&translated).map_or(true, |regex| regex.is_match(&characters(name.as_bytes()))),
        Err(flaw) => matches!(flaw, Unsupported(_)),
    }
}

/// A text with which every name that `pattern` matches begins: `tenant_7_` for `tenant_7_.*`.
fn literal_start(pattern: &str) -> &str {
    let is_special = |character: char| !(character.is_ascii_alphanumeric() || matches!(character, '_' | '-'));
    let (start, rest) = pattern.split_at(pattern.find(is_special).unwrap_or(pattern.len()));
    if rest.contains('|') {
        return "";
    }
    // A quantifier may repeat the last character zero times.
    let is_repeated = rest.starts_with(['*', '+', '?', '{']);
    start.strip_suffix(|_: char| is_repeated).unwrap_or(start)
}

/// Whether `pattern` is `.`, `\S` or one class without escaped brackets, repeated with `*` or `+` (`.*`, `^[\w-]+$`),
/// and therefore matches every name over `alphabet`; `false` for all other patterns.
pub(crate) fn matches_all_of(mut alphabet: impl Iterator<Item = char>, pattern: &str) -> bool {
    let repeated = pattern.strip_prefix('^').unwrap_or(pattern);
    let repeated = repeated.strip_suffix('$').unwrap_or(repeated);
    let one = repeated.trim_end_matches(['*', '+', '?']);
    let is_one = one == "." || one == r"\S" || (one.starts_with('[') && one.find(']') == Some(one.len() - 1));
    is_one
        && repeated.get(one.len()..).is_some_and(|quantifiers| quantifiers.contains(['*', '+']))
        && check(pattern).is_ok()
        && alphabet.all(|character| may_match(one, character.encode_utf8(&mut [0; 4])))
}

fn compile(translated: &str) -> Result<Regex, Flaw> {
    let whole = format!("^(?:{translated})$");
    // With `crlf`, `.` matches neither `\n` nor `\r`, as on the server.
    RegexBuilder::new(&whole).crlf(true).size_limit(1 << 20).build().map_err(|_| {
        Unsupported(
            "groups nested this deep, such a range, or `&&`, `--`, `~~`, `\\<` or `\\>` in `[]`, are not supported",
        )
    })
}

fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Reads a pattern once from left to right, and stops at the first flaw: only the part before it is understood.
fn translate(pattern: &str) -> Result<String, Flaw> {
    if pattern.len() > MAX_LENGTH {
        return Err(Unsupported("it is longer than 4096 bytes"));
    }
    let (mut rest, mut translated) = (pattern, String::with_capacity(2 * pattern.len()));
    // The states so far: of each enclosing group, of this group, and of the item that a quantifier here would repeat.
    let (mut around, mut states, mut last) = (Vec::new(), 0_usize, None);
    while let Some(first) = rest.chars().next() {
        let token = token(first, rest).ok_or_else(|| flaw(rest))?;
        rest = rest.get(token.len()..).unwrap_or_default();
        last = match first {
            '(' => {
                around.push(states);
                states = 0;
                None
            }
            ')' => {
                let group = states + 2;
                states = group + around.pop().ok_or(Broken("a `)` closes nothing"))?;
                Some(group)
            }
            '*' | '+' | '?' | '{' => {
                let once = last.ok_or(Broken("a quantifier (`*`, `+`, `?`, `{`) has nothing to repeat"))?;
                let repeated = copies(token)?.saturating_mul(once + 2);
                states = repeated.saturating_add(states - once);
                Some(repeated)
            }
            '|' | '^' | '$' => {
                states += 2;
                None
            }
            _ => {
                states += 1;
                (!matches!(token, r"\b" | r"\B")).then_some(1)
            }
        };
        if states > MAX_STATES {
            return Err(Unsupported("it repeats too much: use smaller numbers in `{}`"));
        }
        match token {
            "(" => translated.push_str("(?:"),
            // Word boundaries for `regex-lite`, and `<` and `>` for the server.
            r"\<" | r"\>" => translated.push_str(token.trim_start_matches('\\')),
            _ => translated.push_str(&characters(token.as_bytes())),
        }
    }
    if around.is_empty() { Ok(translated) } else { Err(Broken("a `(` is not closed")) }
}

/// The supported tokens of more than one character. In a class, `-` stands first, last, or in a range.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const ESCAPE: &str = r"\\(?:[dDsSwWfnrtv[:punct:]]|(?:x|u00)(?:0[1-9a-fA-F]|[1-7][0-9a-fA-F]))";
    const NAMED: &str = r"\[:(?:alnum|alpha|blank|cntrl|digit|graph|lower|print|punct|space|upper|xdigit):\]";
    let single = format!(r"(?:[^\\\[\]\x00\x{{80}}-\x{{10FFFF}}-]|{ESCAPE})");
    let class = format!(r"\[\^?(?:-|-?(?:{NAMED}|{single}(?:-{single})?)+-?)\]");
    Regex::new(&format!(r"^(?:[*+?]\??|\{{[0-9]+(?:,[0-9]*)?\}}\??|\\[bB]|{ESCAPE}|{class})")).ok()
});

/// The token at the start of `rest`, whose first character is `first`; `None` if it is not supported.
fn token(first: char, rest: &str) -> Option<&str> {
    match first {
        '(' if rest.starts_with("(?") => rest.get(..3).filter(|token| *token == "(?:"),
        // Here, `TOKEN` would find a class of `^`.
        '[' if rest.starts_with("[^]") => None,
        '*' | '+' | '?' | '{' | '\\' | '[' => TOKEN.as_ref()?.find(rest).map(|token| token.as_str()),
        '\0' => None,
        _ => rest.get(..first.len_utf8()),
    }
}

/// Why no token starts `rest`.
fn flaw(rest: &str) -> Flaw {
    match rest.as_bytes() {
        [b'(', _, b'=' | b'!', ..] => Unsupported("lookaheads (`(?=` and `(?!`) are not supported"),
        [b'(', ..] => Broken("of the groups that begin with `(?`, the server knows `(?:`, `(?=` and `(?!`"),
        [b'{', ..] => Broken("a `{` must begin `{2}`, `{2,}` or `{2,3}`"),
        [b'[', class @ ..] if !class.contains(&b']') => Broken("a `[` is not closed"),
        [b'[', ..] => Unsupported(
            "in `[]`, only ASCII is supported, with `-` at the start, at the end or in a range, and with `[` and `]` \
             escaped or in a class such as `[:alpha:]` (write `(?:ä|ö)` instead of `[äö]`)",
        ),
        [b'\\'] => Broken("it ends in a single `\\`"),
        [b'\\', b'x' | b'u', ..] => {
            Unsupported("`\\x` and `\\u` are supported for ASCII only, as `\\x61` and `\\u0061`")
        }
        [b'\\', b'1'..=b'9', ..] => Unsupported("back-references (`\\1`) are not supported"),
        [b'\\', ..] => Unsupported("`\\` has no meaning before this character"),
        _ => Unsupported("no name contains a NUL"),
    }
}

/// How often the server copies the item that a quantifier repeats: once more for an open interval.
fn copies(quantifier: &str) -> Result<usize, Flaw> {
    let Some(interval) = quantifier.trim_end_matches(['?', '}']).strip_prefix('{') else { return Ok(1) };
    let (least, most) = interval.split_once(',').unwrap_or((interval, interval));
    let number = |digits: &str| digits.parse().unwrap_or(usize::MAX);
    match (number(least), most) {
        (least, "") => Ok(least.saturating_add(1)),
        (least, most) if number(most) < least => Err(Broken("the numbers in `{}` are in the wrong order")),
        (_, most) => Ok(number(most).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_the_whole_name_by_bytes() {
        for (pattern, name, matches) in [
            ("docs", "docs1", false),
            ("a|bc", "bc", true),
            ("a|bc", "ac", false),
            (".", "\n", false),
            (".", "\r", false),
            ("[^a]", "\n", true),
            (".", "é", false),
            ("..", "é", true),
            ("é?", "", false), // The first of its two bytes must be there.
            ("é+", "éé", false),
            (r"\W{2}", "é", true),
            ("^a$|b", "a", true),
            ("a^b", "ab", false),
            (r"\bdocs\b", "docs", true),
            (r"a\bb", "ab", false),
            ("(?:a{2}){3}", "aaaaaa", true),
            ("a{0}b", "b", true),
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern:?}");
            assert_eq!(may_match(pattern, name), matches, "{pattern:?} {name:?}");
        }
    }

    #[test]
    fn literal_start_ends_before_the_first_character_that_may_be_absent() {
        for (pattern, start) in [
            ("tenant_7_.*", "tenant_7_"),
            ("a-b", "a-b"),
            (r"docs\.v1", "docs"),
            ("docs[12]", "docs"),
            ("docs(_v1)?", "docs"),
            ("docs$", "docs"),
            ("docs*", "doc"),
            ("docs?_v1", "doc"),
            ("docs{0}_v1", "doc"),
            ("docs|shop", ""),
            ("docs_(a|b)", ""),
            ("(docs)?", ""),
            ("^docs", ""),
            ("a*", ""),
            ("é*", ""),
            ("", ""),
        ] {
            assert_eq!(literal_start(pattern), start, "{pattern}");
        }
    }

    #[test]
    fn broken_pattern_matches_nothing_and_unsupported_pattern_may_match() {
        for broken in
            ["(", ")", ")(", "a)|(b", "[a", "*", "^*", "|*", "(*)", r"\b{2}", "a{", "a{,2}", "a{3,2}", "\\", "(?i)a"]
        {
            assert!(matches!(check(broken), Err(Broken(_))) && is_broken(broken), "{broken}");
            assert!(!may_match(broken, "a"), "{broken}");
        }
        for unsupported in [
            "(?=a)",
            r"(a)\1",
            "[--a]",
            "[^]a]",
            "[^--]",
            "[a-b-c]",
            "[a&&b]",
            "[a~~b]",
            "[]a]",
            "[^]",
            "[é]",
            "[A-[:alpha:]]",
            "[[:alpha:]-z]",
            "[[:word:]]",
            "[[.a.]]",
            r"[\b]",
            r"[\d-z]",
            "[z-a]",
            r"\A",
            r"\xE9",
            "a\0",
            "a{9999}",
            "(?=(",
        ] {
            assert!(matches!(check(unsupported), Err(Unsupported(_))) && !is_broken(unsupported), "{unsupported}");
            assert!(may_match(unsupported, "any"), "{unsupported}");
        }
    }
}
