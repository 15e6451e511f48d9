//! `CollectionPattern::matches` and `KeyInfo::allows`, compared with what the server lets a key do.

use serde_json::json;
use typesense_keys::{Action, CollectionPattern, KeyInfo};

use crate::stage::{Stage, percent, unique};
use crate::support::{Random, Server};

live_tests![
    listed_entry_matches_the_names_that_the_server_allows,
    random_pattern_matches_the_names_that_the_server_allows,
    unsupported_pattern_matches_at_least_what_the_server_allows,
    key_allows_what_the_server_allows,
    key_for_an_alias_or_its_collection_does_not_allow_the_other,
];

/// Entries, and names to compare them with.
const ENTRIES: &[(&[&str], &[&str])] = &[
    (
        &["docs", "docs_.*", ".*", "*", "d[a-z]cs", "(?!docs$).*", "^docs", "docs$", "*docs", "(docs", "docs)", ""],
        &["docs", "docs_", "docs_1", "DOCS", "*docs", "(docs", "*"],
    ),
    (
        &[
            "a.b",
            r"a\.b",
            "a|b",
            "a?b",
            "[ab]+",
            "a+?",
            "(a|b)(a|b)",
            "a{2}",
            "a{2,}",
            "a{0}b",
            "a{1,2}?b",
            "a**",
            "a{2}{3}",
        ],
        &["a", "b", "ab", "aab", "a.b", "aa", "aaaaaa", "a|b"],
    ),
    (
        &[r"\w+", r"\d", r"\D\S\s", r"\W", "[[:punct:]]", "[^a-y]", "[!--]", "[--a]", r"[\n-\r]*1", r"[\r-\t]*1"],
        &["1", "z", "-", "_", "a b", "aé ", "ab ", "1a"],
    ),
    (
        &["é", "é?", "..", "[^e]{2}", r"\W{2}", "(?:ä|é)", "[[:alpha:]]+", r"\bé", r"\Bé", "é+"],
        &["é", "ä", "éé", "e", "ab"],
    ),
    (
        &["a(?=^b).*", r"a(?=\bb).*", "a(?!^b).*", r"a\bb", r"a\B.*", r"\b.\b.*", "a$|b", "a^b", "(?=.*b)(?!.*c).*"],
        &["ab", "a", "b", "abc", "ab-", "-", "a-b"],
    ),
    (&[".", r"a\sb", "[^b]", "a.b", "a$.*", r"a\s^b"], &["a\nb", "\n", "a\rb", "a\tb"]),
    (
        // This crate refuses these in a new key, but the server compiles them.
        &[
            r"[\w-.]",
            r"[\d-z]",
            "[é]",
            "[^é]",
            "[é]{2}",
            "[a-é]|m",
            "[é-a]",
            r"\Z",
            r"\é",
            "[^]",
            "[]",
            "[]a",
            r"\cA",
            r"\u0141",
            r"\xC3\xA9",
        ],
        &["a", ".", "-", "z", "é", "Z", "A", "1", "m"],
    ),
    (&["[[:w:]]", "[[:Digit:]]", "[[:s:]]", r"[\b]*a", r"[\c-]"], &["a", "1", "-", "_", "c", " "]),
];

fn listed_entry_matches_the_names_that_the_server_allows(server: &Server) {
    let stage = Stage::new(server);
    let mut rows = 0;
    for (entries, names) in ENTRIES {
        for entry in *entries {
            let allowed = compare(&stage, entry, names, wanted(entry));
            rows += if wanted(entry) == Wanted::Equal { allowed.len() } else { 0 };
        }
    }
    assert!(rows >= 250, "{rows}");
}

fn random_pattern_matches_the_names_that_the_server_allows(server: &Server) {
    let stage = Stage::new(server);
    let mut random = Random::new(55);
    let (mut allowed, mut refused) = (0, 0);
    for _ in 0..200 {
        let pattern = grow(&mut random, 4);
        let names: Vec<String> = (0..6).map(|_| name(&mut random)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let matches = compare(&stage, &pattern, &names, wanted(&pattern));
        if wanted(&pattern) == Wanted::Equal {
            allowed += matches.iter().filter(|&&is_allowed| is_allowed).count();
            refused += matches.iter().filter(|&&is_allowed| !is_allowed).count();
        }
    }
    assert!(allowed >= 50 && refused >= 50, "{allowed} {refused}");
}

fn unsupported_pattern_matches_at_least_what_the_server_allows(server: &Server) {
    let stage = Stage::new(server);
    let nested = format!("{}a{}", "(".repeat(60), ")".repeat(60));
    for entry in [
        r"(a)\1",
        r"(a|b)\1?",
        r"(a)(?!\1).*",
        r"(a)(?=\1).*",
        r"((a)|b)*\2",
        r"(a)(?!(?!\1)).*",
        "[[.a.]]+",
        "[[=a=]b]",
        "a{30000}|aa",
        &nested,
    ] {
        let allowed = compare(&stage, entry, &["a", "aa", "ab", "ba", "b", "bb", "aaa"], Wanted::AtLeast);
        assert!(allowed.contains(&true), "{entry} allows nothing, so it proves nothing");
    }
}

/// `Equal` for an entry whose matches are known: a new key may have it, or it does not compile.
fn wanted(entry: &str) -> Wanted {
    let why = CollectionPattern::pattern(entry).err().map(|error| error.to_string());
    let is_unknown = why.is_some_and(|why| why.contains("is refused: "));
    if is_unknown { Wanted::AtLeast } else { Wanted::Equal }
}

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Equal,
    AtLeast,
}

