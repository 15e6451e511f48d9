//! Decodes the keys of a list as it arrives: `{"keys": [{…}, {…}]}`. Other members are skipped.
//!
//! A value that arrives in parts is parsed once, after its last part. [`Scan`] finds its end and reads each byte
//! once.

use std::str;

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::http::DecodeError;
use crate::key::KeyInfo;
use crate::secret::{self, SecretBuf};

/// The maximum number of elements in the arrays and objects of a key that arrives in parts. An element can take as
/// little as three bytes in JSON, and more than ten times that in memory.
const MAX_ELEMENTS: usize = 64 * 1024;

/// The next part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    FirstName,
    Name,
    Colon { of_keys: bool },
    OtherValue,
    KeysStart,
    FirstKey,
    Key,
    AfterKey,
    AfterValue,
    End,
}

pub(super) struct Decoder {
    place: Place,
    scan: Scan,
    has_keys: bool,
    /// The number of keys so far.
    pub(super) count: usize,
    /// The length of the key before, in bytes.
    last_length: usize,
}

impl Decoder {
    pub(super) const fn new() -> Self {
        Self { place: Place::Start, scan: Scan::START, has_keys: false, count: 0, last_length: 0 }
    }

    /// Takes the next key from the front of `arrived`; `None` if its rest has not arrived. `is_all`: no more bytes will
    /// arrive. Then `None` is the end of the list.
    pub(super) fn next(&mut self, arrived: &mut SecretBuf, is_all: bool) -> Result<Option<KeyInfo>, DecodeError> {
        loop {
            let spaces = arrived.as_slice().iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
            arrived.take(spaces);
            let Some(&first) = arrived.as_slice().first() else {
                return match (self.place, is_all) {
                    (Place::End, true) if self.has_keys => Ok(None),
                    (Place::End, true) => Err(self.shape()),
                    (_, true) => Err(self.syntax()),
                    (_, false) => Ok(None),
                };
            };
            let mut punctuation = |place| {
                arrived.take(1);
                place
            };
            self.place = match (self.place, first) {
                (Place::Start, b'{') => punctuation(Place::FirstName),
                (Place::FirstName | Place::AfterValue, b'}') => punctuation(Place::End),
                (Place::FirstName | Place::Name, b'"') => {
                    let Some(value) = self.value(arrived.as_slice(), is_all) else { return Ok(None) };
                    let name: &RawValue = self.parse(value)?;
                    // A server may repeat a secret here.
                    let of_keys = secret::from_json(name.get()).is_some_and(|name| name.expose_secret() == "keys");
                    let length = value.len();
                    arrived.take(length);
                    if of_keys && self.has_keys {
                        return Err(self.shape());
                    }
                    self.has_keys |= of_keys;
                    Place::Colon { of_keys }
                }
                (Place::Colon { of_keys: true }, b':') => punctuation(Place::KeysStart),
                (Place::Colon { of_keys: false }, b':') => punctuation(Place::OtherValue),
                (Place::OtherValue, _) => {
                    let Some(value) = self.value(arrived.as_slice(), is_all) else { return Ok(None) };
                    let IgnoredAny = self.parse(value)?;
                    let length = value.len();
                    arrived.take(length);
                    Place::AfterValue
                }
                (Place::KeysStart, b'[') => punctuation(Place::FirstKey),
                (Place::FirstKey | Place::AfterKey, b']') => punctuation(Place::AfterValue),
                (Place::FirstKey | Place::Key, _) => {
                    let Some((key, length)) = self.key(arrived.as_slice(), is_all)? else { return Ok(None) };
                    arrived.take(length);
                    self.count += 1;
                    self.place = Place::AfterKey;
                    return Ok(Some(key));
                }
                (Place::AfterKey, b',') => punctuation(Place::Key),
                (Place::AfterValue, b',') => punctuation(Place::Name),
                // The beginning of a JSON value of another type.
                (Place::Start | Place::KeysStart, b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'[' | b'{') => {
                    return Err(self.shape());
                }
                _ => return Err(self.syntax()),
            };
        }
    }

