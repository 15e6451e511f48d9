//! Good responses, from servers old and new.

use secrecy::ExposeSecret;
use typesense_keys::{Action, CollectionPattern, CreatedKey, Expiry, KeyId, KeyInfo};

use super::fixture::{Wire, create, json};

/// As 0.24 responses.
const OLD: &str = r#"{"actions":["documents:search","x:y"],"collections":["docs","a.b"],"description":"ü \"q\"","expires_at":1893456000,"id":7,"#;

/// As v30 responses.
const NEW: &str = r#"{"autodelete":true,"actions":["documents:search","x:y"],"collections":["docs","a.b"],"description":"ü \"q\"","expires_at":1893456000,"id":7,"#;

/// As a server to come may respond.
const NEWER: &str = r#"{"created_at":1,"owner":{"id":8,"value":"no"},"tags":[null,[[]],1e9],"autodelete":false,"actions":["documents:search","x:y"],"collections":["docs","a.b"],"description":"ü \"q\"","expires_at":1893456000,"id":7,"#;

const SHAPES: [(&str, Option<bool>); 3] = [(OLD, None), (NEW, Some(true)), (NEWER, Some(false))];

#[track_caller]
fn is_the_key(info: KeyInfo, expected_autodelete: Option<bool>) {
    let KeyInfo { id, description, actions, collections, expires_at, prefix, autodelete, .. } = info;
    assert_eq!(id, KeyId::from(7));
    assert_eq!(description, "ü \"q\"");
    assert_eq!(actions, [Action::DOCUMENTS_SEARCH, Action::custom("x:y")]);
    assert_eq!(collections, [CollectionPattern::from("docs"), CollectionPattern::pattern("a.b")]);
    assert_eq!(expires_at, Expiry::from_unix_seconds(1_893_456_000));
    assert_eq!(prefix, "abcd");
    assert_eq!(autodelete, expected_autodelete);
}

#[test]
fn get_understands_servers_old_and_new() {
    for (shape, autodelete) in SHAPES {
        let server = Wire::answering(&json(200, format!(r#"{shape}"value_prefix":"abcd"}}"#)));
        is_the_key(server.client().get(7).send().unwrap(), autodelete);
    }
}

#[test]
fn list_understands_servers_old_and_new() {
    let keys = SHAPES.map(|(shape, _)| format!(r#"{shape}"value_prefix":"abcd"}}"#)).join(",");
    let server = Wire::answering(&json(200, format!(r#"{{"keys":[{keys}],"next":null}}"#)));
    let keys = server.client().list().send().unwrap();
    assert_eq!(keys.len(), 3);
    for (info, (_, autodelete)) in keys.into_iter().zip(SHAPES) {
        is_the_key(info, autodelete);
    }
}

#[test]
fn a_list_may_be_empty() {
    let server = Wire::answering(&json(200, r#"{"keys":[]}"#));
    assert_eq!(server.client().list().send().unwrap(), []);
}

#[test]
fn create_understands_servers_old_and_new() {
    for (shape, expected_autodelete) in SHAPES {
        let server = Wire::answering(&json(201, format!(r#"{shape}"value":"\u0061bc\ud83d\udd11\"\\"}}"#)));
        let key = create(&server.client()).send().unwrap();
        let CreatedKey { id, value, description, actions, collections, expires_at, autodelete, .. } = key;
        // The server's word counts, also where it differs from what was asked for.
        assert_eq!(value.expose_secret(), "abc🔑\"\\");
        let prefix = "abcd".to_owned();
        assert_eq!(description, "ü \"q\"");
        let info = format!(r#"{shape}"value_prefix":"{prefix}"}}"#);
        let info: KeyInfo = serde_json::from_str(&info).unwrap();
        assert_eq!((id, actions, collections), (info.id, info.actions.clone(), info.collections.clone()));
        assert_eq!((expires_at, autodelete), (info.expires_at, expected_autodelete));
    }
}

#[test]
fn a_key_that_never_expires_is_told_apart() {
    let body = format!(r#"{OLD}"value_prefix":"abcd"}}"#).replace("1893456000", "64723363199");
    let server = Wire::answering(&json(200, body));
    let info = server.client().get(7).send().unwrap();
    assert_eq!(info.expires_at, Expiry::NEVER);
    assert!(!info.is_expired());
}

#[test]
fn delete_needs_nothing_but_the_id() {
    for body in [r#"{"id":7}"#, r#"{"id":7,"more":{}}"#, " {\n\"id\" : 7 }\r\n"] {
        let server = Wire::answering(&json(200, body));
        assert_eq!(server.client().delete(7).send().unwrap(), KeyId::from(7));
    }
}

#[test]
fn the_content_type_is_not_believed_and_so_may_be_wrong() {
    for response in [json(200, r#"{"id":7}"#), super::fixture::html(200, r#"{"id":7}"#)] {
        assert_eq!(Wire::answering(&response).client().delete(7).send().unwrap().get(), 7);
    }
}
