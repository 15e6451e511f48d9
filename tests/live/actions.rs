//! Which action opens which route: that the names in `Action` are the server's own.

use secrecy::ExposeSecret;
use serde_json::json;
use typesense_keys::{Action, Collections, Error};

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    an_action_opens_its_route_and_no_other,
    a_star_stands_for_every_verb_of_its_resource,
    documented_actions_open_nothing_and_are_refused,
    an_action_that_this_crate_does_not_know_passes_as_custom,
];

/// Each with a request that it opens, and that changes nothing which another row needs. `C` is a collection.
fn table() -> Vec<(Action, &'static str, &'static str, &'static str)> {
    vec![
        (Action::ALIASES_UPSERT, "PUT", "/aliases/C-alias", r#"{"collection_name": "C"}"#),
        (Action::ALIASES_GET, "GET", "/aliases/C-alias", ""),
        (Action::ALIASES_LIST, "GET", "/aliases", ""),
        (Action::ALIASES_DELETE, "DELETE", "/aliases/C-alias", ""),
        (Action::COLLECTIONS_CREATE, "POST", "/collections", "{}"),
        (Action::COLLECTIONS_GET, "GET", "/collections/C", ""),
        (Action::COLLECTIONS_LIST, "GET", "/collections", ""),
        (Action::COLLECTIONS_UPDATE, "PATCH", "/collections/C", "{}"),
        (Action::COLLECTIONS_DELETE, "DELETE", "/collections/C-absent", ""),
        (Action::DOCUMENTS_CREATE, "POST", "/collections/C/documents", r#"{"title": "new"}"#),
        (Action::DOCUMENTS_IMPORT, "POST", "/collections/C/documents/import", r#"{"title": "new"}"#),
        (Action::DOCUMENTS_EXPORT, "GET", "/collections/C/documents/export", ""),
        (Action::DOCUMENTS_GET, "GET", "/collections/C/documents/1", ""),
        (Action::DOCUMENTS_UPDATE, "PATCH", "/collections/C/documents/1", r#"{"title": "hi"}"#),
        (Action::DOCUMENTS_DELETE, "DELETE", "/collections/C/documents/absent", ""),
        (Action::DOCUMENTS_SEARCH, "GET", "/collections/C/documents/search?q=*", ""),
        (Action::DEBUG_LIST, "GET", "/debug", ""),
        (Action::HEALTH_CREATE, "POST", "/health", ""),
        (Action::KEYS_CREATE, "POST", "/keys", "{}"),
        (Action::KEYS_GET, "GET", "/keys/4294967295", ""),
        (Action::KEYS_LIST, "GET", "/keys", ""),
        (Action::KEYS_DELETE, "DELETE", "/keys/4294967295", ""),
        (Action::METRICS_JSON_LIST, "GET", "/metrics.json", ""),
        (Action::PRESETS_UPSERT, "PUT", "/presets/C-preset", r#"{"value": {"q": "*"}}"#),
        (Action::PRESETS_GET, "GET", "/presets/C-preset", ""),
        (Action::PRESETS_LIST, "GET", "/presets", ""),
        (Action::PRESETS_DELETE, "DELETE", "/presets/C-preset", ""),
        (Action::STATS_JSON_LIST, "GET", "/stats.json", ""),
    ]
}

fn an_action_opens_its_route_and_no_other(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("c");
    stage.collection(&collection);
    let fill = |text: &str| text.replace("C-", &format!("{collection}-")).replace("/C", &format!("/{collection}"));
    let table = table();
    for (action, ..) in &table {
        let request = stage.client().create().description("live test").actions([action.clone()]);
        let key = stage.create(request.collections([Collections::ALL]));
        for (opener, method, path, body) in &table {
            let body = body.replace("\"C\"", &json!(collection).to_string());
            let status = stage.status(method, &fill(path), &key.value, &body);
            assert!((status == 401) == (opener != action), "a key for {action} got {status} from {method} {path}");
            assert!(status < 500, "{method} {path}: {status}");
        }
    }
}

fn a_star_stands_for_every_verb_of_its_resource(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("c");
    stage.collection(&collection);
    for (granted, resource) in [("documents:*", "documents:"), ("keys:*", "keys:"), ("*", "")] {
        let key = stage.key(granted, Collections::ALL);
        for (action, method, path, body) in table() {
            let path = path.replace("/C", &format!("/{collection}"));
            let is_open = stage.status(method, &path, &key.value, body) != 401;
            assert_eq!(is_open, action.as_str().starts_with(resource), "{granted}: {method} {path}");
        }
    }
}

/// The public documentation lists them.
fn documented_actions_open_nothing_and_are_refused(server: &Server) {
    let stage = Stage::new(server);
    let collection = unique("c");
    stage.collection(&collection);
    let alias = json!({"collection_name": collection}).to_string();
    let upsert = format!("/collections/{collection}/documents?action=upsert");
    let document = r#"{"id": "1", "title": "again"}"#.to_owned();
    for (dead, alive, method, path, body) in [
        ("aliases:create", "aliases:upsert", "PUT", format!("/aliases/{collection}-alias"), alias),
        ("documents:upsert", "documents:create", "POST", upsert, document),
    ] {
        let key = stage.raw_key(json!({"actions": [dead]}));
        assert_eq!(stage.send(method, &path, &key, &body).status, 401, "{dead}");
        let key = stage.key(alive, Collections::ALL);
        assert!(stage.send(method, &path, key.value.expose_secret(), &body).status < 300, "{alive}");

        let refused = stage.client().create().actions([dead]).collections([Collections::ALL]).send();
        assert!(matches!(refused, Err(Error::InvalidRequest { field: "actions", .. })), "{refused:?}");
    }
    let path = format!("/aliases/{collection}-alias");
    assert_eq!(stage.send("DELETE", &path, server.api_key(), "").status, 200);
}

fn an_action_that_this_crate_does_not_know_passes_as_custom(server: &Server) {
    let stage = Stage::new(server);
    let newer = Action::custom("teleports:create");
    let request = stage.client().create().actions([newer.clone()]).collections([Collections::ALL]);
    let key = stage.create(request);
    assert_eq!(key.actions, [newer]);
    assert_eq!(stage.client().get(key.id).send().unwrap().actions, key.actions);
}
