//! Text from people, files and environments: the error about [invalid input](InvalidInput), the one rule about characters
//! that nobody sees, marks that a shell or a template leaves, and how an error shows text that may contain a key.

use std::convert::Infallible;

/// Input that is no action, collection, expiry, key id or server version. Its `Display` says why, and what to write
/// instead. As an [`Error::InvalidRequest`](crate::Error::InvalidRequest), it also names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct InvalidInput {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

impl InvalidInput {
    pub(crate) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

/// For methods that take a value or its text: the value itself needs no check.
impl From<Infallible> for InvalidInput {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Checks that nobody overlooks a character of `text`: blanks other than spaces between words, and characters without
/// a width. The reason for a refusal names the first one and its place, and shows nothing else of the text.
pub(crate) fn check(text: &str) -> Result<(), String> {
    refuse(text, |character| character != ' ' && is_unseen(character))
}

/// As [`check`], for text that consists of one word.
pub(crate) fn check_word(text: &str) -> Result<(), String> {
    refuse(text, is_unseen)
}

/// Without what nobody sees at its beginning and end.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(is_unseen)
}

/// What is odd about a text that came unchanged through a shell, a file or a template, as the end of "it …". It is no
/// error, because any text may be right.
pub(crate) fn oddity(text: &str) -> Option<&'static str> {
    const MISSING: [&str; 7] = ["undefined", "null", "nil", "none", "nan", "[object object]", "changeme"];
    let quotes = ['"', '\'', '`'].map(|quote| (text.starts_with(quote), text.ends_with(quote)));
    let is_path = ["./", "../", "~/"].iter().any(|start| text.starts_with(start))
        || text.strip_prefix('/').is_some_and(|rest| rest.contains('/') && !rest.contains(['+', '=']))
        || text.get(1..3) == Some(":\\");
    if quotes.contains(&(true, true)) {
        Some("begins and ends with a quotation mark")
    } else if quotes.iter().any(|&(begins, ends)| begins || ends) {
        Some("begins or ends with a quotation mark")
    } else if ["${", "$(", "{{", "<%"].iter().any(|mark| text.contains(mark)) || text.starts_with(['$', '%', '<']) {
        Some("looks like a variable whose value was not filled in")
    } else if MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some("is a word that stands for a missing value")
    } else {
        is_path.then_some("looks like the path of a file")
    }
}

/// Whether nobody sees `character`: a blank, a control character, or one without a width.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
}

/// How an error shows text that it refuses: escaped, and without what [may be a key](mask_keys), because one may have been
/// given in the wrong place.
pub(crate) fn without_keys(text: &str) -> String {
    let mut shown = text.as_bytes().to_vec();
    mask_keys(&mut shown);
    String::from_utf8_lossy(&shown).escape_debug().to_string()
}

/// Masks with `*` every word that may be a key, also an escaped one (`\u006b`, `%6b`, `&#107;`): no ordinary word mixes so
/// many letters and digits.
pub(crate) fn mask_keys(text: &mut [u8]) {
    const MIN_LENGTH: usize = 20;
    let is_escape = |byte: &u8| matches!(byte, b'\\' | b'%' | b'#');
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'&' | b';') || is_escape(byte);
    for word in text.split_mut(|byte| !is_part(byte)).filter(|word| word.len() >= MIN_LENGTH) {
        let kinds: [&dyn Fn(&u8) -> bool; 4] =
            [&u8::is_ascii_lowercase, &u8::is_ascii_uppercase, &u8::is_ascii_digit, &is_escape];
        // A long word of one kind may be a name.
        if kinds.iter().filter(|is_of_kind| word.iter().any(is_of_kind)).count() > 1 {
            word.fill(b'*');
        }
    }
}

fn refuse(text: &str, is_refused: impl Fn(char) -> bool) -> Result<(), String> {
    let end = text.trim_end_matches(is_unseen).len();
    let mut before = None;
    for (number, (at, character)) in (1..).zip(text.char_indices()) {
        // A joiner or a variant's selector after a letter or symbol that is not ASCII belongs to it, as in emoji.
        let shapes = matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
            && before.is_some_and(|before: char| !before.is_ascii() && !is_unseen(before))
            && (at < end || character >= '\u{fe00}');
        let is_at_edge = at == 0 || at >= end;
        if !shapes && (is_refused(character) || is_at_edge && is_unseen(character)) {
            let what = format!("{} (U+{:04X})", name(character), u32::from(character));
            return Err(match at {
                0 => format!("begins with {what}: remove it"),
                at if at >= end => format!("ends with {what}: remove it"),
                _ => format!("has {what} as character {number}: remove it"),
            });
        }
        before = Some(character);
    }
    Ok(())
}