    /// The key at the front of `bytes`, and its length; `None` until it has arrived completely.
    fn key(&mut self, bytes: &[u8], is_all: bool) -> Result<Option<(KeyInfo, usize)>, DecodeError> {
        // Most keys arrive as a whole, and the parser itself finds their end.
        if self.scan.seen == 0 {
            // Most keys are about as long as the one before, and text is parsed faster than bytes.
            let text = text_at_front(bytes, 2 * self.last_length);
            let key = first(serde_json::Deserializer::from_str(text));
            if let Some((key, length)) = key.or_else(|| first(serde_json::Deserializer::from_slice(bytes))) {
                self.last_length = length;
                return Ok(Some((key, length)));
            }
        }
        let Some(value) = self.value(bytes, is_all) else { return Ok(None) };
        if self.scan.elements > MAX_ELEMENTS {
            return Err(DecodeError::TooManyElements { keys: self.count });
        }
        Ok(Some((self.parse(value)?, value.len())))
    }

    /// The value at the front of `bytes`; `None` until it has arrived completely.
    fn value<'a>(&mut self, bytes: &'a [u8], is_all: bool) -> Option<&'a [u8]> {
        match self.scan.end(bytes) {
            Some(end) => bytes.get(..end),
            None => is_all.then_some(bytes),
        }
    }

    /// Parses a value, and resets the scan for the next one.
    fn parse<'a, T: Deserialize<'a>>(&mut self, value: &'a [u8]) -> Result<T, DecodeError> {
        self.scan = Scan::START;
        serde_json::from_slice(value).map_err(|error| if error.is_data() { self.shape() } else { self.syntax() })
    }

    fn syntax(&self) -> DecodeError {
        DecodeError::SyntaxAfter { keys: self.count }
    }

    fn shape(&self) -> DecodeError {
        DecodeError::ShapeAfter { keys: self.count }
    }
}

/// The key that the parser reads first, and its length; `None` if it has not arrived completely or is invalid.
fn first<'a>(parser: serde_json::Deserializer<impl serde_json::de::Read<'a>>) -> Option<(KeyInfo, usize)> {
    let mut keys = parser.into_iter();
    let key = keys.next()?.ok()?;
    Some((key, keys.byte_offset()))
}

/// The valid text at the front of `bytes`, up to `size` bytes.
fn text_at_front(bytes: &[u8], size: usize) -> &str {
    let bytes = bytes.get(..size).unwrap_or(bytes);
    str::from_utf8(bytes)
        .or_else(|error| str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()))
        .unwrap_or_default()
}

/// The resumable search for the end of one JSON value. Invalid JSON gets some end, too; the parser refuses it later.
struct Scan {
    /// The number of bytes of the value that were read.
    seen: usize,
    /// The number of open arrays and objects.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    elements: usize,
}

impl Scan {
    const START: Self = Self { seen: 0, depth: 0, in_string: false, is_escaped: false, elements: 0 };

    /// The length of the value at the front of `bytes`; `None` if its end has not arrived.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for &byte in bytes.get(self.seen..).unwrap_or_default() {
            self.seen += 1;
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                if self.in_string || self.depth > 0 {
                    continue;
                }
                return Some(self.seen);
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b',' if self.depth > 0 => self.elements += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => return Some(self.seen),
                // This byte follows a number or word.
                b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => {
                    return Some(self.seen - 1);
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"id": 7, "description": "a \"quoted\" ] } text", "actions": ["*"], "collections": ["*"],
        "expires_at": 64723363199, "value_prefix": "abcd", "later": {"deep": [1, -1.5e+7, true, "}"]}}"#;

    fn whole(text: &str) -> serde_json::Result<Vec<KeyInfo>> {
        #[derive(serde::Deserialize)]
        struct List {
            keys: Vec<KeyInfo>,
        }
        serde_json::from_str::<List>(text).map(|list| list.keys)
    }

