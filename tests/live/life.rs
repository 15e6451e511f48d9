//! The whole life of a key, its description and its id.

use std::time::{Duration, SystemTime};

use secrecy::ExposeSecret;
use serde_json::json;
use typesense_keys::{Action, CollectionPattern, Error, Expiry, KeyId};

use crate::stage::{Stage, admin, unique};
use crate::support::Server;
use crate::support::harness::or_ignore;

live_tests![
    key_is_created_listed_got_used_and_deleted,
    key_searches_its_collection_and_does_nothing_else,
    description_comes_back_as_it_was_sent,
    several_actions_and_collections_are_kept_in_order,
    first_key_has_id_0_and_absent_ids_are_not_found,
];

fn key_is_created_listed_got_used_and_deleted(server: &Server) {
    let stage = Stage::new(server);
    let client = stage.client();
    let description = unique("life ");
    let in_an_hour = SystemTime::now() + Duration::from_secs(3600);

    let created = stage.create(
        client
            .create()
            .description(&description)
            .actions([Action::KEYS_LIST, Action::DOCUMENTS_SEARCH])
            .collections(["docs"])
            .expires_at(in_an_hour),
    );
    let value = created.value.expose_secret();
    assert_eq!(created.description, description);
    assert_eq!(created.actions, [Action::KEYS_LIST, Action::DOCUMENTS_SEARCH]);
    assert_eq!(created.collections, ["docs"]);
    assert_eq!(created.expires_at, Expiry::from(in_an_hour));
    assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));

    let got = client.get(created.id).send().unwrap();
    assert_eq!((got.id, &got.description, &got.prefix[..]), (created.id, &description, &value[..4]));
    assert_eq!((&got.actions, &got.collections), (&created.actions, &created.collections));
    assert_eq!((got.expires_at, got.is_expired()), (created.expires_at, false));

    let listed = client.list().send().unwrap();
    assert_eq!(listed.iter().filter(|key| **key == got).count(), 1);

    let user = stage.client_with(&created.value);
    assert!(user.list().send().unwrap().contains(&got));

    assert_eq!(client.delete(created.id).send().unwrap(), created.id);
    assert!(is_not_found(client.get(created.id).send(), created.id));
    assert!(!client.list().send().unwrap().contains(&got));
    assert!(matches!(user.list().send(), Err(Error::Unauthorized(_))));
}

