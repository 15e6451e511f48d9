//! Before the first call: clients that wait for their server, and requests that are checked without being sent.

use std::thread;
use std::time::Duration;

use typesense_keys::testing::{FakeServer, Fault};
use typesense_keys::{ClientBuilder, Error, ErrorKind, KeysClient, SecretString};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

fn builder(server: &FakeServer) -> ClientBuilder {
    KeysClient::builder().node(server.url()).api_key(server.api_key())
}

#[test]
fn wait_for_a_server_that_starts_late_succeeds() {
    let server = FakeServer::start().unwrap();
    let client = builder(&server).connect_timeout(SHORT).build().unwrap();
    server.stop();
    thread::scope(|scope| {
        // Later than the time after which a call fails if no node has ever responded.
        scope.spawn(|| {
            thread::sleep(3 * SHORT);
            server.restart().unwrap();
        });
        client.wait_until_ready(LONG).unwrap();
    });
    assert!(client.list().send().is_ok());
}

#[test]
fn wait_for_a_server_that_loads_its_data_succeeds() {
    let server = FakeServer::start().unwrap();
    for _ in 0..3 {
        server.inject(Fault::NotReady { retry_after: None });
    }
    builder(&server).retries(false).build().unwrap().wait_until_ready(LONG).unwrap();
    assert_eq!(server.request_count(), 4);
}

#[test]
fn wait_for_a_server_that_never_starts_ends_in_the_last_error() {
    // Not the port of a stopped server, which another test may get.
    let client = KeysClient::builder().node("http://127.0.0.1:1").api_key("key").build().unwrap();
    let error = client.wait_until_ready(SHORT).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout), "{error}");
}

#[test]
fn wait_with_a_key_without_actions_succeeds() {
    let server = FakeServer::start().unwrap();
    let client = builder(&server).api_key("a key that the server does not know").build().unwrap();
    client.wait_until_ready(LONG).unwrap();
    assert_eq!(server.request_count(), 1);
}

#[test]
fn wait_for_another_kind_of_server_ends_at_once() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::Respond { status: 200, content_type: "text/html", body: "<h1>It works!</h1>" });
    let error = builder(&server).build().unwrap().wait_until_ready(LONG).unwrap_err();
    assert_eq!((error.kind(), server.request_count()), (ErrorKind::UnexpectedResponse, 1));
}

#[test]
fn invalid_request_is_refused_by_validate_as_by_send() {
    let server = FakeServer::start().unwrap();
    let client = builder(&server).build().unwrap();
    let same = |validated: Result<(), Error>, sent: Result<(), Error>| {
        assert_eq!(validated.unwrap_err().to_string(), sent.unwrap_err().to_string());
    };

    let create = client.create().actions(["documents:serach"]).collections(["docs"]);
    same(create.clone().prepare().map(drop), create.send().map(drop));
    let ensure = client.ensure(" ").actions(["documents:search"]).collections(["docs"]);
    same(ensure.validate(), ensure.send().map(drop));
    let ensure = client.ensure("docs").actions(["documents:search"]).collections(["docs"]);
    let ensure = ensure.value(SecretString::from("a value")).replace_on_drift(true);
    same(ensure.validate(), ensure.send().map(drop));
    assert_eq!(server.request_count(), 0);

    let old = client.create().actions(["documents:search"]).collections(["docs"]).send().unwrap();
    for rotate in [client.rotate(old.id).value("line\nbreak"), client.rotate(old.id).expires_in(Duration::ZERO)] {
        same(rotate.clone().prepare().map(drop), rotate.send().map(drop));
    }
    assert_eq!(server.key_count(), 1);
}

#[test]
fn valid_request_passes_validate_and_nothing_is_sent() {
    let server = FakeServer::start().unwrap();
    let client = builder(&server).build().unwrap();
    drop(client.create().actions(["documents:search"]).collections(["docs"]).prepare().unwrap());
    client.ensure("docs").actions(["documents:search"]).collections(["docs"]).validate().unwrap();
    drop(client.rotate(7).expires_in(LONG).prepare().unwrap());
    assert_eq!(server.request_count(), 0);
}

#[test]
fn cloned_builder_builds_the_same_client() {
    let server = FakeServer::start().unwrap();
    let first = builder(&server);
    let second = first.clone();
    for client in [first.build().unwrap(), second.build().unwrap()] {
        assert!(client.list().send().is_ok());
    }
    assert!(ClientBuilder::default().build().is_err(), "no node and no key");
}
