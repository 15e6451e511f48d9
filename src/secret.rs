//! Generates key values, and holds secrets in buffers that are wiped.

use std::{io, mem};

use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use crate::text;

#[cfg(test)]
use self::tests::getrandom;

/// The length of the values that the server generates (seen with 0.24.1). Ours are as strong.
const GENERATED_LENGTH: usize = 32;

/// The longest key that is sent. The server's HTTP parser refuses heads that are much larger.
pub(crate) const MAX_LENGTH: usize = 4096;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Generates a value as the server does: 32 characters of `[A-Za-z0-9]`, from the operating system's random source.
pub(crate) fn generate() -> Result<SecretString, getrandom::Error> {
    from_blocks(|random, _| getrandom::fill(random))
}

/// The characters that random bytes select. `fill` provides the bytes, a numbered block at a time.
pub(crate) fn from_blocks<E>(mut fill: impl FnMut(&mut [u8; 32], usize) -> Result<(), E>) -> Result<SecretString, E> {
    // Bytes below 248 = 4 × 62 map to each character equally often. The others would favour some characters.
    const FAIR: u8 = 248;
    let mut value = Zeroizing::new(String::with_capacity(GENERATED_LENGTH));
    let mut block = Zeroizing::new([0_u8; 32]);
    for number in 0.. {
        if value.len() == GENERATED_LENGTH {
            break;
        }
        fill(&mut block, number)?;
        let fair = block.iter().filter(|&&byte| byte < FAIR);
        let characters = fair.filter_map(|&byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()));
        for &character in characters.take(GENERATED_LENGTH - value.len()) {
            value.push(char::from(character));
        }
    }
    Ok(copy(&value))
}

/// Whether `value` has the form of the values that [`generate`] returns.
pub(crate) fn is_generated(value: &SecretString) -> bool {
    let text = value.expose_secret();
    text.len() == GENERATED_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Copies `text` into an allocation of exactly its size: `SecretString::from(String)` may shrink the buffer and leave
/// an unwiped copy behind.
pub(crate) fn copy(text: &str) -> SecretString {
    SecretString::new(Box::from(text))
}

/// The text of a valid JSON string, unless it is empty. `None` for any other JSON, and for text with a character that is
/// escaped as a pair: servers do not escape these, and half of a pair is no character.
///
/// serde_json would unescape the whole text into a buffer that it does not wipe, so it reads only the escapes.
pub(crate) fn from_json(json: &str) -> Option<SecretString> {
    let mut rest = json.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than its character.
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        let (escape, after) = escape.split_at_checked(if escape.starts_with("\\u") { 6 } else { 2 })?;
        text.push_str(before);
        text.push(serde_json::from_str(&Zeroizing::new(format!("\"{escape}\""))).ok()?);
        rest = after;
    }
    text.push_str(rest);
    (!text.is_empty()).then(|| copy(&text))
}

/// Whether `secret` as a JSON string has no escapes, as nearly every value.
pub(crate) fn is_plain_json(secret: &SecretString) -> bool {
    !secret.expose_secret().bytes().any(|byte| byte.is_ascii_control() || matches!(byte, b'"' | b'\\'))
}

/// `secret` as a JSON string, without the quotes.
pub(crate) fn to_json(secret: &SecretString) -> SecretBuf {
    let mut json = SecretBuf::default();
    // Cannot fail: any text is valid in a JSON string, and the buffer grows as needed.
    _ = serde_json::to_writer(&mut json, secret.expose_secret());
    json.bytes.pop();
    json.take(1);
    json
}

/// Checks that an HTTP header can carry `secret` unchanged, and that nobody overlooks a character of it. The reason for
/// a refusal does not repeat it.
pub(crate) fn check(secret: &SecretString) -> Result<(), String> {
    let text = secret.expose_secret();
    match text.len() {
        0 => Err("is empty: every request needs a key".to_owned()),
        1..=MAX_LENGTH => text::check(text),
        _ => Err("is longer than 4096 bytes".to_owned()),
    }
}

/// What is odd about a key, although it may be right: see [`text::oddity`].
pub(crate) fn oddity(secret: &SecretString) -> Option<&'static str> {
    let text = secret.expose_secret();
    text::oddity(text).or(match text {
        _ if text.contains("://") => Some("looks like a URL"),
        _ if ["TYPESENSE_", "X-TYPESENSE-", "Bearer "].iter().any(|name| text.starts_with(name)) => {
            Some("begins with the name of a variable or header")
        }
        _ => None,
    })
}

/// A growable byte buffer that wipes its old memory when it grows and when it is dropped.
#[derive(Default)]
pub(crate) struct SecretBuf {
    bytes: Vec<u8>,
    /// The number of bytes at the front that were taken.
    taken: usize,
}

impl SecretBuf {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), taken: 0 }
    }

    // Inline, because serde_json writes a few bytes at a time.
    #[inline]
    pub(crate) fn extend(&mut self, more: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < more.len() {
            self.make_room(more.len());
        }
        self.bytes.extend_from_slice(more);
    }

    /// Moves all bytes of `other` to the end. Returns whether there were any.
    pub(crate) fn append(&mut self, other: &mut Self) -> bool {
        let is_any = !other.as_slice().is_empty();
        if self.as_slice().is_empty() {
            mem::swap(self, other);
        } else {
            self.extend(other.as_slice());
        }
        other.clear();
        is_any
    }

    /// Makes room for `more` bytes. `Vec` would move its content to a larger allocation without wiping the old one.
    #[cold]
    fn make_room(&mut self, more: usize) {
        let left = self.as_slice();
        // Both allocations exist for a moment, so the new one has no more room than it needs: space for `more`, and
        // twice what is left, so that a growing content is moved only a few times.
        let mut roomier = Vec::with_capacity((left.len() + more).max(2 * left.len()).next_multiple_of(1024));
        roomier.extend_from_slice(left);
        self.clear();
        self.bytes = roomier;
    }

    /// The bytes that have not been taken.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Takes `count` bytes from the front. The buffer is wiped once all bytes have been taken.
    pub(crate) fn take(&mut self, count: usize) {
        self.taken += count;
        if self.as_slice().is_empty() {
            self.clear();
        }
    }

    pub(crate) fn copy(&self) -> Self {
        let mut copy = Self::default();
        copy.extend(self.as_slice());
        copy
    }

    fn clear(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
        self.taken = 0;
    }
}

impl Drop for SecretBuf {
    fn drop(&mut self) {
        // `Vec::zeroize` would also wipe the spare capacity, which was never written or has been wiped already.
        self.clear();
    }
}

impl io::Write for SecretBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
