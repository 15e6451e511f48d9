//! Actions that this crate refuses, and an action that it does not know.

use secrecy::ExposeSecret;
use serde_json::json;
use typesense_keys::{Action, CollectionPattern, Error, KeyInfo};

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![documented_action_that_allows_nothing_is_refused, unknown_action_is_sent_if_custom,];

/// The public documentation lists them.
fn documented_action_that_allows_nothing_is_refused(server: &Server) {
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
        let key = stage.key(alive, CollectionPattern::ALL);
        assert!(stage.send(method, &path, key.value.expose_secret(), &body).status < 300, "{alive}");

        let refused = stage.client().create().actions([dead]).collections([CollectionPattern::ALL]).send();
        assert!(matches!(refused, Err(Error::InvalidRequest { field: "actions", .. })), "{refused:?}");
    }
    let path = format!("/aliases/{collection}-alias");
    assert_eq!(stage.send("DELETE", &path, server.api_key(), "").status, 200);
}

fn unknown_action_is_sent_if_custom(server: &Server) {
    let stage = Stage::new(server);
    let newer = Action::custom("teleports:create");
    let request = stage.client().create().actions([newer.clone()]).collections([CollectionPattern::ALL]);
    let key = stage.create(request);
    assert_eq!(key.actions, [newer]);
    let listed = stage.client().get(key.id).send().unwrap();
    assert_eq!(listed.actions, key.actions);
    // The action that the server reports can be granted again, also after serialization to JSON.
    let listed: KeyInfo = serde_json::from_str(&serde_json::to_string(&listed).unwrap()).unwrap();
    let again = stage.client().create().actions(&listed.actions).collections([CollectionPattern::ALL]);
    assert_eq!(stage.create(again).actions, listed.actions);
}
