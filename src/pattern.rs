//! Decides with `regex-lite` which names a pattern matches on the server.
//!
//! The server uses C++ `std::regex` (ECMAScript syntax) on bytes; a pattern that does not compile there matches
//! nothing.
//! [`Guard`] admits only syntax that means the same to both libraries. For `regex-lite`, each byte becomes the character
//! with the same number, and no group captures: memory for captures grows with the square of their number.

use regex_lite::{Regex, RegexBuilder};

/// The longest supported pattern, in bytes. A listed key may contain any text.
pub(crate) const MAX_LENGTH: usize = 4096;

/// The maximum number of states of the server's automaton for a pattern, estimated. The server's limit is 100,000.
const MAX_STATES: usize = 5_000;

const CLASSES: [&str; 12] = [
    ":alnum:]",
    ":alpha:]",
    ":blank:]",
    ":cntrl:]",
    ":digit:]",
    ":graph:]",
    ":lower:]",
    ":print:]",
    ":punct:]",
    ":space:]",
    ":upper:]",
    ":xdigit:]",
];

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
    compile(&Guard::translate(pattern)?).map(drop)
}

/// Whether no server compiles `pattern`; `false` if that is unknown.
pub(crate) fn is_broken(pattern: &str) -> bool {
    matches!(Guard::translate(pattern), Err(Broken(_)))
}

/// Whether `pattern` matches the whole `name` on the server; `true` if that is unknown.
pub(crate) fn may_match(pattern: &str, name: &str) -> bool {
    match Guard::translate(pattern) {
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
        Unsupported("groups nested this deep, such a range, or `&&`, `--` or `~~` in `[]`, are not supported")
    })
}

fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Reads a pattern once from left to right, and stops at the first flaw: only the part before it is understood.
struct Guard<'a> {
    rest: &'a [u8],
    translated: String,
}

impl<'a> Guard<'a> {
    fn translate(pattern: &'a str) -> Result<String, Flaw> {
        if pattern.len() > MAX_LENGTH {
            return Err(Unsupported("it is longer than 4096 bytes"));
        }
        let mut guard = Self { rest: pattern.as_bytes(), translated: String::with_capacity(2 * pattern.len()) };
        guard.pattern()?;
        Ok(guard.translated)
    }

    fn pattern(&mut self) -> Result<(), Flaw> {
        // The states so far: of each enclosing group, of this group, and of the item that a quantifier here would
        // repeat.
        let (mut around, mut states, mut last) = (Vec::new(), 0_usize, None);
        while let Some(byte) = self.next() {
            last = match byte {
                b'(' => {
                    self.group()?;
                    around.push(states);
                    states = 0;
                    None
                }
                b')' => {
                    let group = states + 2;
                    states = group + around.pop().ok_or(Broken("a `)` closes nothing"))?;
                    Some(group)
                }
                b'*' | b'+' | b'?' | b'{' => {
                    let once = last.ok_or(Broken("a quantifier (`*`, `+`, `?`, `{`) has nothing to repeat"))?;
                    let most = if byte == b'{' { self.interval()? } else { 1 };
                    self.eat("?"); // Laziness makes no difference, because the whole name must match.
                    let repeated = (once + 2) * most.max(1);
                    states = states - once + repeated;
                    Some(repeated)
                }
                b'|' | b'^' | b'$' => {
                    states += 2;
                    None
                }
                b'\\' if matches!(self.rest, [b'b' | b'B', ..]) => {
                    self.next();
                    states += 1;
                    None
                }
                _ => {
                    match byte {
                        b'[' => self.class()?,
                        b'\\' => self.escape()?,
                        _ => Self::literal(byte)?,
                    }
                    states += 1;
                    Some(1)
                }
            };
            if states > MAX_STATES {
                return Err(Unsupported("it repeats too much: use smaller numbers in `{}`"));
            }
        }
        if around.is_empty() { Ok(()) } else { Err(Broken("a `(` is not closed")) }
    }

