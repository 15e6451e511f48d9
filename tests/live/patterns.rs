//! Patterns in new keys. Accepted patterns compile on the server; refused patterns do not, with a few exceptions.

use secrecy::ExposeSecret;
use serde_json::json;
use typesense_keys::{CollectionPattern, Error};

use crate::stage::Stage;
use crate::support::Server;

live_tests![
    accepted_pattern_allows_what_it_matches,
    refused_pattern_does_not_compile_on_the_server,
    pattern_that_is_refused_although_it_compiles_has_a_reason,
];

/// A pattern, a name that it matches, and a name that it does not match.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("docs", "docs", "doc"),
    ("docs_.*", "docs_2", "docs"),
    (".*", "anything", ""),
    ("a.b", "axb", "ab"),
    (r"a\.b", "a.b", "axb"),
    ("a|b", "b", "c"),
    ("a||b", "b", "c"),
    ("|a", "a", "b"),
    ("(a|b)c", "bc", "c"),
    ("(?:a|b)c", "ac", "abc"),
    ("(?:a|b)+?", "abba", "abc"),
    ("((a)(b(c)))", "abc", "ab"),
    ("()a", "a", "b"),
    ("a*", "aaa", "b"),
    ("a+", "aa", "b"),
    ("ab?", "a", "b"),
    ("a*?b", "aab", "a"),
    ("a+?b", "ab", "b"),
    ("ab??", "ab", "b"),
    ("a**", "aa", "b"),
    ("a+*", "aa", "b"),
    ("a{3}", "aaa", "aa"),
    ("a{2,}", "aaaa", "a"),
    ("a{2,3}", "aaa", "aaaa"),
    ("a{0}b", "b", "ab"),
    ("a{0,1}b", "ab", "aab"),
    ("a{1,2}?b", "aab", "b"),
    ("(ab){2}", "abab", "ab"),
    ("a{2}{3}", "aaaaaa", "aaaaa"),
    ("[a-z0-9_-]{1,32}", "docs_2-x", "DOCS"),
    ("[abc]", "b", "d"),
    ("[^abc]", "d", "b"),
    ("[a-c]", "b", "d"),
    ("[-a]", "-", "b"),
    ("[a-]", "-", "b"),
    ("[a-cx-z]", "y", "m"),
    ("[^-]+", "docs", "do-cs"),
    ("[.]", ".", "x"),
    ("[*+?(){}|^$]", "$", "x"),
    (r"[\]]", "]", "x"),
    (r"[\\]", "\\", "x"),
    (r"[\w.]+", "a.b", "a-b"),
    (r"[\d_]+", "1_2", "a"),
    (r"[^\s]+", "a-b", "a b"),
    (r"[\x41-\x43]", "B", "D"),
    ("[[:alpha:]]x", "ax", "1x"),
    ("[[:digit:][:upper:]]+", "A1", "a1"),
    ("[^[:punct:]]", "a", "-"),
    ("[_[:alnum:]]+", "a_1", "a-1"),
    ("^docs$", "docs", "docs1"),
    ("(^a|b)c", "ac", "c"),
    (r"\bdocs\b", "docs", "docs1"),
    (r"\<a\>", "<a>", "a"),
    (r"a\B.*", "ab", "a"),
    (r"v\d+", "v12", "v"),
    (r"\D+", "docs", "1"),
    (r"\w+", "docs_2", "a-b"),
    (r"a\Wb", "a-b", "a_b"),
    (r"a\sb", "a b", "ab"),
    (r"\S+", "docs", "a b"),
    (r"\x41", "A", "a"),
    (r"\u0041", "A", "a"),
    (r"\*\+\?\(\)\[\]\{\}\|\^\$\\", "*+?()[]{}|^$\\", "x"),
    (r"a\-b\_c\@", "a-b_c@", "a"),
    ("a]", "a]", "a"),
    ("a}", "a}", "a"),
    ("a-b", "a-b", "ab"),
    ("a,b", "a,b", "ab"),
    ("a b", "a b", "ab"),
    ("büro.*", "büro-1", "buro"),
    ("(?:ä|ö)x", "öx", "ux"),
    ("日本語?", "日本語", "日"),
    ("😀+", "😀", "x"),
    ("(((((((((((((((((((((a)))))))))))))))))))))", "a", "b"),
    ("a{100}|b", "b", "a"),
];

fn accepted_pattern_allows_what_it_matches(server: &Server) {
    let stage = Stage::new(server);
    assert!(ACCEPTED.len() >= 60);
    for (pattern, name, other) in ACCEPTED {
        let key = stage.key("collections:get", CollectionPattern::pattern(*pattern).unwrap());
        assert!(stage.allows(key.value.expose_secret(), name), "{pattern} does not allow {name}");
        assert!(!stage.allows(key.value.expose_secret(), other), "{pattern} allows {other}");
        assert!(compiles(&stage, pattern), "{pattern}");
    }
}

