//! Connections, threads and limits.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation};

use super::{address, create, list, send};
use crate::start;
use crate::support::raw::Request;

#[test]
fn two_servers_share_nothing() {
    let (one, other) = (FakeServer::start().unwrap(), FakeServer::start().unwrap());
    assert_ne!(one.url(), other.url());
    assert_ne!(one.api_key().expose_secret(), other.api_key().expose_secret());
    create(&one).unwrap();
    assert_eq!((one.key_count(), other.key_count()), (1, 0));
}

#[test]
fn sixty_servers_run_at_once() {
    let many: Vec<FakeServer> = (0..60).map(|_| FakeServer::start().unwrap()).collect();
    assert!(many.iter().all(|server| list(server).unwrap().status == 200));
}

#[test]
fn requests_are_counted_by_route() {
    let server = FakeServer::start().unwrap();
    create(&server).unwrap();
    create(&server).unwrap();
    send(&server, Request::new("DELETE", "/keys/0")).unwrap();
    send(&server, Request::new("GET", "/nowhere")).unwrap();
    assert_eq!((server.key_count(), server.request_count(), server.connection_count()), (1, 4, 4));
    let counts =
        [Operation::Create, Operation::Get, Operation::List, Operation::Delete].map(|it| server.requests(it));
    assert_eq!(counts, [2, 0, 0, 1]);
}

#[test]
fn client_reuses_its_connection() {
    let (server, client) = start();
    for _ in 0..3 {
        client.list().send().unwrap();
    }
    assert_eq!((server.request_count(), server.connection_count()), (3, 1));
    server.inject(Fault::DropConnection);
    client.list().send().unwrap();
    assert_eq!((server.request_count(), server.connection_count()), (5, 2));
}

#[test]
fn concurrent_clients_get_different_keys() {
    let (server, client) = start();
    let create = |_| client.create().description("d").actions(["*"]).collections(["*"]).send().unwrap();
    let keys: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..10).map(create).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let ids: HashSet<_> = keys.iter().map(|key| key.id).collect();
    assert_eq!((ids.len(), server.key_count()), (80, 80));
}

#[test]
fn dropped_server_closes_connections_and_refuses_new_ones() {
    let server = FakeServer::start().unwrap();
    let (address, mut idle) = (address(&server), TcpStream::connect(address(&server)).unwrap());
    idle.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\n\r\n").unwrap();
    let mut response = [0; 512];
    assert_ne!(idle.read(&mut response).unwrap(), 0);
    drop(server);
    assert_eq!(idle.read(&mut response).unwrap(), 0);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn stopped_server_refuses_and_keeps_its_keys_until_it_is_restarted() {
    let (server, client) = start();
    create(&server).unwrap();
    server.inject(Fault::Unauthorized);
    server.stop();
    server.stop();
    assert_eq!(list(&server).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    server.restart().unwrap();
    server.restart().unwrap();
    assert_eq!(list(&server).unwrap().status, 401);
    assert_eq!(client.list().send().unwrap(), server.keys());
    assert_eq!(server.key_count(), 1);
}

#[test]
fn unreadable_request_gets_400_and_ends_the_connection() {
    let too_long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(70_000));
    for request in [
        "not HTTP\r\n\r\n",
        "POST /keys HTTP/1.1\r\ncontent-length: 8388609\r\n\r\n",
        "POST /keys HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "POST /keys HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        &too_long,
    ] {
        let server = FakeServer::start().unwrap();
        let mut stream = TcpStream::connect(address(&server)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The server may respond and close the connection before it has received the whole request. If it leaves bytes
        // unread, the system may reset the connection after the response.
        let _ = stream.write_all(request.as_bytes());
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        let response = String::from_utf8(response).unwrap();
        assert!(
            response.starts_with("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"),
            "{request:.40}: {response}"
        );
        assert_eq!(server.request_count(), 0);
    }
}

#[test]
fn request_in_pieces_is_read_whole() {
    let server = FakeServer::start().unwrap();
    let mut stream = TcpStream::connect(address(&server)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let key = server.api_key();
    let head = format!("POST /keys HTTP/1.0\r\nx-typesense-api-key: {}\r\n", key.expose_secret());
    for piece in [&head, "content-length: ", "2\r\n", "\r\n{", "}"] {
        stream.write_all(piece.as_bytes()).unwrap();
        thread::yield_now();
    }
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.contains("Could not find a `description` key."), "{response}");
}

#[test]
fn debug_output_contains_no_key() {
    let server = FakeServer::start().unwrap();
    assert_eq!(format!("{server:?}"), format!("FakeServer {{ url: {:?}, .. }}", server.url()));
}

#[test]
fn server_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<FakeServer>();
}
