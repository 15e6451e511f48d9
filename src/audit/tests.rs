use super::AuditFinding::*;
use super::*;
use crate::server_version::ServerVersion as V;

const LATER: Expiry = Expiry::from_unix_seconds(32_503_680_000);

fn key(actions: &[&str], collections: &[&str], expires_at: Expiry) -> KeyInfo {
    let actions = actions.iter().map(|&text| action(text)).collect();
    let collections = collections.iter().map(|&text| CollectionPattern::custom(text)).collect();
    KeyInfo::new("test".into(), actions, collections, expires_at, None)
}

fn action(text: &str) -> Action {
    Action::custom(text)
}

fn dead(text: &str) -> AuditFinding {
    DeadAction(action(text))
}

fn unlimited(text: &str) -> AuditFinding {
    NotLimitedByCollections(action(text))
}

fn gains(text: &str) -> AuditFinding {
    GainsEveryRight(action(text))
}

fn entry(text: &str) -> AuditFinding {
    DeadCollection(CollectionPattern::custom(text))
}

fn hangs(text: &str) -> AuditFinding {
    HangsCollectionList(CollectionPattern::custom(text))
}

#[test]
fn finding_is_reported_only_for_its_reason() {
    for (actions, collections, findings) in [
        (&["documents:search", "documents:get"][..], &["docs"][..], vec![]),
        (&["documents:search"], &["docs"], vec![SignsForEveryCollection]),
        (&["documents:search"], &["*"], vec![EveryCollection]),
        (&["*"], &["docs"], vec![EveryAction]),
        (&["keys:create", "*"], &["docs"], vec![EveryAction]),
        (&["keys:create"], &["*"], vec![gains("keys:create")]),
        (&["keys:update", "keys:get"], &["*"], vec![gains("keys:update")]),
        (&["keys:*"], &["docs"], vec![gains("keys:*"), unlimited("keys:*")]),
        (&["keys:list"], &["*"], vec![]),
        (&["documents:get"], &["*"], vec![EveryCollection]),
        (&["documents:get"], &["docs", ".+"], vec![EveryCollection]),
        (&["documents:*"], &[r"[\w-]+"], vec![EveryCollection]),
        (&["documents:*"], &[r"\w+"], vec![]),
        (&["collections:*"], &[".*"], vec![EveryCollection]),
        (&["documents:search", "aliases:upsert"], &["docs"], vec![unlimited("aliases:upsert")]),
        (&["synonym_sets:*", "presets:get"], &["docs"], vec![unlimited("synonym_sets:*"), unlimited("presets:get")]),
        (&["collections:*", "collections:list"], &["docs"], vec![unlimited("collections:list")]),
        (&["health:list", "documents:get"], &["docs"], vec![]),
        (&["documents:serach"], &["*"], vec![dead("documents:serach"), AllowsNothing]),
        (&["document:get"], &["a"], vec![dead("document:get"), AllowsNothing]),
        (&["aliases:create", "documents:get"], &["a"], vec![dead("aliases:create")]),
        (&["analytics:*"], &["*"], vec![dead("analytics:*"), AllowsNothing]),
        (&["health_with_rusage:list"], &["*"], vec![dead("health_with_rusage:list"), AllowsNothing]),
        (&["a:b, c:d", "", "a:b, c:d"], &["a"], vec![dead("a:b, c:d"), dead(""), AllowsNothing]),
        (&["teleports:create"], &["*"], vec![]),
        (&["teleports:create"], &["docs"], vec![]),
        (&["operations/schema_changes:get", "operations/schema_changes:list"], &["*"], vec![]),
        (&["documents:get"], &["(", "a", "("], vec![entry("(")]),
        (&["documents:get"], &["(", ""], vec![entry("("), entry(""), AllowsNothing]),
        (&["documents:get", "keys:get"], &["("], vec![unlimited("keys:get"), entry("(")]),
        (&["documents:get", "teleports:create"], &["("], vec![entry("(")]),
        (&["collections:*"], &["a", "("], vec![unlimited("collections:list"), entry("("), hangs("(")]),
        (&["collections:get"], &["a", "("], vec![entry("(")]),
        (&["collections:list"], &["*", "("], vec![entry("(")]),
        (&["collections:list"], &["("], vec![unlimited("collections:list"), entry("("), hangs("(")]),
        (&["documents:*"], &["("], vec![entry("("), AllowsNothing]),
        (&["documents:get"], &["[[.a.]]"], vec![]),
        (&["keys:get"], &[], vec![AllowsNothing]),
        (&[], &["*"], vec![AllowsNothing]),
        (&["*", "x"], &["*", "("], vec![EveryAction, EveryCollection, dead("x"), entry("(")]),
    ] {
        assert_eq!(key(actions, collections, LATER).audit(), findings, "{actions:?} {collections:?}");
    }
}

