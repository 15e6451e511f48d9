//! Requests that the server refuses, and the error of each.

use std::fmt::Debug;
use std::time::{Duration, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use typesense_keys::{Action, CollectionPattern, CreateKey, Error, KeyId, KeysClient};

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    wrong_key_is_unauthorized_for_every_operation,
    each_operation_needs_its_own_action,
    key_that_may_list_lists_and_does_not_create,
    deleted_key_is_unauthorized,
    value_in_use_is_a_conflict,
    bootstrap_keys_value_is_a_conflict,
    absent_key_is_not_found_first_and_not_deleted_twice,
    wrong_path_in_the_address_is_refused_or_an_unexpected_response,
    useless_key_that_the_server_accepts_is_refused_by_the_crate,
];

/// The results of the four operations with one client.
fn all_four(client: &KeysClient, id: KeyId) -> [(&'static str, Result<(), Error>); 4] {
    [
        ("keys:create", anything(client).send().map(drop)),
        ("keys:get", client.get(id).send().map(drop)),
        ("keys:list", client.list().send().map(drop)),
        ("keys:delete", client.delete(id).send().map(drop)),
    ]
}

fn anything(client: &KeysClient) -> CreateKey {
    client.create().description("live test").actions([Action::DOCUMENTS_SEARCH]).collections(["docs"])
}

#[track_caller]
fn assert_unauthorized<T: Debug>(result: Result<T, Error>, needed: &str) {
    match result {
        Err(error @ Error::Unauthorized(_)) => {
            assert_eq!((error.status(), error.is_retryable()), (Some(401), false));
            let said = error.report().unwrap().message();
            assert_eq!(said, Some("Forbidden - a valid `x-typesense-api-key` header must be sent."));
            let text = error.to_string();
            assert!(text.contains("wrong, has expired, or lacks the action") && text.contains(needed), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

fn wrong_key_is_unauthorized_for_every_operation(server: &Server) {
    let stage = Stage::new(server);
    let target = stage.create(anything(stage.client()));
    let almost = format!("{}x", server.api_key());
    for wrong in ["wrong", &almost, "*", "bootstrap", "\"quoted\""] {
        let client = stage.client_with(&SecretString::from(wrong));
        for (needed, result) in all_four(&client, target.id) {
            assert_unauthorized(result, needed);
        }
    }
    assert!(stage.client().get(target.id).send().is_ok());
}

fn each_operation_needs_its_own_action(server: &Server) {
    let stage = Stage::new(server);
    let target = stage.create(anything(stage.client()));
    for granted in ["keys:get", "keys:list", "documents:*", "collections:*"] {
        let client = stage.client_with(&stage.key(granted, CollectionPattern::ALL).value);
        for (needed, result) in all_four(&client, target.id) {
            if needed == granted {
                assert!(result.is_ok(), "{granted}: {result:?}");
            } else {
                assert_unauthorized(result, needed);
            }
        }
    }
    // These two operations change something. Collections do not limit operations on keys.
    let maker = stage.client_with(&stage.key("keys:create", "elsewhere").value);
    let made = stage.create(anything(&maker));
    assert_unauthorized(maker.delete(made.id).send(), "keys:delete");
    let remover = stage.client_with(&stage.key("keys:delete", "elsewhere").value);
    assert_unauthorized(remover.get(made.id).send(), "keys:get");
    assert_eq!(remover.delete(made.id).send().unwrap(), made.id);

    let all = stage.client_with(&stage.key("keys:*", "elsewhere").value);
    let made = stage.create(anything(&all));
    assert!(all.get(made.id).send().is_ok() && all.list().send().is_ok());
    assert_eq!(all.delete(made.id).send().unwrap(), made.id);
}

fn key_that_may_list_lists_and_does_not_create(server: &Server) {
    let stage = Stage::new(server);
    let key = stage.key("keys:list", CollectionPattern::ALL);
    let user = stage.client_with(&key.value);
    assert!(user.list().send().unwrap().iter().any(|listed| listed.id == key.id));
    assert_unauthorized(anything(&user).send(), "keys:create");
}

fn deleted_key_is_unauthorized(server: &Server) {
    let stage = Stage::new(server);
    let key = stage.key("keys:*", CollectionPattern::ALL);
    let user = stage.client_with(&key.value);
    assert!(user.get(key.id).send().is_ok());
    // The key may delete itself, and is refused afterwards.
    assert_eq!(user.delete(key.id).send().unwrap(), key.id);
    for (needed, result) in all_four(&user, key.id) {
        assert_unauthorized(result, needed);
    }
}

fn value_in_use_is_a_conflict(server: &Server) {
    let stage = Stage::new(server);
    let value = unique("my-own-value-");
    let with_value = || anything(stage.client()).value(value.as_str());
    let first = stage.create(with_value());
    assert_eq!(first.value.expose_secret(), value);

    let error = with_value().description("another").send().unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    assert_eq!((error.status(), error.is_retryable()), (Some(409), false));
    assert_eq!(error.report().unwrap().message(), Some("API key generation conflict."));
    assert_eq!(error.report().unwrap().attempts().len(), 1, "a conflict of the first attempt is repeated");
    assert!(!format!("{error} {error:?}").contains(&value[..8]));

    // After the key is deleted, its value can be used again.
    stage.client().delete(first.id).send().unwrap();
    let again = stage.create(with_value());
    assert!(again.id > first.id);
}

fn bootstrap_keys_value_is_a_conflict(server: &Server) {
    let stage = Stage::new(server);
    let result = anything(stage.client()).value(server.api_key()).send();
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
}

fn absent_key_is_not_found_first_and_not_deleted_twice(server: &Server) {
    let stage = Stage::new(server);
    let id = stage.create(anything(stage.client())).id;
    stage.client().delete(id).send().unwrap();
    for error in [stage.client().get(id).send().unwrap_err(), stage.client().delete(id).send().unwrap_err()] {
        assert!(matches!(error, Error::NotFound(_)) && error.key_id() == Some(id), "{error:?}");
        assert_eq!((error.status(), error.is_retryable()), (Some(404), false));
        assert_eq!(error.report().unwrap().message(), Some("Not found."));
        assert!(error.to_string().contains(&format!("key {id}: {} has no key with this id", server.url())));
    }
}

fn wrong_path_in_the_address_is_refused_or_an_unexpected_response(server: &Server) {
    let stage = Stage::new(server);
    let below = |path: &str| {
        let builder = KeysClient::builder().node(format!("{}{path}", server.url()));
        builder.api_key(server.api_key()).build().unwrap()
    };
    // The server's 404 for an unknown route. It is not about a key, because the request is not about one key.
    for error in [below("/nope").list().send().unwrap_err(), anything(&below("/nope")).send().unwrap_err()] {
        assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        assert_eq!((error.status(), error.report().unwrap().message()), (Some(404), Some("Not Found")));
    }
    // A document with the id `keys`: the response is a success, but not a list of keys.
    let docs = unique("docs");
    stage.collection(&docs);
    let documents = format!("/collections/{docs}/documents");
    assert_eq!(stage.send("POST", &documents, server.api_key(), r#"{"id": "keys", "title": "x"}"#).status, 201);
    let error = below(&documents).list().send().unwrap_err();
    assert!(matches!(error, Error::UnexpectedResponse { .. }), "{error:?}");
    assert_eq!(error.status(), Some(200));
}

/// The reason why the crate checks requests: the server accepts all of these keys, and none of them allows anything.
fn useless_key_that_the_server_accepts_is_refused_by_the_crate(server: &Server) {
    let stage = Stage::new(server);
    let allows = |fields| stage.allows(&stage.raw_key(fields), "docs");
    let request = || stage.client().create().description("live test").expires_in(Duration::from_secs(60));

    let (action, all) = ("collections:get", CollectionPattern::ALL);
    assert!(allows(json!({"actions": [action]})), "the correct action allows nothing");
    stage.create(request().actions([action]).collections([all.clone()]));

    let refused_by_us: [(&str, CreateKey, Value); 8] = [
        ("actions", request().actions(["collections:gte"]), json!({"actions": ["collections:gte"]})),
        ("actions", request().actions(["collections:get "]), json!({"actions": ["collections:get "]})),
        ("actions", request().actions(["CollectionPattern:Get"]), json!({"actions": ["CollectionPattern:Get"]})),
        (
            "actions",
            request().actions(["collections:get, documents:*"]),
            json!({"actions": ["collections:get, documents:*"]}),
        ),
        ("actions", request().actions(["collections"]), json!({"actions": ["collections"]})),
        ("actions", request().actions(["collection:*"]), json!({"actions": ["collection:*"]})),
        ("collections", request().actions([action]).collections([""]), json!({"collections": [""]})),
        ("expires_at", request().actions([action]).expires_at(UNIX_EPOCH), json!({"expires_at": 0})),
    ];
    for (named, request, fields) in refused_by_us {
        assert!(!allows(fields.clone()), "{fields} allows something");
        match request.collections([all.clone()]).send() {
            Err(Error::InvalidRequest { field, .. }) => assert_eq!(field, named, "{fields}"),
            other => panic!("{fields}: {other:?}"),
        }
    }
}
