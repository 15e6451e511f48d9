//! The requests that both servers receive, in this order. Each section uses the keys of the sections before it. The
//! first key has the id 0.

use serde_json::{Value, json};

use crate::support::raw;

/// Stands for the bootstrap key, which differs between the servers.
pub(crate) const BOOTSTRAP: &str = "(bootstrap)";

pub(crate) fn table() -> Vec<raw::Request> {
    [
        health_debug_and_unknown_routes(),
        bodies_that_are_no_key(),
        missing_and_mistyped_fields(),
        which_of_several_errors_is_reported(),
        expiries(),
        values(),
        odd_but_accepted(),
        ids(),
        routes_of_keys(),
        who_may_do_what(),
        ways_to_present_a_key(),
        deletions(),
    ]
    .concat()
}

fn health_debug_and_unknown_routes() -> Vec<raw::Request> {
    vec![
        get("/health"),
        anonymous("GET", "/health"),
        get("/health/"),
        get("/health?x=1"),
        request("POST", "/health"),
        anonymous("POST", "/health"),
        request("PUT", "/health"),
        get("/debug"),
        get("/debug/"),
        anonymous("GET", "/debug"),
        request("POST", "/debug"),
        get("/"),
        get("/nope"),
        anonymous("GET", "/nope"),
        request("POST", "/nope"),
        get("/keyss"),
        get("/KEYS"),
        get("/%6Beys"),
        get("/./keys"),
    ]
}

fn bodies_that_are_no_key() -> Vec<raw::Request> {
    let texts = [
        "",
        "{",
        "null",
        "true",
        "1",
        "[]",
        "[1]",
        "\"text\"",
        "{}",
        "not json",
        "{'description': 'd'}",
        "// comment\n{}",
        "{\"x\": 1e400}",
        "{\"x\": NaN}",
        "{\"x\": 01}",
        "{\"description\": \"\\ud800\"}",
        "{\"description\": \"a raw tab: \t\"}",
        "\0{}",
        "{\"description\": \"d\", \"actions\": [\"*\"], \"collections\": [\"*\"],}",
        "{\"description\": \"d\", \"actions\": [\"*\"], \"collections\": [\"*\"]} and more",
    ];
    let mut rows: Vec<raw::Request> = texts.into_iter().map(post).collect();
    rows.push(request("POST", "/keys"));
    rows
}

fn missing_and_mistyped_fields() -> Vec<raw::Request> {
    let mut rows = Vec::new();
    for field in ["description", "actions", "collections"] {
        rows.push(post(key_without(&[field])));
    }
    for wrong in [json!(null), json!(1), json!(true), json!([]), json!({})] {
        rows.push(post(key_with(json!({"description": wrong}))));
        rows.push(post(key_with(json!({"value": wrong}))));
    }
    for field in ["actions", "collections"] {
        for wrong in [
            json!(null),
            json!(1),
            json!("*"),
            json!({}),
            json!({"*": "*"}),
            json!([]),
            json!([1]),
            json!(["*", null]),
            json!([["*"]]),
        ] {
            rows.push(post(key_with(json!({field: wrong}))));
        }
    }
    rows
}

