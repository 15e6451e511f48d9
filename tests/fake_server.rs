//! What the stand-in does beyond answering like a real server: it counts, and it fails on demand.

// A test may fail loudly.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use support::raw::{Request, Response};
use typesense_keys::testing::{FakeServer, Fault};

const KEY: &str = r#"{"description": "d", "actions": ["*"], "collections": ["*"]}"#;

#[test]
fn two_stand_ins_share_nothing() {
    let (one, other) = (FakeServer::start().unwrap(), FakeServer::start().unwrap());
    assert_ne!(one.url(), other.url());
    assert_ne!(one.api_key().expose_secret(), other.api_key().expose_secret());
    create(&one).unwrap();
    assert_eq!((one.key_count(), other.key_count()), (1, 0));
}

#[test]
fn more_stand_ins_run_at_once_than_mockito_pools() {
    let many: Vec<FakeServer> = (0..60).map(|_| FakeServer::start().unwrap()).collect();
    assert!(many.iter().all(|server| list(server).unwrap().status == 200));
}

#[test]
fn it_counts_keys_and_requests() {
    let server = FakeServer::start().unwrap();
    create(&server).unwrap();
    create(&server).unwrap();
    send(&server, Request::new("DELETE", "/keys/0")).unwrap();
    send(&server, Request::new("GET", "/nowhere")).unwrap();
    assert_eq!((server.key_count(), server.request_count()), (1, 4));
}

#[test]
fn a_drawn_value_is_32_letters_and_digits() {
    let server = FakeServer::start().unwrap();
    let created = create(&server).unwrap().json().unwrap();
    let value = created.get("value").unwrap().as_str().unwrap();
    assert_eq!(value.len(), 32);
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
}

#[test]
fn a_lost_reply_still_made_the_key() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::LoseResponse);
    let lost = create(&server).unwrap_err();
    assert_eq!(lost.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(server.key_count(), 1);
    assert_eq!(list(&server).unwrap().status, 200);
}

#[test]
fn an_error_after_the_act_made_the_key_and_one_before_did_not() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::ErrorAfter);
    server.inject(Fault::ErrorBefore);
    for expected_keys in [1, 1] {
        let reply = create(&server).unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (500, ""));
        assert_eq!(reply.content_type(), Some(""));
        assert_eq!(server.key_count(), expected_keys);
    }
    assert_eq!(create(&server).unwrap().status, 201);
}

#[test]
fn not_ready_and_rate_limited_do_nothing_and_say_when_to_come_back() {
    let server = FakeServer::start().unwrap();
    let wait = Some(Duration::from_millis(1500));
    server.inject(Fault::NotReady { retry_after: None });
    server.inject(Fault::NotReady { retry_after: wait });
    server.inject(Fault::RateLimited { retry_after: None });
    server.inject(Fault::RateLimited { retry_after: wait });
    for (status, retry_after) in [(503, None), (503, Some("2")), (429, None), (429, Some("2"))] {
        let reply = create(&server).unwrap();
        assert_eq!((reply.status, reply.header("retry-after")), (status, retry_after));
    }
    assert_eq!(server.key_count(), 0);
}

#[test]
fn faults_wait_for_a_request_to_the_keys() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::ErrorBefore);
    let health = send(&server, Request::new("GET", "/health")).unwrap();
    assert_eq!(health.status, 200);
    assert_eq!(list(&server).unwrap().status, 500);
    assert_eq!(list(&server).unwrap().status, 200);
}

#[test]
fn a_delayed_reply_comes_whole_and_holds_up_nobody_else() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::Delay(Duration::from_millis(600)));
    let started = Instant::now();
    thread::scope(|scope| {
        let late = scope.spawn(|| (create(&server).unwrap(), started.elapsed()));
        while server.request_count() == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(list(&server).unwrap().status, 200);
        assert!(started.elapsed() < Duration::from_millis(500));
        let (late, took) = late.join().unwrap();
        assert_eq!(late.status, 201);
        assert!(late.json().unwrap().get("value").is_some());
        assert!(took >= Duration::from_millis(600));
    });
}

#[test]
fn a_client_that_gives_up_on_a_delayed_reply_frees_the_stand_in() {
    let server = FakeServer::start().unwrap();
    server.inject(Fault::Delay(Duration::from_secs(3600)));
    let impatient = authorised(&server, Request::new("POST", "/keys").body(KEY));
    let outcome = impatient.send(address(&server), Duration::from_millis(100));
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(list(&server).unwrap().status, 200);
    assert_eq!(server.key_count(), 1);
}

#[test]
fn its_debug_output_holds_no_key() {
    let server = FakeServer::start().unwrap();
    assert_eq!(format!("{server:?}"), format!("FakeServer {{ url: {:?}, .. }}", server.url()));
}

#[test]
fn it_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<FakeServer>();
}

fn create(server: &FakeServer) -> io::Result<Response> {
    send(server, Request::new("POST", "/keys").body(KEY))
}

fn list(server: &FakeServer) -> io::Result<Response> {
    send(server, Request::new("GET", "/keys"))
}

fn send(server: &FakeServer, request: Request) -> io::Result<Response> {
    authorised(server, request).send(address(server), Duration::from_secs(5))
}

fn authorised(server: &FakeServer, request: Request) -> Request {
    request.api_key(server.api_key().expose_secret())
}

fn address(server: &FakeServer) -> String {
    server.url().replace("http://", "")
}
