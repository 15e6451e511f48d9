//! The collections that a key allows, for each kind of entry.

use secrecy::ExposeSecret;
use typesense_keys::CollectionPattern;

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    each_kind_of_entry_allows_its_collections_and_no_others,
    key_with_several_entries_allows_the_collections_of_each,
    exact_name_with_special_characters_allows_that_name_alone,
    prefix_with_special_characters_allows_names_that_begin_with_it,
    pattern_allows_only_names_that_match_as_a_whole,
];

fn each_kind_of_entry_allows_its_collections_and_no_others(server: &Server) {
    let stage = Stage::new(server);
    let run = unique("r");
    let name = |rest: &str| format!("{run}{rest}");
    let exist = ["a.b", "axb", "a.b.c", "docs_", "docs_1", "docs_25", "xdocs_1"];
    for collection in exist {
        stage.collection(&name(collection));
    }
    for (entry, open) in [
        (CollectionPattern::try_from(name("axb")).unwrap(), &["axb"][..]),
        (CollectionPattern::exact(&name("a.b")), &["a.b"]),
        (CollectionPattern::exact(&name("axb")), &["axb"]),
        (CollectionPattern::exact(&name("docs_")), &["docs_"]),
        (CollectionPattern::exact(&name("absent")), &[]),
        (CollectionPattern::prefix(&name("a.b")), &["a.b", "a.b.c"]),
        (CollectionPattern::prefix(&name("docs_")), &["docs_", "docs_1", "docs_25"]),
        (CollectionPattern::prefix(&name("")), &exist),
        (CollectionPattern::pattern(name("a.b")).unwrap(), &["a.b", "axb"]),
        (CollectionPattern::pattern(name("docs_[0-9]+")).unwrap(), &["docs_1", "docs_25"]),
        (CollectionPattern::pattern(name("(x?)docs_1")).unwrap(), &["docs_1", "xdocs_1"]),
        (CollectionPattern::pattern(name(r"a\.b")).unwrap(), &["a.b"]),
        (CollectionPattern::ALL, &exist),
    ] {
        let key = stage.key("collections:get", entry.clone());
        for collection in exist {
            let status = stage.status("GET", &format!("/collections/{}", name(collection)), &key.value, "");
            assert_eq!(status, if open.contains(&collection) { 200 } else { 401 }, "{entry}: {collection}");
        }
    }
}

fn key_with_several_entries_allows_the_collections_of_each(server: &Server) {
    let stage = Stage::new(server);
    let entries =
        [CollectionPattern::exact("docs"), CollectionPattern::exact("a.b"), CollectionPattern::prefix("logs-")];
    let request = stage.client().create().actions(["collections:get"]).collections(entries);
    let key = stage.create(request);
    for (name, is_allowed) in [("docs", true), ("a.b", true), ("logs-1", true), ("axb", false), ("docs1", false)] {
        assert_eq!(stage.allows(key.value.expose_secret(), name), is_allowed, "{name}");
    }
}

/// Some are not valid names of collections. The test shows that the server reads none of them as a pattern.
fn names() -> Vec<String> {
    let mut names: Vec<_> =
        (b' '..=b'~').map(char::from).filter(|c| !c.is_alphanumeric()).map(|c| format!("a{c}{c}b")).collect();
    let more =
        ["büro", "日本語", "😀", "a.*b", "(?:a", "[a-z]+", r"\d", "^a$", "a|b", "{2}", "$", "**", "a\\", "^", "-"];
    names.extend(more.map(str::to_owned));
    names
}

fn exact_name_with_special_characters_allows_that_name_alone(server: &Server) {
    let stage = Stage::new(server);
    for name in names() {
        let key = stage.key("collections:get", CollectionPattern::exact(&name));
        let allows = |name: &str| stage.allows(key.value.expose_secret(), name);
        assert!(allows(&name), "{name:?}");
        for other in ["a", "b", "ab", "axxb", "x", "z", "1", "aa", "dd", "", &format!("{name}x"), &format!("x{name}")]
        {
            assert!(!allows(other), "exact({name:?}) allows {other:?}");
        }
    }
}

fn prefix_with_special_characters_allows_names_that_begin_with_it(server: &Server) {
    let stage = Stage::new(server);
    for start in names() {
        let key = stage.key("collections:get", CollectionPattern::prefix(&start));
        let allows = |name: &str| stage.allows(key.value.expose_secret(), name);
        assert!(allows(&start) && allows(&format!("{start}1.x")), "{start:?}");
        for other in ["a", "ab1", "axxb1", "x", "aab", "1", &format!("x{start}")] {
            assert!(!allows(other), "prefix({start:?}) allows {other:?}");
        }
    }
}

fn pattern_allows_only_names_that_match_as_a_whole(server: &Server) {
    let stage = Stage::new(server);
    for (pattern, allowed, refused) in [
        ("docs", &["docs"][..], &["docs1", "xdocs", "doc", "DOCS"][..]),
        ("a|bc", &["a", "bc"], &["ab", "abc", "c"]),
        ("(a|b)c", &["ac", "bc"], &["a", "c", "abc"]),
        ("^docs$", &["docs"], &["docs1"]),
        ("docs.*", &["docs", "docs.x"], &["xdocs"]),
    ] {
        let key = stage.key("collections:get", CollectionPattern::pattern(pattern).unwrap());
        for name in allowed {
            assert!(stage.allows(key.value.expose_secret(), name), "{pattern}: {name}");
        }
        for name in refused {
            assert!(!stage.allows(key.value.expose_secret(), name), "{pattern}: {name}");
        }
    }
}
