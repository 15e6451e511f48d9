//! How the server reads a pattern.
//!
//! It uses C++ `std::regex` in GNU's implementation, whose dialect no Rust library has, and swallows the error. A new
//! pattern is accepted only if that surely compiles it; of what is left out, nothing is of use in the name of a
//! collection. A key that exists may have any pattern: there, what is only refused here is read as the server does.

use super::automaton::{Automaton, Builder, Fragment, Step};
use super::bytes::Bytes;

/// Deeper nesting could exhaust the stack of the server, which compiles recursively.
const MAX_DEPTH: usize = 50;

/// The server gives up at 100,000 states; a counted repetition multiplies them.
const MAX_STATES: u64 = 20_000;

const CLASSES: [&[u8]; 12] = [
    b"alnum", b"alpha", b"blank", b"cntrl", b"digit", b"graph", b"lower", b"print", b"punct", b"space", b"upper",
    b"xdigit",
];

const NUL: &str = "a NUL can be in no name";
const HEXADECIMAL: &str = "`\\x` needs 2 hexadecimal digits, `\\u` 4";
const RANGE: &str = "a range in `[]` goes from one character to a later one";
const TOO_MUCH: &str = "it repeats too much: smaller numbers in `{}`";

/// Why there is no telling what a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// No server compiles it.
    Broken(&'static str),
    /// A server may compile it; what it matches is not worth knowing here.
    Unclear(&'static str),
}

use Flaw::{Broken, Unclear};

type Parsed<T> = Result<T, Flaw>;

/// `Ok` if the server compiles `pattern`, otherwise the reason why it does not, or why it is not to be used.
pub(super) fn check(pattern: &str) -> Result<(), &'static str> {
    let mut parser = Parser::new(pattern);
    let whole = parser.whole();
    match (parser.objection, whole) {
        (Some(why), _) | (None, Err(Broken(why) | Unclear(why))) => Err(why),
        (None, Ok(_)) => Ok(()),
    }
}

/// What a server matches by `pattern`, if it compiles it: that, or more (a back-reference may match any text).
pub(super) fn read(pattern: &str) -> Parsed<Automaton> {
    let mut parser = Parser::new(pattern);
    let whole = parser.whole()?;
    Ok(parser.builder.finish(whole))
}

struct Parser<'a> {
    rest: &'a [u8],
    /// For each group so far, whether it is closed: a back-reference needs a closed one.
    groups: Vec<bool>,
    depth: usize,
    builder: Builder,
    /// Whether something so far is taken to match more than it does.
    is_generous: bool,
    /// The first thing that a new pattern must not have, although servers compile it.
    objection: Option<&'static str>,
}

/// Where a parsed part is in the automaton, and about how many states the server's automaton has for it.
type Part = (Fragment, u64);

/// How often something is repeated.
#[derive(Clone, Copy)]
enum Times {
    AtMostOne,
    Any { at_least_once: bool },
    Counted(u64, Option<u64>),
}

/// What an escape stands for.
enum Escaped {
    Byte(u8),
    Class(Bytes),
}

