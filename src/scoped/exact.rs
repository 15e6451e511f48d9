//! Values that a filter matches exactly, despite the server's normalization of text.

use crate::error::Error;

/// The number of bytes of a token that the server indexes: values with the same first bytes are equal (typesense
/// issue 2548; v29, `filter_result_iterator.cpp`).
const MAX_TEXT: usize = 100;

const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// A value that [`ScopedKeyBuilder::only`](crate::scoped::ScopedKeyBuilder::only) compares exactly.
///
/// A server compares normalized tokens: it drops case, accents and symbols, so a filter on `acme-1` also finds
/// `acme1` and `Acme_1` (seen with 0.24.1). Normalization does not change the following values, so no two of them are
/// equal for a server:
///
/// * integers from `i64::MIN` to `i64::MAX`, and `bool`,
/// * text of 1 to 100 lower-case ASCII letters and digits, but not 32 hexadecimal digits, which equal a UUID,
/// * UUIDs in lower case with hyphens, whose three groups of four digits differ from each other.
///
/// Create one with `From`, and check a tenant's name with [`check`](Self::check) before you store it. Two different
/// values that pass the check are two different tenants.
///
/// ```
/// use typesense_keys::scoped::ExactValue;
///
/// assert!(ExactValue::from(42).check().is_ok());
/// assert!(ExactValue::from("acme1").check().is_ok());
/// let uuid = "0b5c61f3-4a52-4c1e-9d3f-2e7a8b90c1d4";
/// assert!(ExactValue::from(uuid).check().is_ok());
/// assert!(ExactValue::from("acme-1").check().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactValue(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Wide enough for both `i64` and `u64`.
    Integer(i128),
    Bool(bool),
    Text(String),
}

impl ExactValue {
    /// Checks that a filter can match the value exactly.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] with the field `only`, the reason, and what to use instead. The text does not contain the
    /// value.
    pub fn check(&self) -> Result<(), Error> {
        match &self.0 {
            // 0.24.1 does not respond to a larger one.
            Kind::Integer(number) => {
                i64::try_from(*number).map(drop).map_err(|_| "the integer is beyond the range of an `int64` field")
            }
            Kind::Bool(_) => Ok(()),
            Kind::Text(text) => check_text(text),
        }
        .map_err(|why| Error::invalid("only", why))
    }

    /// The condition that `field` has this value. It is exact only if [`check`](Self::check) accepts the value.
    pub(super) fn condition(&self, field: &str) -> String {
        match &self.0 {
            // A text field drops the sign, so -5 would find "5" (seen with 0.24.1). The second comparison makes a
            // text field match nothing, because no single token fulfils both.
            Kind::Integer(number) if *number < 0 => format!("{field}:={number} && {field}:<0"),
            Kind::Integer(number) => format!("{field}:={number}"),
            Kind::Bool(truth) => format!("{field}:={truth}"),
            // Back-ticks make an integer field refuse digits (400); without them, it would read `007` as 7. In a
            // list, the server strips them even if `symbols_to_index` contains the back-tick. Both seen with 0.24.1.
            Kind::Text(text) => format!("{field}:=[`{text}`]"),
        }
    }
}

/// Checks text, so that no two accepted texts have the same tokens on any server.
pub(super) fn check_text(text: &str) -> Result<(), &'static str> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let groups: Vec<_> = text.split('-').collect();
    let is_uuid = groups.iter().map(|group| group.len()).eq(UUID_GROUPS) && groups.iter().all(|group| is_hex(group));
    if let (true, [_, a, b, c, _]) = (is_uuid, &groups[..]) {
        if a == b || b == c || a == c {
            // With `token_separators: ["-"]`, 0.24.1 finds `…-1-1-1-…` for `…-1-1-2-…` (v29 has the same code).
            return Err(
                "the UUID repeats a group of four digits, which a server that splits at hyphens can confuse: use another \
                 UUID or an integer",
            );
        }
        return Ok(());
    }
    if text.is_empty() {
        return Err("the text is empty");
    }
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Err(
            "the text has characters that the server drops or folds, so that another value could equal it: use an \
             integer field, a lower-case UUID, or an id of lower-case ASCII letters and digits (a SHA-256 in \
             hexadecimal, for example)",
        );
    }
    if text.len() > MAX_TEXT {
        return Err("the text is longer than 100 bytes, of which the server compares only the first 100");
    }
    if text.len() == 32 && is_hex(text) {
        return Err("the text equals a UUID once its hyphens are dropped: write it as a UUID, in the documents too");
    }
    Ok(())
}