fn name(character: char) -> &'static str {
    match character {
        ' ' => "a space",
        '\t' => "a tab",
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break",
        '\u{a0}' | '\u{2007}' | '\u{202f}' => "a no-break space",
        '\u{feff}' => "a byte order mark",
        _ if character.is_whitespace() => "a blank",
        _ if character.is_control() => "a control character",
        _ => "an invisible character",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseen_character_is_named_with_its_place() {
        for (text, why) in [
            ("\u{feff}key", "begins with a byte order mark (U+FEFF): remove it"),
            (" key", "begins with a space (U+0020): remove it"),
            ("key ", "ends with a space (U+0020): remove it"),
            ("key\n", "ends with a line break (U+000A): remove it"),
            ("key\r\n", "ends with a line break (U+000D): remove it"),
            ("k\ney", "has a line break (U+000A) as character 2: remove it"),
            ("é\tey", "has a tab (U+0009) as character 2: remove it"),
            ("a\u{a0}b", "has a no-break space (U+00A0) as character 2: remove it"),
            ("a\u{200b}b", "has an invisible character (U+200B) as character 2: remove it"),
            ("a\u{200d}b", "has an invisible character (U+200D) as character 2: remove it"),
            ("é\u{200d}", "ends with an invisible character (U+200D): remove it"),
            ("a\u{7}b", "has a control character (U+0007) as character 2: remove it"),
            ("a\u{3000}b", "has a blank (U+3000) as character 2: remove it"),
            ("\n", "begins with a line break (U+000A): remove it"),
        ] {
            assert_eq!((check(text), check_word(text)), (Err(why.to_owned()), Err(why.to_owned())), "{text:?}");
        }
        for seen in ["", "a b", "\"a\\b", "clé", "👩\u{200d}💻", "❤\u{fe0f}", "می\u{200c}خواهم"] {
            assert_eq!(check(seen), Ok(()), "{seen:?}");
        }
        assert_eq!(check_word("a b"), Err("has a space (U+0020) as character 2: remove it".to_owned()));
        assert_eq!(trimmed("\u{feff} a b\r\n"), "a b");
    }

    #[test]
    fn word_that_may_be_a_key_is_not_shown() {
        for (text, shown) in [
            ("Sq9wLr7Zk2Tb8GkXw1Ye", "********************"),
            ("documents:Sq9wLr7Zk2Tb8GkXw1Ye5Nc3Vm6Hp0Jd!", "documents:********************************!"),
            (r"\u006b\u0033\u0079\u0041", "************************"),
            ("%6b%33%79%41%2d%76%61", "*********************"),
            ("&#107;&#51;&#121;&#65;", "**********************"),
            ("Sq9wLr7Zk2Tb8GkXw1Y", "Sq9wLr7Zk2Tb8GkXw1Y"),
            ("internationalproductcatalogue;", "internationalproductcatalogue;"),
            ("x-typesense-api-key, 2030-01-01T00:00:00Z", "x-typesense-api-key, 2030-01-01T00:00:00Z"),
            ("clé\n", "clé\\n"),
        ] {
            assert_eq!(without_keys(text), shown);
        }
    }

    #[test]
    fn marks_of_a_transport_are_odd() {
        let (whole, half) = ("begins and ends with a quotation mark", "begins or ends with a quotation mark");
        let variable = "looks like a variable whose value was not filled in";
        let (missing, path) = ("is a word that stands for a missing value", "looks like the path of a file");
        for (text, oddity_of_text) in [
            ("\"key\"", Some(whole)),
            ("'key'", Some(whole)),
            ("'key", Some(half)),
            ("key\"", Some(half)),
            ("${TYPESENSE_API_KEY}", Some(variable)),
            ("$TYPESENSE_API_KEY", Some(variable)),
            ("%TYPESENSE_API_KEY%", Some(variable)),
            ("{{ secrets.key }}", Some(variable)),
            ("$(cat key)", Some(variable)),
            ("<your key>", Some(variable)),
            ("undefined", Some(missing)),
            ("NULL", Some(missing)),
            ("/run/secrets/key", Some(path)),
            ("C:\\key", Some(path)),
            ("xyz", None),
            ("", None),
            ("~/key", Some(path)),
            ("/b64+/no=", None),
            ("8zKw$7%{}<", None),
        ] {
            assert_eq!(oddity(text), oddity_of_text, "{text}");
        }
    }
}
