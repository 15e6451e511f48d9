//! Valid responses of old and new servers.

use std::time::{Duration, UNIX_EPOCH};

use secrecy::ExposeSecret;
use typesense_keys::{Action, CreateKey, ErrorKind, Expiry, KeyId, KeyInfo};

use super::fixture::{Wire, json};

/// As 0.24 responds.
const OLD: &str = r#"{"actions":["documents:search","x:y"],"collections":["docs","a.b"],"description":"ü \"q\"","expires_at":1893456000,"id":7,"#;

/// As v30 responds.
const NEW: &str = r#"{"autodelete":true,"actions":["documents:search","x:y"],"collections":["docs","a.b"],"description":"ü \"q\"","expires_at":1893456000,"id":7,"#;

/// As a future server may respond.
const NEWER: &str = r#"{"created_at":1,"owner":{"id":8,"value":"no"},"tags":[null,[[]],1e9],"autodelete":false,"actions":["documents:search","x:y"],"collections":["docs","a.b"],"description":"ü \"q\"","expires_at":1893456000,"id":7,"#;

const SHAPES: [(&str, Option<bool>); 3] = [(OLD, None), (NEW, Some(true)), (NEWER, Some(false))];

#[track_caller]
fn is_the_key(info: KeyInfo, expected_autodelete: Option<bool>) {
    let KeyInfo { id, description, actions, collections, expires_at, prefix, autodelete, .. } = info;
    assert_eq!(id, KeyId::from(7));
    assert_eq!(description, "ü \"q\"");
    assert_eq!(actions, [Action::DOCUMENTS_SEARCH, Action::custom("x:y")]);
    assert_eq!(collections, ["docs", "a.b"]);
    assert_eq!(expires_at, Expiry::from_unix_seconds(1_893_456_000));
    assert_eq!(prefix, "abcd");
    assert_eq!(autodelete, expected_autodelete);
}

