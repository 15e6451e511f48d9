//! Whether the server can compile a pattern.
//!
//! It uses C++ `std::regex` in GNU's implementation, whose dialect no Rust library has, and swallows the error. This
//! accepts only what that compiles; of what is left out, nothing is of use in the name of a collection.

/// Deeper nesting could exhaust the stack of the server, which compiles recursively.
const MAX_DEPTH: usize = 50;

/// The server gives up at 100,000 states; a counted repetition multiplies them.
const MAX_STATES: u64 = 20_000;

const CLASSES: [&str; 12] =
    ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"];

type Checked<T> = Result<T, &'static str>;

/// `Ok` if the server compiles `pattern`, otherwise the reason why it does not.
pub(super) fn check(pattern: &str) -> Checked<()> {
    let mut parser = Parser { rest: pattern, groups: Vec::new(), depth: 0 };
    let states = parser.disjunction()?;
    if !parser.rest.is_empty() {
        return Err("a `)` closes nothing");
    }
    if states > MAX_STATES {
        return Err("it repeats too much: smaller numbers in `{}`");
    }
    Ok(())
}

struct Parser<'a> {
    rest: &'a str,
    /// For each group so far, whether it is closed: a back-reference needs a closed one.
    groups: Vec<bool>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn eat(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Each level returns about how many states the server's automaton has for it.
    fn disjunction(&mut self) -> Checked<u64> {
        if self.depth == MAX_DEPTH {
            return Err("groups are nested too deeply");
        }
        self.depth += 1;
        let mut states = 1;
        loop {
            while let Some(next) = self.peek() {
                if matches!(next, '|' | ')') {
                    break;
                }
                states = self.term()?.saturating_add(states);
            }
            if !self.eat("|") {
                break;
            }
            states += 2;
        }
        self.depth -= 1;
        Ok(states)
    }

    fn term(&mut self) -> Checked<u64> {
        // Assertions come first: nothing may repeat them.
        if self.eat("^") || self.eat("$") || self.eat(r"\b") || self.eat(r"\B") {
            return Ok(1);
        }
        if self.eat("(?=") || self.eat("(?!") {
            return self.group_rest();
        }
        let mut states = self.atom()?;
        while let Some(times) = self.quantifier()? {
            states = states.saturating_add(2).saturating_mul(times);
        }
        Ok(states)
    }

    fn group_rest(&mut self) -> Checked<u64> {
        let states = self.disjunction()?;
        if self.eat(")") { Ok(states.saturating_add(2)) } else { Err("a `(` is not closed") }
    }

    fn atom(&mut self) -> Checked<u64> {
        if self.eat("(?:") {
            return self.group_rest();
        }
        if self.rest.starts_with("(?") {
            return Err("of the groups that begin with `(?`, the server knows `(?:`, `(?=` and `(?!`");
        }
        match self.next() {
            Some('(') => {
                let group = self.groups.len();
                self.groups.push(false);
                let states = self.group_rest()?;
                if let Some(closed) = self.groups.get_mut(group) {
                    *closed = true;
                }
                Ok(states)
            }
            Some('[') => self.bracket(),
            Some('\\') => self.escape(),
            Some('*' | '+' | '?' | '{') => {
                Err("a repetition (`*`, `+`, `?`, `{`) follows nothing that it could repeat")
            }
            Some('\0') => Err("a NUL can be in no name"),
            Some(_) => Ok(1),
            None => Ok(0),
        }
    }

    /// The most times that the quantifier which follows, if one does, makes the server copy what it repeats.
    fn quantifier(&mut self) -> Checked<Option<u64>> {
        let times = match self.peek() {
            Some('*' | '+' | '?') => {
                self.next();
                1
            }
            Some('{') => {
                self.next();
                self.interval()?
            }
            _ => return Ok(None),
        };
        self.eat("?"); // not greedy
        Ok(Some(times))
    }

    fn interval(&mut self) -> Checked<u64> {
        let least = self.number()?.ok_or("a `{` needs a number after it")?;
        let most = if self.eat(",") { self.number()? } else { Some(least) };
        if !self.eat("}") {
            return Err("a `{` is not closed");
        }
        match most {
            Some(most) if most < least => Err("the numbers in `{}` are the wrong way round"),
            Some(most) => Ok(most.max(1)),
            None => Ok(least + 1),
        }
    }

    fn number(&mut self) -> Checked<Option<u64>> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        match digits.parse() {
            _ if digits.is_empty() => Ok(None),
            Ok(number) if number <= MAX_STATES => Ok(Some(number)),
            _ => Err("a number is too large"),
        }
    }

    /// What follows a `\` outside brackets.
    fn escape(&mut self) -> Checked<u64> {
        if matches!(self.peek(), Some('1'..='9')) {
            let group = self.number()?.unwrap_or_default();
            let closed = usize::try_from(group - 1).ok().and_then(|group| self.groups.get(group));
            return match closed {
                Some(true) => Ok(1),
                _ => Err("a back-reference such as `\\1` needs that many closed groups before it"),
            };
        }
        self.escaped_character().map(|_| 1)
    }

    /// What follows a `\`, if it stands for one character (`Some`) or for a class such as `\d` (`None`).
    fn escaped_character(&mut self) -> Checked<Option<char>> {
        match self.next() {
            None => Err("it ends in a lone `\\`"),
            Some('d' | 'D' | 's' | 'S' | 'w' | 'W') => Ok(None),
            Some('x') => self.hexadecimal(2),
            Some('u') => self.hexadecimal(4),
            Some('f' | 'n' | 'r' | 't' | 'v') => Ok(Some('\t')),
            Some(other) if other.is_ascii_punctuation() => Ok(Some(other)),
            Some(_) => Err("a `\\` stands before a letter or digit that it gives no meaning to"),
        }
    }

    fn hexadecimal(&mut self, digits: usize) -> Checked<Option<char>> {
        let text = self.rest.get(..digits).ok_or("`\\x` needs 2 hexadecimal digits, `\\u` 4")?;
        let code = u32::from_str_radix(text, 16).ok().filter(|_| text.bytes().all(|b| b.is_ascii_hexdigit()));
        self.rest = self.rest.get(digits..).unwrap_or_default();
        match code.and_then(char::from_u32) {
            Some(character) if character.is_ascii() && character != '\0' => Ok(Some(character)),
            Some(_) => Err("`\\x` and `\\u` work only for ASCII: write the character itself"),
            None => Err("`\\x` needs 2 hexadecimal digits, `\\u` 4"),
        }
    }

    /// What follows a `[`.
    fn bracket(&mut self) -> Checked<u64> {
        self.eat("^");
        if self.eat("]") {
            return Err("`[]` matches nothing");
        }
        loop {
            let from = self.bracket_item()?;
            // A `-` before the `]` stands for itself.
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                match (from, self.bracket_item()?) {
                    (Some(from), Some(to)) if from <= to => {}
                    _ => return Err("a range in `[]` goes from one character to a later one"),
                }
            }
            if self.eat("]") {
                return Ok(1);
            }
        }
    }

    /// One character (`Some`) or class (`None`) in brackets.
    fn bracket_item(&mut self) -> Checked<Option<char>> {
        if self.eat("[:") {
            let (name, rest) = self.rest.split_once(":]").ok_or("a `[:` is not closed by `:]`")?;
            self.rest = rest;
            return if CLASSES.contains(&name) {
                Ok(None)
            } else {
                Err("there is no such class as the one in `[: :]`")
            };
        }
        if self.rest.starts_with("[.") || self.rest.starts_with("[=") {
            return Err("`[.` and `[=` are not supported");
        }
        match self.next() {
            None => Err("a `[` is not closed"),
            Some('\\') => self.escaped_character(),
            Some('\0') => Err("a NUL can be in no name"),
            Some(character) if character.is_ascii() => Ok(Some(character)),
            Some(_) => Err("the server compares bytes, so `[]` takes ASCII only: use `(?:ä|ö)` for others"),
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