/// Which of `names` the server allows for a key with this entry. The entry must match the same.
#[track_caller]
fn compare(stage: &Stage<'_>, entry: &str, names: &[&str], wanted: Wanted) -> Vec<bool> {
    let (value, info) = key(stage, &["collections:get"], &[entry]);
    let [kept] = &info.collections[..] else { panic!("{info:?}") };
    let allows = |name: &&str| {
        let (matches, allows) = (kept.matches(name), stage.allows(&value, name));
        let is_right = matches == allows || (wanted == Wanted::AtLeast && matches);
        assert!(is_right, "{entry:?} {name:?}: matches {matches}, the server allows it: {allows}");
        allows
    };
    names.iter().map(allows).collect()
}

/// A key as the server lists it: its value and its metadata.
fn key(stage: &Stage<'_>, actions: &[&str], collections: &[&str]) -> (String, KeyInfo) {
    let (id, value) = stage.raw_key_with_id(json!({"actions": actions, "collections": collections}));
    (value, stage.client().get(id).send().unwrap())
}

/// A pattern from a small grammar.
fn grow(random: &mut Random, depth: usize) -> String {
    let part = |random: &mut Random| grow(random, depth - 1);
    match if depth == 0 { 0 } else { random.below(10) } {
        0..=2 => random
            .pick(&[
                "a", "b", "1", "-", "_", ".", r"\w", r"\W", r"\d", "[ab]", "[^a]", "[a-b1]", "^", "$", r"\b", r"\B",
            ])
            .to_owned(),
        3 | 4 => part(random) + &part(random),
        5 => format!("({}|{})", part(random), part(random)),
        6 => format!("{}({}{})", part(random), random.pick(&["?=", "?!"]), part(random)),
        7 => format!("{}|{}", part(random), part(random)),
        _ => {
            let times = random.pick(&["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "??", "{1,2}?"]);
            format!("(?:{}){times}", part(random))
        }
    }
}

fn name(random: &mut Random) -> String {
    let length = 1 + random.below(4);
    (0..length).map(|_| random.pick(&['a', 'a', 'b', 'b', '1', '-', '_'])).collect()
}

fn key_allows_what_the_server_allows(server: &Server) {
    let stage = Stage::new(server);
    let run = unique("o");
    let (orders, other) = (format!("{run}orders"), format!("{run}other"));
    stage.collection(&orders);
    stage.collection(&other);
    let pattern = format!("{run}ord.*");
    let requests = [
        (Action::DOCUMENTS_DELETE, "DELETE", "/documents/absent", ""),
        (Action::DOCUMENTS_GET, "GET", "/documents/1", ""),
        (Action::DOCUMENTS_SEARCH, "GET", "/documents/search?q=x&query_by=title", ""),
        (Action::DOCUMENTS_CREATE, "POST", "/documents", "{}"),
        (Action::COLLECTIONS_GET, "GET", "", ""),
    ];
    for actions in [
        &["*"][..],
        &["documents:*"],
        &["documents:delete"],
        &["documents:delete", "documents:search"],
        &["collections:*", "documents:get"],
        &["documents:serach"],
        &["documents:get, documents:delete"],
        &["keys:*"],
    ] {
        for collections in [&["*"][..], &[&orders], &[&pattern], &["nothing", &other], &["("]] {
            let (value, info) = key(&stage, actions, collections);
            for (action, method, rest, body) in &requests {
                for name in [&orders, &other] {
                    let path = format!("/collections/{}{rest}", percent(name));
                    let allows = stage.send(method, &path, &value, body).status != 401;
                    assert_eq!(info.allows(action, name), allows, "{actions:?} {collections:?}: {method} {path}");
                }
            }
            // An action that no collection restricts.
            let allows = stage.send("GET", "/keys", &value, "").status != 401;
            assert_eq!(info.allows(&Action::KEYS_LIST, "whatever"), allows, "{actions:?} {collections:?}");
        }
    }
}

fn key_for_an_alias_or_its_collection_does_not_allow_the_other(server: &Server) {
    let stage = Stage::new(server);
    let (collection, alias) = (unique("c"), unique("alias"));
    stage.collection(&collection);
    let body = json!({"collection_name": collection}).to_string();
    let path = format!("/aliases/{alias}");
    assert_eq!(stage.send("PUT", &path, server.api_key(), &body).status, 200);
    for (entry, by_name, by_alias) in [(&collection, 200, 401), (&alias, 401, 200)] {
        let (value, info) = key(&stage, &["documents:get"], &[entry]);
        for (name, status) in [(&collection, by_name), (&alias, by_alias)] {
            let document = format!("/collections/{name}/documents/1");
            assert_eq!(stage.send("GET", &document, &value, "").status, status, "{entry}: {document}");
            assert_eq!(info.allows(&Action::DOCUMENTS_GET, name), status == 200);
        }
        assert!(CollectionPattern::exact(entry).matches(entry));
    }
    assert_eq!(stage.send("DELETE", &path, server.api_key(), "").status, 200);
}
