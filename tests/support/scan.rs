//! Looks for secrets in text, in every shape in which a log or a `Debug` might show them: as they are, escaped, in
//! hexadecimal, as a list of bytes, in base64.
//!
//! The text is decoded from each shape into bytes. In these, the scanner looks for any [`WINDOW`] successive bytes of a
//! random secret, and any [`FIXED_WINDOW`] of a fixed one.

use std::collections::{BTreeSet, HashMap};

/// The number of successive bytes of a random secret that no text contains by accident: in a run of all tests, the
/// probability is below one in ten million. With six bytes, it would be one in a few thousand.
pub const WINDOW: usize = 8;

/// This crate masks this many successive bytes of a secret. They are enough to look for a secret that is the same in
/// every run: a text that contains them by accident would do so in every run.
pub const FIXED_WINDOW: usize = 6;

/// The secrets that must not be found.
#[derive(Default)]
pub struct Scanner {
    windows: HashMap<Vec<u8>, String>,
}

impl Scanner {
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scanner = Self::default();
        secrets.into_iter().for_each(|secret| scanner.add("a secret", secret));
        scanner
    }

    /// Adds a random secret. A secret shorter than a window cannot be looked for: see `leaks/twins.rs`.
    pub fn add(&mut self, name: &str, secret: &str) {
        self.add_windows(WINDOW, name, secret);
    }

    /// Adds a secret that is the same in every run.
    #[allow(dead_code, reason = "not every test has one")]
    pub fn add_fixed(&mut self, name: &str, secret: &str) {
        self.add_windows(FIXED_WINDOW, name, secret);
    }

    fn add_windows(&mut self, length: usize, name: &str, secret: &str) {
        assert!(secret.len() >= length, "`{name}` is too short to be looked for");
        for window in secret.as_bytes().windows(length) {
            self.windows.insert(window.to_vec(), name.to_owned());
        }
    }

    /// The secrets that `text` shows, and the shape of each.
    pub fn find(&self, text: &[u8]) -> BTreeSet<Found> {
        let mut found = BTreeSet::new();
        for (shape, bytes) in views(text) {
            for window in [FIXED_WINDOW, WINDOW].iter().flat_map(|length| bytes.windows(*length)) {
                if let Some(name) = self.windows.get(window) {
                    found.insert(Found { secret: name.clone(), shape });
                }
            }
        }
        found
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub secret: String,
    pub shape: &'static str,
}

/// `text` as it is, and decoded from every shape.
fn views(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut views = vec![("plain", text.to_vec())];
    let mut unescaped = text.to_vec();
    // A `Debug` of a `Debug` of JSON escapes three times.
    while unescaped.iter().any(|byte| matches!(byte, b'\\' | b'%')) && views.len() < 4 {
        unescaped = unescape(&unescaped);
        views.push(("escaped", unescaped.clone()));
    }
    let nibbles = hex_runs(text);
    for run in nibbles.iter().filter(|run| run.len() >= 2 * FIXED_WINDOW) {
        for start in [&run[..], &run[1..]] {
            views.push(("hexadecimal", start.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()));
        }
    }
    views.extend(number_runs(text).into_iter().map(|run| ("list of bytes", run)));
    for run in base64_runs(text).iter().filter(|run| run.len() >= 8) {
        for start in 0..4 {
            views.push(("base64", base64(&run[start..])));
        }
    }
    views
}

/// Undoes the escapes of Rust, JSON and URLs, and keeps the rest.
fn unescape(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    let number = |digits: &str| u32::from_str_radix(digits, 16).ok();
    while let Some(c) = rest.next() {
        let after = rest.as_str();
        let escape = match c {
            '%' => after.get(..2).and_then(number).map(|byte| (byte, 2, true)),
            '\\' if after.starts_with("u{") => {
                after.find('}').and_then(|end| Some((number(after.get(2..end)?)?, end + 1, false)))
            }
            '\\' if after.starts_with('u') => after.get(1..5).and_then(number).map(|code| (code, 5, false)),
            '\\' if after.starts_with('x') => after.get(1..3).and_then(number).map(|byte| (byte, 3, true)),
            // The escaped character follows; it may be a backslash.
            '\\' => after.chars().next().map(|c| (u32::from(c), c.len_utf8(), false)),
            _ => None,
        };
        let mut buffer = [0; 4];
        match escape {
            Some((byte, length, true)) => {
                bytes.push(byte as u8);
                rest = after[length..].chars();
            }
            Some((code, length, false)) => {
                let c = char::from_u32(code).unwrap_or('\u{fffd}');
                bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                rest = after[length..].chars();
            }
            None => bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    bytes
}

/// Every run of hexadecimal digits, without the usual separators of bytes (`7261 6e73`, `72:61`, `0x72, 0x61`).
fn hex_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let mut runs = vec![Vec::new()];
    let mut before = 0;
    for &byte in text {
        let run = runs.last_mut().unwrap();
        match byte {
            _ if byte.is_ascii_hexdigit() => run.push((byte as char).to_digit(16).unwrap() as u8),
            b'x' if before == b'0' => drop(run.pop()),
            b' ' | b':' | b'-' | b'_' | b',' | b'\\' | b'x' | b'\n' | b'[' | b']' | b'"' => {}
            _ => runs.push(Vec::new()),
        }
        before = byte;
    }
    runs
}

/// Every run of decimal numbers below 256, as in `[114, 97, 110]`.
fn number_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let mut runs = vec![Vec::new()];
    for token in text.split(|byte| matches!(byte, b',' | b' ' | b'\n' | b'[' | b']')) {
        match std::str::from_utf8(token).ok().and_then(|token| token.parse().ok()) {
            Some(number) => runs.last_mut().unwrap().push(number),
            None if token.is_empty() => {}
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| run.len() >= FIXED_WINDOW);
    runs
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn base64_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let runs = text.split(|&byte| sextet(byte).is_none());
    runs.map(|run| run.iter().copied().filter_map(sextet).collect()).collect()
}

fn base64(sextets: &[u8]) -> Vec<u8> {
    let whole = sextets.chunks_exact(4);
    whole
        .flat_map(|four| [four[0] << 2 | four[1] >> 4, four[1] << 4 | four[2] >> 2, four[2] << 6 | four[3]])
        .collect()
}
