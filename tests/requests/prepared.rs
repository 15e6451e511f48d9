//! A prepared create: its value is known before the key exists, and sending it again never creates a second key.

use std::time::Duration;

use typesense_keys::testing::{FakeServer, Fault, Operation};
use typesense_keys::{CreateKey, Error, ErrorKind, ExposeSecret, KeysClient};

use crate::{client, start};

/// A value that an earlier process has prepared.
const STORED: &str = "Vf3k0123456789abcdefghijklmnopqr";

fn request(client: &KeysClient) -> CreateKey {
    client.create().description("docs").actions(["documents:search"]).collections(["docs"])
}

#[test]
fn preparing_sends_nothing_and_shows_no_value() {
    let server = FakeServer::start().unwrap();
    let prepared = request(&client(&server)).prepare().unwrap();
    let value = prepared.value().expose_secret().to_owned();
    assert_eq!((value.len(), server.request_count()), (32, 0));
    assert!(!format!("{prepared:?}").contains(&value));
    assert_eq!(prepared.description(), "docs");
    assert_eq!(prepared.send().unwrap().value.expose_secret(), value);
}

#[test]
fn invalid_request_cannot_be_prepared() {
    let (_server, client) = start();
    for (request, field) in [
        (client.create(), "actions"),
        (request(&client).server_generated(), "value"),
        (request(&client).value("a-value").autodelete(true), "autodelete"),
        (request(&client).stored_value(STORED).autodelete(true), "autodelete"),
        (request(&client).stored_value("a-value-of-my-own"), "stored_value"),
        (request(&client).stored_value(&STORED[1..]), "stored_value"),
        (request(&client).expires_in(Duration::ZERO), "expires_in"),
    ] {
        let error = request.prepare().unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { field: found, .. } if found == field), "{field}: {error}");
    }
}

#[test]
fn sending_again_after_any_result_creates_one_key() {
    for value in [None, Some("a-value-of-my-own")] {
        let (server, client) = start();
        let request = value.into_iter().fold(request(&client), CreateKey::value);
        let prepared = request.prepare().unwrap();
        server.inject(Fault::ErrorBefore);
        let first = prepared.send().unwrap();
        let second = prepared.send().unwrap();
        assert_eq!((first.id, server.key_count()), (second.id, 1));
    }
}

#[test]
fn later_process_completes_a_request_whether_or_not_it_was_carried_out() {
    for was_sent in [false, true] {
        let server = FakeServer::start().unwrap();
        let prepared = request(&client(&server)).prepare().unwrap();
        let stored = prepared.value().clone();
        let sent = was_sent.then(|| prepared.send().unwrap().id);
        drop(prepared);

        let key = request(&client(&server)).stored_value(stored.clone()).send().unwrap();
        assert!(sent.is_none_or(|id| id == key.id), "{was_sent}");
        assert_eq!((key.value.expose_secret(), server.key_count()), (stored.expose_secret(), 1));
    }
}

#[test]
fn stored_value_is_found_among_other_keys_with_its_prefix() {
    let (server, client) = start();
    let others = [
        client.create().description("blog").actions(["documents:search"]).collections(["docs"]),
        client.create().description("docs").actions(["documents:search"]).collections(["blog"]),
        request(&client).expires_in(Duration::from_secs(3600)),
    ];
    let value_like = |end| format!("{}-{end}", &STORED[..4]);
    for (other, end) in others.into_iter().zip(["one", "two", "three"]) {
        other.value(value_like(end)).send().unwrap();
    }
    let complete = || request(&client).stored_value(STORED);
    let id = complete().send().unwrap().id;
    assert_eq!(complete().send().unwrap().id, id);

    // It cannot be distinguished from another key that also has its description and scope.
    let twin = request(&client).value(value_like("four")).send().unwrap().id;
    let error = complete().send().unwrap_err();
    let Error::OutcomeUnknown(unknown) = &error else { panic!("{error}") };
    assert_eq!(unknown.candidates, [id, twin]);
    assert_eq!(unknown.value.as_ref().unwrap().expose_secret(), STORED);
    assert_eq!(server.key_count(), 5);
}

