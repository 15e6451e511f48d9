//! The findings of an audit about listed keys, and the proof on the server that they are true.

use serde_json::{Value, json};
use typesense_keys::Action;
use typesense_keys::audit::AuditFinding;

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![each_kind_of_finding_is_reported_for_a_listed_key, dead_entries_open_nothing];

/// Creates a key without this crate's checks. Returns its value, and the findings about the key as the server lists it.
fn audited(stage: &Stage<'_>, fields: Value) -> (String, Vec<AuditFinding>) {
    let (id, value) = stage.raw_key_with_id(fields);
    (value, stage.client().get(id).send().unwrap().audit())
}

/// A finding about an entry of the listed key.
fn dead(entry: &str) -> AuditFinding {
    AuditFinding::DeadCollection(serde_json::from_value(entry.into()).unwrap())
}

fn each_kind_of_finding_is_reported_for_a_listed_key(server: &Server) {
    let stage = Stage::new(server);
    let later = 4_000_000_000_u64;
    for (actions, collections, expires_at, findings) in [
        (json!(["*"]), json!(["*"]), later, &[AuditFinding::EveryAction, AuditFinding::EveryCollection][..]),
        (json!(["keys:*"]), json!(["*"]), later, &[AuditFinding::GainsEveryRight(Action::custom("keys:*"))]),
        (
            json!(["documents:get", "aliases:*"]),
            json!(["docs"]),
            later,
            &[AuditFinding::NotLimitedByCollections(Action::custom("aliases:*"))],
        ),
        (json!(["documents:get"]), json!(["docs", "^.*$"]), later, &[AuditFinding::EveryCollection]),
        (json!(["documents:get"]), json!(["docs"]), 1, &[AuditFinding::Expired]),
        (
            json!(["documents:get", "documents:serach"]),
            json!(["docs", "*docs"]),
            later,
            &[AuditFinding::DeadAction(Action::custom("documents:serach")), dead("*docs")],
        ),
        (json!(["documents:get"]), json!(["(", ""]), later, &[dead("("), dead(""), AuditFinding::AllowsNothing]),
        (json!(["documents:get"]), json!(["docs"]), later, &[]),
    ] {
        let fields = json!({"actions": actions, "collections": collections, "expires_at": expires_at});
        assert_eq!(audited(&stage, fields.clone()).1, findings, "{fields}");
    }
    let forever = audited(&stage, json!({"actions": ["documents:get"], "collections": ["docs"]})).1;
    assert_eq!(forever, [AuditFinding::NeverExpires]);
}

/// On every route, such a key gets the same response as a key that does not exist.
fn dead_entries_open_nothing(server: &Server) {
    let stage = Stage::new(server);
    let name = unique("c");
    stage.collection(&name);
    let route = |route: &str| {
        let (method, path) = route.split_once(' ').unwrap();
        (method.to_owned(), path.replace(":collection", &name).replace(":id", "4294967294").replace(':', ""))
    };
    let routes: Vec<(String, String)> = Action::ALL.routes().map(route).collect();
    // Names the collection for routes whose path does not.
    let body = json!({"name": name, "searches": [{"collection": name, "q": "x", "query_by": "title"}]}).to_string();
    let all = ["*"];
    for (actions, collections, dead) in [
        (&["documents:serach", "document:*", "aliases:create", "documents:upsert"][..], &all[..], 4),
        (&["analytics:*", "analytics:create", "analytics:delete", "analytics:get", "analytics:list"], &all, 5),
        (&["curation_sets/items:create", "curation_sets/items:list", "overrides:create", "synonyms:create"], &all, 4),
        (&["stemming/dictionaries:create", "stopwords:create", "synonym_sets:create"], &all, 3),
        (
            &["synonym_sets/items:create", "synonym_sets/items:list", "presets:create", "curation_sets:create"],
            &all,
            4,
        ),
        (&["documents:list", "multi_search:*", "multi_search:create", "health_with_rusage:*"], &all, 4),
        (&["health_with_rusage:list", "analytics:upsert"], &all, 2),
        (&["collections:*, documents:*", "collections", ":get", "", "a b:c", "keys:", "keys:list:get"], &all, 7),
        (&["documents:*", "collections:get", "collections:delete"], &["(", "*c", ""], 3),
    ] {
        let (value, findings) = audited(&stage, json!({"actions": actions, "collections": collections}));
        assert_eq!(findings.last(), Some(&AuditFinding::AllowsNothing), "{findings:?}");
        let is_dead = |finding: &&AuditFinding| {
            matches!(finding, AuditFinding::DeadAction(_) | AuditFinding::DeadCollection(_))
        };
        assert_eq!(findings.iter().filter(is_dead).count(), dead, "{findings:?}");
        for (method, path) in &routes {
            let status = |key: &str| stage.send(method, path, key, &body).status;
            assert_eq!(status(&value), status("nobody's key"), "{method} {path} by {actions:?} {collections:?}");
        }
    }
}
