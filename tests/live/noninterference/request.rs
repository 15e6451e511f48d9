//! A search, and the ways to send it.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value, json};

/// How the parameters travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `GET /collections/NAME/documents/search?…`.
    Get,
    /// A search of `POST /multi_search`, with its parameters in the body.
    Multi,
    /// The same with the parameters in the URL, which are common to all searches.
    MultiUrl,
}

/// Parameters by name. [`COLLECTION`] in a value stands for the collection's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) way: Way,
    pub(crate) params: Vec<(String, String)>,
}

pub(crate) const COLLECTION: &str = "{COLLECTION}";

impl Search {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    /// Method, path and body.
    pub(crate) fn request(&self, collection: &str) -> (&'static str, String, String) {
        let query: String = self
            .params
            .iter()
            .map(|(name, value)| format!("{name}={}&", percent(&value.replace(COLLECTION, collection))))
            .collect();
        match self.way {
            Way::Get => ("GET", format!("/collections/{collection}/documents/search?{query}"), String::new()),
            Way::Multi => ("POST", "/multi_search".to_owned(), body([self], collection)),
            Way::MultiUrl => {
                let body = json!({"searches": [{"collection": collection}]}).to_string();
                ("POST", format!("/multi_search?{query}"), body)
            }
        }
    }
}

/// The body of a `multi_search` with all these searches.
pub(crate) fn body<'a>(searches: impl IntoIterator<Item = &'a Search>, collection: &str) -> String {
    let searches: Vec<Value> = searches.into_iter().map(|search| search.json(collection)).collect();
    json!({"searches": searches}).to_string()
}

impl Search {
    fn json(&self, collection: &str) -> Value {
        let text = |value: &str| Value::from(value.replace(COLLECTION, collection));
        let mut json: Map<String, Value> =
            self.params.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        json.entry("collection").or_insert_with(|| collection.into());
        json.into()
    }
}

impl fmt::Display for Search {
    /// As a row of [`rows`](super::rows).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, &[", self.way)?;
        for (at, (name, value)) in self.params.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            write!(f, "({name:?}, {value:?})")?;
        }
        f.write_char(']')
    }
}

fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b',' | b'*' => encoded.push(byte.into()),
            other => write!(encoded, "%{other:02X}").unwrap(),
        }
    }
    encoded
}
