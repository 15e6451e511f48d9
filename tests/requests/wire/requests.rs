//! The four requests: method, path, headers and body.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::ExposeSecret;
use typesense_keys::{Action, CollectionPattern};

use super::fixture::{ADMIN_KEY, Asked, Call, VALUE, Wire, builder, create, json};

const INFO: &str = r#"{"actions":["documents:search"],"collections":["docs"],"description":"","expires_at":64723363199,"id":7,"value_prefix":"abcd"}"#;

fn good(call: Call) -> Wire {
    match call {
        Call::Create => Wire::creating(),
        Call::Get => Wire::responding(&json(200, INFO)),
        Call::List => Wire::responding(&json(200, format!(r#"{{"keys":[{INFO}]}}"#))),
        Call::Delete => Wire::responding(&json(200, r#"{"id":7}"#)),
    }
}

/// Makes a call, and returns the request that the server received.
fn seen(call: Call) -> (Asked, String) {
    let server = good(call);
    call.make(&server.client()).unwrap();
    (server.asked_once(), server.url().replace("http://", ""))
}

#[test]
fn each_call_is_one_request_with_these_headers_once_and_no_others() {
    for (call, line) in [(Call::Get, "GET /keys/7"), (Call::List, "GET /keys"), (Call::Delete, "DELETE /keys/7")] {
        let (asked, host) = seen(call);
        let mut headers = vec![
            "accept: application/json".to_owned(),
            format!("host: {host}"),
            concat!("user-agent: typesense-keys/", env!("CARGO_PKG_VERSION")).to_owned(),
            format!("x-typesense-api-key: {ADMIN_KEY}"),
        ];
        if line.starts_with("GET") {
            // So that no cache responds with an old list.
            headers.insert(1, "cache-control: no-cache".to_owned());
        }
        assert_eq!(asked, Asked { line: line.to_owned(), headers, body: String::new() });
    }
}

#[test]
fn create_has_a_json_body_and_its_content_type() {
    let (asked, host) = seen(Call::Create);
    let body =
        format!(r#"{{"description":"","actions":["documents:search"],"collections":["docs"],"value":"{VALUE}"}}"#);
    let headers = [
        "accept: application/json".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        format!("host: {host}"),
        concat!("user-agent: typesense-keys/", env!("CARGO_PKG_VERSION")).to_owned(),
        format!("x-typesense-api-key: {ADMIN_KEY}"),
    ];
    assert_eq!(asked, Asked { line: "POST /keys".to_owned(), headers: headers.to_vec(), body });
}

#[test]
fn every_field_of_a_create_is_sent_with_the_name_that_the_server_uses() {
    let server = good(Call::Create);
    let create = create(&server.client()).description("für \"wen\"? \\ 🔑").actions(["keys:*"]);
    let create = create.collections([
        CollectionPattern::exact("a.b"),
        CollectionPattern::prefix("x_"),
        CollectionPattern::ALL,
    ]);
    let expiry = UNIX_EPOCH + Duration::from_millis(1_893_455_999_001);
    create.expires_at(expiry).autodelete(false).send().unwrap();
    assert_eq!(
        server.asked_once().body,
        r#"{"description":"für \"wen\"? \\ 🔑","actions":["documents:search","keys:*"],"collections":["docs","a\\.b","x_.*","*"],"value":"the-new-value-Zw34","expires_at":1893456000,"autodelete":false}"#
    );
}

#[test]
fn member_that_is_not_set_is_not_sent() {
    let server = good(Call::Create);
    let create = server.client().create().actions([Action::ALL]).collections(["*"]);
    create.server_generated().send().unwrap();
    assert_eq!(server.asked_once().body, r#"{"description":"","actions":["*"],"collections":["*"]}"#);
}

#[test]
fn autodelete_of_a_generated_value_is_sent() {
    let server = good(Call::Create);
    let create = server.client().create().actions([Action::ALL]).collections(["*"]);
    assert_eq!(create.autodelete(true).send().unwrap().autodelete, Some(true));
    assert!(server.asked_once().body.ends_with(r#","autodelete":true}"#));
}

#[test]
fn autodelete_of_a_provided_value_is_refused() {
    let server = good(Call::Create);
    let error = create(&server.client()).autodelete(true).send().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("invalid request: `autodelete`: cannot be combined with a given value (`value`, "),
        "{error}"
    );
    assert_eq!(server.asked(), []);
}

#[test]
fn value_that_is_not_provided_is_generated_for_each_key() {
    let server = good(Call::Create);
    let create = || server.client().create().actions([Action::ALL]).collections(["*"]).send().unwrap();
    let (_, _) = (create(), create());
    let values: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| {
            let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
            body["value"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_ne!(values[0], values[1]);
    for value in values {
        assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{value}");
    }
}

#[test]
fn expires_in_counts_from_the_moment_of_sending() {
    let server = good(Call::Create);
    let day = Duration::from_secs(86_400);
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let earliest = seconds(SystemTime::now() + day);
    create(&server.client()).expires_in(day).send().unwrap();
    let latest = seconds(SystemTime::now() + day) + 1;
    let body: serde_json::Value = serde_json::from_str(&server.asked_once().body).unwrap();
    let sent = body["expires_at"].as_u64().unwrap();
    assert!((earliest..=latest).contains(&sent), "{earliest} <= {sent} <= {latest}");
}

#[test]
fn address_of_a_node_may_have_a_path() {
    for prefix in ["/search", "/search/", "/a/b/c//"] {
        let server = good(Call::Get);
        let client = builder(&format!("{}{prefix}", server.url())).build().unwrap();
        client.get(7).send().unwrap();
        let line = format!("GET {}/keys/7", prefix.trim_end_matches('/'));
        assert_eq!(server.asked_once().line, line);
    }
}

#[test]
fn highest_and_lowest_id_are_written_in_full() {
    for id in [0, u32::MAX] {
        let server = Wire::responding(&json(200, format!(r#"{{"id":{id}}}"#)));
        assert_eq!(server.client().delete(id).send().unwrap().get(), id);
        assert_eq!(server.asked_once().line, format!("DELETE /keys/{id}"));
    }
}

#[test]
fn key_of_any_text_that_a_header_can_carry_arrives_unchanged() {
    let long = "k".repeat(4096);
    for key in ["x", "with space", "\"quotes\" and \\", "clé-🔑", &long] {
        let server = good(Call::List);
        builder(&server.url()).api_key(key).build().unwrap().list().send().unwrap();
        assert!(server.asked_once().headers.contains(&format!("x-typesense-api-key: {key}")), "{key}");
    }
}

#[test]
fn value_of_any_text_arrives_unchanged() {
    let long = "v".repeat(4096);
    for value in ["short", "with space", "\"quotes\" and \\", "clé-🔑", &long] {
        let server = Wire::creating();
        let key = create(&server.client()).value(value).send().unwrap();
        assert_eq!(key.value.expose_secret(), value);
        let body: serde_json::Value = serde_json::from_str(&server.asked_once().body).unwrap();
        assert_eq!(body["value"], value);
    }
}