#[test]
fn get_understands_old_and_new_servers() {
    for (shape, autodelete) in SHAPES {
        let server = Wire::responding(&json(200, format!(r#"{shape}"value_prefix":"abcd"}}"#)));
        is_the_key(server.client().get(7).send().unwrap(), autodelete);
    }
}

#[test]
fn list_understands_old_and_new_servers() {
    let keys = SHAPES.map(|(shape, _)| format!(r#"{shape}"value_prefix":"abcd"}}"#)).join(",");
    let server = Wire::responding(&json(200, format!(r#"{{"keys":[{keys}],"next":null}}"#)));
    let keys = server.client().list().send().unwrap();
    assert_eq!(keys.len(), 3);
    for (info, (_, autodelete)) in keys.into_iter().zip(SHAPES) {
        is_the_key(info, autodelete);
    }
}

#[test]
fn unknown_members_are_kept_by_get_list_and_stream() {
    let key = format!(r#"{NEWER}"value_prefix":"abcd"}}"#);
    let server = Wire::responding(&json(200, &*key));
    let got = server.client().get(7).send().unwrap();
    let server = Wire::responding(&json(200, format!(r#"{{"keys":[{key}]}}"#)));
    let listed = server.client().list().send().unwrap();
    let streamed: Vec<_> = server.client().list().stream().unwrap().map(Result::unwrap).collect();
    for info in [&got, &listed[0], &streamed[0]] {
        let names: Vec<_> = info.unknown_members().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["created_at", "owner", "tags"]);
        let (written, sent): (serde_json::Value, serde_json::Value) =
            (serde_json::to_value(info).unwrap(), serde_json::from_str(&key).unwrap());
        assert_eq!(written, sent);
    }
}

#[test]
fn list_is_sorted_by_id_and_stream_keeps_the_order_of_the_server() {
    let key = |id| format!(r#"{{"id":{id},{}"value_prefix":"abcd"}}"#, OLD[1..].replace("\"id\":7,", ""));
    let server = Wire::responding(&json(200, format!(r#"{{"keys":[{},{},{}]}}"#, key(9), key(0), key(7))));
    let ids = |keys: Vec<KeyInfo>| keys.iter().map(|key| key.id.get()).collect::<Vec<_>>();
    assert_eq!(ids(server.client().list().send().unwrap()), [0, 7, 9]);
    assert_eq!(ids(server.client().list().stream().unwrap().map(Result::unwrap).collect()), [9, 0, 7]);
}

#[test]
fn list_may_be_empty() {
    let server = Wire::responding(&json(200, r#"{"keys":[]}"#));
    assert_eq!(server.client().list().send().unwrap(), []);
}

/// A request for the key in [`SHAPES`].
fn request(server: &Wire) -> CreateKey {
    let request = server.client().create().description("ü \"q\"");
    let request = request.actions([Action::DOCUMENTS_SEARCH, Action::custom("x:y")]);
    let request = request.collections(["docs", "pattern:a.b"]);
    request.expires_at(UNIX_EPOCH + Duration::from_secs(1_893_456_000))
}

#[test]
fn create_understands_old_and_new_servers() {
    for (shape, autodelete) in SHAPES {
        // The server may delete only a key whose value the server or this crate has generated.
        let shape = shape.replace("\"autodelete\":true", "\"autodelete\":false");
        let server = Wire::responding(&json(201, format!(r#"{shape}"value":"abcd🔑\"\\"}}"#)));
        let key = request(&server).value("abcd🔑\"\\").send().unwrap();
        assert_eq!(key.value.expose_secret(), "abcd🔑\"\\");
        is_the_key(key.info(), autodelete.map(|_| false));
    }
    let server = Wire::responding(&json(201, format!(r#"{NEW}"value":"abcde"}}"#)));
    is_the_key(request(&server).autodelete(true).server_generated().send().unwrap().info(), Some(true));
}

#[test]
fn created_key_that_differs_from_the_request_is_an_error_with_the_sent_value() {
    for (asked_for, created) in [
        ("ü", "u"),
        (r#"["documents:search","x:y"]"#, r#"["documents:search"]"#),
        (r#"["documents:search","x:y"]"#, r#"["x:y","documents:search"]"#),
        (r#"["docs","a.b"]"#, r#"["docs","a\\.b"]"#),
        (r#"["docs","a.b"]"#, r#"["*"]"#),
        ("1893456000", "1893456001"),
        ("1893456000", "64723363199"),
        ("\"id\"", "\"autodelete\":true,\"id\""),
    ] {
        assert!(OLD.contains(asked_for));
        is_no_success(&format!(r#"{}"value":"abcdefgh"}}"#, OLD.replace(asked_for, created)));
    }
}

/// The create asks for the value `abcdefgh`.
#[track_caller]
fn is_no_success(response: &str) {
    let server = Wire::responding(&json(201, response));
    let error = request(&server).value("abcdefgh").send().unwrap_err();
    assert_eq!((error.kind(), error.value().unwrap().expose_secret()), (ErrorKind::OutcomeUnknown, "abcdefgh"));
    assert!(error.to_string().contains("about another key than the one asked for"), "{response}: {error}");
}

#[test]
fn created_key_with_another_value_is_an_error_with_the_sent_value() {
    for value in [r#""other""#, r#""abcdefghi""#, r#""abcd""#, r#""""#, "7", "null", r#"["abcdefgh"]"#] {
        is_no_success(&format!(r#"{OLD}"value":{value}}}"#));
    }
}

#[test]
fn server_generated_value_must_be_text() {
    let create = |server: &Wire| request(server).server_generated().send();
    for value in ["Jd5pQ", r"Jd5p\u0051"] {
        let server = Wire::responding(&json(201, format!(r#"{OLD}"value":"{value}"}}"#)));
        assert_eq!(create(&server).unwrap().value.expose_secret(), "Jd5pQ");
    }
    for value in ["7", "null", r#""""#, r#"{"a":"b"}"#] {
        let server = Wire::responding(&json(201, format!(r#"{OLD}"value":{value}}}"#)));
        let error = create(&server).unwrap_err();
        assert!(error.to_string().contains("without a value that can be read"), "{error}");
    }
}

#[test]
fn key_that_never_expires_has_the_expiry_never() {
    let body = format!(r#"{OLD}"value_prefix":"abcd"}}"#).replace("1893456000", "64723363199");
    let server = Wire::responding(&json(200, body));
    let info = server.client().get(7).send().unwrap();
    assert_eq!(info.expires_at, Expiry::NEVER);
    assert!(!info.is_expired());
}

#[test]
fn delete_needs_only_the_id_in_the_response() {
    for body in [r#"{"id":7}"#, r#"{"id":7,"more":{}}"#, " {\n\"id\" : 7 }\r\n"] {
        let server = Wire::responding(&json(200, body));
        assert_eq!(server.client().delete(7).send().unwrap(), KeyId::from(7));
    }
}

#[test]
fn content_type_of_a_success_may_be_wrong() {
    for response in [json(200, r#"{"id":7}"#), super::fixture::html(200, r#"{"id":7}"#)] {
        assert_eq!(Wire::responding(&response).client().delete(7).send().unwrap().get(), 7);
    }
}
