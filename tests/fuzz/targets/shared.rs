//! What the targets share: cutting, editing, and the rule on what ureq may see.

#![allow(dead_code, reason = "each target uses a part of it")]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use typesense_keys::fuzzing::Dissected;

/// Something else in the place of some bytes.
#[derive(Arbitrary, Debug)]
pub struct Edit<'a> {
    at: u16,
    remove: u8,
    insert: &'a [u8],
}

/// `bytes` after all edits, one after the other.
pub fn edited(bytes: &[u8], edits: &[Edit<'_>]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for Edit { at, remove, insert } in edits {
        let start = usize::from(*at) % (bytes.len() + 1);
        let end = (start + usize::from(*remove)).min(bytes.len());
        bytes.splice(start..end, insert.iter().copied());
    }
    bytes
}

/// `bytes` in pieces of these lengths, over and over; whole, if there are none.
pub fn cut(mut bytes: &[u8], lengths: &[u8]) -> Vec<Vec<u8>> {
    let mut lengths = lengths.iter().cycle().map(|length| usize::from(*length) + 1);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let length = lengths.next().unwrap_or(16 * 1024).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        pieces.push(piece.to_vec());
        bytes = rest;
    }
    pieces
}

/// ureq sees a status, how the body is framed, and filler: nothing else from the server. Returns the status.
pub fn check_shown(dissected: &Dissected) -> Option<u16> {
    let Dissected { shown, payload, is_complete, is_refused, buffered } = dissected;
    assert!(!(*is_complete && *is_refused));
    assert!(*buffered <= 128 * 1024, "{buffered} bytes buffered");
    if shown.is_empty() {
        assert!(payload.is_empty() && !is_complete);
        return None;
    }
    let end = shown.windows(4).position(|end| end == b"\r\n\r\n").expect("a whole head") + 4;
    let (head, mut body) = shown.split_at(end);
    let mut lines = std::str::from_utf8(head).expect("text").split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
    let status: u16 = status.trim_end().parse().expect("a status and no reason");
    assert!((200..600).contains(&status));
    let (mut length, mut is_chunked) = (None, false);
    for line in lines.filter(|line| !line.is_empty()) {
        match line.split_once(": ").expect("a header") {
            ("content-length", digits) => length = Some(digits.parse::<u64>().expect("a number")),
            ("transfer-encoding", "chunked") => is_chunked = true,
            ("connection", "close") => {}
            other => panic!("ureq is shown {other:?}"),
        }
    }
    let mut filler = 0;
    if is_chunked {
        while !body.is_empty() {
            let end = body.windows(2).position(|end| end == b"\r\n").expect("a chunk size");
            let size = std::str::from_utf8(&body[..end]).expect("digits");
            let size = usize::from_str_radix(size, 16).expect("digits");
            let chunk = &body[end + 2..][..size];
            assert!(chunk.iter().all(|byte| *byte == 0xF8));
            assert_eq!(&body[end + 2 + size..][..2], b"\r\n");
            body = &body[end + 4 + size..];
            filler += size;
            if size == 0 {
                assert!(body.is_empty() && *is_complete, "after the end");
            }
        }
    } else {
        assert!(body.iter().all(|byte| *byte == 0xF8));
        filler = body.len();
        assert!(length.is_none_or(|length| body.len() as u64 <= length));
        assert!(!is_complete || length.is_none_or(|length| length == body.len() as u64));
    }
    assert_eq!(filler, payload.len(), "as much filler as there is body");
    Some(status)
}
