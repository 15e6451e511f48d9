//! How a Typesense 0.24.1 server reads a request, including where it is odd.

use mockito::Request;
use serde_json::Value;

/// The server's "never expires", in the year 4020.
const NEVER: u64 = 64_723_363_199;

/// A request, as far as it matters here.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: Vec<&'a str>,
    pub(super) api_key: String,
    pub(super) body: &'a [u8],
}

impl<'a> From<&'a Request> for Asked<'a> {
    fn from(request: &'a Request) -> Self {
        Asked {
            method: request.method(),
            path: segments(request.path()),
            api_key: api_key(request),
            body: request.body().map(Vec::as_slice).unwrap_or_default(),
        }
    }
}

/// What a body asks to be created.
pub(super) struct NewKey {
    /// `None`: the server draws one.
    pub(super) value: Option<String>,
    pub(super) description: Value,
    pub(super) actions: Value,
    pub(super) collections: Value,
    pub(super) expires_at: u64,
}

pub(super) fn is_keys_route(path: &str) -> bool {
    segments(path).first() == Some(&"keys")
}

/// Slashes at the end, and several for one, make no difference.
fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

/// From the first header; without any, from the last query parameter.
fn api_key(request: &Request) -> String {
    if let Some(header) = request.header("x-typesense-api-key").first() {
        return String::from_utf8_lossy(header.as_bytes()).into_owned();
    }
    let query = request.path_and_query().split_once('?');
    let (_, query) = query.unwrap_or_default();
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("x-typesense-api-key="));
    values.next_back().map(percent_decode).unwrap_or_default()
}

/// Like C's `strtoul`: white space and a sign may lead, anything may follow the digits, a negative
/// number wraps around. The result is cut down to 32 bits.
pub(super) fn id(segment: &str) -> Option<u32> {
    let text = percent_decode(segment);
    let text = text.trim_start();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
    let number: u64 = digits.parse().ok()?;
    let wrapped = if negative { number.wrapping_neg() } else { number };
    u32::try_from(wrapped & u64::from(u32::MAX)).ok()
}

fn percent_decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).map(|hex| u8::from_str_radix(hex, 16));
        match (code, part.get(2..)) {
            (Some(Ok(byte)), Some(rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Checks in the real server's order: only the first thing wrong is reported, as its message.
pub(super) fn new_key(body: &[u8]) -> Result<NewKey, String> {
    let input = json(body).ok_or("Bad JSON.")?;
    let required = |name: &str| {
        let missing = || format!("Could not find a `{name}` key.");
        input.get(name).cloned().ok_or_else(missing)
    };
    let description = required("description")?;
    let actions = required("actions")?;
    let collections = required("collections")?;
    let value = match input.get("value") {
        None => None,
        Some(Value::String(value)) => Some(value.clone()),
        Some(_) => return Err("Key value must be a string.".to_owned()),
    };
    if !description.is_string() {
        return Err("Key description must be a string.".to_owned());
    }
    for (name, list) in [("actions", &actions), ("collections", &collections)] {
        if !is_list_of_strings(list) {
            return Err(format!("Wrong format for `{name}`. It should be an array of string."));
        }
    }
    let expires_at = match input.get("expires_at") {
        None => NEVER,
        // Up to the largest *signed* number, whatever the message says.
        Some(given) => given
            .as_i64()
            .and_then(|at| u64::try_from(at).ok())
            .ok_or("Wrong format for `expires_at`. It should be an unsigned integer.")?,
    };
    Ok(NewKey { value, description, actions, collections, expires_at })
}

/// Bytes that are not UTF-8 are dropped, a byte order mark is skipped, a NUL ends the text.
fn json(body: &[u8]) -> Option<Value> {
    let text: String = body.utf8_chunks().map(|chunk| chunk.valid()).collect();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str(text.split('\0').next()?).ok()
}

fn is_list_of_strings(list: &Value) -> bool {
    let items = list.as_array();
    items.is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_string))
}
