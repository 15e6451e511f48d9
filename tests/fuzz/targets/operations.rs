//! Any response to any operation: nothing panics, and no error contains a secret, wherever the response repeats one.

#![no_main]

#[path = "shared.rs"]
mod shared;

use std::error::Error as _;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use secrecy::{ExposeSecret, SecretString};
use shared::Edit;
use typesense_keys::{CreatedKey, Error, KeyId, KeyInfo, KeysClient, fuzzing};

/// In the input, each of these two bytes stands for a secret.
const KEY: u8 = 0xFE;
const VALUE: u8 = 0xFF;

/// None of this crate's texts contains six consecutive bytes of either secret.
const ADMIN_KEY: &str = "k7\"Qz\\vX2mLp9RtW4bYc";
const OWN_VALUE: &str = "Jd5\\Hg8\"FsA3nUe6KqOi";
const WINDOW: usize = 6;

/// Bodies of a real server, from which mutations start. The first one is empty.
const BODIES: [&[u8]; 6] = [
    b"",
    b"{\"id\":7,\"value\":\"\xFF\",\"description\":\"\",\"actions\":[\"*\"],\"collections\":[\"*\"],\"expires_at\":64723363199}",
    b"{\"id\":7,\"value_prefix\":\"\",\"description\":\"d\",\"actions\":[\"*\"],\"collections\":[\"*\"],\"expires_at\":9}",
    b"{\"keys\":[{\"id\":7,\"value_prefix\":\"Jd5\",\"description\":\"\",\"actions\":[],\"collections\":[],\"expires_at\":9}]}",
    b"{\"id\":7}",
    b"{\"message\":\"bad key \xFE or \xFF\"}",
];

#[derive(Arbitrary, Debug)]
struct Response<'a> {
    operation: Operation,
    status: Option<u16>,
    headers: &'a [u8],
    body: u8,
    edits: Vec<Edit<'a>>,
    lengths: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Operation {
    Create,
    CreateServerGenerated,
    Get,
    List,
    Delete,
}

fuzz_target!(|response: Response<'_>| {
    let Response { operation, status, headers, body, edits, lengths } = response;
    let success = if matches!(operation, Operation::Create | Operation::CreateServerGenerated) { 201 } else { 200 };
    let status = status.map_or(success, |status| 200 + status % 400);
    let body = filled_in(&shared::edited(BODIES[usize::from(body) % BODIES.len()], &edits));
    let head = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\n", body.len());
    // The client cannot recognize a server-generated value in a head.
    let headers: Vec<u8> = headers.iter().copied().filter(|byte| *byte != VALUE).collect();
    let bytes = [head.as_bytes(), &filled_in(&headers), b"\r\n\r\n", &body].concat();
    let client = fuzzing::client(ADMIN_KEY.into(), shared::cut(&bytes, lengths)).expect("a client");
    match operation {
        Operation::Create => created(&client, true, status, &body),
        Operation::CreateServerGenerated => created(&client, false, status, &body),
        Operation::Get => match client.get(7).send() {
            Ok(KeyInfo { id, .. }) => assert_eq!(id, KeyId::from(7)),
            Err(error) => check(error, &[ADMIN_KEY]),
        },
        Operation::List => {
            if let Err(error) = client.list().send() {
                check(error, &[ADMIN_KEY]);
            }
        }
        Operation::Delete => match client.delete(7).send() {
            Ok(id) => assert_eq!(id, KeyId::from(7)),
            Err(error) => check(error, &[ADMIN_KEY]),
        },
    }
});

fn created(client: &KeysClient, is_own: bool, status: u16, body: &[u8]) {
    let request = client.create().actions(["*"]).collections(["*"]);
    let request = if is_own { request.value(SecretString::from(OWN_VALUE)) } else { request.server_generated() };
    match request.send() {
        Ok(CreatedKey { value, .. }) => {
            // The value is in the body, except for escapes.
            let value = value.expose_secret();
            let is_in_body = body.windows(value.len().max(1)).any(|part| part == value.as_bytes());
            assert!(is_in_body || value.is_empty() || body.contains(&b'\\'));
        }
        Err(error) if is_own || status < 300 => check(error, &[ADMIN_KEY, OWN_VALUE]),
        Err(error) => check(error, &[ADMIN_KEY]),
    }
}

/// Replaces each byte that stands for a secret with the secret as JSON.
fn filled_in(bytes: &[u8]) -> Vec<u8> {
    let json = |secret: &str| secret.replace('\\', "\\\\").replace('"', "\\\"").into_bytes();
    let fill = |byte: &u8| match *byte {
        KEY => json(ADMIN_KEY),
        VALUE => json(OWN_VALUE),
        other => vec![other],
    };
    bytes.iter().flat_map(fill).collect()
}

fn check(error: Error, secrets: &[&str]) {
    let mut text = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!("\n{cause}\n{cause:?}");
        source = cause.source();
    }
    // JSON and `Debug` escape differently: compares without escapes.
    let plain = |text: &str| text.replace('\\', "");
    let text = plain(&text);
    for secret in secrets.iter().map(|secret| plain(secret)) {
        for window in secret.as_bytes().windows(WINDOW) {
            let window = std::str::from_utf8(window).expect("ASCII");
            assert!(!text.contains(window), "{window} of {secret} in {text}");
        }
    }
}
