//! Patterns, and names that they may match.

use crate::support::Random;

/// Characters that have a meaning somewhere in a pattern, and some that have none.
const SOUP: &[&str] = &[
    "a",
    "b",
    "c",
    "1",
    "2",
    "-",
    "_",
    ".",
    "^",
    "$",
    "|",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "*",
    "+",
    "?",
    "\\",
    ",",
    ":",
    "=",
    "!",
    "<",
    ">",
    "&",
    "~",
    "é",
    "#",
    "x",
    "d",
    "w",
    "s",
    "B",
    "u",
    "0",
    " ",
    "\n",
    "(?",
    "(?:",
    "[^",
    "{2",
    "--",
    "&&",
    "[:",
    ":]",
    "[:alpha:]",
    "\\d",
];

const LITERALS: &[&str] = &["a", "b", "c", "1", "-", "_", "é", " ", "\n", "\r", "]", "}", ",", "&", "~", "#", "<"];

/// An atom, and a name that it matches.
const ATOMS: &[(&str, &str)] = &[
    (".", "b"),
    (r"\d", "1"),
    (r"\D", "a"),
    (r"\w", "_"),
    (r"\W", "-"),
    (r"\s", " "),
    (r"\S", "a"),
    (r"\.", "."),
    (r"\-", "-"),
    (r"\\", "\\"),
    (r"\(", "("),
    (r"\x61", "a"),
    (r"\u0062", "b"),
    (r"\n", "\n"),
    (r"\t", "\t"),
    ("..", "é"),
    ("[^a]", "b"),
    ("[^é]", "a"),
    ("[é]", "b"),
    (r"\&", "&"),
    (r"\~", "~"),
    (r"\<", "<"),
    (r"\/", "/"),
    (r"\b", ""),
    (r"\B", ""),
    ("^", ""),
    ("$", ""),
    (r"\0", ""),
    (r"\cA", "A"),
    (r"\e", "e"),
    (r"\1", "a"),
    ("(?=a)", ""),
    ("(?!b)", ""),
    ("(a|b)", "b"),
    ("()", ""),
    ("(?:)", ""),
    (r"\xE9", "a"),
];

const ITEMS: &[&str] = &[
    "a",
    "b",
    "a-c",
    "0-9",
    "-",
    "_",
    r"\d",
    r"\w",
    r"\W",
    r"\s",
    r"\S",
    r"\]",
    r"\-",
    r"\\",
    "[:alpha:]",
    "[:digit:]",
    "[:punct:]",
    ".",
    "*",
    "^",
    "&",
    "~",
    "$",
    "!--",
    "a-",
    "é",
    r"\x41-\x43",
    r"\b",
    "[",
    "[:word:]",
    "+-.",
    r"\n",
    "|",
];

const QUANTIFIERS: &[&str] = &[
    "*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,}", "{0,2}", "{1,2}?", "{2,1}", "{,2}", "**", "{2}{2}", "{ 2}",
];

/// A pattern, and names of which some match it.
pub(crate) fn case(random: &mut Random) -> (String, Vec<String>) {
    let (mut pattern, sample) = match random.below(40) {
        // No name is matched with it, because such a deep recursion could exhaust the stack.
        0 => return (large(random), Vec::new()),
        1..=5 => (soup(random), String::new()),
        _ => grow(random, 4),
    };
    if random.below(4) == 0 {
        pattern = mutate(random, &pattern);
    }
    let near = mutate(random, &sample);
    let random_name = (0..random.below(6)).map(|_| random.pick(LITERALS)).collect();
    (pattern, vec![sample, near, random_name, random.pick(LITERALS).to_owned()])
}

fn grow(random: &mut Random, depth: usize) -> (String, String) {
    if depth == 0 {
        let literal = random.pick(LITERALS);
        return (literal.to_owned(), literal.to_owned());
    }
    let depth = depth - 1;
    match random.below(12) {
        0..=3 => {
            let (left, right) = (grow(random, depth), grow(random, depth));
            (left.0 + &right.0, left.1 + &right.1)
        }
        4 => {
            let (left, right) = (grow(random, depth), grow(random, depth));
            (format!("{}|{}", left.0, right.0), right.1)
        }
        5 | 6 => {
            let (inner, sample) = grow(random, depth);
            let (open, quantifier) = (random.pick(&["(", "(?:"]), random.pick(QUANTIFIERS));
            (format!("{open}{inner}){quantifier}"), sample.repeat(1 + random.below(2)))
        }
        7 => {
            let (inner, sample) = grow(random, depth);
            (inner + random.pick(QUANTIFIERS), sample)
        }
        8 => {
            let negation = random.pick(&["", "", "^"]);
            let items: String = (0..=random.below(3)).map(|_| random.pick(ITEMS)).collect();
            (format!("[{negation}{items}]"), random.pick(LITERALS).to_owned())
        }
        9 | 10 => {
            let (atom, sample) = random.pick(ATOMS);
            (atom.to_owned(), sample.to_owned())
        }
        _ => grow(random, depth),
    }
}

/// A pattern with many states, about as many as this crate accepts.
fn large(random: &mut Random) -> String {
    let nesting = 1 + random.below(50);
    let inner = random.pick(&["a", "", "(a|b)", "[ab]?", "a{0}", "(a{9}){0}", "a|b|c|"]);
    let mut pattern = format!("{}{inner}{}", "(".repeat(nesting), ")".repeat(nesting));
    for _ in 0..=random.below(3) {
        let most = [9, 60, 900, 6_000][random.below(4)];
        let times = random.below(most);
        pattern = random.pick(&["({}){#}", "(?:{}){0,#}", "(?:{}x){#,}", "({}|){#}"]).replace("{}", &pattern);
        pattern = pattern.replace('#', &times.to_string());
    }
    pattern
}

fn soup(random: &mut Random) -> String {
    (0..=random.below(8)).map(|_| random.pick(SOUP)).collect()
}

/// Removes, inserts or replaces one character.
fn mutate(random: &mut Random, text: &str) -> String {
    let mut characters: Vec<String> = text.chars().map(String::from).collect();
    let at = random.below(characters.len() + 1);
    let is_replaced = random.below(3) != 0 && at < characters.len();
    if is_replaced {
        characters.remove(at);
    }
    if !is_replaced || random.below(2) == 0 {
        characters.insert(at, random.pick(SOUP).to_owned());
    }
    characters.concat()
}
