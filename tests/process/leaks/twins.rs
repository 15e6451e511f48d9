//! The same requests and responses with two secrets of the same length: the logs do not differ.
//!
//! This proves something also about secrets that are too short to be looked for.

use typesense_keys::KeysClient;

use super::life::{builder, create};
use super::watch::secret;
use crate::support::Server;
use crate::support::capture::Log;
use crate::support::faulty::{self, Pieces};
use crate::support::random_text;
use crate::support::scripted::Received;

pub(super) fn alike(_: &Server) {
    let server = faulty::responding(Pieces::Whole, response);
    for length in [1, 2, 3, 5, 6, 32, 4096] {
        let log = Log::begin();
        let [one, other] = ["~", "|"].map(|unusual| {
            // An error masks every part of a secret, wherever it is. Each part has an unusual character, so that
            // nothing else is masked by accident.
            let draw = |length| -> String {
                (0..length).map(|at| if at % 5 == 0 { unusual.to_owned() } else { random_text(1) }).collect()
            };
            let client = builder(&server.url(), &draw(length)).retries(false).build().unwrap();
            converse(&log, &client, &draw(length.max(5)))
        });
        assert!(one.len() > 50, "only {} lines were logged: the test would prove nothing", one.len());
        for (line, (one, other)) in one.iter().zip(&other).enumerate() {
            assert_eq!(one, other, "with keys of {length} bytes, line {line} differs");
        }
        assert_eq!(one.len(), other.len());
    }
}

/// Makes some calls. Returns all log records and the texts of all errors.
fn converse(log: &Log, client: &KeysClient, value: &str) -> Vec<String> {
    log.drain();
    create(client).value(secret(value)).send().unwrap();
    let conflict = create(client).value(secret(value)).send().unwrap_err();
    client.list().send().unwrap();
    let errors = [conflict, client.get(1).send().unwrap_err(), client.delete(1).send().unwrap_err()];
    let lines = log.drain().into_iter().map(|it| format!("{} {} {} {}", it.level, it.target, it.module, it.text));
    lines.chain(errors.iter().map(ToString::to_string)).collect()
}

/// A response that repeats the key in each of its parts. A created key is the one of the request.
fn response(count: usize, request: &Received) -> String {
    let body = &request.body;
    let key = request.header("x-typesense-api-key").unwrap();
    let (status, response) = match count {
        0 => (201, body.replacen('{', r#"{"id": 7, "expires_at": 64723363199, "#, 1)),
        1 => (409, format!(r#"{{"message": "{key}"}}"#)),
        2 => (200, format!(r#"{{"keys": [], "key": "{key}"}}"#)),
        3 => (400, format!("{key} {body}")),
        _ => (302, key.clone()),
    };
    // A longer extension makes the framing invalid.
    let extension = if key.len() < 1000 { &key } else { "" };
    let head = format!("HTTP/1.1 {status} {key}\r\nx-key: {key}\r\nlocation: http://a.test/{key}\r\n");
    let (length, trailer) = (response.len(), format!("x-key: {extension}\r\n\r\n"));
    format!("{head}transfer-encoding: chunked\r\n\r\n{length:x};{extension}\r\n{response}\r\n0\r\n{trailer}")
}
