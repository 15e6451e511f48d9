//! Reads requests like a Typesense server, including its quirks.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::http::Request;
use super::{Operation, TestKey};
use crate::expiry::Expiry;
use crate::server_version::ServerVersion;

impl Request {
    /// The operation, if the request is about keys, and the action that the presented key must allow, if the route requires
    /// a key. `None` for an unknown route.
    pub(super) fn route(&self) -> Option<(Option<Operation>, Option<&'static str>)> {
        Some(match (self.method.as_str(), self.path().as_slice()) {
            ("GET", ["health"]) => (None, None),
            ("POST", ["health"]) => (None, Some("health:create")),
            ("GET", ["debug"]) => (None, Some("debug:list")),
            ("POST", ["keys"]) => (Some(Operation::Create), Some("keys:create")),
            ("GET", ["keys", _]) => (Some(Operation::Get), Some("keys:get")),
            ("GET", ["keys"]) => (Some(Operation::List), Some("keys:list")),
            ("DELETE", ["keys", _]) => (Some(Operation::Delete), Some("keys:delete")),
            _ => return None,
        })
    }

    /// The parts of the path. Trailing and repeated slashes make no difference.
    fn path(&self) -> Vec<&str> {
        let path = self.target.split('?').next().unwrap_or_default();
        path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// The id in the path, of the routes that have one.
    pub(super) fn id(&self) -> Option<u32> {
        self.path().get(1).and_then(|segment| id(segment))
    }

    /// The description of the key to be created.
    pub(super) fn description(&self) -> Option<String> {
        json(&self.body)?.get("description")?.as_str().map(str::to_owned)
    }

    /// The key from the header or, without a header, from the last query parameter of that name.
    pub(super) fn presented_key(&self) -> String {
        if let Some(header) = &self.api_key {
            return header.clone();
        }
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("x-typesense-api-key="));
        values.next_back().map(percent_decode).unwrap_or_default().into_owned()
    }
}

/// Parses an id like C's `strtoul`: white space and a sign may precede the digits, anything may follow them, and a
/// negative number wraps around. The result is truncated to 32 bits.
fn id(segment: &str) -> Option<u32> {
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

fn percent_decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// Whether servers of this version know `autodelete`. Others ignore it.
pub(super) fn knows_autodelete(version: ServerVersion) -> bool {
    version >= ServerVersion::V26
}

/// Checks the members in the real server's order, because only the first error is reported. The error is its message.
pub(super) fn new_key(body: &[u8], version: ServerVersion) -> Result<TestKey, String> {
    let input = json(body).ok_or("Bad JSON.")?;
    let required = |name: &str| {
        let missing = || format!("Could not find a `{name}` key.");
        input.get(name).ok_or_else(missing)
    };
    let description = required("description")?;
    let actions = required("actions")?;
    let collections = required("collections")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let value = input.get("value").map(|value| text(value).ok_or("Key value must be a string.")).transpose()?;
    let description = text(description).ok_or("Key description must be a string.")?;
    let wrong_list = |name: &str| format!("Wrong format for `{name}`. It should be an array of string.");
    let items = |list: &Value| list.as_array().filter(|items| !items.is_empty()).cloned();
    // Both lists are checked before the items of either.
    let actions = items(actions).ok_or_else(|| wrong_list("actions"))?;
    let collections = items(collections).ok_or_else(|| wrong_list("collections"))?;
    let texts = |items: &[Value]| items.iter().map(text).collect::<Option<Vec<_>>>();
    let actions = texts(&actions).ok_or_else(|| wrong_list("actions"))?;
    let collections = texts(&collections).ok_or_else(|| wrong_list("collections"))?;
    let expires_at = match input.get("expires_at") {
        None => Expiry::NEVER,
        // The limit is the largest *signed* number, despite the message.
        Some(given) => given
            .as_i64()
            .and_then(|at| u64::try_from(at).ok().map(Expiry::from_unix_seconds))
            .ok_or("Wrong format for `expires_at`. It should be an unsigned integer.")?,
    };
    let autodelete = match input.get("autodelete").filter(|_| knows_autodelete(version)) {
        None => false,
        // The server does not check the type: another one raises an exception.
        Some(given) => given.as_bool().ok_or("Bad request.")?,
    };
    let key = TestKey::new(description, actions, collections).expires_at(expires_at).autodelete(autodelete);
    Ok(TestKey { value: value.map(Into::into), ..key })
}

/// Drops bytes that are not UTF-8, skips a byte order mark, and ends the text at a NUL.
fn json(body: &[u8]) -> Option<Value> {
    let text: String = body.utf8_chunks().map(|chunk| chunk.valid()).collect();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str(text.split('\0').next()?).ok()
}
