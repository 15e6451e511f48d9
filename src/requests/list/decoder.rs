//! Takes the keys out of a list while it arrives: `{"keys": [{…}, {…}]}`, with whatever else may be beside `keys`.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::KeyInfo;
use crate::http::DecodeError;
use crate::secret::SecretBuf;

/// Where in the list the decoder is: what comes next.
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
    has_keys: bool,
    count: usize,
}

#[derive(Debug)]
pub(super) enum Step {
    Key(KeyInfo),
    /// What has arrived ends within something.
    More,
    /// The list is complete.
    End,
}

impl Decoder {
    pub(super) const fn new() -> Self {
        Self { place: Place::Start, has_keys: false, count: 0 }
    }

    /// Takes what it can from the front of `arrived`. `is_all`: nothing will follow that.
    pub(super) fn next(&mut self, arrived: &mut SecretBuf, is_all: bool) -> Result<Step, DecodeError> {
        loop {
            let spaces = arrived.as_slice().iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
            arrived.take(spaces);
            let Some(&first) = arrived.as_slice().first() else {
                return match (self.place, is_all) {
                    (Place::End, true) if self.has_keys => Ok(Step::End),
                    (Place::End, true) => Err(self.shape()),
                    (_, true) => Err(self.syntax()),
                    (_, false) => Ok(Step::More),
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
                    let Some((Name(name), length)) = self.value(arrived.as_slice(), is_all)? else {
                        return Ok(Step::More);
                    };
                    let of_keys = name == "keys";
                    arrived.take(length);
                    if of_keys && self.has_keys {
                        return Err(self.shape());
                    }
                    self.has_keys |= of_keys;
                    Place::Colon { of_keys }
                }
                (Place::Colon { of_keys: true }, b':') => punctuation(Place::KeysStart),
                (Place::Colon { of_keys: false }, b':') => punctuation(Place::OtherValue),
                (Place::OtherValue, _) => match self.value(arrived.as_slice(), is_all)? {
                    Some((IgnoredAny, length)) => {
                        arrived.take(length);
                        Place::AfterValue
                    }
                    None => return Ok(Step::More),
                },
                (Place::KeysStart, b'[') => punctuation(Place::FirstKey),
                (Place::FirstKey | Place::AfterKey, b']') => punctuation(Place::AfterValue),
                (Place::FirstKey | Place::Key, _) => {
                    let Some((key, length)) = self.value(arrived.as_slice(), is_all)? else {
                        return Ok(Step::More);
                    };
                    arrived.take(length);
                    self.count += 1;
                    self.place = Place::AfterKey;
                    return Ok(Step::Key(key));
                }
                (Place::AfterKey, b',') => punctuation(Place::Key),
                (Place::AfterValue, b',') => punctuation(Place::Name),
                // It begins like JSON.
                (Place::Start | Place::KeysStart, b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'[' | b'{') => {
                    return Err(self.shape());
                }
                _ => return Err(self.syntax()),
            };
        }
    }

    /// How many keys there were so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// One value from the front of `bytes`, and its length; `None` if it is not all there yet.
    fn value<'a, T: Deserialize<'a>>(
        &self,
        bytes: &'a [u8],
        is_all: bool,
    ) -> Result<Option<(T, usize)>, DecodeError> {
        let mut values = serde_json::Deserializer::from_slice(bytes).into_iter();
        let value = values.next();
        let length = values.byte_offset();
        // A number that ends where the bytes do may go on.
        let may_go_on = !is_all && length == bytes.len() && bytes.last().is_some_and(u8::is_ascii_digit);
        match value {
            Some(Ok(value)) if !may_go_on => Ok(Some((value, length))),
            Some(Err(error)) if is_all || !is_at_end(&error, bytes) => {
                Err(if error.is_data() { self.shape() } else { self.syntax() })
            }
            _ => Ok(None),
        }
    }

    fn syntax(&self) -> DecodeError {
        DecodeError::SyntaxAfter { keys: self.count }
    }

    fn shape(&self) -> DecodeError {
        DecodeError::ShapeAfter { keys: self.count }
    }
}

/// A member's name: borrowed, unless it has escapes, because a server may repeat a key there.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether more bytes could put this right: serde_json calls the beginning of some numbers a number that is not valid.
fn is_at_end(error: &serde_json::Error, bytes: &[u8]) -> bool {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let last_line = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    error.is_eof() || (error.line() > lines && error.column() >= last_line.len())
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
                Step::Key(key) => keys.push(key),
                Step::End => return Ok(keys),
                Step::More => match pieces.next() {
                    Some(piece) => arrived.extend(piece),
                    None => is_all = true,
                },
            }
        }
    }

    #[test]
    fn a_list_is_read_as_by_serde_json_however_it_is_cut() {
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
    fn what_serde_json_refuses_is_refused_and_never_taken_for_an_end() {
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

    #[test]
    fn the_error_says_how_many_keys_came_before() {
        let text = format!("{{\"keys\":[{KEY},{KEY},7]}}");
        assert!(matches!(in_pieces(&text, 9), Err(DecodeError::ShapeAfter { keys: 2 })));
        assert!(matches!(in_pieces("<html>", 2), Err(DecodeError::SyntaxAfter { keys: 0 })));
        assert!(matches!(in_pieces("[]", 2), Err(DecodeError::ShapeAfter { keys: 0 })));
    }
}
