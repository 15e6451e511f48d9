//! Every kind of bad response: the kind of its error, whether it is retryable, and the exact text of `{err}`.

use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::{Error, ErrorKind, KeyId};

use super::fixture::{Call, Response, VALUE, Wire, builder, html, json};

/// The placeholder of the server's address in the expected texts.
const NODE: &str = "NODE";

/// The beginning of the text of an error that leaves the outcome of a create, or a delete, open.
const CREATE_IN_DOUBT: &str =
    "create a key: the server may have created it; its value is in this error; last attempt, NODE: ";
const DELETE_IN_DOUBT: &str =
    "delete key 7: the server may have done so; repeating it does no harm; last attempt, NODE: ";

/// The error of each call after this response.
#[track_caller]
fn check(response: &Response, expected: &[(Call, ErrorKind, &str)]) {
    for &(call, kind, text) in expected {
        let server = Wire::responding(response);
        let error = call.make(&server.client()).expect_err("a response that is not good");
        assert_eq!(error.to_string().replace(&server.url(), NODE), text);
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.status(), Some(u16::try_from(response.status).unwrap()), "{error}");
        assert_eq!(error.report().unwrap().node(), server.url(), "{error}");
        server.asked_once();
        if kind == ErrorKind::OutcomeUnknown {
            assert_eq!(error.value().map(ExposeSecret::expose_secret), (call == Call::Create).then_some(VALUE));
            assert_eq!(error.key_id().map(KeyId::get), (call == Call::Delete).then_some(7));
        }
    }
}

/// Checks the errors of reads, deletes and creates after a response that cannot be read.
#[track_caller]
fn check_unreadable(response: &Response, result: &str, quotation: &str) {
    // A list is read key by key.
    let (words, _) = result.split_once(" (line").unwrap();
    check(
        response,
        &[
            (
                Call::Get,
                ErrorKind::UnexpectedResponse,
                &format!("get key 7: NODE: status 200 with a {result}{quotation}"),
            ),
            (
                Call::List,
                ErrorKind::UnexpectedResponse,
                &format!("list keys: NODE: status 200 with a {words} (after 0 keys){quotation}"),
            ),
            (Call::Delete, ErrorKind::OutcomeUnknown, &format!("{DELETE_IN_DOUBT}status 200 with a {result}")),
        ],
    );
    let created = Response { status: 201, ..response.clone() };
    check(
        &created,
        &[(Call::Create, ErrorKind::OutcomeUnknown, &format!("{CREATE_IN_DOUBT}status 201 with a {result}"))],
    );
}

const FORBIDDEN: &str = r#"{"message":"Forbidden - a valid `x-typesense-api-key` header must be sent."}"#;

#[test]
fn status_401_names_all_three_causes_and_the_action() {
    let text = |call: &str, action: &str| {
        format!(
            "{call}: NODE responded with 401: the client's key is wrong, has expired, or lacks the action `{action}` (the \
             server does not say which; if only some requests fail, the nodes may have different bootstrap keys)"
        )
    };
    check(
        &json(401, FORBIDDEN),
        &[
            (Call::Create, ErrorKind::Unauthorized, &text("create a key", "keys:create")),
            (Call::Get, ErrorKind::Unauthorized, &text("get key 7", "keys:get")),
            (Call::List, ErrorKind::Unauthorized, &text("list keys", "keys:list")),
            (Call::Delete, ErrorKind::Unauthorized, &text("delete key 7", "keys:delete")),
        ],
    );
}

