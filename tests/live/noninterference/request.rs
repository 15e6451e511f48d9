//! A search, and the ways to send it.

use std::fmt::{self, Write as _};

use serde_json::Value;

/// How the parameters are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `GET /collections/NAME/documents/search?…`.
    Get,
    /// A search of `POST /multi_search`, with its parameters in the body.
    Multi,
    /// The same, with the parameters in the URL, where they apply to all searches.
    MultiUrl,
    /// The same, with every second parameter in the URL.
    MultiBoth,
}

/// Names and values of parameters. A name can occur more than once. [`COLLECTION`] in a value stands for the
/// collection's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) way: Way,
    pub(crate) params: Vec<(String, String)>,
}

pub(crate) const COLLECTION: &str = "{COLLECTION}";

impl Search {
    pub(crate) fn new(way: Way, params: &[(&str, &str)]) -> Self {
        Self { way, params: params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    /// All values of a parameter.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.params.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Method, path and body.
    pub(crate) fn request(&self, collection: &str) -> (&'static str, String, String) {
        let query = |is_there: fn(usize) -> bool| -> String {
            let params = self.params.iter().enumerate().filter(|(at, _)| is_there(*at));
            let text = |value: &str| percent(&value.replace(COLLECTION, collection));
            params.map(|(_, (name, value))| format!("{}={}&", percent(name), text(value))).collect()
        };
        let search = |is_there| format!("{{\"searches\":[{}]}}", self.json(collection, is_there));
        let multi = |query| format!("/multi_search?{query}");
        match self.way {
            Way::Get => {
                ("GET", format!("/collections/{collection}/documents/search?{}", query(|_| true)), String::new())
            }
            Way::Multi => ("POST", multi(String::new()), search(|_| true)),
            Way::MultiUrl => ("POST", multi(query(|_| true)), search(|_| false)),
            Way::MultiBoth => ("POST", multi(query(|at| at % 2 == 1)), search(|at| at % 2 == 0)),
        }
    }

    /// The parameters as JSON. A name can occur twice; numbers and booleans are not text.
    fn json(&self, collection: &str, is_there: fn(usize) -> bool) -> String {
        let mut params: Vec<_> =
            self.params.iter().enumerate().filter(|(at, _)| is_there(*at)).map(|(_, param)| param.clone()).collect();
        if self.values("collection").next().is_none() {
            params.push(("collection".to_owned(), COLLECTION.to_owned()));
        }
        let members: Vec<_> = params
            .iter()
            .map(|(name, value)| {
                // The server never responds to a preset that is not text.
                let is_typed = name != "preset" && is_typed(value);
                let text = Value::from(value.replace(COLLECTION, collection)).to_string();
                format!("{}:{}", Value::from(name.as_str()), if is_typed { value } else { &text })
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Whether this is the text of an integer, or `true` or `false`.
fn is_typed(value: &str) -> bool {
    let is_integer = value.parse::<i32>().is_ok_and(|number| number.to_string() == value);
    is_integer || ["true", "false"].contains(&value)
}

/// The body of a `multi_search` with all these searches.
pub(crate) fn body<'a>(searches: impl IntoIterator<Item = &'a Search>, collection: &str) -> String {
    let searches: Vec<_> = searches.into_iter().map(|search| search.json(collection, |_| true)).collect();
    format!("{{\"searches\":[{}]}}", searches.join(","))
}

impl fmt::Display for Search {
    /// In the form of a row of [`rows`](super::rows).
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