fn which_of_several_errors_is_reported() -> Vec<raw::Request> {
    vec![
        post(key_without(&["description", "actions", "collections"])),
        post(key_without(&["actions", "collections"])),
        post(r#"{"description": 1, "actions": 1, "value": 1, "expires_at": "x"}"#),
        post(key_with(json!({"description": 1, "actions": 1, "collections": 1, "value": 1, "expires_at": "x"}))),
        post(key_with(json!({"description": 1, "actions": 1, "collections": 1, "expires_at": "x"}))),
        post(key_with(json!({"actions": 1, "collections": 1, "expires_at": "x"}))),
        post(key_with(json!({"actions": [1], "collections": 1}))),
        post(key_with(json!({"actions": [1], "collections": [1]}))),
        post(key_with(json!({"collections": 1, "expires_at": "x"}))),
        post(key_with(json!({"value": BOOTSTRAP, "expires_at": "x"}))),
        post("{").with_key("wrong"),
    ]
}

fn expiries() -> Vec<raw::Request> {
    let given = [
        "0",
        "10",
        "4000000000",
        "64723363199",
        "64723363200",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "-9223372036854775808",
        "1.5",
        "1.0",
        "1e3",
        "\"1\"",
        "true",
        "null",
        "[]",
        "{}",
    ];
    given
        .into_iter()
        .map(|expires_at| {
            post(format!(
                r#"{{"description": "d", "actions": ["*"], "collections": ["*"], "expires_at": {expires_at}}}"#
            ))
        })
        .collect()
}

fn values() -> Vec<raw::Request> {
    // These values have a hyphen among their first four characters, or fewer characters. So they differ from generated
    // values (32 letters and digits), which are not compared.
    vec![
        post(key_with(json!({}))),
        post(key_with(json!({"value": ""}))),
        post(key_with(json!({"value": ""}))),
        post(key_with(json!({"value": " "}))),
        post(key_with(json!({"value": "a"}))),
        post(key_with(json!({"value": "a"}))),
        post(key_with(json!({"value": "A"}))),
        post(key_with(json!({"value": "my-own"}))),
        post(key_with(json!({"value": "my-own", "description": "other"}))),
        post(key_with(json!({"value": BOOTSTRAP}))),
        post(key_with(json!({"value": format!("{BOOTSTRAP}-")}))),
        post(key_with(json!({"value": "x-\u{1}\n\r"}))),
        post(key_with(json!({"value": "\0"}))),
        post(key_with(json!({"value": "éé and more"}))),
        post(key_with(json!({"value": "ab-\u{7f}"}))),
        post(key_with(json!({"value": "😀"}))),
        post(key_with(json!({"value": format!("l-{}", "o".repeat(5000))}))),
    ]
}

fn odd_but_accepted() -> Vec<raw::Request> {
    let body = key_with(json!({}));
    vec![
        post(key_with(json!({"description": ""}))),
        post(key_with(json!({"description": "\"q\" \\ é 日本 😀 \n \0 \u{fffd}"}))),
        post(key_with(json!({"actions": [""]}))),
        post(key_with(json!({"actions": ["documents:serach", "*", "*"]}))),
        post(key_with(json!({"actions": ["collections:*, documents:*"]}))),
        post(key_with(json!({"collections": ["["]}))),
        post(key_with(json!({"collections": ["", "a.b", "a.b"]}))),
        post(key_with(json!({"autodelete": true}))),
        post(key_with(json!({"autodelete": "perhaps"}))),
        post(key_with(json!({"id": 7, "value_prefix": "no", "unknown": {"a": [1]}}))),
        post(r#"{"description": "1", "description": "2", "actions": ["*"], "collections": ["*"]}"#),
        post(format!(" \r\n\t{body}\n ")),
        post(format!("\u{feff}{body}")),
        post(format!("{body}\0 ignored")),
        post(&b"{\"description\": \"\xff\", \"actions\": [\"*\"], \"collections\": [\"*\"]}"[..]),
        post(&b"{\"description\": \"a\xe6\x97b\xed\xa0\x80c\", \"actions\": [\"*\"], \"collections\": [\"*\"]}"[..]),
        post(body.clone()).header("content-type", "text/plain"),
        post(body).header("content-type", "application/x-www-form-urlencoded"),
    ]
}

fn ids() -> Vec<raw::Request> {
    [
        "0",
        "1",
        "999999",
        "4294967295",
        "4294967296",
        "4294967297",
        "9223372036854775808",
        "18446744073709551615",
        "-1",
        "-0",
        "-4294967295",
        "-18446744073709551615",
        "+1",
        "00",
        "0001",
        "1x",
        "1.5",
        "1e3",
        "0x1",
        "1;2",
        "%31",
        "%201",
        "1%20",
        "1%2F",
        "1%",
        "1/",
        "1//",
        "1?a=b",
        "1?",
        "1/2",
    ]
    .into_iter()
    .map(|id| get(&format!("/keys/{id}")))
    .collect()
}

fn routes_of_keys() -> Vec<raw::Request> {
    let body = key_with(json!({}));
    vec![
        get("/keys"),
        get("/keys/"),
        get("//keys"),
        get("/keys?"),
        get("/keys?limit=1&offset=2"),
        get("/keys//1"),
        request("POST", "/keys/").body(body.clone()),
        request("POST", "/keys?dry_run=true").body(body.clone()),
        request("POST", "/keys/1").body(body.clone()),
        request("PUT", "/keys").body(body.clone()),
        request("PUT", "/keys/1").body(body.clone()),
        request("PATCH", "/keys").body(body.clone()),
        request("PATCH", "/keys/1").body(body),
        request("DELETE", "/keys"),
        request("DELETE", "/keys/"),
        request("DELETE", "/keys/1/2"),
        request("OPTIONS", "/keys"),
        anonymous("OPTIONS", "/keys"),
    ]
}

fn who_may_do_what() -> Vec<raw::Request> {
    let grants = [
        json!(["keys:list"]),
        json!(["keys:get"]),
        json!(["keys:create"]),
        json!(["keys:delete"]),
        json!(["keys:*"]),
        json!(["*"]),
        json!(["documents:search"]),
        json!(["documents:*", "keys:get"]),
        json!(["debug:list"]),
        json!(["health:create"]),
        json!(["keys"]),
        json!(["keys:"]),
        json!(["key*"]),
        json!(["KEYS:LIST"]),
        json!([" keys:list"]),
        json!(["keys:(list|get)"]),
        json!([":*"]),
    ];
    let mut rows = Vec::new();
    for (number, actions) in grants.into_iter().enumerate() {
        let value = format!("r-{number}");
        rows.push(post(key_with(json!({"value": value, "actions": actions}))));
        rows.extend(everything_as(&value));
    }
    for (value, expires_at) in [("e-past", 1000), ("e-zero", 0), ("e-later", 4_000_000_000_i64)] {
        rows.push(post(key_with(json!({"value": value, "expires_at": expires_at}))));
        rows.extend(everything_as(value));
    }
    // The value of an expired key is still in use, and collections do not limit requests about keys.
    rows.push(post(key_with(json!({"value": "e-past"}))));
    rows.push(post(key_with(json!({"value": "c-other", "collections": ["other"]}))));
    rows.extend(everything_as("c-other"));
    rows
}

/// One request for each action, none of which changes anything.
fn everything_as(key: &str) -> Vec<raw::Request> {
    vec![
        get("/keys").with_key(key),
        get("/keys/1").with_key(key),
        post("{}").with_key(key),
        request("DELETE", "/keys/999999").with_key(key),
        get("/debug").with_key(key),
        request("POST", "/health").with_key(key),
        get("/nope").with_key(key),
    ]
}

fn ways_to_present_a_key() -> Vec<raw::Request> {
    let plain = |path: &str| anonymous("GET", path);
    let mut rows = vec![
        plain("/keys/1"),
        anonymous("POST", "/keys").body(key_with(json!({}))),
        anonymous("DELETE", "/keys/1"),
        plain("/keys/1").header("Authorization", &format!("Bearer {BOOTSTRAP}")),
        plain("/keys/1").header("x-typesense-api-key", &format!(" {BOOTSTRAP} ")),
        plain("/keys/1").header("X-TYPESENSE-API-KEY", BOOTSTRAP),
        plain("/keys/1").header("X-Typesense-Api-Key", BOOTSTRAP),
        get("/keys/1").with_key(""),
        get("/keys/1").with_key("wrong"),
        get("/keys/1").header("x-typesense-api-key", "wrong"),
        get("/keys/1").with_key("wrong").header("x-typesense-api-key", BOOTSTRAP),
        get("/keys/1?x-typesense-api-key=wrong"),
        get("/keys/1?x-typesense-api-key=(bootstrap)").with_key("wrong"),
        get("/keys/1?x-typesense-api-key=(bootstrap)").with_key(""),
        anonymous("POST", "/keys?x-typesense-api-key=(bootstrap)").body("{}"),
        anonymous("DELETE", "/keys/999999?x-typesense-api-key=(bootstrap)"),
    ];
    for query in [
        "x-typesense-api-key=(bootstrap)",
        "a=1&x-typesense-api-key=(bootstrap)&b=2",
        "x-typesense-api-key=wrong",
        "x-typesense-api-key=",
        "x-typesense-api-key",
        "X-TYPESENSE-API-KEY=(bootstrap)",
        "x-typesense-api%2Dkey=(bootstrap)",
        "x-typesense-api-key=wrong&x-typesense-api-key=(bootstrap)",
        "x-typesense-api-key=(bootstrap)&x-typesense-api-key=wrong",
        "x-typesense-api-key=%72-5",
        "x-typesense-api-key=r%2D5",
    ] {
        rows.push(plain(&format!("/keys/1?{query}")));
    }
    rows
}

fn deletions() -> Vec<raw::Request> {
    let delete = |id: &str| request("DELETE", &format!("/keys/{id}"));
    vec![
        delete("999999"),
        delete("-1"),
        delete("abc"),
        delete("-"),
        delete("%20"),
        delete("18446744073709551616"),
        delete("4294967296"),
        delete("0"),
        get("/keys/0"),
        delete("0001"),
        delete("2x?a=b"),
        delete("-4294967293").body("not json"),
        get("/keys"),
        // The value of a deleted key can be used again, its id is not.
        delete("9"),
        post(key_with(json!({"value": "again-"}))),
        get("/keys"),
    ]
}

// ---- How a row is written ----------------------------------------------------------------------

trait WithKey {
    fn with_key(self, key: &str) -> Self;
}

impl WithKey for raw::Request {
    /// Sends this key in the header.
    fn with_key(mut self, key: &str) -> raw::Request {
        self.headers.clear();
        self.api_key(key)
    }
}

fn anonymous(method: &str, path: &str) -> raw::Request {
    raw::Request::new(method, path)
}

fn request(method: &str, path: &str) -> raw::Request {
    anonymous(method, path).api_key(BOOTSTRAP)
}

pub(crate) fn get(path: &str) -> raw::Request {
    request("GET", path)
}

pub(crate) fn post(body: impl Into<Vec<u8>>) -> raw::Request {
    request("POST", "/keys").body(body)
}

/// The body of a request for a key that allows everything, with these members replaced.
pub(crate) fn key_with(fields: Value) -> String {
    let mut key = json!({"description": "d", "actions": ["*"], "collections": ["*"]});
    if let (Value::Object(key), Value::Object(fields)) = (&mut key, fields) {
        key.extend(fields);
    }
    key.to_string()
}

fn key_without(fields: &[&str]) -> String {
    let mut key: Value = serde_json::from_str(&key_with(json!({}))).unwrap();
    if let Value::Object(key) = &mut key {
        key.retain(|name, _| !fields.contains(&name.as_str()));
    }
    key.to_string()
}