#[test]
fn status_404_is_not_found_if_the_request_has_an_id() {
    check(
        &json(404, r#"{"message":"Not found."}"#),
        &[
            (Call::Get, ErrorKind::NotFound, "get key 7: NODE has no key with this id"),
            (Call::Delete, ErrorKind::NotFound, "delete key 7: NODE has no key with this id"),
            (
                Call::List,
                ErrorKind::Rejected,
                "list keys: NODE refused with 404: Not found.; is the path of the node's address right?",
            ),
            (
                Call::Create,
                ErrorKind::Rejected,
                "create a key: NODE refused with 404: Not found.; is the path of the node's address right?",
            ),
        ],
    );
}

#[test]
fn status_409_is_a_conflict_of_creates() {
    check(
        &json(409, r#"{"message":"API key generation conflict."}"#),
        &[
            (
                Call::Create,
                ErrorKind::Conflict,
                "create a key: NODE responded with 409: a key already has this value; if an earlier call may have \
                 created it, look for it with `list().prefix(value)`; otherwise, choose another value, or leave `value` \
                 out",
            ),
            (Call::Get, ErrorKind::Rejected, "get key 7: NODE refused with 409: API key generation conflict."),
            (Call::Delete, ErrorKind::Rejected, "delete key 7: NODE refused with 409: API key generation conflict."),
        ],
    );
}

#[test]
fn error_of_another_4xx_shows_the_message_of_the_server() {
    check(
        &json(400, r#"{"message": "Bad JSON."}"#),
        &[
            (Call::Create, ErrorKind::Rejected, "create a key: NODE refused with 400: Bad JSON."),
            (Call::List, ErrorKind::Rejected, "list keys: NODE refused with 400: Bad JSON."),
        ],
    );
    check(
        &json(422, r#"{"message": "Could not \"process\"\r\n that."}"#),
        &[(Call::Create, ErrorKind::Rejected, "create a key: NODE refused with 422: Could not \"process\"   that.")],
    );
    check(
        &html(403, "<html>\n<b>Access denied</b>\u{1b}[31m"),
        &[(
            Call::Get,
            ErrorKind::UnexpectedResponse,
            "get key 7: NODE: status 403, but not from a Typesense server: does a proxy or a firewall refuse the request? \
             (text/html): \"<html> <b>Access denied</b> [31m\"",
        )],
    );
    let long = "z".repeat(1_000);
    let text = format!("list keys: NODE refused with 400: {}…", "z".repeat(200));
    check(&json(400, format!(r#"{{"message":"{long}"}}"#)), &[(Call::List, ErrorKind::Rejected, &text)]);
}

#[test]
fn status_429_or_503_may_have_a_retry_after() {
    let limited = json(429, r#"{"message":"Rate limit exceeded or blocked"}"#);
    let retry_after = |response: &Response| match Wire::responding(response).client().list().send() {
        Err(error @ (Error::RateLimited(_) | Error::Unavailable(_))) => error.retry_after(),
        other => panic!("{other:?}"),
    };
    for call in ["create a key", "delete key 7"] {
        let text = format!("{call}: NODE responded with 429, too many requests; it asks to wait 3 s");
        let call = if call == "create a key" { Call::Create } else { Call::Delete };
        check(&limited.clone().header("retry-after", "3"), &[(call, ErrorKind::RateLimited, &text)]);
    }
    assert_eq!(retry_after(&limited.clone().header("Retry-After", "3")), Some(Duration::from_secs(3)));
    for unknown in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "99999999999999999999", ""] {
        assert_eq!(retry_after(&limited.clone().header("retry-after", unknown)), None, "{unknown}");
    }
    check(&limited, &[(Call::List, ErrorKind::RateLimited, "list keys: NODE responded with 429, too many requests")]);
    let not_ready = json(503, r#"{"message":"Not Ready or Lagging"}"#).header("retry-after", "3600");
    assert_eq!(retry_after(&not_ready), Some(Duration::from_secs(3_600)));
    let other = json(502, "{}").header("retry-after", "3600");
    assert_eq!(retry_after(&other), None, "a status other than 429 and 503 asks to wait");
}

#[test]
fn status_5xx_leaves_the_outcome_of_a_write_open() {
    const LATER: &str = "; the server or its cluster cannot serve requests now, try again later";
    let empty = Response { status: 500, ..Response::default() };
    let page = html(502, "<html>Bad Gateway</html>");
    for (response, reason) in [
        (&empty, "500: no reason given"),
        (&page, "502: <html>Bad Gateway</html>"),
        (&json(503, r#"{"message":"Down"}"#), "503: Down"),
        (&json(599, "x"), "599: x"),
    ] {
        let status = response.status;
        check(
            response,
            &[
                (Call::Get, ErrorKind::Unavailable, &format!("get key 7: NODE responded with {reason}{LATER}")),
                (Call::List, ErrorKind::Unavailable, &format!("list keys: NODE responded with {reason}{LATER}")),
                (Call::Create, ErrorKind::OutcomeUnknown, &format!("{CREATE_IN_DOUBT}status {status}")),
                (Call::Delete, ErrorKind::OutcomeUnknown, &format!("{DELETE_IN_DOUBT}status {status}")),
            ],
        );
    }
}

#[test]
fn node_that_is_not_ready_has_not_acted() {
    let text = |call: &str| {
        format!(
            "{call}: NODE responded with 503: Not Ready or Lagging; the server or its cluster cannot serve requests now, try \
             again later"
        )
    };
    check(
        &json(503, r#"{"message":"Not Ready or Lagging"}"#),
        &[
            (Call::Create, ErrorKind::Unavailable, &text("create a key")),
            (Call::Get, ErrorKind::Unavailable, &text("get key 7")),
            (Call::List, ErrorKind::Unavailable, &text("list keys")),
            (Call::Delete, ErrorKind::Unavailable, &text("delete key 7")),
        ],
    );
}

#[test]
fn html_page_is_quoted_except_after_a_create() {
    check_unreadable(
        &html(200, "<html>\n<b>Hi</b></html>"),
        "response that is not JSON (line 1, column 1)",
        " (text/html): \"<html> <b>Hi</b></html>\"",
    );
}

#[test]
fn empty_body_is_unreadable() {
    check_unreadable(
        &json(200, ""),
        "response that is not JSON (line 1, column 0)",
        " (application/json; charset=utf-8)",
    );
    check_unreadable(
        &Response { status: 200, ..Response::default() },
        "response that is not JSON (line 1, column 0)",
        "",
    );
}

#[test]
fn truncated_json_is_unreadable() {
    check_unreadable(
        &json(200, r#"{"id":"#),
        "response that is not JSON (line 1, column 6)",
        r#" (application/json; charset=utf-8): "{"id":""#,
    );
}

#[test]
fn cause_says_why_a_response_could_not_be_decoded() {
    let error = Wire::responding(&json(200, r#"{"message":"hello"}"#)).client().get(7).send().unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("JSON of another shape (line 1, column 19)"));
}

/// It may be that of another request, whose response an intermediary has mixed up with this one.
#[test]
fn content_with_a_value_is_not_quoted() {
    check_unreadable(
        &json(200, r#"{"value":"prod-a"}"#),
        "response that is JSON of another shape (line 1, column 18)",
        " (application/json; charset=utf-8)",
    );
}

#[test]
fn invalid_utf8_is_unreadable() {
    check_unreadable(
        &json(200, b"\xff\xfe{}"),
        "response that is not JSON (line 1, column 1)",
        " (application/json; charset=utf-8): \"\u{fffd}\u{fffd}{}\"",
    );
}

#[test]
fn json_of_another_shape_is_unreadable() {
    for (body, column) in [
        (r#"{"message":"hello"}"#, 19),
        (r#"{"id":-1}"#, 8),
        (r#"{"id":4294967296}"#, 16),
        (r#"{"id":7.0}"#, 9),
        (r#"{"id":"7"}"#, 9),
        (r#"{"id":null}"#, 10),
    ] {
        let response = json(200, body);
        let text = format!(
            "{DELETE_IN_DOUBT}status 200 with a response that is JSON of another shape (line 1, column {column})"
        );
        check(&response, &[(Call::Delete, ErrorKind::OutcomeUnknown, &text)]);
        for (call, name) in [(Call::Get, "get key 7"), (Call::List, "list keys")] {
            let place =
                if call == Call::List { "after 0 keys".to_owned() } else { format!("line 1, column {column}") };
            let text = format!(
                "{name}: NODE: status 200 with a response that is JSON of another shape ({place}) \
                 (application/json; charset=utf-8): \"{body}\""
            );
            check(&response, &[(call, ErrorKind::UnexpectedResponse, &text)]);
        }
    }
}

#[test]
fn response_about_another_key_is_unreadable() {
    let info = r#"{"actions":[],"collections":[],"description":"","expires_at":1,"id":8,"value_prefix":""}"#;
    let text = format!(
        "get key 7: NODE: status 200 with a response that is about another key than the one asked for \
         (application/json; charset=utf-8): \"{info}\""
    );
    check(&json(200, info), &[(Call::Get, ErrorKind::UnexpectedResponse, &text)]);
    let text =
        format!("{DELETE_IN_DOUBT}status 200 with a response that is about another key than the one asked for");
    check(&json(200, r#"{"id":8}"#), &[(Call::Delete, ErrorKind::OutcomeUnknown, &text)]);
}

#[test]
fn unexpected_2xx_status_is_not_a_success() {
    for status in [200, 202] {
        let text = format!("{CREATE_IN_DOUBT}status {status}, where 201 was expected");
        check(&json(status, r#"{"id":7}"#), &[(Call::Create, ErrorKind::OutcomeUnknown, &text)]);
    }
    let quotation = r#"(application/json; charset=utf-8): "{"id":7}""#;
    check(
        &json(201, r#"{"id":7}"#),
        &[
            (
                Call::Get,
                ErrorKind::UnexpectedResponse,
                &format!("get key 7: NODE: status 201, where 200 was expected {quotation}"),
            ),
            (
                Call::Delete,
                ErrorKind::OutcomeUnknown,
                &format!("{DELETE_IN_DOUBT}status 201, where 200 was expected"),
            ),
        ],
    );
}

#[test]
fn compressed_response_is_refused() {
    let gzip = |status, body| json(status, body).header("content-encoding", "gzip");
    let result = "the response is compressed, which was not asked for";
    check(
        &gzip(200, "\u{1f}\u{8}"),
        &[
            (
                Call::List,
                ErrorKind::UnexpectedResponse,
                &format!("list keys: NODE: {result} (application/json; charset=utf-8)"),
            ),
            (Call::Delete, ErrorKind::OutcomeUnknown, &format!("{DELETE_IN_DOUBT}{result}")),
        ],
    );
    // The meaning of an error status does not depend on the body.
    check(
        &gzip(500, "\u{1f}\u{8}"),
        &[
            (Call::Delete, ErrorKind::OutcomeUnknown, &format!("{DELETE_IN_DOUBT}status 500")),
            (Call::Create, ErrorKind::OutcomeUnknown, &format!("{CREATE_IN_DOUBT}status 500")),
        ],
    );
    check(
        &gzip(400, "\u{1f}\u{8}"),
        &[(
            Call::List,
            ErrorKind::UnexpectedResponse,
            "list keys: NODE: status 400, but not from a Typesense server: is the scheme of the node's address right (http \
             or https)? (application/json; charset=utf-8)",
        )],
    );
}

#[test]
fn error_about_a_too_large_response_names_the_limit() {
    let server = Wire::responding(&json(200, format!(r#"{{"keys":[{}]}}"#, " ".repeat(100))));
    let client = builder(&server.url()).max_list_size(100).build().unwrap();
    let error = client.list().send().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "list keys: {}: the response is larger than the limit of 100 bytes (see `max_list_size`; one key may have at most 1 MiB)",
            server.url()
        )
    );
    assert_eq!((error.kind(), error.status()), (ErrorKind::TooLarge, None));
}

#[test]
fn error_gives_the_last_response_and_every_attempt() {
    let server = Wire::responding(&html(502, "<html>Bad Gateway</html>"));
    let error = server.client().list().send().unwrap_err();
    let report = error.report().unwrap();
    assert_eq!(report.message(), Some("<html>Bad Gateway</html>"));
    assert_eq!(report.content_type(), Some("text/html"));
    assert_eq!(report.status(), Some(502));
    let [attempt] = report.attempts() else { panic!("not exactly one attempt") };
    assert_eq!((&*attempt.node, &*attempt.result), (&*server.url(), "status 502"));
}
