//! Drawing a key's value, and the buffers that secrets pass through on their way to and from the wire.

use std::io;

use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

/// Length of a value that the server draws itself (seen with 0.24.1); ours are of the same strength.
const DRAWN_LENGTH: usize = 32;

/// The longest key that is sent. The server's HTTP parser refuses heads that are much larger.
const MAX_LENGTH: usize = 4096;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Draws a value as the server would: 32 characters of `[A-Za-z0-9]`, from the operating system's random source.
pub(crate) fn draw() -> Result<SecretString, getrandom::Error> {
    // A byte below 248 = 4 × 62 falls on each character equally often; the others would favour some.
    const FAIR: u8 = 248;
    let mut value = Zeroizing::new(String::with_capacity(DRAWN_LENGTH));
    let mut random = Zeroizing::new([0_u8; DRAWN_LENGTH]);
    while value.len() < DRAWN_LENGTH {
        getrandom::fill(random.as_mut_slice())?;
        let fair = random.iter().filter(|&&byte| byte < FAIR);
        let drawn = fair.filter_map(|&byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()));
        for &character in drawn.take(DRAWN_LENGTH - value.len()) {
            value.push(char::from(character));
        }
    }
    Ok(copy(&value))
}

/// One secret from text, in an allocation of exactly its size: `SecretString::from(String)` may shrink the
/// buffer and leave an unwiped copy behind.
pub(crate) fn copy(text: &str) -> SecretString {
    SecretString::new(Box::from(text))
}

/// The text of a JSON string literal, quotes included; `None` if `literal` is something else.
pub(crate) fn from_json(literal: &str) -> Option<SecretString> {
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(copy(inside));
    }
    let mut text = Zeroizing::new(String::with_capacity(inside.len()));
    let mut rest = inside.chars();
    let four_digits = |rest: &mut std::str::Chars<'_>| {
        let digits = rest.as_str().get(..4)?;
        rest.nth(3);
        u32::from_str_radix(digits, 16).ok()
    };
    while let Some(character) = rest.next() {
        text.push(match character {
            '\\' => match rest.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => match four_digits(&mut rest)? {
                    high @ 0xD800..=0xDBFF => {
                        rest.as_str().starts_with("\\u").then(|| rest.nth(1))?;
                        let low = four_digits(&mut rest)?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                        char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)?
                    }
                    code => char::from_u32(code)?,
                },
                other => other,
            },
            other => other,
        });
    }
    Some(copy(&text))
}

/// Whether an HTTP header can carry `secret` as it is; otherwise why not, without showing any of it.
pub(crate) fn check(secret: &SecretString) -> Result<(), &'static str> {
    let text = secret.expose_secret();
    if text.is_empty() {
        return Err("is empty: every request needs a key");
    }
    if text.len() > MAX_LENGTH {
        return Err("is longer than 4096 bytes");
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("holds a control character (a line break at its end?), which no HTTP header can carry");
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err("begins or ends with a space, which HTTP headers do not keep: trim it");
    }
    Ok(())
}

/// A growing byte buffer that leaves no copy behind: not when it grows, not when it is dropped.
#[derive(Default)]
pub(crate) struct SecretBuf {
    bytes: Vec<u8>,
    /// How many bytes at the front have been taken.
    taken: usize,
}

impl SecretBuf {
    pub(crate) fn extend(&mut self, more: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < more.len() {
            self.make_room(more.len());
        }
        self.bytes.extend_from_slice(more);
    }

    /// `Vec` would move its content to a larger allocation and leave the old one as it was.
    fn make_room(&mut self, more: usize) {
        let left = self.as_slice().len();
        // What was taken needs no room. If what is left is little, it is moved to the front, and not each time anew.
        if left.max(more) <= self.bytes.capacity() / 2 {
            self.bytes.copy_within(self.taken.., 0);
            if let Some(moved) = self.bytes.get_mut(left..) {
                moved.zeroize();
            }
            self.bytes.truncate(left);
            self.taken = 0;
        } else {
            let mut roomier = Vec::with_capacity((left + more).max(512) * 2);
            roomier.extend_from_slice(self.as_slice());
            self.clear();
            self.bytes = roomier;
        }
    }