macro_rules! from {
    ($($from:ty => $kind:ident),*) => {$(
        impl From<$from> for ExactValue {
            fn from(value: $from) -> Self {
                Self(Kind::$kind(value.into()))
            }
        }
    )*};
}

from!(i32 => Integer, i64 => Integer, u32 => Integer, u64 => Integer, bool => Bool, &str => Text, String => Text);

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const UUID: &str = "0b5c61f3-4a52-4c1e-9d3f-2e7a8b90c1d4";

    /// The server's tokens of a text, for each of its three treatments of a hyphen.
    fn tokens(text: &str, hyphen: &str) -> Vec<String> {
        let text = text.to_lowercase().replace('-', hyphen);
        let kept = |token: &str| token.chars().filter(|c| c.is_alphanumeric() || *c == '-').take(100).collect();
        text.split(' ').map(kept).filter(|token: &String| !token.is_empty()).collect()
    }

    #[test]
    fn text_outside_the_alphabet_is_refused() {
        for text in [
            "",
            " ",
            "a b",
            "a ",
            "Acme",
            "acme-1",
            "acme_1",
            "acme.1",
            "ä",
            "straße",
            "a,b",
            "a`b",
            "a*",
            "!=a",
            "a\n",
            "ａ",
            "a\u{301}",
            "٣",
            "0B5C61F3-4A52-4C1E-9D3F-2E7A8B90C1D4",
            "{0b5c61f3-4a52-4c1e-9d3f-2e7a8b90c1d4}",
            "0b5c61f3-4a52-4c1e-9d3f-2e7a8b90c1dg",
            "0b5c61f34a52-4c1e-9d3f-2e7a8b90c1d4",
            "-",
            "----",
            "𝒶",
            "0b5c61f34a524c1e9d3f2e7a8b90c1d4",
            "0b5c61f3-4a52-4a52-9d3f-2e7a8b90c1d4",
            "0b5c61f3-4a52-9d3f-4a52-2e7a8b90c1d4",
            "0b5c61f3-9d3f-4a52-4a52-2e7a8b90c1d4",
        ] {
            assert!(check_text(text).is_err(), "{text:?}");
        }
        assert!(check_text(&"a".repeat(101)).is_err());
    }

    #[test]
    fn text_inside_the_alphabet_is_accepted() {
        for text in ["a", "0", "007", "true", "acme1", UUID, &"a".repeat(100), &"0".repeat(31), &"0".repeat(64)] {
            assert_eq!(check_text(text), Ok(()), "{text:?}");
        }
    }

    /// Checks short texts over a small alphabet, and UUIDs with their parts: each accepted text must have unique
    /// tokens.
    #[test]
    fn accepted_texts_never_have_the_same_tokens() {
        let mut texts: Vec<String> = vec![String::new()];
        for length in 0..4 {
            let longer: Vec<String> = texts
                .iter()
                .filter(|text| text.chars().count() == length)
                .flat_map(|text| "aAä01-_ ".chars().map(move |c| format!("{text}{c}")))
                .collect();
            texts.extend(longer);
        }
        let uuids: Vec<String> = ["1111-2222-3333", "1111-3333-2222", "1111-1111-2222", "1111-2222-2222"]
            .iter()
            .flat_map(|middle| [format!("00000000-{middle}-aaaaaaaaaaaa"), format!("00000000-{middle}-bbbbbbbbbbbb")])
            .collect();
        for uuid in &uuids {
            texts.extend([uuid.clone(), uuid.replace('-', ""), uuid.to_uppercase(), uuid.replace('-', "_")]);
            texts.extend(uuid.split('-').map(str::to_owned));
        }
        texts.extend([99, 100, 101, 102].map(|length| "a".repeat(length)));
        texts.sort();
        texts.dedup();
        let accepted: Vec<_> = texts.iter().filter(|text| check_text(text).is_ok()).collect();
        assert!(accepted.len() > 100 && accepted.len() < texts.len(), "{}", accepted.len());
        for hyphen in ["", " ", "-"] {
            let mut owners = HashMap::new();
            for text in &accepted {
                if let Some(other) = owners.insert(tokens(text, hyphen), text) {
                    panic!("{text:?} and {other:?} are equal to a server");
                }
            }
        }
    }

    #[test]
    fn integers_beyond_int64_are_refused() {
        assert!(ExactValue::from(u64::MAX).check().is_err());
        assert!(ExactValue::from(i64::MAX.unsigned_abs() + 1).check().is_err());
        for number in [i64::MIN, -1, 0, i64::MAX] {
            assert!(ExactValue::from(number).check().is_ok(), "{number}");
        }
    }
}