fn key_searches_its_collection_and_does_nothing_else(server: &Server) {
    let stage = Stage::new(server);
    let (docs, other) = (unique("docs"), unique("other"));
    stage.collection(&docs);
    stage.collection(&other);
    let key = stage.create(stage.client().create().actions(["documents:search"]).collections([docs.as_str()]));
    let status = |method, path: String, body| stage.status(method, &path, &key.value, body);

    let search = |collection: &str| format!("/collections/{collection}/documents/search?q=hello&query_by=title");
    let found = stage.send("GET", &search(&docs), key.value.expose_secret(), "");
    assert_eq!((found.status, &found.json().unwrap()["found"]), (200, &1.into()), "{}", found.text());
    assert_eq!(status("GET", search(&other), ""), 401);

    let in_both =
        format!(r#"{{"searches": [{{"collection": "{docs}", "q": "*"}}, {{"collection": "{other}", "q": "*"}}]}}"#);
    let in_docs = format!(r#"{{"searches": [{{"collection": "{docs}", "q": "*"}}]}}"#);
    assert_eq!(status("POST", "/multi_search".to_owned(), &in_docs), 200);
    assert_eq!(status("POST", "/multi_search".to_owned(), &in_both), 401);

    let documents = format!("/collections/{docs}/documents");
    assert_eq!(status("POST", documents.clone(), r#"{"title": "written"}"#), 401);
    assert_eq!(status("POST", format!("{documents}/import"), r#"{"title": "written"}"#), 401);
    assert_eq!(status("PATCH", format!("{documents}/1"), r#"{"title": "changed"}"#), 401);
    assert_eq!(status("DELETE", format!("{documents}/1"), ""), 401);
    assert_eq!(status("GET", format!("{documents}/1"), ""), 401);
    assert_eq!(status("GET", format!("{documents}/export"), ""), 401);
    assert_eq!(status("GET", format!("/collections/{docs}"), ""), 401);
    assert_eq!(status("DELETE", format!("/collections/{docs}"), ""), 401);
    assert_eq!(status("GET", "/collections".to_owned(), ""), 401);
    assert_eq!(status("GET", "/keys".to_owned(), ""), 401);
}

fn description_comes_back_as_it_was_sent(server: &Server) {
    let stage = Stage::new(server);
    for description in [
        "",
        "\"quoted\" 'and' `so`",
        "back\\slash \\n \\u0041 \\",
        "grüße, 日本語, Ελληνικά, עברית",
        "😀 👩‍👩‍👧 🇩🇪",
        "e\u{301} is not é",
        "\u{fffd}\u{10ffff}",
        "</script> %s {} ${x} ' OR 1=1 --",
        "null",
    ] {
        let request = stage.client().create().description(description);
        let created = stage.create(request.actions(["documents:search"]).collections(["docs"]));
        assert_eq!(created.description, description);
        assert_eq!(stage.client().get(created.id).send().unwrap().description, description);
    }
    // Other clients create keys with such descriptions.
    for unseen in
        [" spaces at both ends ", "two\nlines\r\nand a\ttab", "\u{1}\u{1f}\u{7f}\u{80}", "\u{feff}\u{200b}\u{202e}"]
    {
        let (id, _) = stage.raw_key_with_id(json!({"description": unseen}));
        assert_eq!(stage.client().get(id).send().unwrap().description, unseen);
        let rotated = stage.client().rotate(id).send().unwrap();
        assert_eq!(rotated.description, unseen);
        stage.client().delete(rotated.id).send().unwrap();
    }
    let long = "long, ".repeat(20_000) + "long";
    let request = stage.client().create().description(&long).actions(["documents:search"]).collections(["docs"]);
    let id = stage.create(request).id;
    assert!(stage.client().get(id).send().unwrap().description == long);
}

fn several_actions_and_collections_are_kept_in_order(server: &Server) {
    let stage = Stage::new(server);
    let actions = ["documents:search", "aliases:*", "documents:get", "documents:search"];
    let collections = [
        CollectionPattern::exact("z"),
        CollectionPattern::exact("a.b"),
        CollectionPattern::prefix("docs_"),
        CollectionPattern::ALL,
    ];
    let key = stage.create(stage.client().create().actions(actions).collections(collections.clone()));
    let got = stage.client().get(key.id).send().unwrap();
    assert_eq!(got.actions.iter().map(Action::as_str).collect::<Vec<_>>(), actions);
    assert_eq!(got.collections, collections);
}

/// On a server of its own, because key 0 of the shared server may belong to another test.
fn first_key_has_id_0_and_absent_ids_are_not_found(_: &Server) {
    let server = or_ignore(Server::start());
    let client = admin(&server).build().unwrap();
    assert_eq!(client.list().send().unwrap(), []);
    for id in [0, 1, u32::MAX] {
        assert!(is_not_found(client.get(id).send(), id.into()));
        assert!(is_not_found(client.delete(id).send(), id.into()));
    }

    let create = || client.create().actions([Action::ALL]).collections([CollectionPattern::ALL]).send().unwrap();
    assert_eq!(create().id.get(), 0);
    assert_eq!(client.get(0).send().unwrap().id.get(), 0);
    // The server would truncate 2^32 to 0. The largest id that can be written finds no key.
    assert!(matches!(client.delete(u32::MAX).send(), Err(Error::NotFound { .. })));
    assert_eq!(client.delete(0).send().unwrap().get(), 0);
    assert!(matches!(client.delete(0).send(), Err(Error::NotFound { .. })));
    assert_eq!(create().id.get(), 1, "ids are not used again");
}

fn is_not_found<T>(result: Result<T, Error>, id: KeyId) -> bool {
    result.is_err_and(|error| matches!(error, Error::NotFound(_)) && error.key_id() == Some(id))
}