    /// Decodes `text` as it arrives in pieces of `size` bytes.
    fn in_pieces(text: &str, size: usize) -> Result<Vec<KeyInfo>, DecodeError> {
        let (mut decoder, mut arrived, mut keys) = (Decoder::new(), SecretBuf::default(), Vec::new());
        let mut pieces = text.as_bytes().chunks(size);
        let mut is_all = false;
        loop {
            match decoder.next(&mut arrived, is_all)? {
                Some(key) => keys.push(key),
                None if is_all => return Ok(keys),
                None => match pieces.next() {
                    Some(piece) => arrived.extend(piece),
                    None => is_all = true,
                },
            }
        }
    }

    #[test]
    fn list_in_pieces_is_decoded_like_the_whole_list() {
        let key = KEY;
        for text in [
            r#"{"keys":[]}"#.to_owned(),
            format!("{{\"keys\":[{key}]}}"),
            format!(" {{ \"found\" : 12 , \"keys\" : [ {key} , {key},{key} ] , \"more\" : [{{}}] }} \n"),
            format!("{{\"page\":-1.5e3,\"keys\":[{key}],\"last\":null}}"),
            r#"{"k\u0065ys":[]}"#.to_owned(),
        ] {
            let whole = whole(&text).unwrap();
            for size in [1, 2, 3, 7, 64, text.len()] {
                assert_eq!(in_pieces(&text, size).unwrap(), whole, "{size}: {text}");
            }
        }
    }

    #[test]
    fn invalid_or_truncated_list_is_refused() {
        let key = KEY;
        let good = format!("{{\"keys\":[{key},{key}]}}");
        let cut = (1..good.len()).map(|length| good.get(..length).unwrap().to_owned());
        let others = [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            "<html>".to_owned(),
            "null".to_owned(),
            r#"{"keys":7}"#.to_owned(),
            r#"{"keys":{}}"#.to_owned(),
            r#"{"keys":[7]}"#.to_owned(),
            r#"{"keys":[{}]}"#.to_owned(),
            r#"{"keys":[],"keys":[]}"#.to_owned(),
            r#"{"keys":[],}"#.to_owned(),
            r#"{"keys":[]}{}"#.to_owned(),
            r#"{"keys" []}"#.to_owned(),
            r#"{keys:[]}"#.to_owned(),
            r#"{"a":01,"keys":[]}"#.to_owned(),
            format!("{{\"keys\":[{key},]}}"),
            format!("{{\"keys\":[{key} {key}]}}"),
            format!("{{\"keys\":[,{key}]}}"),
        ];
        for text in cut.chain(others) {
            assert!(whole(&text).is_err(), "{text}");
            for size in [1, 5, 1_000] {
                assert!(in_pieces(&text, size).is_err(), "{size}: {text}");
            }
        }
    }

    /// This would take minutes if each piece restarted the scan of the key.
    #[test]
    fn large_key_in_small_pieces_is_decoded_in_linear_time() {
        let text = format!("{{\"keys\":[{}]}}", KEY.replace("quoted", &"x".repeat(1_000_000)));
        assert_eq!(in_pieces(&text, 16).unwrap().len(), 1);
    }

    #[test]
    fn key_with_very_many_elements_is_refused() {
        let key = |elements| KEY.replace(r#"["*"], "coll"#, &format!(r#"[{}"*"], "coll"#, r#""","#.repeat(elements)));
        let text = |elements| format!("{{\"keys\":[{}]}}", key(elements));
        assert_eq!(in_pieces(&text(MAX_ELEMENTS / 2), 16_384).unwrap().len(), 1);
        let refused = in_pieces(&text(MAX_ELEMENTS), 16_384);
        assert!(matches!(refused, Err(DecodeError::TooManyElements { keys: 0 })), "{refused:?}");
    }

    #[test]
    fn error_says_how_many_keys_came_before() {
        let text = format!("{{\"keys\":[{KEY},{KEY},7]}}");
        assert!(matches!(in_pieces(&text, 9), Err(DecodeError::ShapeAfter { keys: 2 })));
        assert!(matches!(in_pieces("<html>", 2), Err(DecodeError::SyntaxAfter { keys: 0 })));
        assert!(matches!(in_pieces("[]", 2), Err(DecodeError::ShapeAfter { keys: 0 })));
    }
}