    /// The bytes that have not been taken.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Takes `count` bytes from the front; they are wiped once all have been taken.
    pub(crate) fn take(&mut self, count: usize) {
        self.taken += count;
        if self.as_slice().is_empty() {
            self.clear();
        }
    }

    #[cfg(fuzzing)]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn copy(&self) -> Self {
        let mut copy = Self::default();
        copy.extend(self.as_slice());
        copy
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
        self.taken = 0;
    }
}

impl Drop for SecretBuf {
    fn drop(&mut self) {
        // Not `Vec::zeroize`, which takes longer: bytes behind the end were never written, or have been wiped.
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
mod tests {
    use super::*;

    #[test]
    fn drawn_values_have_the_servers_format_and_differ() {
        let (one, other) = (draw().unwrap(), draw().unwrap());
        assert_eq!(one.expose_secret().len(), 32);
        assert!(one.expose_secret().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(one.expose_secret(), other.expose_secret());
    }

    #[test]
    fn every_character_is_drawn_about_equally_often() {
        let mut counts = [0_u32; 256];
        for _ in 0..2_000 {
            for byte in draw().unwrap().expose_secret().bytes() {
                counts[usize::from(byte)] += 1;
            }
        }
        // 64,000 draws over 62 characters: 1,032 each, standard deviation 32.
        for &character in ALPHABET {
            let count = counts[usize::from(character)];
            assert!((800..1_265).contains(&count), "{character}: {count}");
        }
    }

    #[test]
    fn a_header_must_be_able_to_carry_a_key() {
        for bad in ["", "a\n", "a\0b", " a", "a ", "a\u{7f}", &"k".repeat(4097)] {
            assert!(check(&copy(bad)).is_err(), "{bad:?}");
        }
        for good in ["a", "a b", "\"quoted\\\"", "clé", &"k".repeat(4096)] {
            assert!(check(&copy(good)).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_json_string_is_read_like_serde_json_does() {
        for text in ["plain", "", "quo\"te", "back\\slash", "tab\t", "clé", "🔑", "a/b"] {
            let literal = serde_json::to_string(text).unwrap();
            assert_eq!(from_json(&literal).unwrap().expose_secret(), text);
        }
        for literal in [r#""\ud83d\udd11\/\u0041""#, r#""\b\f\n\r""#] {
            let text: String = serde_json::from_str(literal).unwrap();
            assert_eq!(from_json(literal).unwrap().expose_secret(), text);
        }
        for bad in ["7", "null", "[]", "\"", r#""\ud83d""#, r#""\ud83dx""#, r#""\u12""#] {
            assert!(from_json(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_buffer_hands_out_what_it_was_given_in_order() {
        let mut buffer = SecretBuf::default();
        for piece in [&[1_u8; 700][..], &[2; 700], &[3; 9000]] {
            buffer.extend(piece);
        }
        buffer.take(700);
        assert_eq!(&buffer.as_slice()[..700], &[2; 700]);
        buffer.extend(&[4]);
        assert_eq!(buffer.as_slice().len(), 9701);
        buffer.take(9701);
        assert!(buffer.as_slice().is_empty());
    }

    #[test]
    fn a_buffer_that_is_never_quite_emptied_does_not_grow() {
        let mut buffer = SecretBuf::default();
        buffer.extend(&[0]);
        for _ in 0..10_000 {
            buffer.extend(&[1; 1_000]);
            buffer.take(1_000);
        }
        assert_eq!(buffer.as_slice(), [1]);
        assert!(buffer.bytes.capacity() < 10_000, "{}", buffer.bytes.capacity());
    }
}
