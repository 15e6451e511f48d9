//! Bytes that a server sends without a request never count as a response.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use typesense_keys::KeysClient;

use super::row::{Good, ID};
use super::support::time::HANG;
use super::support::{Peer, Scripted};

const POISON: &str = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}";

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("a good connection is used again", good_connection_is_used_again),
        ("a second response in the same packet is not used", second_response_in_the_same_packet_is_not_used),
        ("a response while nothing was asked is not used", response_without_a_request_is_not_used),
        ("a body after a 204 is not used", body_after_a_204_is_not_used),
        ("the rest of a response that was too long is not used", rest_of_a_too_long_response_is_not_used),
        ("a connection that was closed meanwhile is not used", connection_that_was_closed_meanwhile_is_not_used),
        ("a connection that is to close is not used again", connection_with_connection_close_is_not_used_again),
    ]
}

/// A server that calls `to_each` for each request on a connection.
fn adding(to_each: impl Fn(&mut Peer, &Good) -> std::io::Result<()> + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |peer| {
        loop {
            let good = Good::to(&peer.request()?);
            to_each(peer, &good)?;
        }
    })
}

fn client(server: &Scripted) -> KeysClient {
    let builder = KeysClient::builder().node(server.url()).api_key("admin key").retries(false);
    builder.timeout(Duration::from_secs(5)).max_list_size(1_000).build().unwrap()
}

/// Three calls, each of which must get its own response.
#[track_caller]
fn every_response_is_the_right_one(server: &Scripted, connections: usize) {
    let client = client(server);
    for call in 0..3 {
        assert_eq!(client.list().send().unwrap().len(), 1, "call {call}");
        assert_eq!(client.delete(ID).send().unwrap().get(), ID, "call {call}");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.connections(), connections);
}

fn good_connection_is_used_again() {
    every_response_is_the_right_one(&adding(|peer, good| peer.send(good.with(""))), 1);
}

fn second_response_in_the_same_packet_is_not_used() {
    every_response_is_the_right_one(&adding(|peer, good| peer.send(good.with("") + POISON)), 6);
}

fn response_without_a_request_is_not_used() {
    let (ask, asked) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let (asked, tell) = (Mutex::new(asked), Mutex::new(tell));
    let server = adding(move |peer, good| {
        peer.send(good.with(""))?;
        // After the client has read its response.
        let _ = asked.lock().unwrap().recv_timeout(HANG);
        peer.send(POISON)?;
        let _ = tell.lock().unwrap().send(());
        Ok(())
    });
    let client = client(&server);
    for call in 0..3 {
        assert_eq!(client.list().send().unwrap().len(), 1, "call {call}");
        ask.send(()).unwrap();
        told.recv_timeout(HANG).unwrap();
        // Time for the bytes to arrive.
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(server.connections(), 3);
}

fn body_after_a_204_is_not_used() {
    let server =
        adding(|peer, _| peer.send(format!("HTTP/1.1 204 No Content\r\ncontent-length: 38\r\n\r\n{POISON}")));
    let client = client(&server);
    for _ in 0..3 {
        assert_eq!(client.list().send().unwrap_err().status(), Some(204));
    }
    assert_eq!(server.connections(), 3);
}

fn rest_of_a_too_long_response_is_not_used() {
    let server = adding(|peer, good| {
        let body = format!("{}{POISON}", " ".repeat(1_001));
        peer.send(good.saying("", &body))
    });
    let client = client(&server);
    for _ in 0..3 {
        let error = client.list().send().unwrap_err();
        assert!(matches!(error, typesense_keys::Error::TooLarge { .. }), "{error}");
    }
    assert_eq!(server.connections(), 3);
}

fn connection_that_was_closed_meanwhile_is_not_used() {
    let server = Scripted::start(|peer| {
        let good = Good::to(&peer.request()?);
        peer.send(good.with(""))
    });
    let client = client(&server);
    for call in 0..3 {
        assert_eq!(client.list().send().unwrap().len(), 1, "call {call}");
        server.wait_until_closed();
    }
    assert_eq!(server.connections(), 3);
}

fn connection_with_connection_close_is_not_used_again() {
    every_response_is_the_right_one(&adding(|peer, good| peer.send(good.with("connection: close\r\n"))), 6);
}
