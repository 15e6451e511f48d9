//! Shared by the targets: cuts and edits bytes, and checks what ureq sees.

#![allow(dead_code, reason = "each target uses a part")]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use typesense_keys::fuzzing::Dissected;

/// Replaces some bytes by others.
#[derive(Arbitrary, Debug)]
pub struct Edit<'a> {
    at: u16,
    remove: u8,
    insert: &'a [u8],
}

/// `bytes` after all edits, in their order.
pub fn edited(bytes: &[u8], edits: &[Edit<'_>]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for Edit { at, remove, insert } in edits {
        let start = usize::from(*at) % (bytes.len() + 1);
        let end = (start + usize::from(*remove)).min(bytes.len());
        bytes.splice(start..end, insert.iter().copied());
    }
    bytes
}

/// Cuts `bytes` into pieces of these lengths, which repeat. Without lengths, pieces are large.
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

/// Checks that ureq sees a status and an empty body, and nothing else of the response. Returns the status.
pub fn check_shown(dissected: &Dissected) -> Option<u16> {
    let Dissected { shown, payload, is_refused } = dissected;
    assert!(!(payload.is_some() && *is_refused));
    if shown.is_empty() {
        assert!(payload.is_none());
        return None;
    }
    let text = std::str::from_utf8(shown).expect("text").strip_suffix("\r\n\r\n").expect("a whole head");
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
    let status: u16 = status.trim_end().parse().expect("a status and no reason");
    assert!((200..600).contains(&status));
    assert_eq!(lines.next(), Some("content-length: 0"));
    assert!(matches!(lines.next(), None | Some("connection: close")));
    assert_eq!(lines.next(), None);
    Some(status)
}