#[test]
fn version_determines_which_actions_allow_nothing() {
    let not_on = |text: &str, version| NotOnServer(action(text), version);
    for (actions, collections, version, findings) in [
        (&["synonyms:*", "documents:get"][..], &["a"][..], V::V29, vec![]),
        (&["synonyms:*", "documents:get"], &["a"], V::V30, vec![not_on("synonyms:*", V::V30)]),
        (&["overrides:get"], &["a"], V::V30, vec![not_on("overrides:get", V::V30), AllowsNothing]),
        (&["synonym_sets:get"], &["*"], V::V29, vec![not_on("synonym_sets:get", V::V29), AllowsNothing]),
        (&["synonym_sets:get"], &["a"], V::V29, vec![not_on("synonym_sets:get", V::V29), AllowsNothing]),
        (&["keys:update"], &["*"], V::V30, vec![not_on("keys:update", V::V30), AllowsNothing]),
        (&["keys:update"], &["*"], V::AFTER_V30_2, vec![gains("keys:update")]),
        (&["keys:*"], &["*"], V::V30, vec![gains("keys:*")]),
        (&["teleports:create", "aliases:create"], &["*"], V::V30, vec![dead("aliases:create")]),
        (&["*"], &["a"], V::V30, vec![EveryAction]),
        (&["documents:search"], &["a"], V::V29, vec![SignsForEveryCollection]),
        (&["documents:search"], &["a"], V::new(29, 1), vec![]),
        (&["documents:search"], &["a"], V::new(30, 1), vec![SignsForEveryCollection]),
        (&["documents:search"], &["a"], V::new(30, 2), vec![]),
        (&["collections:list"], &["a", "("], V::V26, vec![unlimited("collections:list"), entry("(")]),
        (&["collections:list"], &["a", "("], V::V27, vec![entry("("), hangs("(")]),
        (&["collections:list"], &["("], V::V27, vec![entry("("), hangs("("), AllowsNothing]),
        (&["collections:list"], &["*"], V::V27, vec![EveryCollection]),
    ] {
        assert_eq!(
            key(actions, collections, LATER).audit_for(version),
            findings,
            "{actions:?} {collections:?} {version}"
        );
    }
}

#[test]
fn expiry_is_reported_if_past_or_never() {
    let at = |seconds| key(&["documents:get"], &["docs"], Expiry::from_unix_seconds(seconds)).audit();
    assert_eq!(at(1), [Expired]);
    assert_eq!(key(&["*"], &["docs"], Expiry::NEVER).audit(), [EveryAction, NeverExpires]);
    assert_eq!(at(u64::MAX), [NeverExpires]);
}

