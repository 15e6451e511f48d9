//! A response of something between the client and the server is not reported as one of Typesense. Each status has the
//! same error for all operations.

use std::time::Duration;

use typesense_keys::{Error, ErrorKind, KeysClient};

use super::fixture::{Call, Response, Wire, builder, create, html, json};

/// Part of the node's address, which errors show with its path.
const PATH: &str = "/search/eu";

type Operation = (&'static str, fn(&KeysClient) -> Result<(), Error>);

const OPERATIONS: [Operation; 8] = [
    ("create a key", |client| Call::Create.make(client)),
    ("get key 7", |client| Call::Get.make(client)),
    ("list keys", |client| Call::List.make(client)),
    ("list keys", |client| client.list().stream().map(drop)),
    ("delete key 7", |client| Call::Delete.make(client)),
    ("delete key 7", |client| client.delete(7).ignore_missing(true).send().map(drop)),
    ("create a key", |client| create(client).prepare()?.send().map(drop)),
    ("wait for the server", |client| client.wait_until_ready(Duration::from_secs(30))),
];

/// The part of the error that says that the status is not from Typesense, with its question.
fn question(status: usize) -> &'static str {
    match status {
        400 => "is the scheme of the node's address right (http or https)?",
        401 | 407 => "does a proxy ask for a password?",
        404 | 405 => "are the port and the path of the node's address right?",
        413 => "does a proxy limit the size of requests?",
        _ => "does a proxy or a firewall refuse the request?",
    }
}

