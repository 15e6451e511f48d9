//! The only ways for a server's text to get out: without secrets and, in an error, short and printable.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::key::KeyInfo;
use crate::{secret, text};

/// Enough to recognize an error page.
const MAX_CHARACTERS: usize = 200;

/// How much of a text is read. More would not be shown.
const MAX_BYTES: usize = 4 * MAX_CHARACTERS;

/// Every sequence of this many bytes of a secret is masked, so that a truncated secret is masked, too.
const WINDOW: usize = 6;

/// A secret of so many bytes is in no text by chance.
const UNMISTAKABLE: usize = 16;

/// The secrets that no error shows, even if a server repeats them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Secrets<'a> {
    /// The client's own key.
    pub(crate) client_key: Option<&'a SecretString>,
    /// The value of the key that the call is about.
    pub(crate) value: Option<&'a SecretString>,
    /// The values of the keys that the call is about.
    pub(crate) values: &'a [&'a SecretString],
}

/// A server's text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snippet(Box<str>);

/// The part of a response that an error shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quoted {
    pub(crate) content_type: Snippet,
    /// The server's message, or the beginning of the body.
    pub(crate) message: Snippet,
    /// After a 401: what is odd about the client's key.
    pub(crate) oddity: Option<&'static str>,
}

impl Snippet {
    pub(crate) fn new(bytes: &[u8], secrets: Secrets<'_>) -> Self {
        let read = bytes.get(..MAX_BYTES).unwrap_or(bytes);
        let mut masked = secrets.mask(read);
        // Such as the value of another request, whose response an intermediary has mixed up with this one.
        text::mask_keys(&mut masked);
        let masked = String::from_utf8_lossy(&masked);
        let mut printable = masked.chars().map(|c| if text::is_unseen(c) { ' ' } else { c });
        let shown: String = printable.by_ref().take(MAX_CHARACTERS).collect();
        let is_truncated = printable.next().is_some() || read.len() < bytes.len();
        let ellipsis = if is_truncated { "…" } else { "" };
        Self(format!("{}{ellipsis}", shown.trim()).into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The windows of a text, and where each of them is.
struct Windows<'t> {
    places: BTreeMap<&'t [u8], Vec<usize>>,
    /// Whether a window begins with these two bytes. Nearly every window of a secret is in no text, which this shows sooner
    /// than the map.
    is_begun: Vec<bool>,
}

impl<'t> Windows<'t> {
    fn of(text: &'t [u8]) -> Self {
        let mut windows = Self { places: BTreeMap::new(), is_begun: vec![false; 1 << 16] };
        for (at, window) in text.windows(WINDOW).enumerate() {
            windows.places.entry(window).or_default().push(at);
            windows.is_begun.get_mut(Self::beginning(window)).into_iter().for_each(|is_begun| *is_begun = true);
        }
        windows
    }

    /// The first two bytes of a window, as a number.
    fn beginning(window: &[u8]) -> usize {
        window.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes).into())
    }

    fn may_contain(&self, window: &[u8]) -> bool {
        self.is_begun.get(Self::beginning(window)) == Some(&true)
    }

    /// Where the text contains a window of `secret`.
    fn places_of(&self, secret: &[u8]) -> impl Iterator<Item = &usize> {
        let likely = secret.windows(WINDOW).filter(|window| self.may_contain(window));
        likely.filter_map(|window| self.places.get(window)).flatten()
    }
}

impl Secrets<'_> {
    /// Masks with `*` every byte of `text` that is part of a window of a secret.
    ///
    /// The text is short, but the secrets may be many: the windows of the text are looked up, and each secret is read once.
    fn mask(self, text: &[u8]) -> Vec<u8> {
        let windows = Windows::of(text);
        let mut masked = text.to_vec();
        let mut fill = |at: usize, length| masked.iter_mut().skip(at).take(length).for_each(|byte| *byte = b'*');
        let mut mask = |secret: &[u8]| {
            if secret.len() < WINDOW {
                let found = text.windows(secret.len().max(1)).zip(0..).filter(|(part, _)| *part == secret);
                found.for_each(|(_, at)| fill(at, secret.len()));
            }
            windows.places_of(secret).for_each(|at| fill(*at, WINDOW));
        };
        for secret in self.values.iter().copied().chain(self.value).chain(self.client_key) {
            mask(secret.expose_secret().as_bytes());
            // As the request's body contains it: a response may repeat a part of the request.
            if !secret::is_plain_json(secret) {
                mask(secret::to_json(secret).as_slice());
            }
        }
        masked
    }

    /// The same key, without the client's own key and the value of the call in its texts. Every key that a server shows
    /// passes through here, so nothing that shows a key has to mask them.
    ///
    /// Only whole secrets are replaced, and none that may be in a text by chance: the texts are compared and copied.
    pub(crate) fn hide_in(self, mut key: KeyInfo) -> KeyInfo {
        for secret in self.unmistakable() {
            key = key.without(secret.expose_secret());
            // As an unknown member contains it.
            if !secret::is_plain_json(secret) {
                key = key.without(std::str::from_utf8(secret::to_json(secret).as_slice()).unwrap_or_default());
            }
        }
        key
    }

    /// Whether `text` contains one of the secrets that are in no text by chance.
    pub(crate) fn are_in(self, text: &str) -> bool {
        self.unmistakable().any(|secret| is_in(secret, text))
    }

    /// As [`are_in`](Self::are_in), also for a short value: a description can always be another one.
    pub(crate) fn are_described_by(self, text: &str) -> bool {
        self.value.is_some_and(|value| is_in(value, text)) || self.are_in(text)
    }

    fn unmistakable(&self) -> impl Iterator<Item = &SecretString> {
        let secrets = self.client_key.into_iter().chain(self.value);
        secrets.filter(|secret| secret.expose_secret().len() >= UNMISTAKABLE)
    }
}