#[test]
fn stored_value_of_a_key_that_expires_in_a_duration_is_found() {
    let (server, client) = start();
    let complete = |seconds| request(&client).expires_in(Duration::from_secs(seconds)).stored_value(STORED).send();
    let first = complete(3600).unwrap();
    server.advance(Duration::from_secs(1)); // so that the second request computes another expiry
    let second = complete(3600).unwrap();
    assert_eq!((second.id, second.expires_at, server.key_count()), (first.id, first.expires_at, 1));
    // The request is for another key.
    let error = complete(60).unwrap_err();
    assert!(matches!(&error, Error::OutcomeUnknown(unknown) if unknown.candidates.is_empty()), "{error}");
}

#[test]
fn stored_value_of_a_key_that_has_expired_returns_no_key() {
    let (server, client) = start();
    let id = request(&client).expires_in(Duration::from_secs(3)).stored_value(STORED).send().unwrap().id;
    server.advance(Duration::from_secs(4));
    let prepared = request(&client).expires_in(Duration::from_secs(3600)).stored_value(STORED).prepare().unwrap();
    for error in [prepared.send().unwrap_err(), prepared.send().unwrap_err()] {
        let Error::OutcomeUnknown(unknown) = &error else { panic!("{error}") };
        assert_eq!((&unknown.candidates[..], server.key_count()), (&[id][..], 1));
        assert!(error.to_string().contains("the key exists, but has expired"), "{error}");
    }
}

#[test]
fn stored_value_and_a_wrong_admin_key_keep_the_kind_and_the_value() {
    let server = FakeServer::start().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key("not-the-admin-key").build().unwrap();
    assert!(matches!(request(&client).send(), Err(Error::Unauthorized(_))));
    // An earlier process may have created the key with the right admin key.
    let error = request(&client).stored_value(STORED).send().unwrap_err();
    assert!(matches!(&error, Error::Unauthorized(_)), "{error}");
    assert!(error.may_have_acted() && !error.is_retryable());
    assert_eq!(error.value().unwrap().expose_secret(), STORED);
    let end = "; an earlier call may have created the key, whose value is in this error";
    assert!(error.to_string().ends_with(end), "{error}");
}

#[test]
fn stored_value_and_a_busy_server_can_be_repeated() {
    let server = FakeServer::start().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(server.api_key()).retries(false).build().unwrap();
    let wait = Some(Duration::from_secs(7));
    for (fault, kind) in [
        (Fault::RateLimited { retry_after: wait }, ErrorKind::RateLimited),
        (Fault::NotReady { retry_after: wait }, ErrorKind::Unavailable),
        (Fault::LoseResponse, ErrorKind::OutcomeUnknown),
    ] {
        server.inject(fault);
        let error = request(&client).stored_value(STORED).send().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.may_have_acted() && error.is_retryable(), "{error}");
        assert_eq!(error.value().unwrap().expose_secret(), STORED);
        assert_eq!(error.retry_after(), if kind == ErrorKind::OutcomeUnknown { None } else { wait });
    }
    assert_eq!(request(&client).stored_value(STORED).send().unwrap().id, server.keys()[0].id);
}

#[test]
fn prepared_key_that_was_deleted_since_is_not_created_again() {
    let (server, client) = start();
    let prepared = request(&client).prepare().unwrap();
    let key = prepared.send().unwrap();
    assert_eq!(prepared.send().unwrap().id, key.id);
    client.delete(&key).send().unwrap();
    assert!(matches!(prepared.send(), Err(Error::NotFound { .. })));
    assert_eq!(server.key_count(), 0);
}

#[test]
fn expired_request_is_refused_before_it_is_first_sent() {
    let server = FakeServer::start().unwrap();
    let request = request(&client(&server)).expires_in(Duration::from_secs(1));
    let prepared = [request.clone(), request.stored_value(STORED)].map(|request| request.prepare().unwrap());
    server.advance(Duration::from_secs(2));
    for prepared in prepared {
        let error = prepared.send().unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { field: "expires_at", .. }), "{error}");
    }
    assert_eq!(server.request_count(), 0);
}

#[test]
fn replication_is_not_waited_for_with_a_key_that_may_not_get_keys() {
    let server = FakeServer::start().unwrap();
    let creator = client(&server).create().actions(["keys:create"]).collections(["*"]).send().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(creator.value).build().unwrap();
    let error = request(&client).wait_for_replication(Duration::from_secs(60)).send().unwrap_err();
    let Error::NotReplicated(lag) = &error else { panic!("{error}") };
    assert!(lag.key.is_some() && lag.nodes[0].result == "status 401", "{error}");
    assert_eq!(server.requests(Operation::Get), 1);
}
