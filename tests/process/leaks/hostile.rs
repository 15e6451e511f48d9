//! Responses that repeat the client's key and the new key's value in every part of a response.

use std::time::Duration;

use typesense_keys::{Error, KeysClient};

use super::life::{awkward, builder, create};
use super::watch::{Watch, secret};
use crate::support::Server;
use crate::support::faulty::{self, Pieces};
use crate::support::random_text;

/// `{key}` and `{value}` are those of the request; `{length}` is the length of the body.
const RESPONSES: &[(&str, &str)] = &[
    ("status line", "HTTP/1.1 400 {key} {value}\r\ncontent-length: 0\r\n\r\n"),
    ("version", "{key}/1.1 200 OK\r\n\r\n"),
    ("status", "HTTP/1.1 {key} OK\r\n\r\n"),
    ("header value", "HTTP/1.1 400 Bad\r\nx-echo: {key} {value}\r\nserver: {value}\r\ncontent-length: 0\r\n\r\n"),
    ("header name", "HTTP/1.1 400 Bad\r\n{key}: 1\r\ncontent-length: 0\r\n\r\n"),
    ("broken header", "HTTP/1.1 400 Bad\r\n{key} {value}\r\n\r\n"),
    ("content type", "HTTP/1.1 400 Bad\r\ncontent-type: {key}/{value}\r\ncontent-length: 0\r\n\r\n"),
    ("content encoding", "HTTP/1.1 200 OK\r\ncontent-encoding: {key}\r\ncontent-length: {length}\r\n\r\n{value}"),
    ("length", "HTTP/1.1 400 Bad\r\ncontent-length: {key}\r\n\r\n"),
    ("transfer encoding", "HTTP/1.1 400 Bad\r\ntransfer-encoding: {key}\r\n\r\n"),
    ("connection", "HTTP/1.1 400 Bad\r\nconnection: {key}\r\ncontent-length: 0\r\n\r\n"),
    ("cookie", "HTTP/1.1 400 Bad\r\nset-cookie: k={key}; path=/{value}\r\ncontent-length: 0\r\n\r\n"),
    ("retry after", "HTTP/1.1 429 Slow\r\nretry-after: {key}\r\ncontent-length: 0\r\n\r\n"),
    (
        "challenge",
        "HTTP/1.1 401 No\r\nwww-authenticate: {key}\r\ncontent-length: {length}\r\n\r\n{\"message\": \"{key}\"}",
    ),
    ("redirect: path", "HTTP/1.1 302 Found\r\nlocation: https://b.test/{key}?v={value}\r\ncontent-length: 0\r\n\r\n"),
    (
        "redirect: host",
        "HTTP/1.1 307 Go\r\nlocation: http://{key}.test/\r\ncontent-length: {length}\r\n\r\n{key}{value}",
    ),
    ("redirect: user", "HTTP/1.1 308 Go\r\nlocation: http://{key}:{value}@b.test/\r\ncontent-length: 0\r\n\r\n"),
    ("redirect: nonsense", "HTTP/1.1 301 Go\r\nlocation: {key} {value}\r\ncontent-length: 0\r\n\r\n"),
    ("message", "HTTP/1.1 400 Bad\r\ncontent-length: {length}\r\n\r\n{\"message\": \"bad {key}, bad {value}\"}"),
    ("message, cut", "HTTP/1.1 500 Oh\r\ncontent-length: {length}\r\n\r\n{\"message\": \"bad {key}, bad {val"),
    (
        "page",
        "HTTP/1.1 502 Bad\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n<p>{key}</p><p>{value}</p>",
    ),
    ("page until the end", "HTTP/1.1 503 Bad\r\n\r\n<p>{key}</p><p>{value}</p>"),
    ("all of the request", "HTTP/1.1 404 Not\r\ncontent-length: {length}\r\n\r\n{body} {key}"),
    ("in a conflict", "HTTP/1.1 409 No\r\ncontent-length: {length}\r\n\r\n{\"message\": \"{body} {key}\"}"),
    ("chunk", "HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n3;{key}={value}\r\nabc\r\n0\r\n\r\n"),
    ("chunk size", "HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n{key}\r\n"),
    ("chunk end", "HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n1\r\na{key}\r\n"),
    (
        "trailer",
        "HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: {key}\r\n{value}: 1\r\n\r\n",
    ),
    ("interim head", "HTTP/1.1 103 {key}\r\nlink: {value}\r\n\r\nHTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n"),
    ("another protocol", "HTTP/1.1 101 {key}\r\nupgrade: {value}\r\n\r\n{key}"),
    ("no HTTP", "{key} {value}\r\n\r\n"),
    ("after the response", "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n{key} {value}"),
    ("body of 204", "HTTP/1.1 204 No\r\ncontent-length: {length}\r\n\r\n{key} {value}"),
    ("success: other status", "HTTP/1.1 202 OK\r\ncontent-length: {length}\r\n\r\n{body}"),
    ("success: not JSON", "HTTP/1.1 201 OK\r\ncontent-length: {length}\r\n\r\n{body"),
    ("success: cut JSON", "HTTP/1.1 201 OK\r\ncontent-length: {length}\r\n\r\n{\"id\": 1, \"value\": \"{value}"),
    (
        "success: a shape",
        "HTTP/1.1 201 OK\r\ncontent-length: {length}\r\n\r\n{\"value\": \"{value}\", \"key\": \"{key}\"}",
    ),
    (
        "success: an id",
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{\"id\": \"{key}\", \"keys\": \"{value}\"}",
    ),
    ("success: a list", "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{\"keys\": [\"{key}\", \"{value}\"]}"),
];

type Request = fn(&KeysClient, &str) -> Result<(), Error>;

pub(super) fn whole(_: &Server) {
    try_all(Pieces::Whole);
}

pub(super) fn in_bytes(_: &Server) {
    try_all(Pieces::Bytes);
}

fn try_all(pieces: Pieces) {
    let mut watch = Watch::begin();
    for (place, response) in RESPONSES {
        let server = faulty::echo(response, pieces);
        let admins = match pieces {
            Pieces::Whole => vec![random_text(32), awkward()],
            // Byte by byte is slow, and tests where a response is cut, not its content.
            Pieces::Bytes => vec![random_text(32)],
        };
        for admin in admins {
            watch.secret("admin key", &admin);
            let client = builder(&server.url(), &admin).retries(false).build().unwrap();
            let own = awkward();
            watch.secret("provided value", &own);
            let requests: [Request; 5] = [
                |client, own| create(client).value(secret(own)).send().map(drop),
                |client, _| create(client).server_generated().send().map(drop),
                |client, _| client.get(0).send().map(drop),
                |client, _| client.list().send().map(drop),
                |client, _| client.delete(0).send().map(drop),
            ];
            for request in requests {
                match request(&client, &own) {
                    Err(error) => watch.error(error),
                    Ok(()) => panic!("{place}: the response counts as a success"),
                }
            }
        }
    }
    println!("{} responses that repeat a secret, {pieces:?}", RESPONSES.len());
    watch.end();
}

/// The client does not know the value, so it cannot mask it: no error may quote a text that may contain it.
pub(super) fn generated_by_the_server(_: &Server) {
    let mut watch = Watch::begin();
    let admin = watch.draw("admin key", 32);
    let generated = watch.draw("value generated by the server", 32);
    for (place, body) in [
        ("cut", format!("{{\"id\": 1, \"value\": \"{generated}")),
        ("another shape", format!("{{\"id\": 1, \"value\": \"{generated}\"}}")),
        ("an id that is text", format!("{{\"id\": \"{generated}\", \"value\": \"{generated}\"}}")),
        ("a list", format!("[\"{generated}\"]")),
        ("text", generated.clone()),
    ] {
        for status in ["200", "201", "202", "206"] {
            let response = format!(
                "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {{length}}\r\n\r\n"
            );
            let server = faulty::echo(&(response + &body), Pieces::Whole);
            let client = builder(&server.url(), &admin).retries(false).build().unwrap();
            match create(&client).server_generated().send() {
                Err(error) => watch.error(error),
                Ok(_) => panic!("{place}, {status}: the response counts as a success"),
            }
        }
    }
    watch.end();
}

/// The error carries the new key.
pub(super) fn not_replicated(_: &Server) {
    let mut watch = Watch::begin();
    let (admin, own) = (watch.draw("admin key", 32), watch.draw("provided value", 32));
    let server = faulty::responding(Pieces::Whole, |_, request| {
        let (status, response) = match request.body.strip_prefix('{') {
            Some(fields) => (201, format!("{{\"id\": 7, \"expires_at\": 64723363199, {fields}")),
            None => (404, r#"{"message": "Not Found"}"#.to_owned()),
        };
        format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\n\r\n{response}", response.len())
    });
    let client = builder(&server.url(), &admin).build().unwrap();
    let request = create(&client).value(secret(&own)).wait_for_replication(Duration::from_millis(300));
    match request.send().unwrap_err() {
        error @ Error::NotReplicated(_) => watch.error(error),
        other => panic!("{other:?}"),
    }
    watch.end();
}