/// Patterns that cannot be compiled.
const REFUSED: &[&str] = &[
    "(",
    "(a",
    "((a)",
    ")",
    "a)",
    "(?",
    "(?:",
    "(?:a",
    "(?=a",
    "[",
    "[a",
    "[^",
    "[a-",
    "[z-a]",
    r"[a-\d]",
    "[[:nope:]]",
    "[[:alpha:]",
    "[[:alpha",
    "[[.nope.]]",
    "*",
    "+a",
    "?",
    "a|*",
    "(*)",
    "(?:+a)",
    "^*",
    "^+",
    "$?",
    r"\b*",
    "(?=a)*",
    "(?!a){2}",
    "{2}",
    "a{",
    "a{x}",
    "a{2",
    "a{2,",
    "a{,2}",
    "a{3,2}",
    "a{99999999999}",
    "a{90000}{90000}",
    "((a{200}){200}){9}",
    "\\",
    "a\\",
    r"\1",
    r"(\1)",
    r"(a)\2",
    r"\x4",
    r"\xZ1",
    r"\u004",
    r"\p{L}",
    "(?<=a)b",
    "(?<!a)b",
    "(?<n>a)",
    "(?P<n>a)",
    "(?i)a",
    "(?#note)a",
    "(?>a)b",
];

fn refused_pattern_does_not_compile_on_the_server(server: &Server) {
    let stage = Stage::new(server);
    for pattern in REFUSED {
        assert_refused(&stage, pattern);
    }
    let compiled: Vec<_> = REFUSED.iter().filter(|pattern| compiles(&stage, pattern)).collect();
    assert!(compiled.is_empty(), "these compile: {compiled:?}");
}

/// Patterns that compile but are refused, and the reason.
const REFUSED_ALTHOUGH: &[(&str, &str)] = &[
    ("(?=docs).*", "lookaheads do not match in linear time by a library"),
    ("(?!secret).*", "as above"),
    ("docs(?!_old).*", "as above"),
    (r"(a)\1", "back-references do not match in linear time"),
    (r"(a|b)(c)\2\1", "as above"),
    ("[[]", "regex-lite reserves `[` in a class: `[\\[]` says it"),
    ("[a&&b]", "an operator of regex-lite"),
    ("[a~~b]", "as above"),
    ("[!--]", "as above"),
    ("[--a]", "a range for the server, literals for regex-lite"),
    (r"\0", "no name contains a NUL"),
    (r"\cA", "no name contains a control character"),
    (r"\Z", "GNU takes an unknown escape for the letter; elsewhere it is another character or an error"),
    (r"\é", "as above"),
    ("[é]", "the server compares bytes: it would match half a character"),
    (r"\xE9", "as above"),
    ("[^]", "matches any one byte, which nobody expects: `(?:.|\\n)` says it"),
    ("[]", "matches nothing"),
    ("[]a", "matches nothing"),
    (r"[\b]", "no name contains a backspace"),
    (r"[\d-z]", "a class begins no range, and newer servers refuse it: `[\\dz-]` says it"),
    ("[[.a.]]", "means the same as `a`"),
    ("[[=a=]]", "means the same as `a`"),
    ("a{30000}", "so many states make the server slow for every request with the key"),
    (DEEP, "a little deeper, and the server's stack is exhausted"),
];

const DEEP: &str = "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))\
                    ))))))))))))))))))))))))))))))";

fn pattern_that_is_refused_although_it_compiles_has_a_reason(server: &Server) {
    let stage = Stage::new(server);
    for (pattern, _) in REFUSED_ALTHOUGH {
        assert_refused(&stage, pattern);
    }
    let broken: Vec<_> = REFUSED_ALTHOUGH.iter().filter(|(pattern, _)| !compiles(&stage, pattern)).collect();
    assert!(broken.is_empty(), "these do not compile, so they need no reason: {broken:?}");
}

#[track_caller]
fn assert_refused(stage: &Stage<'_>, pattern: &str) {
    let request = stage.client().create().actions(["collections:get"]).collections([format!("pattern:{pattern}")]);
    let result = request.send();
    assert!(matches!(result, Err(Error::InvalidRequest { field: "collections", .. })), "{pattern}: {result:?}");
}

/// Whether the server compiles the pattern. Only then does its first alternative match a collection.
fn compiles(stage: &Stage<'_>, pattern: &str) -> bool {
    let entry = format!("compiles|{pattern}");
    let key = stage.raw_key(json!({"actions": ["collections:get"], "collections": [entry]}));
    stage.allows(&key, "compiles")
}