impl<'a> Parser<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            rest: pattern.as_bytes(),
            groups: Vec::new(),
            depth: 0,
            builder: Builder::default(),
            is_generous: false,
            objection: None,
        }
    }

    fn whole(&mut self) -> Parsed<Fragment> {
        let (whole, _) = self.disjunction()?;
        if self.rest.is_empty() { Ok(whole) } else { Err(Broken("a `)` closes nothing")) }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (next, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*next)
    }

    fn eat(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token.as_bytes());
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Servers compile this; it is read on, but not accepted in a new pattern.
    fn object(&mut self, why: &'static str) {
        self.objection.get_or_insert(why);
    }

    fn disjunction(&mut self) -> Parsed<Part> {
        if self.depth == MAX_DEPTH {
            return Err(Unclear("groups are nested too deeply"));
        }
        self.depth += 1;
        let (mut whole, mut states) = self.alternative(1)?;
        while self.eat("|") {
            let other;
            (other, states) = self.alternative(states + 2)?;
            whole = self.builder.either(whole, other);
        }
        self.depth -= 1;
        Ok((whole, states))
    }

    /// `states` are those of the alternatives before it; they are counted on.
    fn alternative(&mut self, mut states: u64) -> Parsed<Part> {
        let mut whole = self.builder.step(Step::Pass);
        while self.peek().is_some_and(|next| !matches!(next, b'|' | b')')) {
            let (term, more) = self.term()?;
            whole = self.builder.then(whole, term);
            states = states.saturating_add(more);
            if states > MAX_STATES {
                return Err(Unclear(TOO_MUCH));
            }
        }
        Ok((whole, states))
    }

    fn term(&mut self) -> Parsed<Part> {
        // Assertions come first: nothing may repeat them.
        for (token, step) in
            [("^", Step::Begin), ("$", Step::End), (r"\b", Step::Boundary(true)), (r"\B", Step::Boundary(false))]
        {
            if self.eat(token) {
                return Ok((self.builder.step(step), 1));
            }
        }
        for (token, negative) in [("(?=", false), ("(?!", true)] {
            if self.eat(token) {
                return self.look(negative);
            }
        }
        let (mut whole, mut states) = self.atom()?;
        while let Some(times) = self.quantifier()? {
            // The server copies what is counted.
            let copies = if let Times::Counted(least, most) = times { most.unwrap_or(least + 1).max(1) } else { 1 };
            states = states.saturating_add(2).saturating_mul(copies);
            if states > MAX_STATES {
                return Err(Unclear(TOO_MUCH));
            }
            whole = match times {
                Times::AtMostOne => self.builder.optional(whole),
                Times::Any { at_least_once } => self.builder.repeat(whole, at_least_once),
                Times::Counted(least, most) => self.builder.repeat_counted(whole, least, most),
            };
        }
        Ok((whole, states))
    }

    /// What follows a `(?=` or `(?!`.
    fn look(&mut self, negative: bool) -> Parsed<Part> {
        let was_generous = std::mem::replace(&mut self.is_generous, false);
        let (body, states) = self.group_rest()?;
        let look = if negative && self.is_generous {
            // That the body matches is not certain: the pattern may go on.
            self.builder.nothing_for(body)
        } else {
            self.builder.look(body, negative)
        };
        self.is_generous |= was_generous;
        Ok((look, states))
    }

    fn group_rest(&mut self) -> Parsed<Part> {
        let (group, states) = self.disjunction()?;
        if self.eat(")") { Ok((group, states.saturating_add(2))) } else { Err(Broken("a `(` is not closed")) }
    }

    fn atom(&mut self) -> Parsed<Part> {
        if self.eat("(?:") {
            return self.group_rest();
        }
        if self.rest.starts_with(b"(?") {
            return Err(Broken("of the groups that begin with `(?`, the server knows `(?:`, `(?=` and `(?!`"));
        }
        let bytes = match self.next() {
            Some(b'(') => {
                let group = self.groups.len();
                self.groups.push(false);
                let part = self.group_rest()?;
                if let Some(closed) = self.groups.get_mut(group) {
                    *closed = true;
                }
                return Ok(part);
            }
            Some(b'\\') if matches!(self.peek(), Some(b'1'..=b'9')) => return self.back_reference(),
            Some(b'\\') => match self.escaped()? {
                Escaped::Byte(byte) => Bytes::one(byte),
                Escaped::Class(class) => class,
            },
            Some(b'[') => self.bracket()?,
            Some(b'*' | b'+' | b'?' | b'{') => {
                return Err(Broken("a repetition (`*`, `+`, `?`, `{`) follows nothing that it could repeat"));
            }
            Some(b'\0') => return Err(Unclear(NUL)),
            Some(b'.') => Bytes::any(),
            Some(byte) => Bytes::one(byte),
            None => Bytes::NONE,
        };
        Ok((self.builder.step(Step::Bytes(bytes)), 1))
    }

    /// The quantifier that follows, if one does.
    fn quantifier(&mut self) -> Parsed<Option<Times>> {
        let times = match self.peek() {
            Some(b'*') => Times::Any { at_least_once: false },
            Some(b'+') => Times::Any { at_least_once: true },
            Some(b'?') => Times::AtMostOne,
            Some(b'{') => {
                self.next();
                self.interval()?
            }
            _ => return Ok(None),
        };
        if !matches!(times, Times::Counted(..)) {
            self.next();
        }
        self.eat("?"); // not greedy, which changes nothing where the whole name must match
        Ok(Some(times))
    }

    fn interval(&mut self) -> Parsed<Times> {
        let least = self.number()?.ok_or(Broken("a `{` needs a number after it"))?;
        let most = if self.eat(",") { self.number()? } else { Some(least) };
        if !self.eat("}") {
            return Err(Broken("a `{` is not closed"));
        }
        if most.is_some_and(|most| most < least) {
            return Err(Broken("the numbers in `{}` are the wrong way round"));
        }
        Ok(Times::Counted(least, most))
    }

    fn number(&mut self) -> Parsed<Option<u64>> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            self.next();
            let sum = number.unwrap_or(0) * 10 + u64::from(digit - b'0');
            if sum > MAX_STATES {
                return Err(Unclear("a number is too large"));
            }
            number = Some(sum);
        }
        Ok(number)
    }

    /// A back-reference may match any text: what the group matched is not followed.
    fn back_reference(&mut self) -> Parsed<Part> {
        let group = self.number()?.and_then(|number| usize::try_from(number - 1).ok());
        if group.and_then(|group| self.groups.get(group)) != Some(&true) {
            return Err(Broken("a back-reference such as `\\1` needs that many closed groups before it"));
        }
        self.is_generous = true;
        let any = self.builder.step(Step::Bytes(Bytes::ALL));
        Ok((self.builder.repeat(any, false), 1))
    }

    /// What follows a `\`.
    fn escaped(&mut self) -> Parsed<Escaped> {
        let class = |name: &[u8]| Bytes::class(name).unwrap_or(Bytes::NONE);
        let byte = match self.next() {
            None => return Err(Broken("it ends in a lone `\\`")),
            Some(b'd') => return Ok(Escaped::Class(class(b"d"))),
            Some(b'D') => return Ok(Escaped::Class(class(b"d").not())),
            Some(b's') => return Ok(Escaped::Class(class(b"s"))),
            Some(b'S') => return Ok(Escaped::Class(class(b"s").not())),
            Some(b'w') => return Ok(Escaped::Class(class(b"w"))),
            Some(b'W') => return Ok(Escaped::Class(class(b"w").not())),
            Some(b'x') => self.hexadecimal(2)?,
            Some(b'u') => self.hexadecimal(4)?,
            Some(b'f') => b'\x0C',
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => b'\x0B',
            Some(other) if other.is_ascii_punctuation() => other,
            Some(other) => {
                self.object("a `\\` stands before a letter or digit that it gives no meaning to");
                match other {
                    b'0' => b'\0',
                    // Not a control character, but the one that follows, as it is.
                    b'c' => self.next().ok_or(Broken("it ends in a lone `\\c`"))?,
                    other => other,
                }
            }
        };
        Ok(Escaped::Byte(byte))
    }

    fn hexadecimal(&mut self, digits: usize) -> Parsed<u8> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or(Broken(HEXADECIMAL))?;
            code = code * 16 + digit;
        }
        if code == 0 || code > 127 {
            self.object("`\\x` and `\\u` work only for ASCII: write the character itself");
        }
        // The server keeps the lowest byte.
        let [byte, ..] = code.to_le_bytes();
        Ok(byte)
    }

    /// What follows a `[`.
    fn bracket(&mut self) -> Parsed<Bytes> {
        let is_negated = self.eat("^");
        let mut set = Bytes::NONE;
        if self.peek() == Some(b']') {
            self.object("`[]` matches nothing");
        }
        while !self.eat("]") {
            let item = self.bracket_item()?;
            // A `-` before the `]` stands for itself.
            let is_range = self.rest.starts_with(b"-") && !self.rest.starts_with(b"-]");
            set = set.or(match item {
                Escaped::Byte(from) if is_range => {
                    self.next();
                    match self.bracket_item()? {
                        Escaped::Byte(to) => Bytes::range(from, to).ok_or(Broken(RANGE))?,
                        Escaped::Class(_) => return Err(Broken(RANGE)),
                    }
                }
                Escaped::Byte(byte) => Bytes::one(byte),
                Escaped::Class(class) => {
                    if is_range {
                        // Older servers take the `-` for itself, newer ones do not compile it.
                        self.object(RANGE);
                    }
                    class
                }
            });
        }
        Ok(if is_negated { set.not() } else { set })
    }

    /// One byte or class in brackets.
    fn bracket_item(&mut self) -> Parsed<Escaped> {
        if self.eat("[:") {
            let end = self.rest.windows(2).position(|two| two == b":]");
            let end = end.ok_or(Broken("a `[:` is not closed by `:]`"))?;
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest.get(2..).unwrap_or_default();
            if !CLASSES.contains(&name) {
                self.object("there is no such class as the one in `[: :]`");
            }
            // The server takes these names in capitals, too.
            let class = Bytes::class(&name.to_ascii_lowercase());
            return class.map(Escaped::Class).ok_or(Broken("there is no such class as the one in `[: :]`"));
        }
        if self.rest.starts_with(b"[.") || self.rest.starts_with(b"[=") {
            return Err(Unclear("`[.` and `[=` are not supported"));
        }
        match self.next() {
            None => Err(Broken("a `[` is not closed")),
            Some(b'\\') => match self.peek() {
                Some(b'b') => {
                    self.next();
                    self.object("a `\\` stands before a letter or digit that it gives no meaning to");
                    Ok(Escaped::Byte(b'\x08'))
                }
                Some(b'B' | b'1'..=b'9') => {
                    Err(Broken("a `\\` stands before a letter or digit that it gives no meaning to"))
                }
                _ => self.escaped(),
            },
            Some(byte) => {
                match byte {
                    b'\0' => self.object(NUL),
                    128.. => {
                        self.object("the server compares bytes, so `[]` takes ASCII only: use `(?:ä|ö)` for others")
                    }
                    _ => {}
                }
                Ok(Escaped::Byte(byte))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_the_server_compiles_is_accepted() {
        for good in [
            "docs",
            "docs_.*",
            "a|b",
            "(a|b)c",
            "(?:a|b)+?",
            "[a-z0-9_-]{1,32}",
            "^docs$",
            r"v\d+",
            "(a)\\1",
            "[^x]",
            "(?!secret).*",
            "a{2,}",
            "[[:alpha:]]x",
            "",
            "a]",
            "a}",
            "büro.*",
            "[-a]",
            r"[\w.]+",
            r"\x41",
            "a**",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_the_server_cannot_compile_is_refused() {
        for bad in [
            "(",
            ")",
            "a)",
            "[",
            "[a",
            "*",
            "+a",
            "a{",
            "a{x}",
            "a{2",
            "a{3,2}",
            "\\",
            "(?<=a)b",
            "(?<n>a)",
            r"\1",
            r"(\1)",
            "[z-a]",
            r"[\r-\t]",
            "[[:nope:]]",
            r"\xZ1",
            "^*",
            "(?=a)*",
            r"\p{L}",
            "{2}",
            r"\c",
            "[é]",
            "|*",
            "a{100000}",
            "((a{200}){200}){9}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&"(".repeat(1_000_000)).is_err());
    }
}