/// Responses of other programs, each with its quotation in errors.
fn others(status: usize) -> Vec<(Response, &'static str)> {
    let plain = |body: &str| Response { status, body: body.as_bytes().to_vec(), ..Response::default() };
    let mut all = vec![
        (html(status, "<html>Access denied</html>"), r#" (text/html): "<html>Access denied</html>""#),
        (plain("").header("www-authenticate", "Basic realm=\"staging\""), ""),
        (plain("Unauthorized"), r#": "Unauthorized""#),
        // JSON of other products.
        (plain(r#"{"error":"no route"}"#), r#": "{"error":"no route"}""#),
        (plain(r#"{"message":"Not found.","request_id":"1"}"#), r#": "{"message":"Not found.","request_id":"1"}""#),
        (plain(r#"["Not found."]"#), r#": "["Not found."]""#),
    ];
    // Typesense's own texts are known, so another text is not from Typesense, even in the same form.
    if !matches!(status, 400 | 422) {
        all.push((plain(r#"{"message":"Unauthorized"}"#), r#": "{"message":"Unauthorized"}""#));
        all.push((plain(r#"{"message":"Forbidden"}"#), r#": "{"message":"Forbidden"}""#));
    }
    all
}

#[test]
fn refusal_of_something_in_between_is_an_unexpected_response_of_every_operation() {
    for status in (400..=431).chain([444, 451, 495, 499]).filter(|status| ![408, 429].contains(status)) {
        for (response, quotation) in others(status) {
            let server = Wire::responding(&response);
            let client = builder(&format!("{}{PATH}", server.url())).build().unwrap();
            for (name, call) in OPERATIONS {
                let error = call(&client).expect_err(name);
                let question = question(status);
                assert_eq!(
                    error.to_string().replace(&server.url(), "NODE"),
                    format!(
                        "{name}: NODE{PATH}: status {status}, but not from a Typesense server: {question}{quotation}"
                    )
                );
                assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{error}");
                assert_eq!(error.report().unwrap().node(), format!("{}{PATH}", server.url()));
                assert!(!error.may_have_acted() && !error.is_retryable(), "{error}");
            }
            assert_eq!(server.asked().len(), OPERATIONS.len(), "a request was repeated");
        }
    }
}

#[test]
fn error_that_asks_to_try_again_later_may_come_from_any_server() {
    for (status, read, write) in [
        (408, ErrorKind::Unavailable, ErrorKind::OutcomeUnknown),
        (429, ErrorKind::RateLimited, ErrorKind::RateLimited),
        (500, ErrorKind::Unavailable, ErrorKind::OutcomeUnknown),
        (502, ErrorKind::Unavailable, ErrorKind::OutcomeUnknown),
        (503, ErrorKind::Unavailable, ErrorKind::OutcomeUnknown),
        (504, ErrorKind::Unavailable, ErrorKind::OutcomeUnknown),
        (520, ErrorKind::Unavailable, ErrorKind::OutcomeUnknown),
    ] {
        for (response, _) in others(status) {
            let server = Wire::responding(&response);
            // `wait_until_ready` would wait.
            for (name, call) in &OPERATIONS[..7] {
                let error = call(&server.client()).expect_err(name);
                let kind = if ["get key 7", "list keys"].contains(name) { read } else { write };
                assert_eq!(error.kind(), kind, "{error}");
            }
        }
    }
}

#[test]
fn refusal_of_a_typesense_server_is_recognized_by_its_text() {
    let forbidden = r#"{"message": "Forbidden - a valid `x-typesense-api-key` header must be sent."}"#;
    let no_route = "refused with 404: Not Found; is the path of the node's address right?";
    for (status, body, kind, text) in [
        (401, forbidden, ErrorKind::Unauthorized, "responded with 401: the client's key is wrong"),
        (404, r#"{"message": "Not Found"}"#, ErrorKind::Rejected, no_route),
        (400, r#"{"message": "Bad JSON."}"#, ErrorKind::Rejected, "refused with 400: Bad JSON."),
        (422, r#"{"message": "No."}"#, ErrorKind::Rejected, "refused with 422: No."),
        (422, r#"{"message": "Skipping writes."}"#, ErrorKind::Unavailable, "responded with 422: Skipping writes."),
    ] {
        let server = Wire::responding(&json(status, body));
        let client = builder(&format!("{}{PATH}", server.url())).build().unwrap();
        for (name, call) in &OPERATIONS[..7] {
            let error = call(&client).expect_err(name);
            let shown = error.to_string().replace(&server.url(), "NODE");
            assert!(shown.starts_with(&format!("{name}: NODE{PATH} {text}")), "{shown}");
            assert_eq!(error.kind(), kind, "{error}");
        }
        // A server that responds with a refusal is ready, except for an unknown route and while it skips writes.
        let limit = Duration::from_millis(if kind == ErrorKind::Unavailable { 200 } else { 30_000 });
        let ready = client.wait_until_ready(limit);
        assert_eq!(ready.is_ok(), status == 401, "{ready:?}");
        if let Err(error) = ready {
            assert!(error.to_string().starts_with("wait for the server: ") && !error.to_string().contains("key 42"));
        }
    }
    for (body, is_ready) in [("Not found.", true), ("Not Found", false), ("not found.", false)] {
        let server = Wire::responding(&json(404, format!(r#"{{"message": "{body}"}}"#)));
        assert_eq!(server.client().wait_until_ready(Duration::from_secs(30)).is_ok(), is_ready, "{body}");
        assert_eq!(server.asked()[0].line, "GET /keys/4294967295");
    }
}

#[test]
fn error_about_a_refused_key_says_if_the_key_looks_wrong() {
    let forbidden = r#"{"message": "Forbidden - a valid `x-typesense-api-key` header must be sent."}"#;
    let server = Wire::responding(&json(401, forbidden));
    for (key, note) in [
        ("\"s3cr3t\"", "note that it begins and ends with a quotation mark"),
        ("'s3cr3t'", "note that it begins and ends with a quotation mark"),
        ("s3cr3t'", "note that it begins or ends with a quotation mark"),
        ("${S3CR3T}", "note that it looks like a variable whose value was not filled in"),
        ("%S3CR3T%", "note that it looks like a variable whose value was not filled in"),
        ("undefined", "note that it is a word that stands for a missing value"),
        ("null", "note that it is a word that stands for a missing value"),
        ("/run/secrets/s3cr3t", "note that it looks like the path of a file"),
        ("https://s3cr3t.example.net", "note that it looks like a URL"),
        ("TYPESENSE_API_KEY=s3cr3t", "note that it begins with the name of a variable or header"),
        ("Bearer s3cr3t", "note that it begins with the name of a variable or header"),
        (
            "s3cr3t",
            "the server does not say which; if only some requests fail, the nodes may have different bootstrap keys",
        ),
    ] {
        let client = builder(&server.url()).api_key(key).build().unwrap();
        let error = client.list().send().unwrap_err();
        assert_eq!(
            error.to_string().replace(&server.url(), "NODE"),
            format!(
                "list keys: NODE responded with 401: the client's key is wrong, has expired, or lacks the action \
                 `keys:list` ({note})"
            )
        );
        assert!(!format!("{error:#?}").to_lowercase().contains("s3cr3t"), "{error:#?}");
    }
}