#[test]
fn finding_displays_as_one_line() {
    for (finding, line) in [
        (EveryAction, "may do everything, as the bootstrap key may"),
        (gains("keys:update"), "has the action `keys:update`, with which it can gain every right"),
        (unlimited("aliases:get"), "has the action `aliases:get`, which its collections do not limit"),
        (
            unlimited("collections:list"),
            "has the action `collections:list`, which its collections do not limit before v27",
        ),
        (dead("a\nb"), r"has the action `a\nb`, which allows nothing"),
        (dead("aliases:create"), "has the action `aliases:create`, which allows nothing; grant `aliases:upsert`"),
        (
            NotOnServer(action("synonyms:*"), V::V30),
            "has the action `synonyms:*`, which allows nothing on v30.0: gone since v30.0; grant `synonym_sets/items:*` \
             or `synonym_sets:*` there",
        ),
        (
            NotOnServer(action("synonym_sets:upsert"), V::new(27, 1)),
            "has the action `synonym_sets:upsert`, which allows nothing on v27.1: new in v30.0; grant `synonyms:upsert` \
             there",
        ),
        (
            NotOnServer(action("keys:update"), V::V30),
            "has the action `keys:update`, which allows nothing on v30.0: in no release up to v30.2",
        ),
        (
            NotOnServer(action("conversations:list"), V::V27),
            "has the action `conversations:list`, which allows nothing on v27.0: gone since v27.0",
        ),
        (entry(""), "has an empty entry of collections, which matches none"),
        (entry("(\u{1b}"), r"has the collections `(\u{1b}`, a pattern that does not compile and matches none"),
        (hangs("("), "never gets a response to a list of collections from v27 on, because of its entry `(`"),
        (Omitted(3), "and 3 more like the last one"),
    ] {
        assert_eq!(finding.to_string(), line);
    }
    assert!(dead(&"\u{1b}".repeat(1 << 20)).to_string().len() < 1000);
}

#[test]
fn hostile_key_has_few_findings() {
    let texts: Vec<String> = (0..100_000).map(|n| format!("documents:{n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let findings = key(&texts, &["(", "a"], LATER).audit();
    assert_eq!(findings[MAX_OF_A_KIND - 1], dead(&format!("documents:{}", MAX_OF_A_KIND - 1)));
    assert_eq!(findings[MAX_OF_A_KIND..], [Omitted(100_000 - MAX_OF_A_KIND), entry("("), AllowsNothing]);
    let same = vec!["documents:serach"; 100_000];
    assert_eq!(key(&same, &["a"], LATER).audit(), [dead("documents:serach"), AllowsNothing]);
}

#[test]
fn finding_has_a_stable_code_and_severity() {
    let search = || Action::DOCUMENTS_SEARCH;
    let (every, entry) = (CollectionPattern::ALL, || CollectionPattern::custom("a("));
    let findings = [
        (EveryAction, "every_action high"),
        (gains("keys:*"), "gains_every_right high keys:*"),
        (EveryCollection, "every_collection medium"),
        (SignsForEveryCollection, "signs_for_every_collection high"),
        (unlimited("aliases:get"), "not_limited_by_collections medium aliases:get"),
        (Expired, "expired low"),
        (NeverExpires, "never_expires low"),
        (dead("a"), "dead_action medium a"),
        (NotOnServer(search(), V::V30), "not_on_server medium documents:search"),
        (DeadCollection(entry()), "dead_collection medium a("),
        (HangsCollectionList(every), "hangs_collection_list medium *"),
        (AllowsNothing, "allows_nothing medium"),
        (Omitted(3), "omitted low"),
    ];
    for (finding, shown) in findings {
        let json = serde_json::to_value(&finding).unwrap();
        let member = |name: &str| json[name].as_str().unwrap_or_default();
        assert_eq!(format!("{} {} {}", member("code"), member("severity"), member("entry")).trim_end(), shown);
        assert_eq!(member("message"), finding.to_string());
        assert_eq!(
            format!("{} {}", finding.code(), finding.severity()),
            shown.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")
        );
    }
    assert!(Severity::Low < Severity::Medium && Severity::Medium < Severity::High);
}