fn is_in(secret: &SecretString, text: &str) -> bool {
    let secret = secret.expose_secret();
    // Most texts are shorter.
    text.len() >= secret.len() && text.contains(secret)
}

/// Text of a server or a caller as part of one line: escaped, and truncated if it is long. It may not contain a secret.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, ellipsis) = truncated(self.0);
        write!(f, "{}{ellipsis}", shown.escape_debug())
    }
}

/// The beginning of `text`, and what shows that there is more.
pub(crate) fn truncated(text: &str) -> (&str, &'static str) {
    // Half of a snippet, because each may take several characters once it is escaped.
    match text.char_indices().nth(MAX_CHARACTERS / 2) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), "…"),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{key, secret};

    fn snippet(text: &[u8], key: &str) -> String {
        Snippet::new(text, Secrets { value: Some(&secret::copy(key)), ..Secrets::default() }).as_str().to_owned()
    }

    #[test]
    fn secret_is_masked_whole_repeated_or_truncated() {
        let key = "abcdefghijklmnop";
        assert_eq!(snippet(b"key abcdefghijklmnop!", key), "key ****************!");
        assert_eq!(snippet(b"abcdefgh / klmnop", key), "******** / ******");
        assert_eq!(snippet(b"abcde is too little to tell", key), "abcde is too little to tell");
        assert_eq!(snippet(b"xyx", "x"), "*y*");
    }

    #[test]
    fn secret_is_masked_in_its_json_form() {
        let key = "a\"b\\c\"d\\e\"f\tg";
        let body = format!("{{\"value\":{},\"x\":1}}", serde_json::to_string(key).unwrap());
        assert_eq!(snippet(body.as_bytes(), key), format!("{{\"value\":\"{}\",\"x\":1}}", "*".repeat(19)));
    }

    /// Else, the error of a plan with 100,000 keys would take longer than its deadline.
    #[test]
    fn few_windows_of_a_secret_are_looked_up() {
        let text = r#"{"message": "Could not write to the cluster: the node is not the leader, or lags behind it."}"#;
        let windows = Windows::of(text.as_bytes());
        let secrets: Vec<_> = (0..200).map(|_| secret::generate().unwrap()).collect();
        let all = || secrets.iter().flat_map(|secret| secret.expose_secret().as_bytes().windows(WINDOW));
        let looked_up = all().filter(|window| windows.may_contain(window)).count();
        assert!(looked_up * 10 < all().count(), "{looked_up}");
    }

    #[test]
    fn long_or_unprintable_text_is_truncated_and_cleaned() {
        let long = snippet("ü".repeat(5_000).as_bytes(), "key");
        assert!(long.ends_with('…') && long.chars().count() == 201, "{long}");
        assert_eq!(snippet(b"\x1b[31mred\r\n\0", "key"), "[31mred");
        assert_eq!(snippet(b"\xff\xfe", "key"), "\u{fffd}\u{fffd}");
        for direction in ["\u{61c}", "\u{200f}", "\u{202e}", "\u{2067}"] {
            assert_eq!(snippet(format!("a{direction}b").as_bytes(), "key"), "a b");
        }
        assert_eq!(snippet(b"", "key"), "");
    }

    fn key_with(text: &str) -> KeyInfo {
        let key = json!({
            "id": 7, "description": format!("for {text}"), "actions": [text, "keys:get"], "collections": [text],
            "expires_at": 1, "value_prefix": text, text: {"in": [text]},
        });
        serde_json::from_value(key).unwrap()
    }

    #[test]
    fn key_shows_no_secret_that_a_server_repeats() {
        for secret in ["An-Admin-Key-0123456789", r#"An"Admin\Key-0123456789"#] {
            let own = secret::copy(secret);
            let of_client = Secrets { client_key: Some(&own), ..Secrets::default() };
            let of_call = Secrets { value: Some(&own), ..Secrets::default() };
            for key in [of_client, of_call].map(|secrets| secrets.hide_in(key_with(secret))) {
                assert_eq!(key, key_with(key::MASK), "{secret}");
            }
        }
    }

    #[test]
    fn text_that_has_a_part_of_a_secret_or_a_short_one_is_left_as_it_is() {
        let long = secret::copy("search-documents-0123456789");
        let short = secret::copy("documents");
        let secrets = Secrets { client_key: Some(&long), value: Some(&short), ..Secrets::default() };
        assert_eq!(secrets.hide_in(key_with("search-documents")), key_with("search-documents"));
    }
}
