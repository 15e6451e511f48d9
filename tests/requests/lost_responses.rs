//! A create whose response is lost: the response to the next attempt is that the value is in use, and the key is looked
//! up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault};
use typesense_keys::{CreateKey, Error, KeysClient};

use crate::support::Scripted;
use crate::{client, start};

fn request(client: &KeysClient) -> CreateKey {
    client.create().description("docs").actions(["documents:search"]).collections(["docs"])
}

#[test]
fn key_is_found_and_returned_as_if_nothing_had_happened() {
    let (server, client) = start();
    // Another key of the same scope, which must not count as the new one.
    let older = request(&client).send().unwrap();
    server.inject(Fault::LoseResponse);
    let key = request(&client).send().unwrap();
    assert!(key.id > older.id && server.key_count() == 2);
    let prefix = client.get(key.id).send().unwrap().prefix;
    assert!(key.value.expose_secret().starts_with(&prefix));
}

#[test]
fn lost_response_without_list_permission_returns_the_value() {
    let server = FakeServer::start().unwrap();
    let creator = client(&server).create().actions(["keys:create"]).collections(["*"]).send().unwrap();
    let client = KeysClient::builder().node(server.url()).api_key(creator.value).build().unwrap();
    server.inject(Fault::LoseResponse);
    let Err(Error::OutcomeUnknown(unknown)) = request(&client).send() else {
        panic!("the outcome is known although the client may not list keys")
    };
    assert!(
        unknown.to_string().contains("the value is in use, but the key's id could not be looked up"),
        "{unknown}"
    );
    assert_eq!((unknown.value.as_ref().unwrap().expose_secret().len(), server.key_count()), (32, 2));
    let results: Vec<_> = unknown.report.attempts().iter().map(|attempt| attempt.result.to_owned()).collect();
    assert_eq!(results.last().unwrap(), "status 401", "{results:?}");
    assert!(results.contains(&"status 409".to_owned()), "{results:?}");
}

#[test]
fn provided_value_of_another_key_leaves_the_outcome_open_after_a_lost_response() {
    let (server, client) = start();
    let value = "a-value-that-is-in-use-already";
    client.create().actions(["documents:get"]).collections(["other"]).value(value).send().unwrap();
    // The lost response is the refusal. A lagging node might not show the new key.
    server.inject(Fault::LoseResponse);
    let error = request(&client).value(value).send().unwrap_err();
    let Error::OutcomeUnknown(unknown) = &error else { panic!("{error}") };
    assert_eq!((unknown.value.as_ref().unwrap().expose_secret(), &unknown.candidates), (value, &vec![]));
    assert_eq!(server.key_count(), 1);
}

#[test]
fn delete_whose_response_is_lost_succeeds() {
    let (server, client) = start();
    let id = request(&client).send().unwrap().id;
    server.inject(Fault::LoseResponse);
    assert_eq!(client.delete(id).send().unwrap(), id);
    assert!(matches!(client.delete(id).send(), Err(Error::NotFound { .. })));
}

