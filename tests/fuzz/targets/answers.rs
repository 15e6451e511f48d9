//! Any response to any request: no panic, and no secret in the error, wherever the response repeats one.

#![no_main]

#[path = "shared.rs"]
mod shared;

use std::error::Error as _;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use secrecy::{ExposeSecret, SecretString};
use shared::Edit;
use typesense_keys::{CreatedKey, Error, KeyId, KeyInfo, KeysClient, fuzzing};

/// These two stand in the input for a secret each.
const KEY: u8 = 0xFE;
const VALUE: u8 = 0xFF;

/// No six bytes in a row of either are in any text of the crate's own.
const ADMIN_KEY: &str = "k7\"Qz\\vX2mLp9RtW4bYc";
const OWN_VALUE: &str = "Jd5\\Hg8\"FsA3nUe6KqOi";
const WINDOW: usize = 6;

/// What a real server responses, for the mutations to begin with. The first is for those that need no beginning.
const ANSWERS: [&[u8]; 6] = [
    b"",
    b"{\"id\":7,\"value\":\"\xFF\",\"description\":\"\",\"actions\":[\"*\"],\"collections\":[\"*\"],\"expires_at\":64723363199}",
    b"{\"id\":7,\"value_prefix\":\"\",\"description\":\"d\",\"actions\":[\"*\"],\"collections\":[\"*\"],\"expires_at\":9}",
    b"{\"keys\":[{\"id\":7,\"value_prefix\":\"Jd5\",\"description\":\"\",\"actions\":[],\"collections\":[],\"expires_at\":9}]}",
    b"{\"id\":7}",
    b"{\"message\":\"bad key \xFE or \xFF\"}",
];

#[derive(Arbitrary, Debug)]
struct Response<'a> {
    request: Request,
    status: Option<u16>,
    headers: &'a [u8],
    body: u8,
    edits: Vec<Edit<'a>>,
    lengths: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Request {
    Create,
    CreateServerGenerated,
    Get,
    List,
    Delete,
}

fuzz_target!(|response: Response<'_>| {
    let Response { request, status, headers, body, edits, lengths } = response;
    let success = if matches!(request, Request::Create | Request::CreateServerGenerated) { 201 } else { 200 };
    let status = status.map_or(success, |status| 200 + status % 400);
    let body = filled_in(&shared::edited(ANSWERS[usize::from(body) % ANSWERS.len()], &edits));
    let head = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\n", body.len());
    // A value that the server draws is known to nobody else: in a head it could not be told from other text.
    let headers: Vec<u8> = headers.iter().copied().filter(|byte| *byte != VALUE).collect();
    let bytes = [head.as_bytes(), &filled_in(&headers), b"\r\n\r\n", &body].concat();
    let client = fuzzing::client(ADMIN_KEY.into(), shared::cut(&bytes, lengths)).expect("a client");
    match request {
        Request::Create => created(&client, true, status, &body),
        Request::CreateServerGenerated => created(&client, false, status, &body),
        Request::Get => match client.get(7).send() {
            Ok(KeyInfo { id, .. }) => assert_eq!(id, KeyId::from(7)),
            Err(error) => check(error, &[ADMIN_KEY]),
        },
        Request::List => {
            if let Err(error) = client.list().send() {
                check(error, &[ADMIN_KEY]);
            }
        }
        Request::Delete => match client.delete(7).send() {
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
            // The value as the server gave it: in the body, but for escapes.
            let value = value.expose_secret();
            let is_in_body = body.windows(value.len().max(1)).any(|part| part == value.as_bytes());
            assert!(is_in_body || value.is_empty() || body.contains(&b'\\'));
        }
        Err(error) if is_own || status < 300 => check(error, &[ADMIN_KEY, OWN_VALUE]),
        Err(error) => check(error, &[ADMIN_KEY]),
    }
}

/// Each byte that stands for a secret replaced by it, as JSON writes it.
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
    // Without the escapes of JSON and of `Debug`, on both sides.
    let plain = |text: &str| text.replace('\\', "");
    let text = plain(&text);
    for secret in secrets.iter().map(|secret| plain(secret)) {
        for window in secret.as_bytes().windows(WINDOW) {
            let window = std::str::from_utf8(window).expect("ASCII");
            assert!(!text.contains(window), "{window} of {secret} in {text}");
        }
    }
}
