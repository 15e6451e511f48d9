//! Any well-formed response, in any framing and in pieces of any length, is read without loss.

#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use typesense_keys::fuzzing::dissect;

#[derive(Arbitrary, Debug)]
struct Response {
    status: u16,
    is_http_1_0: bool,
    reason: String,
    interim: Vec<(u8, String)>,
    header: String,
    framing: Framing,
    payload: Vec<u8>,
    lengths: Vec<u8>,
    after: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
enum Framing {
    Length { twice: bool },
    UntilClose,
    Chunked { sizes: Vec<u8>, extension: String, trailers: Vec<String>, zeros: u8, in_capitals: bool },
}

fuzz_target!(|response: Response| {
    let Response { status, is_http_1_0, reason, interim, header, framing, mut payload, lengths, after } = response;
    // Responses with these statuses have no body.
    let status = 200 + status % 400;
    let is_empty = matches!(status, 204 | 304);
    if is_empty {
        payload.clear();
    }
    let mut bytes = Vec::new();
    for (status, text) in interim.iter().take(4) {
        // Not 101, which switches to another protocol.
        let status = 102 + u16::from(status % 98);
        bytes.extend(format!("HTTP/1.1 {status} {0}\r\nx-interim: {0}\r\n\r\n", text_of(text)).into_bytes());
    }
    let version = if is_http_1_0 && !matches!(framing, Framing::Chunked { .. }) { "1.0" } else { "1.1" };
    bytes.extend(format!("HTTP/{version} {status} {}\r\nX-Any: {}\r\n", text_of(&reason), text_of(&header)).bytes());
    let mut is_delimited = true;
    match framing {
        Framing::Length { twice } => {
            let line = format!("Content-Length: {}\r\n", payload.len());
            bytes.extend(line.repeat(1 + usize::from(twice)).bytes());
            bytes.extend(b"\r\n");
            bytes.extend(&payload);
        }
        Framing::UntilClose => {
            is_delimited = is_empty;
            bytes.extend(b"\r\n");
            bytes.extend(&payload);
        }
        Framing::Chunked { sizes, extension, trailers, zeros, in_capitals } => {
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            if !is_empty {
                chunks(&mut bytes, &payload, &sizes, &text_of(&extension), zeros, in_capitals);
                for trailer in trailers.iter().take(4) {
                    bytes.extend(format!("X-Trailer: {}\r\n", text_of(trailer)).bytes());
                }
                bytes.extend(b"\r\n");
            }
        }
    }
    if is_delimited {
        bytes.extend(after);
    }
    let dissected = dissect(&shared::cut(&bytes, &lengths));
    assert!(!dissected.is_refused, "refused: {}", bytes.escape_ascii());
    assert_eq!(dissected.payload.as_ref(), Some(&payload), "{}", bytes.escape_ascii());
    assert_eq!(shared::check_shown(&dissected), Some(status));
});

fn chunks(bytes: &mut Vec<u8>, payload: &[u8], sizes: &[u8], extension: &str, zeros: u8, in_capitals: bool) {
    let zeros = "0".repeat(usize::from(zeros % 8));
    let extension = if extension.is_empty() { String::new() } else { format!(";{extension}") };
    let write = |size: usize| match in_capitals {
        true => format!("{zeros}{size:X}{extension}\r\n"),
        false => format!("{zeros}{size:x}{extension}\r\n"),
    };
    for chunk in shared::cut(payload, sizes) {
        bytes.extend(write(chunk.len()).bytes());
        bytes.extend(&chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(write(0).bytes());
}

/// The part of `any` that is valid in a header.
fn text_of(any: &str) -> String {
    any.chars().filter(char::is_ascii_graphic).take(100).collect()
}