#[test]
fn lagging_node_is_asked_until_it_knows_the_key() {
    let prefix = Mutex::new(None);
    let lists = Mutex::new(0);
    let server = Scripted::start(move |peer| {
        loop {
            let asked = peer.request()?;
            let known = prefix.lock().unwrap().clone();
            let (status, body) = match known.as_deref() {
                None => {
                    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
                    *prefix.lock().unwrap() =
                        body["value"].as_str().and_then(|value| value.get(..4)).map(str::to_owned);
                    // The response is lost.
                    return Ok(());
                }
                Some(_) if asked.head.starts_with("POST") => {
                    ("409 Conflict", r#"{"message":"API key generation conflict."}"#.to_owned())
                }
                Some(prefix) => {
                    *lists.lock().unwrap() += 1;
                    let lags = *lists.lock().unwrap() < 3;
                    let key = format!(
                        r#"{{"actions":["documents:search"],"collections":["docs"],"description":"docs",
                        "expires_at":64723363199,"id":9,"value_prefix":"{prefix}"}}"#
                    );
                    ("200 OK", format!(r#"{{"keys":[{}]}}"#, if lags { "" } else { &key }))
                }
            };
            peer.send(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))?;
        }
    });
    let client = KeysClient::builder().node(server.url()).api_key("key").build().unwrap();
    assert_eq!(request(&client).send().unwrap().id.get(), 9);
    let asked: Vec<_> =
        server.received().iter().map(|asked| asked.head.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(asked, ["POST", "POST", "GET", "GET", "GET"]);
}

/// A proxy whose first response is an error that leaves the outcome open, and whose other responses are `response`.
fn in_doubt_then(response: &'static str) -> Scripted {
    let is_first = AtomicBool::new(true);
    Scripted::start(move |peer| {
        peer.request()?;
        let nothing = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";
        peer.send(if is_first.swap(false, Ordering::SeqCst) { nothing } else { response })
    })
}

fn client_of(server: &Scripted) -> KeysClient {
    KeysClient::builder().node(server.url()).api_key("admin").timeout(Duration::from_secs(5)).build().unwrap()
}

#[test]
fn status_404_or_409_of_a_proxy_leaves_the_outcome_unknown() {
    for response in [
        "HTTP/1.1 404 Not Found\r\ncontent-length: 21\r\n\r\n<h1>nothing here</h1>",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 23\r\n\r\n{\"message\":\"Not Found\"}",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    ] {
        let server = in_doubt_then(response);
        let error = client_of(&server).delete(7).send().unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown(_)), "{error}");
    }
    let server = in_doubt_then("HTTP/1.1 409 Conflict\r\ncontent-length: 13\r\n\r\n<h1>busy</h1>");
    let error = request(&client_of(&server)).send().unwrap_err();
    let Error::OutcomeUnknown(unknown) = error else { panic!("{error}") };
    assert!(unknown.value.is_some());
    assert!(server.received().iter().all(|request| request.head.starts_with("POST")), "the key was looked up");
}

#[test]
fn error_page_of_a_proxy_leaves_the_outcome_unknown() {
    let server = Scripted::start(|peer| {
        peer.request()?;
        peer.send("HTTP/1.1 503 No\r\ncontent-length: 31\r\n\r\n<h1>Upstream Was Not Ready</h1>")
    });
    let error = request(&client_of(&server)).server_generated().send().unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)), "{error}");
    assert!(error.to_string().contains("with a value that nobody knows"), "{error}");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn create_that_a_balancer_repeats_makes_one_key_which_is_returned() {
    let server = FakeServer::start().unwrap();
    let address = server.url().trim_start_matches("http://").to_owned();
    // As nginx does with `proxy_next_upstream non_idempotent`.
    let balancer = Scripted::start(move |peer| {
        let request = peer.request()?;
        let mut response = Vec::new();
        for _ in 0..if request.head.starts_with("POST") { 2 } else { 1 } {
            let mut node = TcpStream::connect(&address)?;
            node.write_all(request.head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes())?;
            node.write_all(request.body.as_bytes())?;
            response.clear();
            node.read_to_end(&mut response)?;
        }
        peer.send(response)
    });
    let client = KeysClient::builder().node(balancer.url()).api_key(server.api_key()).build().unwrap();
    let key = request(&client).send().unwrap();
    assert_eq!((client.get(key.id).send().unwrap().id, server.key_count()), (key.id, 1));

    let own = request(&client).value("a-value-of-my-own");
    // The outcome stays open: another key may have had this value before.
    assert!(matches!(own.send(), Err(Error::Conflict(_))));
}

#[test]
fn provided_value_is_never_returned_with_the_id_of_another_key_with_its_prefix() {
    let (server, client) = start();
    let like_ours = request(&client).value("key_aaa").send().unwrap().id;
    client.create().description("another").actions(["*"]).collections(["*"]).value("key_bbb").send().unwrap();
    server.inject(Fault::DropConnection);
    let error = request(&client).value("key_bbb").send().unwrap_err();
    let Error::OutcomeUnknown(unknown) = &error else { panic!("{error}") };
    assert_eq!((unknown.value.as_ref().unwrap().expose_secret(), &unknown.candidates), ("key_bbb", &vec![like_ours]));
    assert_eq!(server.key_count(), 2);
}

/// An intermediary that has sent a request twice may send the response to a `GET` as that to the deletion.
#[test]
fn description_of_the_key_is_no_response_to_its_deletion() {
    let body =
        r#"{"id":7,"description":"","actions":["*"],"collections":["*"],"expires_at":9,"value_prefix":"abcd"}"#;
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let peer = crate::support::Scripted::start(move |peer| {
        peer.request()?;
        peer.send(&response)
    });
    let client = KeysClient::builder().node(peer.url()).api_key("admin").build().unwrap();
    let error = client.delete(7).send().unwrap_err();
    assert!(error.may_have_acted(), "{error}");
}
