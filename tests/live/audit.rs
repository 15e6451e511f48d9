//! What an audit says of keys as the server keeps them, and that it is so.

use serde_json::{Value, json};
use typesense_keys::{Action, Finding, KeyInfo};

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![a_key_of_each_kind_is_found, what_an_audit_calls_dead_opens_nothing];

fn audited(stage: &Stage<'_>, fields: Value) -> (String, KeyInfo, Vec<Finding>) {
    let (id, value) = stage.raw_key_with_id(fields);
    let info = stage.client().get(id).send().unwrap();
    let findings = info.audit();
    (value, info, findings)
}

fn a_key_of_each_kind_is_found(server: &Server) {
    let stage = Stage::new(server);
    let later = 4_000_000_000_u64;
    for (actions, collections, expires_at, findings) in [
        (json!(["*"]), json!(["*"]), later, &[Finding::EveryAction, Finding::EveryCollection][..]),
        (json!(["keys:*"]), json!(["*"]), later, &[Finding::CreatesKeys]),
        (json!(["documents:get"]), json!(["docs", "^.*$"]), later, &[Finding::EveryCollection]),
        (json!(["documents:get"]), json!(["docs"]), 1, &[Finding::Expired]),
        (
            json!(["documents:get", "documents:serach"]),
            json!(["docs", "*docs"]),
            later,
            &[Finding::DeadAction("documents:serach".into()), Finding::DeadCollection("*docs".into())],
        ),
        (
            json!(["documents:get"]),
            json!(["(", ""]),
            later,
            &[Finding::DeadCollection("(".into()), Finding::DeadCollection("".into()), Finding::OpensNothing],
        ),
        (json!(["documents:get"]), json!(["docs"]), later, &[]),
    ] {
        let fields = json!({"actions": actions, "collections": collections, "expires_at": expires_at});
        assert_eq!(audited(&stage, fields.clone()).2, findings, "{fields}");
    }
    let forever = audited(&stage, json!({"actions": ["documents:get"], "collections": ["docs"]})).2;
    assert_eq!(forever, [Finding::NeverExpires]);
}

/// With every method and path that the stage knows, by way of the table of actions.
fn what_an_audit_calls_dead_opens_nothing(server: &Server) {
    let stage = Stage::new(server);
    let name = unique("c");
    stage.collection(&name);
    let routes: Vec<(&str, String)> = Action::ANY
        .routes()
        .filter(|route| !route.contains("/health") && !route.contains("/multi_search"))
        .map(|route| {
            let (method, path) = route.split_once(' ').unwrap();
            (method, path.replace(":collection", &name).replace(":id", "4294967294").replace(':', ""))
        })
        .collect();
    for (actions, collections) in [
        (json!(["documents:serach", "document:*", "aliases:create", "documents:upsert"]), json!(["*"])),
        (
            json!(["collections:*, documents:*", "collections", ":get", "", "a b:c", "keys:", "keys:list:get"]),
            json!([name]),
        ),
        (json!(["documents:*", "collections:get", "collections:delete"]), json!(["(", "*c", ""])),
    ] {
        let (value, info, findings) = audited(&stage, json!({"actions": actions, "collections": collections}));
        assert_eq!(findings.last(), Some(&Finding::OpensNothing), "{findings:?}");
        let dead = |finding: &&Finding| matches!(finding, Finding::DeadAction(_) | Finding::DeadCollection(_));
        let entries = if collections == json!(["(", "*c", ""]) { info.collections.len() } else { info.actions.len() };
        assert_eq!(findings.iter().filter(dead).count(), entries, "{findings:?}");
        for (method, path) in &routes {
            let status = stage.send(method, path, &value, "{}").status;
            assert!(matches!(status, 401 | 404), "{method} {path} by {actions} {collections}: {status}");
        }
    }
}