    /// Reads the rest of a group's opening, after `(`.
    fn group(&mut self) -> Result<(), Flaw> {
        match self.rest {
            [b'?', b'=' | b'!', ..] => Err(Unsupported("lookaheads (`(?=` and `(?!`) are not supported")),
            [b'?', b':', ..] => {
                self.eat("?:");
                Ok(())
            }
            [b'?', ..] => Err(Broken("of the groups that begin with `(?`, the server knows `(?:`, `(?=` and `(?!`")),
            _ => {
                self.translated.push_str("?:");
                Ok(())
            }
        }
    }

    /// Reads the rest of an interval, after `{`, and returns its larger number.
    fn interval(&mut self) -> Result<usize, Flaw> {
        const MALFORMED: Flaw = Broken("a `{` begins none of `{2}`, `{2,}` and `{2,3}`");
        let least = self.number()?.ok_or(MALFORMED)?;
        let most = if self.eat(",") { self.number()? } else { Some(least) };
        match most {
            _ if !self.eat("}") => Err(MALFORMED),
            Some(most) if most < least => Err(Broken("the numbers in `{}` are in the wrong order")),
            // The server copies the repeated item, with one more copy for an open interval.
            most => Ok(most.unwrap_or(least + 1)),
        }
    }

    fn number(&mut self) -> Result<Option<usize>, Flaw> {
        let mut number = None;
        while let [digit @ b'0'..=b'9', ..] = *self.rest {
            self.next();
            let sum = number.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if sum > MAX_STATES {
                return Err(Unsupported("a number in `{}` is too large"));
            }
            number = Some(sum);
        }
        Ok(number)
    }

    /// Reads the rest of a class, after `[`.
    fn class(&mut self) -> Result<(), Flaw> {
        self.eat("^");
        match self.rest {
            [b']', ..] => return Err(Unsupported("`[]` and `[^]` are not supported")),
            // The server reads a range here, and `regex-lite` two literals.
            [b'-', b'-', ..] => return Err(Unsupported("`--` at the start of `[]` is not supported")),
            _ => {}
        }
        loop {
            let is_after_dash = self.translated.ends_with('-');
            match self.next().ok_or(Broken("a `[` is not closed"))? {
                b']' => return Ok(()),
                b'[' => {
                    let is_class = !is_after_dash && CLASSES.iter().any(|name| self.eat(name));
                    let is_range = self.rest.starts_with(b"-") && !self.rest.starts_with(b"-]");
                    if !is_class || is_range {
                        return Err(Unsupported(
                            "a `[` in `[]` must be escaped, or begin a class such as `[:alpha:]`",
                        ));
                    }
                }
                b'\\' => self.escape()?,
                128.. => return Err(Unsupported("`[]` matches single bytes: write `(?:ä|ö)` instead of `[äö]`")),
                byte => Self::literal(byte)?,
            }
        }
    }

    /// Reads the rest of an escape, after `\`.
    fn escape(&mut self) -> Result<(), Flaw> {
        match self.next().ok_or(Broken("it ends in a single `\\`"))? {
            b'd' | b'D' | b's' | b'S' | b'w' | b'W' | b'f' | b'n' | b'r' | b't' | b'v' => Ok(()),
            b'x' => self.hexadecimal(2),
            b'u' => self.hexadecimal(4),
            // Word boundaries for `regex-lite`.
            b'<' | b'>' => Err(Unsupported("`\\<` and `\\>` are not supported: leave out the `\\`")),
            punctuation if punctuation.is_ascii_punctuation() => Ok(()),
            b'1'..=b'9' => Err(Unsupported("back-references (`\\1`) are not supported")),
            _ => Err(Unsupported("a `\\` stands before a character that it gives no meaning")),
        }
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<(), Flaw> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.next().and_then(|digit| char::from(digit).to_digit(16));
            code = code * 16 + digit.ok_or(Broken("`\\x` needs 2 hexadecimal digits, `\\u` needs 4"))?;
        }
        if (1..128).contains(&code) {
            Ok(())
        } else {
            Err(Unsupported("`\\x` and `\\u` are supported for ASCII only"))
        }
    }

    fn literal(byte: u8) -> Result<(), Flaw> {
        if byte == 0 { Err(Unsupported("no name holds a NUL")) } else { Ok(()) }
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.translated.push(char::from(byte));
        Some(byte)
    }

    fn eat(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token.as_bytes()) else { return false };
        self.rest = rest;
        self.translated.push_str(token);
        true
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
            r"\<a",
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
